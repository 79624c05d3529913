"""Means and rates with 95 % intervals that respect the dependence of neighbouring frames.

Frames of one second, or of one clip, are not independent. They are grouped in clusters, and only the
clusters count as independent observations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; NaN where it cannot be told. n observations in so many clusters."""

    value: float
    low: float
    high: float
    n: int
    clusters: int


def clustered_mean(values: np.ndarray, clusters: np.ndarray, *, bounds: tuple[float, float]) -> Interval:
    """Mean of dependent values, with a t interval over clusters.

    values    (n,) float64; clusters (n,) labels; bounds: where the true mean must lie, the interval is cut there
    The mean is the ratio (sum of sums) / (sum of counts); its variance is the between-cluster variance of the
    linearised residuals (Cochran 1977, section 6.3 and 9A.3), with clusters - 1 degrees of freedom. With one
    cluster there is no interval.
    """
    values, clusters = np.asarray(values, np.float64), np.asarray(clusters)
    if not len(values):
        return Interval(np.nan, np.nan, np.nan, 0, 0)
    mean = float(values.mean())
    _, code = np.unique(clusters, return_inverse=True)
    count = int(code.max()) + 1
    if count < 2:
        return Interval(mean, np.nan, np.nan, len(values), count)
    half = stats.t.ppf((1 + LEVEL) / 2, count - 1) * _standard_error(values - mean, code, count)
    return Interval(mean, max(bounds[0], mean - half), min(bounds[1], mean + half), len(values), count)


def clustered_rate(events: np.ndarray, clusters: np.ndarray) -> Interval:
    """Share of events among dependent trials, with the interval of Korn & Graubard.

    events (n,) bool; clusters (n,) labels. An exact Clopper-Pearson interval at the effective sample size that
    the between-cluster variance implies, with their correction for the degrees of freedom (Survey Methodology
    24, 1998, p. 193-201). The effective size is never larger than n. Where no event, or nothing but events,
    was seen the variance says nothing, and the clusters are counted as the trials: the careful side.
    """
    events, clusters = np.asarray(events, bool), np.asarray(clusters)
    n = len(events)
    if not n:
        return Interval(np.nan, np.nan, np.nan, 0, 0)
    rate = float(events.mean())
    _, code = np.unique(clusters, return_inverse=True)
    count = int(code.max()) + 1
    if count < 2:
        return Interval(rate, np.nan, np.nan, n, count)
    if rate in (0.0, 1.0):
        effective = float(count)
    else:
        variance = _standard_error(events - rate, code, count) ** 2
        effective = rate * (1 - rate) / variance if variance > 0 else float(n)
        effective *= (
            stats.t.ppf((1 + LEVEL) / 2, max(1, n - 1)) / stats.t.ppf((1 + LEVEL) / 2, count - 1)
        ) ** 2
        effective = min(effective, float(n))
    low, high = clopper_pearson(rate * effective, effective)
    return Interval(rate, low, high, n, count)


def clopper_pearson(successes: float, trials: float) -> tuple[float, float]:
    """Exact binomial interval (Clopper & Pearson 1934); counts may be fractional, as effective sizes are."""
    tail = (1 - LEVEL) / 2
    low = 0.0 if successes <= 0 else float(stats.beta.ppf(tail, successes, trials - successes + 1))
    high = 1.0 if successes >= trials else float(stats.beta.ppf(1 - tail, successes + 1, trials - successes))
    return low, high


def _standard_error(residuals: np.ndarray, code: np.ndarray, count: int) -> float:
    sums = np.bincount(code, weights=residuals, minlength=count)
    return float(np.sqrt(count / (count - 1) * (sums**2).sum()) / len(residuals))
