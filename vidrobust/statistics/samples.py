"""How much footage a wanted interval needs, and in which order frames are sampled.

Samples are nested: a seeded order of rows of which the first k are a good sample for every k. A larger sample
holds the smaller one, so that what was computed of it stays. The rows are in the order of time, and both
orders spread every first k over it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vidrobust.statistics.levels import FEWEST_CLUSTERS
from vidrobust.statistics.standard_errors import t_half_width
from vidrobust.text.durations import duration
from vidrobust.text.numbers import percent

TOGETHER = 8
"""So many rows in a row get random numbers that lie far apart."""


@dataclass(frozen=True)
class FootageNeeded:
    """What it takes to see a rate with a wanted interval.

    rate, half_width  what was asked: the interval is rate - half_width to rate + half_width
    correlation       share of the variance between clusters that was assumed
    clusters          independent units needed; cluster: what one is
    seconds           of footage needed, observed_s of which is there
    """

    rate: float
    half_width: float
    correlation: float
    clusters: int
    cluster: str
    seconds: float
    observed_s: float

    def sentence(self) -> str:
        """Return the answer, such as "To see 2 % ± 0.5 % you need about 38 minutes of such footage"."""
        asked = f"To see {percent(self.rate)} ± {percent(self.half_width)} "
        units = f"{self.clusters} clips" if self.cluster in ("item", "part") else ""
        if self.seconds <= self.observed_s:
            return asked + f"this footage ({duration(self.observed_s)}) is enough."
        beside = f", {units} like these" if units else ""
        return asked + f"you need about {duration(self.seconds)} of such footage{beside}."


def clusters_for_rate(rate: float, half_width: float, *, correlation: float, per_cluster: float) -> int:
    """Return how many clusters give an interval of ``rate`` of the wanted half width.

    Student's t times the root of rate (1 - rate) (r + (1 - r) / per_cluster) / clusters, the variance of the
    mean of beta-binomial clusters of equal size (Donner & Klar 2000, section 5.2). At least five.
    """
    if not 0 < half_width < 1 or not 0 < rate < 1:
        raise ValueError(
            f"clusters_for_rate: expected a rate and a half width between 0 and 1, got {rate}, {half_width}"
        )
    variance = rate * (1 - rate) * (correlation + (1 - correlation) / per_cluster)
    count = FEWEST_CLUSTERS
    for _ in range(50):
        t = float(t_half_width(1.0, count - 1))
        wanted = max(FEWEST_CLUSTERS, math.ceil(variance * (t / half_width) ** 2))
        if wanted == count:
            break
        count = wanted if wanted < count else math.ceil((count + wanted) / 2)
    return count


def narrower(values: np.ndarray, cluster: np.ndarray, times: float) -> float:
    """Return the new over the old width of the interval of a mean, if each cluster held ``times`` as many values.

    values (n,), cluster (n,) int labels. Of the variance of a mean over clusters the part within them falls
    with their size, and the part between them stays: components of variance from the one-way analysis with
    groups of unequal size (Searle, Casella & McCulloch, Variance Components, 1992, section 3.6). NaN where no
    cluster has two values, there is one cluster, or all values are equal.
    """
    values = np.asarray(values, np.float64)
    code = np.unique(cluster, return_inverse=True)[1]
    size = np.bincount(code).astype(np.float64)
    count, n = len(size), len(values)
    if count < 2 or n <= count:
        return float("nan")
    means = np.bincount(code, weights=values) / size
    within = float(((values - means[code]) ** 2).sum() / (n - count))
    between = float((size * (means - values.mean()) ** 2).sum() / (count - 1))
    typical = (n - (size**2).sum() / n) / (count - 1)
    apart = max(0.0, (between - within) / typical)
    old, new = apart + within * count / n, apart + within * count / (n * times)
    return float(np.sqrt(new / old)) if old > 0 else float("nan")


def spread_order(rows: int, count: int, start: float) -> np.ndarray:
    """Return (k,) int64, ``count`` of the rows in the order in which they are taken; all where there are fewer.

    ``start`` in [0, 1) is the random number of the sample: with it uniform, every row is as likely as any
    other.

    Row floor(n frac(start + v(r))) for r = 0, 1, 2 ..., with v the sequence of van der Corput in base 2: the
    first 2^m lie one in each 2^m-th part of the time. So do every third of them, every fifth, and so on for
    odd steps.
    """
    if rows < 1:
        return np.empty(0, np.int64)
    points = (start + _van_der_corput(4 * 2 ** int(np.ceil(np.log2(rows))))) % 1.0  # every row is hit
    hit = np.minimum((points * rows).astype(np.int64), rows - 1)
    distinct, first = np.unique(hit, return_index=True)
    taken: np.ndarray = distinct[np.argsort(first)][:count]
    return taken


def sized_order(size: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return (n,) int64, all rows in the order in which a sample proportional to ``size`` (n,) > 0 takes them.

    Sequential Poisson sampling (Ohlsson, Journal of Official Statistics 14, 1998, p. 149-162): by u / size
    with permanent random numbers u. The numbers of each eight rows in a row lie one in each eighth of [0, 1),
    in random order, so that neighbours in time are seldom taken together. The first k hold a row with a
    probability close to ``size`` times a constant, or surely.
    """
    n = len(size)
    eighths = [rng.permutation(TOGETHER) for _ in range(-(-n // TOGETHER))]
    number = (np.ravel(eighths)[:n] + rng.random(n)) / TOGETHER
    return np.argsort(number / np.asarray(size, np.float64), kind="stable")


def _van_der_corput(count: int) -> np.ndarray:
    """(count,) float64: the numbers 0, 1, 2 ... with their binary digits mirrored at the point."""
    number, value, weight = np.arange(count), np.zeros(count), 0.5
    while number.any():
        value += weight * (number & 1)
        number, weight = number >> 1, weight / 2
    return value
