"""Rows before and after something was done: the ratio of the two means, with an interval over clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidrobust.statistics import student
from vidrobust.statistics.beta_binomial import rate_posterior
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import cluster_codes

LEVEL = 0.95


@dataclass(frozen=True)
class PairedRatio:
    """after / before of n paired rows in so many independent clusters.

    ratio      NaN where nothing was there before
    low, high  95 % interval of the ratio; NaN where there is none
    p          two-sided p of no difference, Student's t over the clusters; NaN with fewer than two
    """

    before: float
    after: float
    ratio: float
    low: float
    high: float
    p: float
    n: int
    clusters: int
    cluster: str


def paired_ratio(
    before: np.ndarray, after: np.ndarray, clusters: Clusters | np.ndarray, *, events: bool
) -> PairedRatio:
    """The ratio of the means of ``after`` and ``before``, (n,) >= 0, row by row of the same pairs.

    clusters  of ``independent_clusters``, or labels (n,)
    events    rows are events, 0 or 1, and not amounts

    The interval is that of the logarithm, linearised over clusters (Cochran 1977, section 6.3), with Student's t.
    Of events that are taken away and not made, it is the hull with the posterior of the share of the former events
    that stay (``beta_binomial.py``): alone, the first is too short where few events are left, and none at all.
    """
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    code, count, what = cluster_codes(clusters)
    n = len(before)
    if not n:
        return PairedRatio(*(float("nan"),) * 6, 0, 0, what)
    means = float(before.mean()), float(after.mean())
    p = _p(after - before, code, count)
    if not means[0] > 0:
        return PairedRatio(*means, *(float("nan"),) * 3, p, n, count, what)
    ratio = means[1] / means[0]
    low, high = _linearised(before, after, code, count, means)
    if events:
        low, high = _with_few(before, after, code, count, low, high)
    return PairedRatio(*means, ratio, low, high, p, n, count, what)


def _p(difference: np.ndarray, code: np.ndarray, count: int) -> float:
    """Of a mean of zero, from the linearised sums of the clusters (Cochran 1977, section 6.3)."""
    mean = float(difference.mean())
    if count < 2:
        return float("nan")
    return _tail(
        mean, np.bincount(code, weights=difference - mean, minlength=count) * count / len(difference)
    )


def _linearised(
    before: np.ndarray, after: np.ndarray, code: np.ndarray, count: int, means: tuple[float, float]
) -> tuple[float, float]:
    if count < 2 or not means[1] > 0:
        return float("nan"), float("nan")
    ratio = means[1] / means[0]
    sums = np.bincount(code, weights=after - ratio * before, minlength=count) * count / len(before)
    error = _error(sums) / means[1]
    half = student.quantile((1 + LEVEL) / 2, count - 1) * error
    return float(ratio * np.exp(-half)), float(ratio * np.exp(half))


def _with_few(
    before: np.ndarray, after: np.ndarray, code: np.ndarray, count: int, low: float, high: float
) -> tuple[float, float]:
    """The hull with the posterior, where no cluster has more events than before."""
    were, are = (np.bincount(code, weights=each > 0, minlength=count).astype(int) for each in (before, after))
    if (are > were).any():
        return low, high
    stay = rate_posterior(are, were)
    return float(np.nanmin([low, stay.low])), float(np.nanmax([high, stay.high]))


def ratio_in_clusters(
    before: np.ndarray, after: np.ndarray, clusters: Clusters | np.ndarray, *, events: bool
) -> PairedRatio:
    """The same where the rows before (n,) and after (m,) are not the same ones, but of the same clusters.

    clusters  of all rows, those before and then those after. ``n`` counts the rows before.
    """
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    code, count, what = cluster_codes(clusters)
    n, nan = len(before), float("nan")
    means = float(before.mean()) if n else nan, float(after.mean()) if len(after) else nan
    if not n or not len(after) or not means[0] > 0:
        return PairedRatio(*means, nan, nan, nan, nan, n, count, what)
    off = [
        np.bincount(part, weights=values - mean, minlength=count) * count / len(values)
        for part, values, mean in zip((code[:n], code[n:]), (before, after), means, strict=True)
    ]
    p, low, high = nan, nan, nan
    if count > 1:
        p = _tail(means[1] - means[0], off[1] - off[0])
    if count > 1 and means[1] > 0:
        error = _error(off[1] / means[1] - off[0] / means[0])
        half = student.quantile((1 + LEVEL) / 2, count - 1) * error
        low, high = (float(means[1] / means[0] * np.exp(side * half)) for side in (-1, 1))
    if events and not means[1] > 0:
        none = rate_posterior(np.zeros(count), np.bincount(code[n:], minlength=count))
        low, high = 0.0, none.high / means[0]
    return PairedRatio(*means, means[1] / means[0], low, high, p, n, count, what)


def _error(sums: np.ndarray) -> float:
    """Standard error of a mean from the sums (G,) of its clusters, each times G over the number of rows."""
    return float(np.sqrt(np.square(sums).sum() / (len(sums) - 1) / len(sums)))


def _tail(mean: float, sums: np.ndarray) -> float:
    """Two-sided p of a mean of zero."""
    return student.two_sided(mean, _error(sums), len(sums) - 1)
