"""How much footage a wanted interval of a rate needs, from the footage at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vidrobust.statistics import student
from vidrobust.statistics.intervals import LEVEL
from vidrobust.text.durations import duration
from vidrobust.text.numbers import percent


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
        """The answer for a reader, such as "To see 2 % ± 0.5 % you need about 38 minutes of such footage"."""
        asked = f"To see {percent(self.rate)} ± {percent(self.half_width)} "
        units = f"{self.clusters} clips" if self.cluster in ("item", "part") else ""
        if self.seconds <= self.observed_s:
            return asked + f"this footage ({duration(self.observed_s)}) is enough."
        beside = f", {units} like these" if units else ""
        return asked + f"you need about {duration(self.seconds)} of such footage{beside}."


def clusters_for_rate(rate: float, half_width: float, *, correlation: float, per_cluster: float) -> int:
    """Clusters that give an interval of ``rate`` of the wanted half width.

    Student's t times the root of rate (1 - rate) (r + (1 - r) / per_cluster) / clusters, the variance of the mean
    of beta-binomial clusters of equal size (Donner & Klar 2000, section 5.2). At least five.
    """
    if not 0 < half_width < 1 or not 0 < rate < 1:
        raise ValueError(
            f"clusters_for_rate: expected a rate and a half width between 0 and 1, got {rate}, {half_width}"
        )
    variance = rate * (1 - rate) * (correlation + (1 - correlation) / per_cluster)
    count = 5
    for _ in range(50):
        t = student.quantile((1 + LEVEL) / 2, count - 1)
        wanted = max(5, math.ceil(variance * (t / half_width) ** 2))
        if wanted == count:
            break
        count = wanted if wanted < count else math.ceil((count + wanted) / 2)
    return count


def narrower(values: np.ndarray, cluster: np.ndarray, times: float) -> float:
    """New over old width of the interval of a mean, if each cluster held ``times`` as many values.

    values (n,), cluster (n,) int labels. Of the variance of a mean over clusters the part within them falls with
    their size, and the part between them stays: components of variance from the one-way analysis with groups of
    unequal size (Searle, Casella & McCulloch, Variance Components, 1992, section 3.6). NaN where no cluster has
    two values, there is one cluster, or all values are equal.
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
