"""What an annotation file holds, counted."""

from __future__ import annotations

from typing import Any

from vidrobust.footage.labels.labels import Labels
from vidrobust.tables.schema import TABLES
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable

SHOWN_PROBLEMS = 20
UNIT_WORDS = {"px": "px", "share": "shares of the frame"}


def summary(labels: Labels) -> dict[str, Any]:
    rows = labels.rows
    timed = rows[(rows["frame"] >= 0) | rows["time_s"].notna()]
    tracked = rows[rows["track"] != ""]
    anchors = labels.sets[["item", "anchor"]].drop_duplicates()
    return {
        "format": labels.format,
        "path": printable(labels.path),
        "items": int(rows["item"].nunique()),
        "frames": len(timed.drop_duplicates(["item", "frame", "time_s"])) if len(timed) else None,
        "rows": len(rows),
        "boxes": int(rows["x1"].notna().sum()),
        "box_unit": labels.box_unit if rows["x1"].notna().any() else None,
        "tracks": len(tracked.drop_duplicates(["item", "track"])),
        "presence": _counts(rows["presence"]),
        "labels": _counts(
            rows["label_name"].where(rows["label_name"] != "", rows["label"].astype(str))
        ),
        "classes": len(labels.classes),
        "anchors": len(anchors),
        "pairs": len(labels.sets) - len(anchors),
        "unmapped_classes": _unmapped(labels),
        "columns": [c for c in rows.columns if c not in TABLES["labels"]],
        "bad_rows": len(labels.problems),
        "problems": [str(problem) for problem in labels.problems[:SHOWN_PROBLEMS]],
        "notes": list(labels.notes),
    }


def as_text(found: dict[str, Any]) -> str:
    frames = "whole inputs" if found["frames"] is None else f"{found['frames']} frames"
    lines = [
        found["path"],
        f"  {found['format']}: {plural(found['items'], 'input')}, {frames}, "
        f"{plural(found['rows'], 'row')}, {plural(found['tracks'], 'track')}, "
        + (
            f"{found['boxes']} boxes in {UNIT_WORDS[found['box_unit']]}"
            if found["boxes"]
            else "no boxes"
        ),
        f"  {_listed(found['labels'])}",
    ]
    if set(found["presence"]) - {"present"}:
        lines.append(f"  {_listed(found['presence'])}")
    if found["anchors"]:
        lines.append(f"  {found['anchors']} anchors, {found['pairs']} frames about them")
    if found["unmapped_classes"]:
        lines.append(f"  no class of ImageNet for {', '.join(found['unmapped_classes'])}")
    lines += [f"  - {note}" for note in found["notes"]]
    lines += [f"  ! {problem}" for problem in found["problems"]]
    if found["bad_rows"] > len(found["problems"]):
        lines.append(f"  ! and {found['bad_rows'] - len(found['problems'])} more")
    return "\n".join(lines)


def _counts(values: Any) -> dict[str, int]:
    return {str(name): int(count) for name, count in values.value_counts(sort=True).items()}


def _listed(counts: dict[str, int], most: int = 12) -> str:
    first = [f"{name} {count}" for name, count in list(counts.items())[:most]]
    rest = len(counts) - len(first)
    return ", ".join(first) + (f", and {rest} more" if rest > 0 else "")


def _unmapped(labels: Labels) -> list[str]:
    if labels.class_map is None:
        return []
    return [labels.classes.get(number, str(number)) for number in labels.class_map.unmapped]
