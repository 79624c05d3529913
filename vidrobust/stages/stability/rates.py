"""Rates with intervals: every metric of a task, per input and over all, by class and by other groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from vidrobust.metrics.metric import Metric
from vidrobust.statistics.clusters import clusters_of_rows
from vidrobust.statistics.intervals import (
    Interval,
    clopper_pearson,
    clustered_mean,
    clustered_rate,
    clustered_share,
)
from vidrobust.tables import schema as tables

FEWEST_PAIRS = 30  # a class with fewer pairs gets no row of its own


def summarise(raw: Mapping[str, pd.DataFrame], metrics: Sequence[Metric]) -> pd.DataFrame:
    """Return the table ``stability``: every metric per model and item, and over all items (item "")."""
    rows: list[dict[str, object]] = []
    for metric in (m for m in metrics if m.table in raw and not m.summed):
        counted = metric.values(raw[metric.table])
        for model, of_model in counted.groupby("model", sort=False):
            for item in [*of_model["item"].drop_duplicates(), ""]:
                part = of_model if item == "" else of_model[of_model["item"] == item]
                rows.append({"model": model, "item": item, "metric": metric.name, **aggregate(metric, part)})
    return tables.check("stability", pd.DataFrame(rows) if rows else tables.empty("stability"))


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
            named, left_on=["model", "item", "frame_a"], right_on=["model", "item", "frame"], how="left"
        )
        count = pairs.groupby(["model", "label_name"])["frame_a"].transform("size")
        group = pairs["label_name"].where(count >= FEWEST_PAIRS, "other classes")
        for (model, name), part in pairs.groupby(["model", group], sort=False):
            of = {"model": model, "item": "", "by": "class", "group": name, "metric": metric.name}
            rows.append({**of, **aggregate(metric, part)})
    return tables.check("stability_by", pd.DataFrame(rows) if rows else tables.empty("stability_by"))


def summarise_by(
    raw: Mapping[str, pd.DataFrame], metrics: Sequence[Metric], groups: Mapping[str, str]
) -> pd.DataFrame:
    """Return rows of ``stability_by`` by columns of the raw tables; ``groups`` is name -> column."""
    rows: list[dict[str, object]] = []
    for by, column in groups.items():
        for metric in metrics:
            out = metric.table == "frames" or metric.summed
            if out or metric.table not in raw or column not in raw[metric.table]:
                continue
            for (model, name), part in metric.values(raw[metric.table]).groupby(
                ["model", column], sort=False
            ):
                of = {"model": model, "item": "", "by": by, "group": str(name), "metric": metric.name}
                rows.append({**of, **aggregate(metric, part)})
    return tables.check("stability_by", pd.DataFrame(rows) if rows else tables.empty("stability_by"))


def aggregate(metric: Metric, part: pd.DataFrame) -> dict[str, object]:
    """Return value, low, high, n and the clusters of some rows of a raw table.

    Where each event is of an item of its own, the interval is Clopper & Pearson's. Rates of right answers
    also get that one, as published for labelled sets, as exact_low and exact_high.
    """
    clusters = clusters_of_rows(part)
    values = part[metric.column].to_numpy(np.float64)
    found: Interval
    if metric.is_rate:
        found = clustered_rate(values > 0, clusters)
        if clusters.what != "stretch" and clusters.count == len(values):
            low, high = clopper_pearson(int((values > 0).sum()), len(values))
            found = dataclasses.replace(found, low=low, high=high)
    elif metric.is_share:
        found = clustered_share(values, clusters)
    else:
        low, high = metric.bounds
        # without a bound of its own it is taken to go as far as was seen, or one unit
        bounds = (low, min(high, max(low + 1, float(values.max(initial=low)))))
        found = clustered_mean(values, clusters, bounds=bounds)
    summary = {name: getattr(found, name) for name in ("value", "low", "high", "n", "cluster", "clusters")}
    if metric.is_root:
        summary |= {name: float(np.sqrt(max(summary[name], 0.0))) for name in ("value", "low", "high")}
    if metric.of_labels and metric.is_rate and len(values):
        exact = clopper_pearson(int((values > 0).sum()), len(values))
        summary |= {"exact_low": exact[0], "exact_high": exact[1]}
    return summary
