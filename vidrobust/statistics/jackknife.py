"""A number with each independent unit left out once, and what its spread over these says. No torch here.

without[g] = the number without unit g        g = 0 .. G-1
standard error = root of (G - 1) / G  sum (without - their mean)^2      Tukey 1958; Efron & Tibshirani 1993,
                                                                        chapter 11
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vidrobust.statistics import student
from vidrobust.statistics.intervals import LEVEL

FEWEST = 3
"""Fewer units left out give no spread."""
MOST_LEFT_OUT = 12
"""Where a number is dear, units are left out one by one up to so many, and else in so many groups."""

Statistic = Callable[[np.ndarray], np.ndarray]
"""(rows to use (m,) int64) -> numbers on those rows alone, of any shape."""


def leave_one_out(statistic: Statistic, cluster: np.ndarray, count: int | None = None) -> np.ndarray:
    """(G, ...) the numbers without each unit.

    cluster  (n,) int, the independent unit 0..G-1 of each row
    count    G, where some of the units may have no row here
    """
    units = int(cluster.max(initial=-1)) + 1 if count is None else count
    return np.stack([statistic(np.flatnonzero(cluster != g)) for g in range(units)])


def groups(codes: np.ndarray, most: int = MOST_LEFT_OUT) -> np.ndarray:
    """Codes 0..G-1 of units, neighbours taken together until there are no more than ``most``."""
    count = int(codes.max(initial=0)) + 1
    return codes if count <= most else codes * most // count


def standard_error(without: np.ndarray) -> np.ndarray:
    """(...) from the numbers without each unit (G, ...)."""
    count = len(without)
    spread = np.square(without - without.mean(axis=0)).sum(axis=0)
    return np.asarray(np.sqrt((count - 1) / count * spread))


def influence(without: np.ndarray) -> np.ndarray:
    """(G, ...) how far each unit pulls the number: G - 1 times what it falls by without it, about their mean."""
    return np.asarray((len(without) - 1) * (without.mean(axis=0) - without))


def left_out_interval(value: float, without: np.ndarray, bounds: tuple[float, float]) -> tuple[float, float]:
    """The 95 % interval of any number, from what it is without each of G units; NaN with fewer than 3.

    Student's t with G - 1 degrees of freedom, cut at the bounds of the number (Efron & Tibshirani, section 11.5).
    """
    if len(without) < FEWEST or not np.isfinite(without).all() or not np.isfinite(value):
        return float("nan"), float("nan")
    half = student.quantile((1 + LEVEL) / 2, len(without) - 1) * float(standard_error(without))
    return max(bounds[0], value - half), min(bounds[1], value + half)


def left_out_p(value: float, without: np.ndarray) -> float:
    """Two-sided p-value of 0, from the same standard error and freedom; NaN with fewer than 3 units."""
    if len(without) < FEWEST or not np.isfinite(without).all() or not np.isfinite(value):
        return float("nan")
    error = float(standard_error(without))
    if error <= 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * student.upper_tail(abs(value) / error, len(without) - 1))
