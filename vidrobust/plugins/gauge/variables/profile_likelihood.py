"""The interval of a variance from how far the likelihood falls where the variance is held at another value.

The signed root of twice the fall is nearly standard normal (Pawitan, In All Likelihood, 2001, section 9). It lies
sqrt(2 / df) / 3 too low for few degrees of freedom and is corrected; for a single mean square the interval is then
that of the chi-square within 8 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

# Roots up to which the curve is drawn; beyond it goes on as a straight line over the logarithm.
REACH = 3.2
STEP = 2.5
MOST_POINTS = 30


@dataclass(frozen=True)
class Curve:
    """Signed roots (m,), rising, over the logarithms of the variance (m,); at_zero: the root at 0, -inf without.

    estimate  the variance of largest likelihood
    """

    estimate: float
    log_variance: np.ndarray
    root: np.ndarray
    at_zero: float

    def value(self, root: np.ndarray | float) -> np.ndarray:
        """The variances at these roots; 0 at and below that of 0."""
        root = np.asarray(root, np.float64)
        found = np.exp(np.minimum(_line(root, self.root, self.log_variance), 700.0))
        return np.where(root <= self.at_zero, 0.0, found)


def curve_of(
    estimate: float, loss: Callable[[float], float], *, least: float, scale: float, freedom: int
) -> Curve:
    """Return the curve of a variance; ``loss`` gives the fall of the log-likelihood at a value, ``freedom``
    centres it.
    """
    shift = math.sqrt(2 / freedom) / 3

    def root(value: float) -> float:
        return math.copysign(math.sqrt(2 * max(0.0, loss(value))), value - estimate) - shift

    at_zero = root(0.0) if least == 0 and estimate > 0 else -shift if least == 0 else -math.inf
    start = estimate if estimate > least else _first_above(loss, scale * 1e-6, scale)
    up = [(start, root(start) if estimate <= least else -shift)]
    down: list[tuple[float, float]] = []
    while up[-1][1] < REACH and len(up) < MOST_POINTS:
        value = STEP * up[-1][0]
        found = root(value)
        if not math.isfinite(found):
            break
        up.append((value, found))
    value = start
    while estimate > least and len(down) < MOST_POINTS:
        value /= STEP
        found = root(value) if value > least else -math.inf
        if value <= least or not math.isfinite(found) or found <= at_zero + 1e-3:
            break
        down.append((value, found))
        if found < -REACH:
            break
    points = [*reversed(down), *up]
    values, roots = (np.array(column) for column in zip(*points, strict=True))
    return Curve(estimate, np.log(values), np.maximum.accumulate(roots), at_zero)


def _first_above(loss: Callable[[float], float], value: float, most: float) -> float:
    """A variance at which the likelihood begins to fall, where its best value is the least that it can be."""
    while loss(10 * value) < 1e-4 and value < most:
        value *= 10
    return value


def _line(at: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A smooth rising curve through the points (x, y), and on as a straight line beyond them."""
    if len(x) < 2:
        return np.full(np.shape(at), y[0])
    keep = np.append(True, np.diff(x) > 1e-9)
    x, y = x[keep], y[keep]
    if len(x) < 2:
        return np.full(np.shape(at), y[0])
    inside = PchipInterpolator(x, y)(np.clip(at, x[0], x[-1]))
    low = y[0] + (at - x[0]) * (y[1] - y[0]) / (x[1] - x[0])
    high = y[-1] + (at - x[-1]) * (y[-1] - y[-2]) / (x[-1] - x[-2])
    return np.where(at < x[0], low, np.where(at > x[-1], high, inside))
