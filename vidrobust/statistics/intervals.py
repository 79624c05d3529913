"""Means and rates with 95 % intervals over clusters; ``benchmarks/rates.py`` measures their coverage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import special

from vidrobust.statistics.clusters import Clusters, cluster_codes
from vidrobust.statistics.levels import FEWEST_CLUSTERS, LEVEL
from vidrobust.statistics.posteriors import rate_posterior
from vidrobust.statistics.standard_errors import cluster_pulls, error_over_clusters


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval, NaN where unknown: the one record of the package.

    ``clusters`` counts the independent units of n observations, and ``cluster`` says what these are: "part",
    "item", "stretch" (the interval speaks of this footage alone), or "".
    """

    value: float
    low: float
    high: float
    n: int
    clusters: int
    cluster: str = ""

    @classmethod
    def unknown(cls, clusters: int = 0, cluster: str = "") -> Self:
        return cls(np.nan, np.nan, np.nan, 0, clusters, cluster)


@dataclass(frozen=True)
class TestedInterval(Interval):
    """An interval with the p-value of the question asked of its value; NaN where none was."""

    p: float = float("nan")


def clustered_rate(events: np.ndarray, clusters: Clusters | np.ndarray) -> Interval:
    """Return the share of events among dependent trials (n,) bool with its interval.

    It is that of the beta-binomial posterior (``posteriors``), widened to hold the share seen. It shrinks
    with footage even without events, and another clip without an event never raises its upper limit.
    """
    return clustered_share(np.asarray(events, bool).astype(np.float64), clusters)


def clustered_share(shares: np.ndarray, clusters: Clusters | np.ndarray) -> Interval:
    """Return the mean of shares (n,) in [0, 1] with its interval, each as a trial of ``clustered_rate``."""
    shares = np.asarray(shares, np.float64)
    code, count, what = cluster_codes(clusters)
    if not len(shares):
        return Interval.unknown(cluster=what)
    rate = float(shares.mean())
    sums, trials = np.bincount(code, weights=shares, minlength=count), np.bincount(code)
    found = rate_posterior(np.minimum(sums, trials), trials, level=LEVEL)
    unseen = _unseen(len(shares), min(count, FEWEST_CLUSTERS - 1)) if what == "stretch" else 0.0
    low, high = min(found.low, rate, 1 - unseen), max(found.high, rate, unseen)
    return Interval(rate, low, high, len(shares), count, what)


def _unseen(trials: int, clusters: int) -> float:
    sizes = np.full(clusters, trials // clusters)
    sizes[: trials % clusters] += 1
    return rate_posterior(np.zeros(clusters, np.int64), sizes, level=LEVEL).high


def clustered_mean(
    values: np.ndarray, clusters: Clusters | np.ndarray, *, bounds: tuple[float, float]
) -> Interval:
    """Return the mean of dependent values (n,), with an interval over clusters that allows for skewness.

    The interval is the hull of Student's t, the same on the scale of the logit between ``bounds``, and Hall's
    correction for skewness (Journal of the Royal Statistical Society B 54, 1992). Where all values lie on a bound,
    the mean is no further from it than the rate of values that would leave it.
    """
    values = np.asarray(values, np.float64)
    code, count, what = cluster_codes(clusters)
    if not len(values):
        return Interval.unknown(cluster=what)
    mean = float(values.mean())
    if count < 2:
        return Interval(mean, np.nan, np.nan, len(values), count, what)
    if (values == bounds[0]).all() or (values == bounds[1]).all():
        reach = clustered_rate(np.zeros(len(values), bool), clusters).high * (bounds[1] - bounds[0])
        low, high = (mean, mean + reach) if mean == bounds[0] else (mean - reach, mean)
        return Interval(mean, low, high, len(values), count, what)
    low, high = _hull_of_intervals(mean, cluster_pulls(values, code, count, mean), bounds)
    return Interval(mean, max(bounds[0], low), min(bounds[1], high), len(values), count, what)


def _hull_of_intervals(mean: float, pulls: np.ndarray, bounds: tuple[float, float]) -> tuple[float, float]:
    error, half = error_over_clusters(pulls).error, error_over_clusters(pulls).half_width
    if error <= 0:
        return mean, mean
    low, high = mean - half, mean + half
    if bounds[0] < mean < bounds[1] and np.isfinite(bounds).all():
        width = bounds[1] - bounds[0]
        share = (mean - bounds[0]) / width
        step = half / width / (share * (1 - share))
        ends = bounds[0] + width * special.expit(special.logit(share) + np.array([-step, step]))
        low, high = min(low, float(ends[0])), max(high, float(ends[1]))
    skew, t = _skewness(pulls) / np.sqrt(len(pulls)), half / error
    if abs(skew) > 1e-6:
        moved = 3 / skew * (np.cbrt(1 + skew * (np.array([t, -t]) - skew / 6)) - 1)
        low, high = min(low, mean - error * moved[0]), max(high, mean - error * moved[1])
    return float(low), float(high)


def _skewness(pulls: np.ndarray) -> float:
    count, second = len(pulls), float(np.mean(pulls**2))
    if count < 3 or second <= 0:
        return 0.0
    return float(np.mean(pulls**3)) / second**1.5 * np.sqrt(count * (count - 1)) / (count - 2)


def clopper_pearson(successes: float, trials: float) -> tuple[float, float]:
    """Return the exact binomial interval (Clopper & Pearson 1934); counts may be fractional."""
    tail = (1 - LEVEL) / 2
    low = 0.0 if successes <= 0 else float(special.betaincinv(successes, trials - successes + 1, tail))
    high = (
        1.0 if successes >= trials else float(special.betaincinv(successes + 1, trials - successes, 1 - tail))
    )
    return low, high
