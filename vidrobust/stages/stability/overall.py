"""A metric over all items, and the verdict on it in a word."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vidrobust.frame_pairs.transitions import REASONS
from vidrobust.metrics.catalogue import find_metric
from vidrobust.metrics.metric import Metric
from vidrobust.run_folder.reader import RunTables
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import known, one_in, one_in_interval, percent_with_interval, with_interval
from vidrobust.text.phrases import plural

# Events a frame, flips or dropouts, up to which a model is called steady: at 30 frames a second, one in 33 s.
STEADY = 1 / 1000
UNSTABLE = 1 / 100  # from here on it is called unstable: at 30 frames a second, one in 3 s

LIMITS = (
    f"steady up to {one_in(STEADY)}, unstable from {one_in(UNSTABLE)}, flickering between. A verdict needs the "
    "whole interval in its band. The limits are conventions of this report; choose your own by what a flip costs"
)


@dataclass(frozen=True)
class Judgement:
    """A verdict: a word or two, its kind (good, middle, bad, unknown) and why."""

    word: str
    kind: str
    why: str


def stability(rate: float, low: float, high: float, n: int, metric: Metric) -> Judgement:
    """Judge a rate with its interval; a word is given only where both ends fall under it."""
    assert metric.wording is not None
    of, name = (metric.wording.of, metric.wording.many), metric.wording.called
    if not n or not known(rate):
        return Judgement("not measured", "unknown", f"There is no {of[0]} to count")
    if n < FEWEST_ROWS:
        why = f"Not enough data: {plural(n, *of)}, {FEWEST_ROWS} needed; use a longer clip"
        return Judgement("cannot tell", "unknown", why)
    if math.isnan(low) or math.isnan(high):
        why = f"No interval from {plural(n, *of)} within one second; use a longer clip"
        return Judgement("cannot tell", "unknown", why)
    best, worst = _band(low), _band(high)
    span = one_in_interval(low, high)
    if best == worst:
        word, kind = BANDS[best]
        return Judgement(word, kind, f"The whole interval ({span}) is {word}")
    if best == 0:
        why = f"The interval of the {name} reaches from {BANDS[0][0]} to {BANDS[worst][0]}; use more footage"
        return Judgement("cannot tell", "unknown", why)
    why = f"The {name} is above {one_in(STEADY)} and may be {BANDS[worst][0]} ({span})"
    return Judgement("flickering or worse", "middle", why)


# From the lowest rate to the highest: the word, and its kind.
BANDS = (("steady", "good"), ("flickering", "middle"), ("unstable", "bad"))


def _band(rate: float) -> int:
    return 0 if rate <= STEADY else 1 if rate < UNSTABLE else 2


# Of a detector whose boxes are known in part: metric, and what the answer calls it.
REPORTED_FIRST = (
    ("recall", "known boxes found"),
    ("average_precision", "average precision"),
    ("fragment_error", "changes between found and missed a frame"),
    ("true_uncovered_rate", "known objects without any box"),
    ("false_alarm_rate", "followed objects that are false alarms"),
    ("hota", "HOTA"),
    ("idf1", "IDF1"),
)


def overall(stability: pd.DataFrame, model: str, metric: str) -> Mapping[str, Any]:
    """Return the row of a metric over all items; NaN and n = 0 where it is missing."""
    rows = stability[
        (stability["model"] == model) & (stability["metric"] == metric) & (stability["item"] == "")
    ]
    nan = float("nan")
    if rows.empty:
        return {"value": nan, "low": nan, "high": nan, "n": 0, "cluster": "", "clusters": 0}
    return {"cluster": "", "clusters": 0, **rows.iloc[0].to_dict()}


def with_unknown(stability: pd.DataFrame, model: str, metric: str, share: float) -> float:
    """Return a share of uncovered frames as if all of unknown state were; other metrics as they are."""
    unknown = overall(stability, model, "unknown_rate")["value"] if metric == "uncovered_rate" else 0.0
    return unknown + (1 - unknown) * share if known(unknown) else share


def not_compared(run: RunTables) -> str:
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
