"""Means and ratios over clips and over repetitions of the training: two sources of chance that are crossed.

Every repetition (seed) is judged on the same rows. The variance of a mean is then that over independent
clusters of its mean over seeds, and that over seeds of its mean over rows; both hold the variance of their
interaction, so that the sum errs on the wide side (Owen, Annals of Applied Statistics 1, 2007, p. 386-411,
section 2). Degrees of freedom are Satterthwaite's (Biometrics Bulletin 2, 1946, p. 110-114).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vidrobust.statistics import student
from vidrobust.statistics.beta_binomial import rate_posterior
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import cluster_codes
from vidrobust.statistics.paired_ratio import LEVEL, PairedRatio

NAN = float("nan")


@dataclass(frozen=True)
class CrossedError:
    """Standard error of a mean over seeds and rows, and its degrees of freedom; NaN with fewer than two
    clusters.
    """

    error: float
    freedom: float


def crossed_error(values: np.ndarray, clusters: Clusters | np.ndarray) -> CrossedError:
    """Of the mean of ``values`` (S, n): S repetitions on the same n rows. One repetition: over clusters alone."""
    code, count, _ = cluster_codes(clusters)
    if count < 2 or not values.size:
        return CrossedError(NAN, NAN)
    sums = _Sums.of([Rows(row, code) for row in values], [code] * len(values), count)
    return _error_of(sums.off, sums.of_seeds)


def crossed_mean(values: np.ndarray, clusters: Clusters | np.ndarray) -> tuple[float, float, float]:
    """Mean of shares (S, n) within 0..1 and its 95 % interval; no event, or nothing but events: the
    posterior's.
    """
    values = np.asarray(values, np.float64)
    if not values.size:
        return NAN, NAN, NAN
    code, _, _ = cluster_codes(clusters)
    return crossed_rate([Rows(row, code) for row in values])


def crossed_ratio(
    before: np.ndarray, after: np.ndarray, clusters: Clusters | np.ndarray, *, events: bool
) -> PairedRatio:
    """The ratio of the means of ``after`` and ``before``, (S, n) >= 0: the same n rows in each repetition.

    The interval is that of the logarithm, linearised (Cochran 1977, section 6.3). Of ``events`` of which none
    is left the upper end is that of a rate without events, over the rate before; where they are the same ones the
    interval is that of the share that stays, and its inverse.
    """
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    code, count, what = cluster_codes(clusters)
    if not before.size:
        return PairedRatio(*(NAN,) * 6, 0, count, what)
    of = [[Rows(row, code) for row in side] for side in (before, after)]
    return crossed_rates(of[0], of[1], what, events=events)


@dataclass(frozen=True)
class Rows:
    """What one repetition counts: values (n,) >= 0, and the cluster of each (n,), from 0."""

    values: np.ndarray
    code: np.ndarray


def crossed_rates(before: Sequence[Rows], after: Sequence[Rows], what: str, *, events: bool) -> PairedRatio:
    """The same where repetitions have rows of their own, in one set of clusters: what each network finds, say.

    A mean over repetitions of means over rows, each a ratio of two sums over clusters. NaN where one has no rows.
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
    p = _tail(means[1] - means[0], _error_of(now.off - then.off, now.of_seeds - then.of_seeds))
    if not means[0] > 0:
        return PairedRatio(*means, *(NAN,) * 3, p, n, count, what)
    ratio, low, high = means[1] / means[0], NAN, NAN
    if means[1] > 0:
        found = _error_of(
            now.off / means[1] - then.off / means[0], now.of_seeds / means[1] - then.of_seeds / means[0]
        )
        if not np.isnan(found.error):
            half = student.quantile((1 + LEVEL) / 2, found.freedom) * found.error
            low, high = float(ratio * np.exp(-half)), float(ratio * np.exp(half))
        if events and count > 1 and _same(before, after):
            low, high = _all_stay(before, parts[: len(before)], count)
    elif events and count > 1:
        low, high = 0.0, _none_of(now.counted) / means[0]
    return PairedRatio(*means, ratio, low, high, p, n, count, what)


def crossed_rate(rows: Sequence[Rows]) -> tuple[float, float, float]:
    """``crossed_mean`` where repetitions have rows of their own."""
    codes, flat = np.unique(np.concatenate([each.code for each in rows]), return_inverse=True)
    parts = np.split(flat, np.cumsum([len(each.code) for each in rows])[:-1])
    sums = _Sums.of(rows, parts, len(codes))
    found = _error_of(sums.off, sums.of_seeds)
    return _within(sums.mean, found, sums.counted)


@dataclass(frozen=True)
class _Sums:
    """Of S repetitions in G clusters.

    rows      (S,) how many each has
    of_seeds  (S,) mean of each
    off       (G,) what each cluster is off, a mean over repetitions, times G: their mean is that of the rows less
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


def _error_of(off: np.ndarray, of_seeds: np.ndarray) -> CrossedError:
    """From what clusters (G,) are off, and the means of repetitions (S,)."""
    count, seeds = len(off), len(of_seeds)
    if count < 2:
        return CrossedError(NAN, NAN)
    parts = [(float(np.square(off).sum() / (count - 1) / count), count - 1)]
    if seeds > 1:
        parts.append((float(of_seeds.var(ddof=1) / seeds), seeds - 1))
    total = sum(variance for variance, _ in parts)
    if total <= 0:
        return CrossedError(0.0, float(count - 1))
    freedom = total**2 / sum(variance**2 / df for variance, df in parts)
    return CrossedError(float(np.sqrt(total)), float(freedom))


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


def _within(mean: float, found: CrossedError, counted: np.ndarray) -> tuple[float, float, float]:
    """A share with its interval."""
    if np.isnan(found.error) or np.isnan(mean):
        return mean, NAN, NAN
    if mean in (0.0, 1.0):
        reach = _none_of(counted)
        return mean, max(0.0, mean - reach), min(1.0, mean + reach)
    half = student.quantile((1 + LEVEL) / 2, found.freedom) * found.error
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def _tail(mean: float, found: CrossedError) -> float:
    """Two-sided p of a mean of zero."""
    return NAN if np.isnan(found.error) else student.two_sided(mean, found.error, found.freedom)
