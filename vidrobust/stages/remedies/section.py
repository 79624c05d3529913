"""The report's "What you can do": what helps, sorted by effect for effort, and its price."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.catalogue import find_metric
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.remedies.catalogue import WHY, effort_of, kind_of, title
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import NOT_MEASURED, known, number, percent, percent_with_interval
from vidrobust.text.phrases import plural

MOST_SHOWN = 6  # lines of a model on the first page; all of them are among the details
FILE = "remedies.json"
LEAST_LAG = 0.05  # frames; a smaller lag is not shown
MISSED = 10.0  # times heavier is a rule that misses a lasting change, or whose delay is not known


@dataclass(frozen=True)
class RemedyPage:
    """One model: lines ``shown`` on the first page, the ``rest``, and all rows for the details."""

    model: str
    metric: str
    shown: list[dict[str, str]]
    rest: list[dict[str, str]]


def pages(run: RunTables) -> list[RemedyPage]:
    """The remedies of each model, in the order in which the models were given."""
    table = run.rows("remedies")
    return [_page(run, table, model) for model in run.tasks if (table["model"] == model).any()]


def headline(run: RunTables, model: str) -> str:
    """The leading metric of the model's task, or that by which a plugin measured its remedies."""
    table, task = run.rows("remedies"), run.tasks[model]
    measured = table.loc[table["model"] == model, "metric"].tolist()
    if task.remedies is None or task.answered[0] in measured:
        return task.answered[0]
    return next(iter(measured), task.answered[0])


def _page(run: RunTables, table: pd.DataFrame, model: str) -> RemedyPage:
    metric = headline(run, model)
    mine = table[(table["model"] == model)]
    limit_ms = float(run.json(FILE)["models"][model]["max_delay_ms"])
    leading = sorted_by_effort(mine[(mine["metric"] == metric) & mine["ratio"].notna()], limit_ms)
    first = one_of_each_kind(leading).head(MOST_SHOWN)
    rest = pd.concat([leading.drop(first.index), mine.drop(leading.index)])
    known = find_metric(metric, run.tasks[model].name)
    return RemedyPage(
        model=model,
        metric=known.title if known else metric,
        shown=[line(row) for row in first.to_dict("records")],
        rest=[line(row) for row in rest.to_dict("records")],
    )


def sorted_by_effort(rows: pd.DataFrame, limit_ms: float) -> pd.DataFrame:
    """What surely helps first; there, and among the rest, by what is surely taken away over the burden."""
    burdens = np.array([burden(row, limit_ms) for row in rows.to_dict("records")])
    removed = (1 - rows["high"].fillna(np.inf)).clip(lower=-10) / burdens
    order = rows.assign(
        _helps=rows["verdict"] != "helps", _chosen=~rows["recommended"], _effect=-removed
    ).sort_values(["_helps", "_chosen", "_effect"], kind="stable")
    return rows.loc[order.index]


def burden(row: dict[str, Any], limit_ms: float) -> float:
    """The points of the effort, times what makes it heavier.

    A rule twice as late as allowed weighs twice, one that misses a lasting change or whose delay is not known
    ten times.
    """
    points = effort_of(str(row["remedy"])).points
    late = float(row["delay_ms"])
    if row["unreported"] or (row["kind"] == "rule" and not math.isfinite(late)):
        points *= MISSED
    elif known(late):
        points *= max(1.0, late / limit_ms)
    return points


def one_of_each_kind(rows: pd.DataFrame) -> pd.DataFrame:
    """The first row of each kind of remedy: majority, mean, ..."""
    kind = rows["remedy"].map(kind_of)
    return rows[~kind.duplicated()]


def line(row: dict[str, Any]) -> dict[str, str]:
    """A row of the table as text."""
    known = find_metric(str(row["metric"]))
    rate = known is not None and not known.unit
    summary = percent if rate else number
    return {
        "remedy": str(row["remedy"]),
        "title": title(str(row["remedy"])),
        "metric": known.title if known else str(row["metric"]),
        "before": summary(row["before"]),
        "after": summary(row["after"]),
        "ratio": _ratio(row),
        "verdict": str(row["verdict"]),
        "why": WHY.get(str(row["why"]), ""),
        "q": number(row["q"], missing="-"),
        "chip": {"helps": "good", "harms": "bad"}.get(str(row["verdict"]), "neutral"),
        "effort": effort_of(str(row["remedy"])).words,
        "price": "; ".join(_prices(row)) or "none",
        "note": str(row["note"]),
    }


def _ratio(row: dict[str, Any]) -> str:
    if not known(row["ratio"]):
        return NOT_MEASURED
    return percent_with_interval(row["ratio"], row["low"], row["high"])


def _prices(row: dict[str, Any]) -> Iterator[str]:
    if math.isinf(row["delay_frames"]) or row["unreported"]:
        yield f"{row['unreported']} of {plural(int(row['changes']), 'lasting change')} never reported"
    elif known(row["delay_frames"]) and row["delay_frames"]:
        late = f"{plural(int(row['delay_frames']), 'frame')} later ({row['delay_ms']:.0f} ms)"
        measured = (
            row["kind"] == "rule"
            and known(row["mean_delay_frames"])
            and row["changes"] >= FEWEST_ROWS
        )
        yield (
            f"reported up to {late}; measured: {number(row['mean_delay_frames'])} on average, "
            f"{number(row['longest_delay_frames'])} at most, over {plural(int(row['changes']), 'lasting change')}"
            if measured
            else f"reported up to {late}"
        )
    elif not known(row["delay_frames"]) and row["kind"] == "rule":
        yield "its delay is not known here"
    if row["cost_ms"]:
        yield f"{number(row['cost_ms'])} ms a frame"
    if known(row["accuracy_before"]) and known(row["accuracy_after"]):
        yield f"right answers {percent(row['accuracy_before'])} → {percent(row['accuracy_after'])}"
    if known(row["detail_after"]) and row["detail_after"] < row["detail_before"]:
        yield f"{row['detail']}: {percent(row['detail_before'])} → {percent(row['detail_after'])}"
    if row["short_events"]:
        lost = int(row["short_missed"]) - int(row["short_missed_before"])
        yield f"{lost} more of {plural(int(row['short_events']), 'short event')} missed"
    if known(row["lag_frames"]) and abs(row["lag_frames"]) >= LEAST_LAG:
        lag = number(row["lag_frames"])
        yield f"boxes lag {lag} {'frame' if lag == '1' else 'frames'} behind"
    if known(row["distance_after"]):
        before, after = percent(row["distance_before"]), percent(row["distance_after"])
        yield f"distance to known boxes {before} → {after} of their size"
    if known(row["agreement"]):
        yield f"{percent(row['agreement'])} of the frames keep their answer"
