"""A metric over all items, as the table ``stability`` has it; and what labels say of a detector, said first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from vidrobust.frame_pairs.transitions import REASONS
from vidrobust.metrics.catalogue import find_metric
from vidrobust.metrics.metric import Metric
from vidrobust.run_folder.reader import RunTables
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import known, percent_with_interval, with_interval
from vidrobust.text.phrases import plural

REPORTED_FIRST = (
    ("recall", "known boxes found"),
    ("average_precision", "average precision"),
    ("fragment_error", "changes between found and missed a frame"),
    ("true_uncovered_rate", "known objects without any box"),
    ("false_alarm_rate", "followed objects that are false alarms"),
    ("hota", "HOTA"),
    ("idf1", "IDF1"),
)
"""Of a detector whose boxes are known in part: metric, and what the answer calls it."""


def overall(stability: pd.DataFrame, model: str, metric: str) -> Mapping[str, Any]:
    """The row of one metric over all items; without figures where it is missing."""
    rows = stability[
        (stability["model"] == model) & (stability["metric"] == metric) & (stability["item"] == "")
    ]
    nan = float("nan")
    if rows.empty:
        return {"value": nan, "low": nan, "high": nan, "n": 0, "cluster": "", "clusters": 0}
    return {"cluster": "", "clusters": 0, **rows.iloc[0].to_dict()}


def not_compared(run: RunTables) -> str:
    """Why no neighbours were compared: "49 of 49 times the frames are the same picture"; "" where some were."""
    table = run.table("transitions")
    reasons = pd.Series(dtype=object) if table is None else table.loc[table["reason"] != "first", "reason"]
    if reasons.empty or (reasons == "").any():
        return ""
    counts = reasons.value_counts()
    return f"{counts.iloc[0]} of {plural(len(reasons), 'time')} {REASONS[str(counts.index[0])]}"


def figures_with_labels(
    stability: pd.DataFrame, model: str
) -> Iterator[tuple[Metric, str, Mapping[str, Any]]]:
    """What known boxes say of a detector: metric, what the answer calls it, and its row; none of few rows."""
    for name, words in REPORTED_FIRST:
        found, metric = overall(stability, model, name), find_metric(name, "detection")
        if metric is not None and found["n"] >= FEWEST_ROWS and known(found["value"]):
            yield metric, words, found


def reported_first(stability: pd.DataFrame, model: str) -> list[tuple[str, str]]:
    """The same as text: how much a detector finds, how right, how steadily."""
    said = []
    for metric, words, found in figures_with_labels(stability, model):
        ends = found["value"], found["low"], found["high"]
        share = metric.bounds == (0.0, 1.0) and not metric.unit
        said.append((words, percent_with_interval(*ends) if share else with_interval(*ends, metric.unit)))
    return said
