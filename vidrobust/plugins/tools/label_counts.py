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


def as_text(results: dict[str, Any]) -> str:
    frames = "whole inputs" if results["frames"] is None else f"{results['frames']} frames"
    lines = [
        results["path"],
        f"  {results['format']}: {plural(results['items'], 'input')}, {frames}, "
        f"{plural(results['rows'], 'row')}, {plural(results['tracks'], 'track')}, "
        + (
            f"{results['boxes']} boxes in {UNIT_WORDS[results['box_unit']]}"
            if results["boxes"]
            else "no boxes"
        ),
        f"  {_listed(results['labels'])}",
    ]
    if set(results["presence"]) - {"present"}:
        lines.append(f"  {_listed(results['presence'])}")
    if results["anchors"]:
        lines.append(f"  {results['anchors']} anchors, {results['pairs']} frames about them")
    if results["unmapped_classes"]:
        lines.append(f"  no class of ImageNet for {', '.join(results['unmapped_classes'])}")
    lines += [f"  - {note}" for note in results["notes"]]
    lines += [f"  ! {problem}" for problem in results["problems"]]
    if results["bad_rows"] > len(results["problems"]):
        lines.append(f"  ! and {results['bad_rows'] - len(results['problems'])} more")
    return "\n".join(lines)


MOST_LISTED = 12  # classes


def _counts(values: Any) -> dict[str, int]:
    return {str(name): int(count) for name, count in values.value_counts(sort=True).items()}


def _listed(counts: dict[str, int]) -> str:
    first = [f"{name} {count}" for name, count in list(counts.items())[:MOST_LISTED]]
    rest = len(counts) - len(first)
    return ", ".join(first) + (f", and {rest} more" if rest > 0 else "")


def _unmapped(labels: Labels) -> list[str]:
    if labels.class_map is None:
        return []
    return [labels.classes.get(number, str(number)) for number in labels.class_map.unmapped]
