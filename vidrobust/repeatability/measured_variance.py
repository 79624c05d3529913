"""Variance components as combinations of mean squares, with intervals.

A component is a sum of coefficients times mean squares, some of them negative: part = (MS part - MS interaction) /
(operators x trials). Its interval is a modified large sample interval (Ting, Burdick, Graybill, Jeyaratnam & Lu,
Journal of Statistical Planning and Inference 26, 1990, p. 377-390; Burdick, Borror & Montgomery, Design and
Analysis of Gauge R&R Studies, 2005, appendix B). Ratios of components have generalized intervals (the same
book, chapter 5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats

LEVEL = 0.95
DRAWS = 20_000
"""Draws of a generalized interval."""


@dataclass(frozen=True)
class MeanSquare:
    """A mean square with its degrees of freedom."""

    source: str
    value: float
    df: int


@dataclass(frozen=True)
class Component:
    """A variance: coefficients on mean squares. As estimated it may be negative; then it is told as 0."""

    terms: tuple[tuple[float, MeanSquare], ...]

    @property
    def variance(self) -> float:
        """The estimate, at least 0."""
        return max(0.0, sum(c * square.value for c, square in self.terms))

    def interval(self) -> tuple[float, float]:
        """The modified large sample interval of the variance, cut at 0."""
        value = sum(c * square.value for c, square in self.terms)
        below, above = _spread(self.terms, lower=True), _spread(self.terms, lower=False)
        return max(0.0, value - math.sqrt(max(0.0, below))), max(0.0, value + math.sqrt(max(0.0, above)))


def _spread(terms: Sequence[tuple[float, MeanSquare]], *, lower: bool) -> float:
    """Squared distance of one end from the estimate.

    Each mean square on its own can move by G towards 0 or by H away; products of a positive and a negative
    term, and of terms of one sign where there are others, correct for their moving together.
    """
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
    """100 sqrt(gauge / (gauge + part)): estimate, low, high, by the generalized interval.

    Each mean square is replaced by df x mean square / a draw of chi-square, and the quantiles of the ratio are
    taken; a component below 0 counts as 0.
    """
    squares = {square.source: square for c, square in (*gauge.terms, *part.terms)}
    rng = np.random.default_rng(seed)
    drawn = {
        name: s.df * s.value / rng.chisquare(s.df, DRAWS) if s.value > 0 else np.zeros(DRAWS)
        for name, s in sorted(squares.items())
    }
    found = [
        np.maximum(sum(c * drawn[square.source] for c, square in component.terms), 0.0)
        for component in (gauge, part)
    ]
    share = np.divide(found[0], found[0] + found[1], out=np.ones(DRAWS), where=found[0] + found[1] > 0)
    low, high = np.quantile(100 * np.sqrt(share), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    total = gauge.variance + part.variance
    value = 100 * math.sqrt(gauge.variance / total) if total > 0 else float("nan")
    return value, float(low), float(high)
