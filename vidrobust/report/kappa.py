"""Cohen's kappa of the labels of neighbouring frames: agreement beyond what the mix of classes gives by chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.statistics.intervals import LEVEL, Interval

NAN = float("nan")


def of_neighbours(pairs: pd.DataFrame, frames: pd.DataFrame) -> Interval:
    """Kappa of one model's labels at t and t+1 over its usable adjacent pairs.

    pairs, frames  tables of one model. Clusters as in the stability stage: items where there are five or more,
    else the seconds of each item. NaN where there is no pair; kappa is not defined where only one class occurs.
    """
    near = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    labels = frames.set_index(["item", "frame"])[["label", "time_s"]]
    a = labels.reindex(pd.MultiIndex.from_frame(near[["item", "frame_a"]]))
    b = labels.reindex(pd.MultiIndex.from_frame(near[["item", "frame_b"]]))
    found = ~(a["label"].isna().to_numpy() | b["label"].isna().to_numpy())
    items = near["item"].to_numpy()[found]
    clusters = items
    if len(np.unique(items.astype(str))) < 5:
        seconds = np.floor(a["time_s"].to_numpy()[found]).astype(np.int64)
        clusters = np.array([f"{item}:{second}" for item, second in zip(items, seconds, strict=True)])
    return cohens_kappa(a["label"].to_numpy()[found], b["label"].to_numpy()[found], clusters)


def cohens_kappa(a: np.ndarray, b: np.ndarray, clusters: np.ndarray) -> Interval:
    """Kappa of two raters' classes a, b (n,), with a jackknife t interval over clusters (n,).

    Cohen, Educational and Psychological Measurement 20 (1960), p. 37-46; the cluster jackknife: Efron & Tibshirani
    1993, chapter 11. One cluster: no interval. One class only: NaN, since chance alone agrees always.
    """
    if not len(a):
        return Interval(NAN, NAN, NAN, 0, 0)
    classes, code = np.unique(np.concatenate([a, b]), return_inverse=True)
    code_a, code_b = code[: len(a)], code[len(a) :]
    _, cluster = np.unique(clusters.astype(str), return_inverse=True)
    count = int(cluster.max()) + 1
    size = np.bincount(cluster, minlength=count).astype(float)
    agree = np.bincount(cluster, weights=code_a == code_b, minlength=count)
    margins = np.zeros((2, count, len(classes)))
    for side, codes in enumerate((code_a, code_b)):
        np.add.at(margins[side], (cluster, codes), 1)
    whole = _kappa(size.sum(), agree.sum(), margins.sum(axis=1))
    if count < 2 or np.isnan(whole):
        return Interval(whole, NAN, NAN, len(a), count)
    totals = margins.sum(axis=1)
    left = np.array(
        [_kappa(size.sum() - size[c], agree.sum() - agree[c], totals - margins[:, c]) for c in range(count)]
    )
    if np.isnan(left).any():
        return Interval(whole, NAN, NAN, len(a), count)
    error = np.sqrt((count - 1) / count * ((left - left.mean()) ** 2).sum())
    half = float(stats.t.ppf((1 + LEVEL) / 2, count - 1) * error)
    return Interval(whole, max(-1.0, whole - half), min(1.0, whole + half), len(a), count)


def _kappa(n: float, agree: float, margins: np.ndarray) -> float:
    """margins (2, K) counts of each class on each side."""
    chance = float((margins[0] / n) @ (margins[1] / n)) if n else 1.0
    return float((agree / n - chance) / (1 - chance)) if chance < 1 - 1e-12 else NAN
