"""Scores of known frames by fits that have not seen them, the threshold they give, and its rate of false alarms.

Known footage is cut into folds of whole clips, or stretches of time, because frames of one clip are alike. Frames
within a second of a fold are left out of its fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vidrobust.statistics.clusters import SHORTEST_S, Clusters
from vidrobust.statistics.intervals import Interval, clustered_rate

FOLDS = 5
# Clips or stretches of known footage below which nothing is said: what is left of fewer is no other footage.
FEWEST_CLUSTERS = 4


@dataclass(frozen=True)
class Calibration:
    """What known footage says of a score.

    Attributes
    ----------
    held_out
        (N,) scores of known frames by fits without them.
    threshold
        Above it a frame is called unknown; infinite where known frames are too few.
    false_alarms
        Rate with which a clip left out exceeds the threshold of the others.
    effective
        So many independent frames would tell the rate as well.
    """

    held_out: np.ndarray
    threshold: float
    false_alarms: Interval
    effective: float


def folds_of(clusters: Clusters) -> np.ndarray:
    """Return (N,) int64 the fold of each row; stretches stay together, clips and parts are dealt out in turn."""
    folds = min(FOLDS, max(clusters.count, 1))
    in_time = clusters.label * folds // max(clusters.count, 1)
    return np.asarray(in_time if clusters.what == "stretch" else clusters.label % folds, np.int64)


def held_out_scores(
    scored: Callable[[np.ndarray, np.ndarray], np.ndarray],
    clusters: Clusters,
    item: np.ndarray,
    time_s: np.ndarray,
) -> np.ndarray:
    """Return (N,) scores of known frames, each by a fit on the other folds; NaN with one fold."""
    fold = folds_of(clusters)
    found = np.full(len(fold), np.nan)
    for each in range(int(fold.max(initial=-1)) + 1) if fold.max(initial=0) else ():
        rows = np.flatnonzero(fold == each)
        fit = np.flatnonzero((fold != each) & ~_near(item, time_s, rows))
        found[rows] = scored(fit if len(fit) else np.flatnonzero(fold != each), rows)
    return found


def calibrated(held_out: np.ndarray, clusters: Clusters, rate: float) -> Calibration:
    """The threshold for this rate of false alarms, and the rate that it keeps, cluster by cluster."""
    above = np.zeros(len(held_out), bool)
    for each in range(clusters.count):
        rows = clusters.label == each
        above[rows] = held_out[rows] > threshold(held_out[~rows], rate)
    found = clustered_rate(above, clusters)
    return Calibration(held_out, threshold(held_out, rate), found, effective(above, clusters))


def threshold(scores: np.ndarray, rate: float) -> float:
    """Return the smallest value that a further score exceeds no more often than ``rate`` (split conformal;
    Vovk 2005).
    """
    place = math.ceil((len(scores) + 1) * (1 - rate) - 1e-9)
    if place > len(scores) or not np.isfinite(scores).all():
        return math.inf
    return float(np.sort(scores)[place - 1])


def effective(above: np.ndarray, clusters: Clusters) -> float:
    """Return how many independent trials have the variance of this rate, between numbers of clusters and
    frames.
    """
    n, p = len(above), float(above.mean())
    sums = np.bincount(clusters.label, weights=above - p, minlength=clusters.count)
    variance = clusters.count / max(clusters.count - 1, 1) * float(np.square(sums).sum()) / max(n, 1) ** 2
    if variance <= 0:
        return float(clusters.count)
    return float(np.clip(p * (1 - p) / variance, clusters.count, n))


def _near(item: np.ndarray, time_s: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(N,) bool: within a second of one of these rows, in the same clip."""
    near = np.zeros(len(item), bool)
    for each in np.unique(item[rows]):
        own = np.flatnonzero(item == each)
        times = np.sort(time_s[rows][item[rows] == each])
        after = np.searchsorted(times, time_s[own])
        left = np.abs(time_s[own] - times[np.maximum(after - 1, 0)])
        right = np.abs(time_s[own] - times[np.minimum(after, len(times) - 1)])
        near[own] = np.minimum(left, right) < SHORTEST_S
    return near
