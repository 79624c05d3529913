"""Rates with intervals, per input, over all and by groups; and the verdict on a rate in a word."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.transitions import REASONS
from vidrobust.metrics.catalogue import find_metric
from vidrobust.metrics.metric import Metric
from vidrobust.run_folder.reader import RunTables
from vidrobust.statistics.clusters import clusters_of_rows
from vidrobust.statistics.intervals import (
    Interval,
    clopper_pearson,
    clustered_mean,
    clustered_rate,
    clustered_share,
)
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.tables import schema as tables
from vidrobust.text.numbers import (
    known,
    one_in,
    one_in_interval,
    percent_with_interval,
    with_interval,
)
from vidrobust.text.phrases import plural

FEWEST_PAIRS = 30  # a class with fewer pairs gets no row of its own


def summarise(raw: Mapping[str, pd.DataFrame], metrics: Sequence[Metric]) -> pd.DataFrame:
    """Return the table ``stability``: every metric per model and item, and over all items ("")."""
    rows: list[dict[str, object]] = []
    for metric in (m for m in metrics if m.table in raw and not m.summed):
        counted = metric.values(raw[metric.table])
        for model, of_model in counted.groupby("model", sort=False):
            for item in [*of_model["item"].drop_duplicates(), ""]:
                part = of_model if item == "" else of_model[of_model["item"] == item]
                rows.append(
                    {"model": model, "item": item, "metric": metric.name, **aggregate(metric, part)}
                )
    return tables.of_rows("stability", rows)


def summarise_by_class(raw: Mapping[str, pd.DataFrame], metrics: Sequence[Metric]) -> pd.DataFrame:
    """Return rows of ``stability_by`` by the class of the first frame; rare classes are one group."""
    if "frames" not in raw:
        return tables.empty("stability_by")
    named = raw["frames"][["model", "item", "frame", "label_name"]]
    rows: list[dict[str, object]] = []
    for metric in metrics:
        if metric.table != "pairs" or not metric.headline:
            continue
        pairs = metric.values(raw["pairs"]).merge(
            named,
            left_on=["model", "item", "frame_a"],
            right_on=["model", "item", "frame"],
            how="left",
        )
        count = pairs.groupby(["model", "label_name"])["frame_a"].transform("size")
        group = pairs["label_name"].where(count >= FEWEST_PAIRS, "other classes")
        rows += _of_groups(metric, pairs.assign(label_name=group), "class", "label_name")
    return tables.of_rows("stability_by", rows)


def summarise_by(
    raw: Mapping[str, pd.DataFrame], metrics: Sequence[Metric], groups: Mapping[str, str]
) -> pd.DataFrame:
    """Return rows of ``stability_by``; ``groups`` is name -> column of the raw tables."""
    rows: list[dict[str, object]] = []
    for by, column in groups.items():
        for metric in metrics:
            out = metric.table == "frames" or metric.summed
            if out or metric.table not in raw or column not in raw[metric.table]:
                continue
            rows += _of_groups(metric, metric.values(raw[metric.table]), by, column)
    return tables.of_rows("stability_by", rows)


def _of_groups(
    metric: Metric, values: pd.DataFrame, by: str, column: str
) -> Iterator[dict[str, object]]:
    for (model, name), part in values.groupby(["model", column], sort=False):
        of = {"model": model, "item": "", "by": by, "group": str(name), "metric": metric.name}
        yield {**of, **aggregate(metric, part)}


def aggregate(metric: Metric, part: pd.DataFrame) -> dict[str, object]:
    """Return value, low, high, n and the clusters of some rows of a raw table.

    Where each event is of an item of its own, the interval is Clopper & Pearson's. Rates of right answers
    also get that one, as published for labelled sets (exact_low, exact_high).
    """
    clusters = clusters_of_rows(part)
    values = part[metric.column].to_numpy(np.float64)
    interval: Interval
    if metric.is_rate:
        interval = clustered_rate(values > 0, clusters)
        if clusters.what != "stretch" and clusters.count == len(values):
            low, high = clopper_pearson(int((values > 0).sum()), len(values))
            interval = dataclasses.replace(interval, low=low, high=high)
    elif metric.is_share:
        interval = clustered_share(values, clusters)
    else:
        low, high = metric.bounds
        # without a bound of its own it is taken to go as far as was seen, or one unit
        bounds = (low, min(high, max(low + 1, float(values.max(initial=low)))))
        interval = clustered_mean(values, clusters, bounds=bounds)
    summary = {
        name: getattr(interval, name)
        for name in ("value", "low", "high", "n", "cluster", "clusters")
    }
    if metric.is_root:
        summary |= {
            name: float(np.sqrt(max(summary[name], 0.0))) for name in ("value", "low", "high")
        }
    if metric.of_labels and metric.is_rate and len(values):
        exact = clopper_pearson(int((values > 0).sum()), len(values))
        summary |= {"exact_low": exact[0], "exact_high": exact[1]}
    return summary


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
    """Judge a rate; a word is given only where both ends of the interval fall under it."""
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
REPORTED_FIRST = {
    "classification": (
        ("top1", "labelled frames that are right"),
        ("pm10", "labelled frames right with all within 10 frames"),
        ("conditional_robustness", "neighbours of right frames that are right"),
    ),
    "detection": (
        ("recall", "known boxes found"),
        ("average_precision", "average precision"),
        ("fragment_error", "changes between found and missed a frame"),
        ("true_uncovered_rate", "known objects without any box"),
        ("false_alarm_rate", "followed objects that are false alarms"),
        ("hota", "HOTA"),
        ("idf1", "IDF1"),
    ),
}


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
    unknown = (
        overall(stability, model, "unknown_rate")["value"] if metric == "uncovered_rate" else 0.0
    )
    return float(unknown + (1 - unknown) * share) if known(unknown) else share


def not_compared(run: RunTables) -> str:
    reasons = run.rows("transitions")["reason"].loc[lambda of: of != "first"]
    if reasons.empty or (reasons == "").any():
        return ""
    counts = reasons.value_counts()
    return f"{counts.iloc[0]} of {plural(len(reasons), 'time')} {REASONS[str(counts.index[0])]}"


def figures_with_labels(
    stability: pd.DataFrame, model: str, task: str
) -> Iterator[tuple[Metric, str, Mapping[str, Any]]]:
    """What labels say of a model: metric, what the answer calls it, and its row."""
    for name, words in REPORTED_FIRST.get(task, ()):
        figure, metric = overall(stability, model, name), find_metric(name, task)
        if metric is not None and figure["n"] >= FEWEST_ROWS and known(figure["value"]):
            yield metric, words, figure


def reported_first(stability: pd.DataFrame, model: str, task: str) -> dict[str, str]:
    """The same as text, for a table."""
    figures = figures_with_labels(stability, model, task)
    return {words[0].upper() + words[1:]: in_words(metric, row) for metric, words, row in figures}


def in_words(metric: Metric, row: Mapping[str, Any]) -> str:
    """Return a figure with its interval."""
    ends = row["value"], row["low"], row["high"]
    return percent_with_interval(*ends) if metric.is_percent else with_interval(*ends, metric.unit)
