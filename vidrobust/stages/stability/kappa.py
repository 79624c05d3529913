"""Cohen's kappa of the labels of neighbouring frames: agreement beyond what the mix of classes gives by chance."""

from __future__ import annotations

import pandas as pd

from vidrobust.statistics.agreement import cohens_kappa
from vidrobust.statistics.clusters import clusters_of_rows
from vidrobust.statistics.intervals import Interval


def of_neighbours(pairs: pd.DataFrame, frames: pd.DataFrame) -> Interval:
    """Kappa of one model's labels at t and t+1 over its usable adjacent pairs.

    pairs, frames  tables of one model; pairs may have the column part. Clusters by the one rule,
    ``statistics/clusters.py``. NaN where there is no pair; kappa is not defined where only one class occurs.
    """
    near = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    labels = frames.set_index(["item", "frame"])[["label", "time_s"]]
    a = labels.reindex(pd.MultiIndex.from_frame(near[["item", "frame_a"]]))
    b = labels.reindex(pd.MultiIndex.from_frame(near[["item", "frame_b"]]))
    found = ~(a["label"].isna().to_numpy() | b["label"].isna().to_numpy())
    clusters = clusters_of_rows(near[found].assign(time_s=a["time_s"].to_numpy()[found]))
    return cohens_kappa(a["label"].to_numpy()[found], b["label"].to_numpy()[found], clusters)
