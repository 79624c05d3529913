"""A share, that is a ratio of weighted sums, with an interval that does not trust a normal.

The interval comes from leaving out one cluster at a time (jackknife); its width is Student's t with as many
degrees of freedom as clusters really carry the spread: a share that one cluster alone decides is not known any
better for all the clusters that have nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with its 95 % interval; NaN where it cannot be told.

    p         one-sided p-value that the value is not above the floor that was asked about
    clusters  independent units
    """

    value: float
    low: float
    high: float
    p: float
    clusters: int

    @classmethod
    def unknown(cls, clusters: int = 0) -> Estimate:
        """Nothing to tell."""
        return cls(value=np.nan, low=np.nan, high=np.nan, p=np.nan, clusters=clusters)


Statistic = Callable[[np.ndarray], np.ndarray]
"""Totals (..., columns) -> value (...)."""


def jackknife(totals: np.ndarray, statistic: Statistic, *, floor: float = 0.0) -> Estimate:
    """The statistic of the sums over clusters, with its interval.

    totals  (G, columns) the sums of each cluster
    floor   the value that p asks about
    """
    count = len(totals)
    if not count:
        return Estimate.unknown()
    whole = totals.sum(axis=0)
    value = float(statistic(whole))
    if count < 2 or not np.isfinite(value):
        return Estimate(value=value, low=np.nan, high=np.nan, p=np.nan, clusters=count)
    without = statistic(whole[None] - totals)
    pull = (count - 1) * (without.mean() - without)
    error = float(np.sqrt(np.square(pull).sum() / (count * (count - 1))))
    if not error > 0:
        return Estimate(value=value, low=value, high=value, p=float(value <= floor), clusters=count)
    freedom = effective_freedom(pull)
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    p = float(stats.t.sf((value - floor) / error, freedom))
    return Estimate(value=value, low=value - half, high=value + half, p=p, clusters=count)


def effective_freedom(pull: np.ndarray) -> float:
    """Degrees of freedom that the clusters' pulls carry: G - 1 for a normal spread, fewer for a skewed one.

    A variance estimate has 2 mean^2 / variance degrees of freedom (Satterthwaite 1946), for squares of G pulls
    3 (sum u^2)^2 / sum u^4 up to the kurtosis of a normal.
    """
    square = np.square(pull - pull.mean())
    carried = 3 * square.sum() ** 2 / np.square(square).sum()
    return float(np.clip(carried - 1, 1.0, len(pull) - 1))
