"""A share, that is a ratio of weighted sums, with an interval that does not trust a normal.

The interval comes from leaving out one cluster at a time (jackknife); its width is Student's t with as many
degrees of freedom as clusters really carry the spread: a share that one cluster alone decides is not known any
better for all the clusters that have nothing to say. To that comes what the sample may have missed: each end is
estimated as if one more pair of average change had been drawn, of which the cause holds a quarter (upper end) or
minus a tenth (lower end). Without it a share near zero, all of which lies in a few pairs that were not drawn,
would be called surely zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vidrobust.statistics.standard_errors import t_quantile, t_upper_tail
from vidrobust.statistics.levels import LEVEL
from vidrobust.statistics.standard_errors import influence, jackknife_error

UNSEEN = (-0.1, 0.25)
"""What a pair that was not drawn may hold, as a share of its change."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with its 95 % interval; NaN where it cannot be determined.

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
        """Nothing is known."""
        return cls(value=np.nan, low=np.nan, high=np.nan, p=np.nan, clusters=clusters)


Statistic = Callable[[np.ndarray], np.ndarray]
"""Totals (..., columns) -> value (...)."""


def jackknife(totals: np.ndarray, statistic: Statistic, *, draws: int, floor: float = 0.0) -> Estimate:
    """The statistic of the sums over clusters, with its interval.

    totals  (G, columns) the sums of each cluster
    draws   pairs in all, which says how much of the footage may have gone unseen
    floor   the value that p asks about
    """
    count = len(totals)
    if not count:
        return Estimate.unknown()
    value = float(statistic(totals.sum(axis=0)))
    if count < 2 or not np.isfinite(value):
        return Estimate(value=value, low=np.nan, high=np.nan, p=np.nan, clusters=count)
    without = statistic(totals.sum(axis=0)[None] - totals)
    error = float(jackknife_error(without))
    freedom = effective_df(influence(without))
    down, up = ((bound - value) / (draws + 1) for bound in UNSEEN)
    down, up = min(down, 0.0), max(up, 0.0)
    width = [_width(error, step, freedom, count) for step in (down, up)]
    below = float(np.hypot(error, down))
    p = (
        float(t_upper_tail((value + down - floor) / below, freedom))
        if below > 0
        else float(value <= floor)
    )
    return Estimate(value=value, low=value + down - width[0], high=value + up + width[1], p=p, clusters=count)


def _width(error: float, step: float, freedom: float, count: int) -> float:
    """Half the interval: the clusters' own spread and that of one more pair, which is one draw like any other."""
    tail = (1 + LEVEL) / 2
    return float(np.hypot(t_quantile(tail, freedom) * error, t_quantile(tail, count - 1) * step))


def effective_df(pulls: np.ndarray) -> float:
    """Degrees of freedom that the clusters' pulls carry: G - 1 for a normal spread, fewer for a skewed one.

    A variance estimate has 2 mean^2 / variance degrees of freedom (Satterthwaite 1946), for squares of G pulls
    3 (sum u^2)^2 / sum u^4 up to the kurtosis of a normal.
    """
    square = np.square(pulls - pulls.mean())
    if not square.sum() > 0:
        return float(max(len(pulls) - 1, 1))
    carried = 3 * square.sum() ** 2 / np.square(square).sum()
    return float(np.clip(carried - 1, 1.0, len(pulls) - 1))
