"""Variance components as combinations of mean squares, with intervals.

Modified large sample intervals (Ting, Burdick, Graybill, Jeyaratnam & Lu, Journal of Statistical Planning and
Inference 26, 1990; Burdick, Borror & Montgomery, Design and Analysis of Gauge R&R Studies, 2005, appendix B);
ratios
have generalized intervals (the same book, chapter 5).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats

from vidrobust.statistics.levels import LEVEL

# Draws of a generalized interval.
DRAWS = 20_000


@dataclass(frozen=True)
class MeanSquare:
    """A mean square with its degrees of freedom."""

    source: str
    value: float
    df: int


@dataclass(frozen=True)
class Component:
    """A variance as coefficients on mean squares, or a sum ``of`` variances that are each cut at 0 before
    they are added.
    """

    terms: tuple[tuple[float, MeanSquare], ...]
    of: tuple[Component, ...] = ()

    @property
    def uncut(self) -> float:
        """The estimate as it comes, which may be negative."""
        return sum(c * square.value for c, square in self.terms)

    @property
    def variance(self) -> float:
        """The estimate, at least 0."""
        return sum(each.variance for each in self.of) if self.of else max(0.0, self.uncut)

    def interval(self) -> tuple[float, float]:
        """Return the modified large sample interval, cut at 0; that of a sum lies no lower than that of a
        summand.
        """
        below, above = _spread(self.terms, lower=True), _spread(self.terms, lower=False)
        low = max(0.0, self.uncut - math.sqrt(max(0.0, below)))
        high = max(0.0, self.uncut + math.sqrt(max(0.0, above)))
        for each in self.of:
            least, most = each.interval()
            low, high = max(low, least), max(high, most)
        return min(low, self.variance), max(high, self.variance)

    def drawn(self, squares: Mapping[str, np.ndarray]) -> np.ndarray:
        """(DRAWS,) the variance where the mean squares are these; a sum is no less than any of its summands."""
        own = np.maximum(sum(c * squares[square.source] for c, square in self.terms), 0.0)
        for each in self.of:
            own = np.maximum(own, each.drawn(squares))
        return own


def sum_of(*components: Component) -> Component:
    """The sum of variances, with what they have in common put together."""
    weights: dict[str, float] = {}
    squares = {square.source: square for each in components for _, square in each.terms}
    for each in components:
        for c, square in each.terms:
            weights[square.source] = weights.get(square.source, 0.0) + c
    return Component(tuple((c, squares[name]) for name, c in weights.items() if abs(c) > 1e-15), components)


def _spread(terms: Sequence[tuple[float, MeanSquare]], *, lower: bool) -> float:
    """Squared distance of one end from the estimate."""
    # for the upper end the negative terms take the part of the positive ones
    front = [(abs(c), square) for c, square in terms if (c > 0) == lower]
    back = [(abs(c), square) for c, square in terms if (c > 0) != lower]
    total = sum((_g(square.df) * c * square.value) ** 2 for c, square in front)
    total += sum((_h(square.df) * c * square.value) ** 2 for c, square in back)
    for c, one in front:
        for d, other in back:
            total += _cross(one.df, other.df) * c * d * one.value * other.value
    if back and len(front) > 1:
        for k, (c, one) in enumerate(front):
            for d, other in front[k + 1 :]:
                total += _same_sign(one.df, other.df) / (len(front) - 1) * c * d * one.value * other.value
    return total


@cache
def _g(df: int) -> float:
    return float(1 - df / stats.chi2.ppf((1 + LEVEL) / 2, df))


@cache
def _h(df: int) -> float:
    return float(df / stats.chi2.ppf((1 - LEVEL) / 2, df) - 1)


@cache
def _cross(front: int, back: int) -> float:
    """Makes the interval exact where one of the two mean squares is known."""
    ratio = float(stats.f.ppf((1 + LEVEL) / 2, front, back))
    return ((ratio - 1) ** 2 - (_g(front) * ratio) ** 2 - _h(back) ** 2) / ratio


@cache
def _same_sign(one: int, other: int) -> float:
    both = one + other
    pooled = (1 - both / stats.chi2.ppf((1 + LEVEL) / 2, both)) ** 2 * both**2 / (one * other)
    return float(pooled - _g(one) ** 2 * one / other - _g(other) ** 2 * other / one)


def percent_of_total(gauge: Component, part: Component, *, seed: int = 0) -> tuple[float, float, float]:
    """Return 100 sqrt(gauge / (gauge + part)): estimate, low, high, by the generalized interval; NaN without
    variation.
    """
    squares = {square.source: square for c, square in (*gauge.terms, *part.terms)}
    total = gauge.variance + part.variance
    if not total > 0:
        return float("nan"), float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    drawn = {
        name: s.df * s.value / rng.chisquare(s.df, DRAWS) if s.value > 0 else np.zeros(DRAWS)
        for name, s in sorted(squares.items())
    }
    error, parts = gauge.drawn(drawn), part.drawn(drawn)
    share = np.divide(error, error + parts, out=np.ones(DRAWS), where=error + parts > 0)
    low, high = np.quantile(100 * np.sqrt(share), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    value = 100 * math.sqrt(gauge.variance / total)
    return value, min(float(low), value), max(float(high), value)
