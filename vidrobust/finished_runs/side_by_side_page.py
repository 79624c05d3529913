"""The detectors of several runs side by side, on the console and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.metrics.catalogue import find_metric
from vidrobust.report.pages import write_page
from vidrobust.stages.boxes.moments import figure_in_words
from vidrobust.stages.boxes.section import curves_figure
from vidrobust.text.numbers import number
from vidrobust.text.phrases import plural

KINDS = {"better": "good", "worse": "bad", "same": "good", "cannot tell": "unknown"}


def table_lines(found: Mapping[str, Any]) -> list[str]:
    lines = [f"{plural(len(found['rows']), 'detector')} on {plural(found['inputs'], 'input')}"]
    for place, row in enumerate(found["rows"], 1):
        lines.append(f"{place}. {row['name']}  {_further(row)}")
        lines += [
            f"     {_title(name):34} {figure_in_words(_numbers(each))}"
            for name, each in row["metrics"].items()
        ]
    return [*lines, answer(found), *(f"  note: {note}" for note in found["notes"])]


def answer(found: Mapping[str, Any]) -> str:
    first, *others = found["rows"]
    unsure = [row["name"] for row in others if _said(row) not in ("worse", "")]
    said = f"First by {_title(found['by'])}: {first['name']}"
    if unsure:
        said += f"; not shown to be better than {', '.join(unsure)}"
    if first["threshold"]:
        return f"{said}; threshold of highest F1: {first['threshold']}"
    return f"{said}; without known boxes no threshold is the right one, the curve shows what each costs"


def write_side_by_side(path: Path, found: Mapping[str, Any]) -> Path:
    rows = [
        {
            "name": row["name"],
            "run": row["run"],
            "values": [figure_in_words(_numbers(each)) for name, each in row["metrics"].items()],
            "ms": "recorded" if row["ms"] is None else number(row["ms"]),
            "threshold": row["threshold"],
            "verdict": _said(row),
            "kind": KINDS.get(_said(row), ""),
            "alone": bool((row["against_first"] or {}).get("on_these_clips")),
        }
        for row in found["rows"]
    ]
    return write_page(
        path,
        "side_by_side.html",
        {
            "title": "Detectors side by side",
            "summary": f"{plural(len(rows), 'detector')} on {plural(found['inputs'], 'input')}",
            "answer": answer(found),
            "titles": [_title(name) for name in found["metrics"]],
            "by": _title(found["by"]),
            "rows": rows,
            "pictures": _pictures(found["curve"]),
            "notes": found["notes"],
        },
    )


def _pictures(curve: list[Mapping[str, Any]]) -> list[Any]:
    if not curve:
        return []
    rows = pd.DataFrame(curve)
    numbers = [name for name in rows if name not in ("name", "model")]
    rows[numbers] = rows[numbers].astype("float64")
    return [curves_figure({str(name): of for name, of in rows.groupby("name", sort=False)})]


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: float("nan") if value is None else value for key, value in row.items()}


def _said(row: Mapping[str, Any]) -> str:
    """The verdict against the first; below fourteen clips that of these clips alone."""
    found = row["against_first"]
    return "" if found is None else str(found["on_these_clips"] or found["verdict"])


def _further(row: Mapping[str, Any]) -> str:
    parts = [] if row["ms"] is None else [f"{number(row['ms'])} ms a frame"]
    found = row["against_first"]
    if found is not None:
        alone = " (on these clips)" if found["on_these_clips"] else ""
        parts.append(f"against the first: {_said(row)}{alone}")
    parts += [f"threshold {row['threshold']}"] if row["threshold"] else []
    return "; ".join([*parts, row["run"]])


def _title(name: str) -> str:
    metric = find_metric(name, "detection")
    return metric.title if metric is not None else name
