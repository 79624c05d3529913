"""A share, that is a ratio of weighted sums, with an interval that does not trust a normal.

The interval comes from leaving out one cluster at a time, with as many degrees of freedom as clusters really
carry the spread (``standard_errors.effective_freedom``). To that comes what the sample may have missed: each
end is estimated as if one more pair of average change had been drawn, of which the cause holds a quarter
(upper end) or minus a tenth (lower end). Without it a share near zero, all of which lies in a few pairs that
were not drawn, would be called surely zero.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vidrobust.statistics.intervals import TestedInterval
from vidrobust.statistics.standard_errors import (
    effective_freedom,
    influence,
    jackknife_error,
    t_half_width,
    t_upper_tail,
)

UNSEEN = (-0.1, 0.25)
"""What a pair that was not drawn may hold, as a share of its change."""

RatioOfTotals = Callable[[np.ndarray], np.ndarray]
"""Totals (..., columns) -> value (...)."""


def share_of_totals(
    totals: np.ndarray, statistic: RatioOfTotals, *, draws: int, floor: float = 0.0
) -> TestedInterval:
    """Return the statistic of the sums over clusters, with its interval.

    Parameters
    ----------
    totals : (G, columns) float64
        The sums of each cluster.
    statistic : callable
        Totals (..., columns) -> value (...).
    draws : int
        Pairs in all, which says how much of the footage may have gone unseen.
    floor : float
        The value that the one-sided p-value asks about.
    """
    count = len(totals)
    if not count:
        return TestedInterval.unknown()
    value = float(statistic(totals.sum(axis=0)))
    if count < 2 or not np.isfinite(value):
        return TestedInterval(value, np.nan, np.nan, draws, count)
    without = statistic(totals.sum(axis=0)[None] - totals)
    error = float(jackknife_error(without))
    freedom = effective_freedom(influence(without))
    down, up = ((bound - value) / (draws + 1) for bound in UNSEEN)
    down, up = min(down, 0.0), max(up, 0.0)
    # the clusters' own spread and that of one more pair, which is one draw like any other
    own = t_half_width(error, freedom)
    low, high = (float(np.hypot(own, t_half_width(step, count - 1))) for step in (down, up))
    below = float(np.hypot(error, down))
    p = float(t_upper_tail((value + down - floor) / below, freedom)) if below > 0 else float(value <= floor)
    return TestedInterval(value, value + down - low, value + up + high, draws, count, p=p)
