"""Means and ratios over clips and over repetitions of the training: two sources of chance that are crossed.

Every repetition (seed) is judged on the same rows. The variance of a mean is then that over independent
clusters of its mean over seeds, and that over seeds of its mean over rows; both hold the variance of their
interaction, so that the sum errs on the wide side (Owen, Annals of Applied Statistics 1, 2007, p. 386-411,
section 2). Degrees of freedom are Satterthwaite's (Biometrics Bulletin 2, 1946, p. 110-114).
"""

from __future__ import annotations

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
    off = values - values.mean()
    sums = np.bincount(code, weights=off.mean(axis=0), minlength=count) * count / values.shape[1]
    parts = [(float(np.square(sums).sum() / (count - 1) / count), count - 1)]
    seeds = len(values)
    if seeds > 1:
        parts.append((float(off.mean(axis=1).var(ddof=1) / seeds), seeds - 1))
    total = sum(variance for variance, _ in parts)
    if total <= 0:
        return CrossedError(0.0, float(count - 1))
    freedom = total**2 / sum(variance**2 / df for variance, df in parts)
    return CrossedError(float(np.sqrt(total)), float(freedom))


def crossed_mean(values: np.ndarray, clusters: Clusters | np.ndarray) -> tuple[float, float, float]:
    """Mean of shares (S, n) within 0..1 and its 95 % interval; no event, or nothing but events: the
    posterior's.
    """
    values = np.asarray(values, np.float64)
    if not values.size:
        return NAN, NAN, NAN
    mean, found = float(values.mean()), crossed_error(values, clusters)
    if np.isnan(found.error):
        return mean, NAN, NAN
    if mean in (0.0, 1.0):
        reach = _none(clusters)
        return mean, max(0.0, mean - reach), min(1.0, mean + reach)
    half = student.quantile((1 + LEVEL) / 2, found.freedom) * found.error
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def crossed_ratio(
    before: np.ndarray, after: np.ndarray, clusters: Clusters | np.ndarray, *, events: bool
) -> PairedRatio:
    """The ratio of the means of ``after`` and ``before``, (S, n) >= 0: the same n rows in each repetition.

    The interval is that of the logarithm, linearised (Cochran 1977, section 6.3). Of ``events`` of which none
    is left the upper end is that of a rate without events, over the rate before; where they are the same ones the
    interval is that of the share that stays, and its inverse.
    """
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    _, count, what = cluster_codes(clusters)
    n = before.shape[1]
    if not before.size:
        return PairedRatio(*(NAN,) * 6, 0, count, what)
    means = float(before.mean()), float(after.mean())
    p = _tail(means[1] - means[0], crossed_error(after - before, clusters))
    if not means[0] > 0:
        return PairedRatio(*means, *(NAN,) * 3, p, n, count, what)
    ratio, low, high = means[1] / means[0], NAN, NAN
    if means[1] > 0:
        found = crossed_error((after - ratio * before) / means[1], clusters)
        if not np.isnan(found.error):
            half = student.quantile((1 + LEVEL) / 2, found.freedom) * found.error
            low, high = float(ratio * np.exp(-half)), float(ratio * np.exp(half))
        if events and count > 1 and np.array_equal(before, after):
            low, high = _all_stay(before, clusters)
    elif events and count > 1:
        low, high = 0.0, _none(clusters) / means[0]
    return PairedRatio(*means, ratio, low, high, p, n, count, what)


def _all_stay(events: np.ndarray, clusters: Clusters | np.ndarray) -> tuple[float, float]:
    """Of a ratio where each event of one is one of the other: so few may be the same by chance, either way."""
    code, count, _ = cluster_codes(clusters)
    there = np.ceil(np.bincount(code, weights=events.mean(axis=0), minlength=count)).astype(int)
    least = rate_posterior(there, there).low
    return least, 1 / least if least > 0 else float("inf")


def _none(clusters: Clusters | np.ndarray) -> float:
    """Upper end of the interval of a rate of which no event was seen."""
    code, count, _ = cluster_codes(clusters)
    return rate_posterior(np.zeros(count), np.bincount(code, minlength=count)).high


def _tail(mean: float, found: CrossedError) -> float:
    """Two-sided p of a mean of zero."""
    return NAN if np.isnan(found.error) else student.two_sided(mean, found.error, found.freedom)
