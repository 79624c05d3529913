"""Means and rates with 95 % intervals that respect the dependence of neighbouring frames.

Frames of one second, or of one clip, are not independent. They are grouped in clusters
(``statistics/clusters.py``), and only the clusters count as independent observations. How often these intervals
cover: ``benchmarks/rates.py``, with its table in docs/methods/statistics.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from vidrobust.statistics import student
from vidrobust.statistics.beta_binomial import rate_posterior
from vidrobust.statistics.clusters import FEWEST, Clusters

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; NaN where it cannot be determined. n observations in so many clusters.

    cluster  what a cluster is: "part", "item", "stretch" (then the interval speaks of this footage alone), or ""
             where the caller did not say
    """

    value: float
    low: float
    high: float
    n: int
    clusters: int
    cluster: str = ""


def clustered_rate(events: np.ndarray, clusters: Clusters | np.ndarray) -> Interval:
    """Share of events among dependent trials, with the equal-tailed interval of the beta-binomial posterior.

    events (n,) bool; clusters: of ``independent_clusters``, or labels (n,). The value is the plain share. The
    interval is one of the mean rate of all such clusters (``statistics/beta_binomial.py``), widened where need be
    to hold the share seen, which differs from it where large clusters have other rates than small ones. It shrinks
    with footage even where no event is seen, and one cluster alone still says something, though little.
    Stretches of a few clips say no more of what was not seen than as many clips as are just too few to count as
    clusters, so that another clip without an event never raises the upper limit.
    """
    return clustered_share(np.asarray(events, bool).astype(np.float64), clusters)


def clustered_share(shares: np.ndarray, clusters: Clusters | np.ndarray) -> Interval:
    """``clustered_rate`` of trials of which each gives a share, (n,) in [0, 1], in the place of all or nothing.

    Each share counts as one trial, so that the mean of shares is no surer than the rate of as many events.
    """
    shares = np.asarray(shares, np.float64)
    code, count, what = cluster_codes(clusters)
    if not len(shares):
        return Interval(np.nan, np.nan, np.nan, 0, 0, what)
    rate = float(shares.mean())
    sums, trials = np.bincount(code, weights=shares, minlength=count), np.bincount(code)
    found = rate_posterior(np.minimum(sums, trials), trials, level=LEVEL)
    unseen = _unseen(len(shares), min(count, FEWEST - 1)) if what == "stretch" else 0.0
    low, high = min(found.low, rate, 1 - unseen), max(found.high, rate, unseen)
    return Interval(rate, low, high, len(shares), count, what)


def _unseen(trials: int, clusters: int) -> float:
    """The upper limit of a rate of which no event was seen in so many clusters of equal size."""
    sizes = np.full(clusters, trials // clusters)
    sizes[: trials % clusters] += 1
    return rate_posterior(np.zeros(clusters, np.int64), sizes, level=LEVEL).high


def clustered_mean(
    values: np.ndarray, clusters: Clusters | np.ndarray, *, bounds: tuple[float, float]
) -> Interval:
    """Mean of dependent values, with an interval over clusters that allows for skewness.

    values    (n,) float64; clusters: of ``independent_clusters``, or labels (n,)
    bounds    where the true mean must lie, the interval is cut there
    The mean is the ratio (sum of sums) / (sum of counts); its variance is the between-cluster variance of the
    linearised residuals (Cochran 1977, sections 6.3 and 9A.3), with clusters - 1 degrees of freedom. Clips are
    skewed, a few are bad, and Student's t then misses above. So the interval is the hull of three: Student's t;
    the same on the scale of the logit between the bounds; and Hall's correction for skewness (Hall, Journal of
    the Royal Statistical Society B 54, 1992, p. 221-228). With one cluster there is no
    interval. Where all values lie on a bound, the mean is no further from it than the rate of values that would
    leave it.
    """
    values = np.asarray(values, np.float64)
    code, count, what = cluster_codes(clusters)
    if not len(values):
        return Interval(np.nan, np.nan, np.nan, 0, 0, what)
    mean = float(values.mean())
    if count < 2:
        return Interval(mean, np.nan, np.nan, len(values), count, what)
    if (values == bounds[0]).all() or (values == bounds[1]).all():
        reach = clustered_rate(np.zeros(len(values), bool), clusters).high * (bounds[1] - bounds[0])
        low, high = (mean, mean + reach) if mean == bounds[0] else (mean - reach, mean)
        return Interval(mean, low, high, len(values), count, what)
    sums = np.bincount(code, weights=values - mean, minlength=count) * count / len(values)
    low, high = _hull_of_intervals(mean, sums, bounds)
    return Interval(mean, max(bounds[0], low), min(bounds[1], high), len(values), count, what)


def _hull_of_intervals(mean: float, sums: np.ndarray, bounds: tuple[float, float]) -> tuple[float, float]:
    """The widest ends of three intervals, from the linearised residuals (G,) of the clusters."""
    count = len(sums)
    error = float(np.sqrt((sums**2).sum() / (count - 1) / count))
    t = student.quantile((1 + LEVEL) / 2, count - 1)
    if error <= 0:
        return mean, mean
    low, high = mean - t * error, mean + t * error
    if bounds[0] < mean < bounds[1] and np.isfinite(bounds).all():
        width = bounds[1] - bounds[0]
        share = (mean - bounds[0]) / width
        half = t * error / width / (share * (1 - share))
        ends = bounds[0] + width * special.expit(special.logit(share) + np.array([-half, half]))
        low, high = min(low, float(ends[0])), max(high, float(ends[1]))
    skew = _skewness(sums) / np.sqrt(count)
    if abs(skew) > 1e-6:
        moved = 3 / skew * (np.cbrt(1 + skew * (np.array([t, -t]) - skew / 6)) - 1)
        low, high = min(low, mean - error * moved[0]), max(high, mean - error * moved[1])
    return float(low), float(high)


def _skewness(sums: np.ndarray) -> float:
    """Sample skewness, adjusted for its bias; 0 with fewer than three clusters."""
    count, second = len(sums), float(np.mean(sums**2))
    if count < 3 or second <= 0:
        return 0.0
    return float(np.mean(sums**3)) / second**1.5 * np.sqrt(count * (count - 1)) / (count - 2)


def clopper_pearson(successes: float, trials: float) -> tuple[float, float]:
    """Exact binomial interval of independent trials (Clopper & Pearson 1934); counts may be fractional."""
    tail = (1 - LEVEL) / 2
    low = 0.0 if successes <= 0 else float(special.betaincinv(successes, trials - successes + 1, tail))
    high = (
        1.0 if successes >= trials else float(special.betaincinv(successes + 1, trials - successes, 1 - tail))
    )
    return low, high


def cluster_codes(clusters: Clusters | np.ndarray) -> tuple[np.ndarray, int, str]:
    """Labels 0..count-1 of the rows, how many, and what they are."""
    if isinstance(clusters, Clusters):
        return clusters.label, clusters.count, clusters.what
    code = np.unique(np.asarray(clusters), return_inverse=True)[1]
    return code, int(code.max(initial=-1)) + 1, ""
