"""Detectors on the same footage, the best first, as a table and a page.

Each is compared with the first in a share of the error for every pair, because the first was chosen by
looking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.finished_runs.compare_metrics import MARGIN, Compared, compare_metrics
from vidrobust.finished_runs.compare_runs import rows_of_both
from vidrobust.finished_runs.compare_sides import precision_differences, sides_of, with_p
from vidrobust.metrics.catalogue import detectors_among, find_metric
from vidrobust.metrics.metric import Metric
from vidrobust.report.pages import write_page
from vidrobust.run_folder.folder import RunFolder
from vidrobust.stages.boxes.moments import (
    BY_ITSELF,
    BY_LABELS,
    METRICS,
    best_threshold,
    figure_in_words,
    rank,
)
from vidrobust.stages.boxes.section import curves_figure
from vidrobust.stages.stability.rates import aggregate, overall
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.text.numbers import known, number
from vidrobust.text.phrases import listing, plural

FIGURES = ("value", "low", "high", "n")


@dataclass(frozen=True)
class Entry:
    folder: RunFolder
    model: str
    name: str


def detectors_of(folders: Sequence[RunFolder]) -> list[Entry]:
    """Return every detector of every run; SettingsError where there are not two, or a run has none."""
    found = []
    for folder in {folder.path.resolve(): folder for folder in folders}.values():
        names = detectors_among(folder.record.tasks)
        if not names:
            raise SettingsError(
                f"{folder.path}: holds no detector; of classifiers two runs are compared at a time"
            )
        found += [(folder, name) for name in names]
    if len(found) < 2:
        raise SettingsError(
            "compare: there is only one detector; give another run to compare it with"
        )
    every = [name for _, name in found]
    return [
        Entry(folder, name, name if every.count(name) == 1 else f"{name} ({folder.path.name})")
        for folder, name in found
    ]


NOTHING: Mapping[str, Any] = {**dict.fromkeys(("value", "low", "high"), float("nan")), "n": 0}


def side_by_side_of(
    folders: Sequence[RunFolder], *, margin: float = MARGIN, seed: int = 0
) -> dict[str, Any]:
    """Return the detectors, the best first, by average precision where all have it, else uncovered_rate."""
    entries = detectors_of(folders)
    shared, notes = shared_items([entry.folder for entry in entries])
    figures = {entry.name: _figures(entry, shared[entry.folder.path]) for entry in entries}
    shown = [name for name in METRICS if any(of.get(name, {}).get("n") for of in figures.values())]
    if not shown:
        raise InputError(
            "compare: no run has numbers of a detector; run the stability stage on them"
        )
    labelled = all(known(of.get(BY_LABELS, NOTHING)["value"]) for of in figures.values())
    by = BY_LABELS if labelled else BY_ITSELF
    entries = sorted(
        entries, key=lambda entry: rank(figures[entry.name].get(by, NOTHING)["value"], by)
    )
    rows = [_row(entry, figures[entry.name], shown, shared) for entry in entries]
    pairs = len(entries) * (len(entries) - 1) // 2
    for entry, row in zip(entries[1:], rows[1:], strict=True):
        found = _against(entries[0], entry, by, 1 / pairs, margin, seed)
        row["against_first"] = None if found is None else asdict(found)
    runs = sorted({str(e.folder.path) for e in entries if e.folder.find_table("box_curve") is None})
    return {
        "by": by,
        "metrics": shown,
        "rows": rows,
        "curve": _curve(entries, shared).to_dict("records"),
        "inputs": len(next(iter(shared.values())).items),
        "notes": [
            *notes,
            *_other_settings(entries),
            *(
                [f"no curve over thresholds of {listing(runs)}: make it with vidrobust boxes RUN"]
                if runs
                else []
            ),
        ],
    }


@dataclass(frozen=True)
class Shared:
    items: tuple[str, ...]
    whole: bool


def shared_items(folders: Sequence[RunFolder]) -> tuple[dict[Any, Shared], list[str]]:
    """Return, by path, what each run shares with all others by content, and notes of what is left out."""
    contents = {
        folder.path: {
            entry.sha256: entry.item for entry in reversed(folder.record.inputs) if entry.sha256
        }
        for folder in folders
    }
    common = set.intersection(*(set(each) for each in contents.values()))
    if not common:
        raise InputError("compare: the runs share no footage by content")
    found, notes = {}, []
    for path, each in contents.items():
        left = [item for content, item in each.items() if content not in common]
        found[path] = Shared(tuple(each[content] for content in sorted(common)), not left)
        if left:
            notes.append(
                f"{plural(len(left), 'input')} only in {path} and not in all runs left out"
            )
    return found, notes


def _figures(entry: Entry, shared: Shared) -> dict[str, Mapping[str, Any]]:
    """Value, low, high, n by metric over shared clips; sums over a run only where all clips are shared."""
    if shared.whole:
        stability = entry.folder.table("stability")
        return {name: overall(stability, entry.model, name) for name in METRICS}
    found: dict[str, Mapping[str, Any]] = {}
    for metric in (find_metric(name, "detection") for name in METRICS):
        rows = (
            _rows(entry, metric, shared)
            if metric is not None and not metric.summed
            else pd.DataFrame()
        )
        if metric is not None and len(rows):
            found[metric.name] = aggregate(metric, rows)
    return found


def _rows(entry: Entry, metric: Metric, shared: Shared) -> pd.DataFrame:
    table = entry.folder.table(metric.table)
    table = table[(table["model"] == entry.model) & table["item"].isin(shared.items)]
    return metric.values(table) if len(table) else table


def _row(
    entry: Entry,
    figures: Mapping[str, Mapping[str, Any]],
    shown: Sequence[str],
    shared: Mapping[Any, Shared],
) -> dict[str, Any]:
    curve = entry.folder.table("truth_curve") if shared[entry.folder.path].whole else None
    return {
        "model": entry.model,
        "name": entry.name,
        "run": str(entry.folder.path),
        "metrics": {
            name: {key: figures.get(name, NOTHING)[key] for key in FIGURES} for name in shown
        },
        "ms": entry.folder.record.ms_a_frame.get(entry.model),
        "threshold": best_threshold(curve, entry.model),
        "against_first": None,
    }


def _against(
    first: Entry, other: Entry, by: str, share: float, margin: float, seed: int
) -> Compared | None:
    a, b, how, _ = sides_of(first.folder, other.folder, first.model, other.model)
    metric = find_metric(by, "detection")
    assert metric is not None
    if metric.summed:
        own = precision_differences(a, b, how, margin)[0].get(by)
        return None if own is None else with_p({by: own}, share=share)[by]
    rows = rows_of_both(metric, a, b, how)
    return (
        None
        if rows is None
        else compare_metrics({by: rows}, margin=margin, seed=seed, share=share)[by]
    )


def _curve(entries: Sequence[Entry], shared: Mapping[Any, Shared]) -> pd.DataFrame:
    """The curves over thresholds of runs that have the shared footage alone."""
    parts = []
    for entry in entries:
        table = entry.folder.find_table("box_curve")
        if table is not None and shared[entry.folder.path].whole:
            own = table[table["model"] == entry.model]
            parts.append(own.assign(name=entry.name))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _other_settings(entries: Sequence[Entry]) -> list[str]:
    settings = {str(entry.folder.path): entry.folder.settings.as_dict() for entry in entries}
    notes = []
    for name in STABILITY.settings:
        values = {path: each[name] for path, each in settings.items() if name in each}
        if len({str(value) for value in values.values()}) > 1:
            said = ", ".join(f"{value} in {path}" for path, value in values.items())
            notes.append(f"{name} differs: {said}; each run has the numbers of its own")
    return notes


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
