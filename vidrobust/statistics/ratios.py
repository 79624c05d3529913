"""Before against after: the ratio of two means with an interval over clusters, and over repetitions of a training.

Repetitions (seeds) are judged on the same rows, so that clusters and repetitions are crossed
(``standard_errors.error_over_clusters``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vidrobust.statistics.clusters import Clusters, cluster_codes
from vidrobust.statistics.posteriors import rate_posterior
from vidrobust.statistics.standard_errors import StandardError, cluster_pulls, error_over_clusters

NAN = float("nan")


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
    """Return the ratio of the means of ``after`` and ``before``, (n,) >= 0, row by row of the same pairs.

    clusters  of ``independent_clusters``, or labels (n,)
    events    rows are events, 0 or 1, and not amounts

    The interval is that of the logarithm, linearised over clusters (Cochran 1977, section 6.3), with
    Student's t. Of events that are taken away and not made, it is the hull with the posterior of the share of
    the former events that stay (``beta_binomial.py``): alone, the first is too short where few events are
    left, and none at all.
    """
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    code, count, what = cluster_codes(clusters)
    n = len(before)
    if not n:
        return PairedRatio(*(float("nan"),) * 6, 0, 0, what)
    means = float(before.mean()), float(after.mean())
    p = _p(cluster_pulls(after - before, code, count), means[1] - means[0])
    if not means[0] > 0:
        return PairedRatio(*means, *(float("nan"),) * 3, p, n, count, what)
    ratio = means[1] / means[0]
    low, high = _linearised(before, after, code, count, means)
    if events:
        low, high = _with_few(before, after, code, count, low, high)
    return PairedRatio(*means, ratio, low, high, p, n, count, what)


def _linearised(
    before: np.ndarray, after: np.ndarray, code: np.ndarray, count: int, means: tuple[float, float]
) -> tuple[float, float]:
    if count < 2 or not means[1] > 0:
        return float("nan"), float("nan")
    ratio = means[1] / means[0]
    return _about(ratio, error_over_clusters(cluster_pulls(after - ratio * before, code, count) / means[1]))


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
    """Return the ratio where the rows before (n,) and after (m,) are not the same ones, but of the same clusters.

    clusters  of all rows, those before and then those after. ``n`` counts the rows before.
    """
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    code, count, what = cluster_codes(clusters)
    n, nan = len(before), float("nan")
    means = float(before.mean()) if n else nan, float(after.mean()) if len(after) else nan
    if not n or not len(after) or not means[0] > 0:
        return PairedRatio(*means, nan, nan, nan, nan, n, count, what)
    pulls = [
        cluster_pulls(values, part, count)
        for part, values in zip((code[:n], code[n:]), (before, after), strict=True)
    ]
    p, low, high = _p(pulls[1] - pulls[0], means[1] - means[0]), nan, nan
    if means[1] > 0:
        low, high = _about(
            means[1] / means[0], error_over_clusters(pulls[1] / means[1] - pulls[0] / means[0])
        )
    if events and not means[1] > 0:
        none = rate_posterior(np.zeros(count), np.bincount(code[n:], minlength=count))
        low, high = 0.0, none.high / means[0]
    return PairedRatio(*means, means[1] / means[0], low, high, p, n, count, what)


def _p(pulls: np.ndarray, mean: float) -> float:
    """Two-sided p of a mean of zero from the pulls of clusters."""
    return error_over_clusters(pulls).p(mean)


def _about(ratio: float, of_log: StandardError) -> tuple[float, float]:
    """The interval of a ratio from the error of its logarithm; NaN where there is no error."""
    return float(ratio * np.exp(-of_log.half_width)), float(ratio * np.exp(of_log.half_width))


@dataclass(frozen=True)
class Rows:
    """What one repetition counts: values (n,) >= 0, and the cluster of each (n,), from 0."""

    values: np.ndarray
    code: np.ndarray


def crossed_rates(before: Sequence[Rows], after: Sequence[Rows], what: str, *, events: bool) -> PairedRatio:
    """Return the ratio of the means of ``after`` and ``before`` over repetitions with rows of their own.

    The rows of all repetitions lie in one set of clusters. A mean over repetitions of means over rows, each a
    ratio of two sums over clusters. NaN where one has no rows.
    """
    codes, flat = np.unique(np.concatenate([rows.code for rows in (*before, *after)]), return_inverse=True)
    count, n = len(codes), len(before[0].values)
    parts = np.split(flat, np.cumsum([len(rows.code) for rows in (*before, *after)])[:-1])
    then, now = (
        _Sums.of(side, own, count)
        for side, own in ((before, parts[: len(before)]), (after, parts[len(before) :]))
    )
    means = then.mean, now.mean
    if not (then.rows.all() and now.rows.all()):
        return PairedRatio(*means, *(NAN,) * 4, n, count, what)
    p = error_over_clusters(now.off - then.off, now.of_seeds - then.of_seeds).p(means[1] - means[0])
    if not means[0] > 0:
        return PairedRatio(*means, *(NAN,) * 3, p, n, count, what)
    ratio, low, high = means[1] / means[0], NAN, NAN
    if means[1] > 0:
        found = error_over_clusters(
            now.off / means[1] - then.off / means[0], now.of_seeds / means[1] - then.of_seeds / means[0]
        )
        low, high = _about(ratio, found)
        if events and count > 1 and _same(before, after):
            low, high = _all_stay(before, parts[: len(before)], count)
    elif events and count > 1:
        low, high = 0.0, _none_of(now.counted) / means[0]
    return PairedRatio(*means, ratio, low, high, p, n, count, what)


def crossed_rate(rows: Sequence[Rows]) -> tuple[float, float, float]:
    """Return the mean of shares within 0..1 over repetitions with rows of their own, and its 95 % interval.

    Without any event, or with nothing but events, the interval is the posterior's.
    """
    codes, flat = np.unique(np.concatenate([each.code for each in rows]), return_inverse=True)
    parts = np.split(flat, np.cumsum([len(each.code) for each in rows])[:-1])
    sums = _Sums.of(rows, parts, len(codes))
    found = error_over_clusters(sums.off, sums.of_seeds)
    return _within(sums.mean, found, sums.counted)


@dataclass(frozen=True)
class _Sums:
    """Of S repetitions in G clusters.

    rows      (S,) how many each has of_seeds  (S,) mean of each off       (G,) what each cluster is off, a
    mean over repetitions, times G: their mean is that of the rows less
              the mean
    counted   (G,) rows, a mean over repetitions
    """

    rows: np.ndarray
    of_seeds: np.ndarray
    off: np.ndarray
    counted: np.ndarray

    @property
    def mean(self) -> float:
        return float(self.of_seeds.mean()) if self.rows.all() else NAN

    @classmethod
    def of(cls, every: Sequence[Rows], codes: Sequence[np.ndarray], count: int) -> _Sums:
        number = np.array([len(each.values) for each in every])
        total, counted = (
            np.array(
                [
                    np.bincount(code, weights=weights, minlength=count)
                    for code, weights in zip(codes, of, strict=True)
                ]
            )
            for of in ([each.values for each in every], [np.ones(len(each.values)) for each in every])
        )
        seeds = total.sum(axis=1) / np.maximum(number, 1)
        off = (total - seeds[:, None] * counted) / np.maximum(number, 1)[:, None] * count
        return cls(number, seeds, off.mean(axis=0), counted.mean(axis=0))


def _same(before: Sequence[Rows], after: Sequence[Rows]) -> bool:
    """Each row of one is one of the other."""
    return all(
        np.array_equal(a.values, b.values) and np.array_equal(a.code, b.code)
        for a, b in zip(before, after, strict=True)
    )


def _all_stay(every: Sequence[Rows], codes: Sequence[np.ndarray], count: int) -> tuple[float, float]:
    """Of a ratio where each event of one is one of the other: so few may be the same by chance, either way."""
    total = [
        np.bincount(c, weights=each.values, minlength=count) for each, c in zip(every, codes, strict=True)
    ]
    there = np.ceil(np.mean(total, axis=0)).astype(int)
    least = rate_posterior(there, there).low
    return least, 1 / least if least > 0 else float("inf")


def _none_of(counted: np.ndarray) -> float:
    """Upper end of the interval of a rate of which no event was seen, from the rows of each cluster."""
    return rate_posterior(np.zeros(len(counted)), np.round(counted).astype(int)).high


def _within(mean: float, found: StandardError, counted: np.ndarray) -> tuple[float, float, float]:
    """A share with its interval."""
    if np.isnan(found.error) or np.isnan(mean):
        return mean, NAN, NAN
    if mean in (0.0, 1.0):
        reach = _none_of(counted)
        return mean, max(0.0, mean - reach), min(1.0, mean + reach)
    return mean, max(0.0, mean - found.half_width), min(1.0, mean + found.half_width)
