"""Means, rates and kappas with 95 % intervals over clusters; ``benchmarks/rates.py`` measures their coverage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import special

from vidrobust.statistics.clusters import Clusters, cluster_codes
from vidrobust.statistics.levels import FEWEST_CLUSTERS, LEVEL
from vidrobust.statistics.posteriors import rate_posterior
from vidrobust.statistics.standard_errors import (
    cluster_pulls,
    error_over_clusters,
    jackknife_error,
    t_half_width,
)


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
    posterior = rate_posterior(np.minimum(sums, trials), trials, level=LEVEL)
    unseen = _unseen(len(shares), min(count, FEWEST_CLUSTERS - 1)) if what == "stretch" else 0.0
    low, high = min(posterior.low, rate, 1 - unseen), max(posterior.high, rate, unseen)
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


def _hull_of_intervals(
    mean: float, pulls: np.ndarray, bounds: tuple[float, float]
) -> tuple[float, float]:
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
    low = (
        0.0
        if successes <= 0
        else float(special.betaincinv(successes, trials - successes + 1, tail))
    )
    high = (
        1.0
        if successes >= trials
        else float(special.betaincinv(successes + 1, trials - successes, 1 - tail))
    )
    return low, high


NAN = float("nan")
# (M, C) sums of counts per class, laid out as the kappa wants them -> (M,) kappas.
Kappa = Callable[[np.ndarray], np.ndarray]


def cohens_kappa(a: np.ndarray, b: np.ndarray, clusters: Clusters | np.ndarray) -> Interval:
    """Return kappa of two raters' classes (n,), with an interval over clusters; NaN for one class only.

    Cohen, Educational and Psychological Measurement 20 (1960).
    """
    code, count, what = cluster_codes(clusters)
    if not len(a):
        return Interval.unknown(cluster=what)
    classes, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    one = np.eye(len(classes))[codes]
    rows = np.column_stack(
        [np.ones(len(a)), codes[: len(a)] == codes[len(a) :], one[: len(a)], one[len(a) :]]
    )
    sums = np.zeros((count, rows.shape[1]))
    np.add.at(sums, code, rows)
    return of_sums(sums, _cohen, len(a), what)


def of_sums(sums: np.ndarray, kappa: Kappa, n: int, what: str = "") -> Interval:
    """Return a kappa with its interval, from the sums (G, C) of each independent unit.

    The jackknife is of log(1 - kappa), because disagreement is rare and skewed. Where fewer than two units
    disagree, the share of units that may do so comes from Clopper & Pearson.
    """
    count = len(sums)
    whole = float(kappa(sums.sum(axis=0)[None])[0])
    if count < 2 or np.isnan(whole):
        return Interval(whole, NAN, NAN, n, count, what)
    left = kappa(sums.sum(axis=0) - sums)
    if whole >= 1 - 1e-12:
        unseen = clopper_pearson(0, count)[1]
        # Agreement by chance: with none at all seen, kappa is -chance / (1 - chance)
        without = sums.sum(axis=0).copy()
        without[1] = 0.0
        value = float(kappa(without[None])[0])
        chance = -value / (1 - value)
        return Interval(1.0, max(-1.0, 1 - unseen / (1 - chance)), 1.0, n, count, what)
    if np.isnan(left).any():
        return Interval(whole, NAN, NAN, n, count, what)
    if (left >= 1 - 1e-12).any():
        shrunk, grown = (count * share for share in clopper_pearson(1, count))
    else:
        grown = float(np.exp(t_half_width(jackknife_error(np.log(1 - left)), count - 1)))
        shrunk = 1 / grown
    return Interval(
        whole,
        max(-1.0, 1 - (1 - whole) * grown),
        min(1.0, 1 - (1 - whole) * shrunk),
        n,
        count,
        what,
    )


def _cohen(sums: np.ndarray) -> np.ndarray:
    n, classes = sums[:, 0], (sums.shape[1] - 2) // 2
    chance = (sums[:, 2 : 2 + classes] * sums[:, 2 + classes :]).sum(axis=1) / np.maximum(n, 1) ** 2
    return beyond_chance(sums[:, 1] / np.maximum(n, 1), chance)


def beyond_chance(agreement: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Return (agreement - chance) / (1 - chance); NaN where chance alone always agrees."""
    sure = chance >= 1 - 1e-12
    return np.where(sure, NAN, (agreement - chance) / np.where(sure, 1.0, 1 - chance))
