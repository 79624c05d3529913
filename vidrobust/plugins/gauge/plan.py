"""How many parts, operators, trials or clips a study needs for a wanted interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from vidrobust.errors import SettingsError
from vidrobust.plugins.gauge.variables.measured_variance import (
    Component,
    MeanSquare,
    percent_of_total,
)
from vidrobust.statistics.levels import LEVEL
from vidrobust.text.numbers import percent

MOST_PARTS = 2000


@dataclass(frozen=True)
class KappaPlan:
    """Parts for an interval of Fleiss' kappa of +- half_width; ``error`` is the chance that a clear part is
    rated wrongly.
    """

    kappa: float
    half_width: float
    ratings: int
    defect_share: float
    borderline: float
    error: float
    parts: int


def parts_for_kappa(
    kappa: float, half_width: float, *, ratings: int, defect_share: float = 0.5, borderline: float = 0.0
) -> KappaPlan:
    """Return how many parts give ``kappa`` an interval of +- ``half_width``.

    Parameters
    ----------
    ratings
        Operators x trials.
    defect_share, borderline
        Shares of the parts that are defects, and that are rated by the toss of a coin.
    """
    _share("half width", half_width)
    _share("share of defects", defect_share)
    if not 0 <= borderline < 1 or ratings < 2 or not 0 < kappa < 1:
        raise SettingsError(
            f"plan kappa: expected 0 < kappa < 1, at least 2 ratings and borderline from 0 to below 1, got kappa "
            f"{kappa}, {ratings} ratings, borderline {borderline}"
        )
    best = _kappa_of(0.0, ratings, defect_share, borderline)[0]
    if best < kappa:
        raise SettingsError(
            f"plan kappa: with {percent(borderline)} borderline parts kappa is at most {best:.3f}"
        )
    error = float(
        optimize.brentq(lambda e: _kappa_of(e, ratings, defect_share, borderline)[0] - kappa, 0.0, 0.5)
    )
    variance = _kappa_of(error, ratings, defect_share, borderline)[1]
    parts = _solve(lambda n: _half_width(kappa, math.sqrt(variance / n), n), half_width)
    return KappaPlan(kappa, half_width, ratings, defect_share, borderline, error, parts)


def _half_width(kappa: float, error: float, parts: int) -> float:
    """Of the interval that ``statistics/agreement.py`` gives: Student's t on the log of 1 - kappa."""
    half = float(stats.t.ppf((1 + LEVEL) / 2, parts - 1)) * error / (1 - kappa)
    return (1 - kappa) * math.sinh(min(half, 50.0))


def _kappa_of(error: float, m: int, defect_share: float, borderline: float) -> tuple[float, float]:
    """(kappa, variance of a part's influence) of a world of good, bad and borderline parts."""
    votes = np.arange(m + 1)
    chances = (1 - borderline) * (
        defect_share * stats.binom.pmf(votes, m, 1 - error)
        + (1 - defect_share) * stats.binom.pmf(votes, m, error)
    ) + borderline * stats.binom.pmf(votes, m, 0.5)
    disagree = 2 * votes * (m - votes) / (m * (m - 1))
    share = votes / m
    seen, p = float(chances @ disagree), float(chances @ share)
    by_chance = 2 * p * (1 - p)
    influence = -(disagree - seen) / by_chance + seen / by_chance**2 * 2 * (1 - 2 * p) * (share - p)
    return 1 - seen / by_chance, float(chances @ influence**2)


@dataclass(frozen=True)
class GaugePlan:
    """A crossed design whose interval of %GRR is, in the middle of all studies, low to high."""

    operators: int
    parts: int
    trials: int
    low: float
    high: float

    @property
    def measurements(self) -> int:
        """How often something is measured in all."""
        return self.operators * self.parts * self.trials


def designs_for_grr(
    percent_grr: float, half_width: float, *, reproducibility_share: float = 0.3, trials: int = 3
) -> list[GaugePlan]:
    """Return per number of operators (2 to 10) the fewest parts whose interval of %GRR is no wider than 2 x
    half_width.

    ``reproducibility_share`` is the share of the gauge's variance between operators, which few operators
    cannot tell.
    """
    if not 0 < percent_grr < 100 or half_width <= 0 or trials < 2 or not 0 <= reproducibility_share < 1:
        raise SettingsError(
            "plan gauge: expected 0 < %GRR < 100, a half width above 0, at least 2 trials and a share from 0 to "
            f"below 1, got {percent_grr}, {half_width}, {trials}, {reproducibility_share}"
        )
    found = []
    for operators in range(2, 11):
        for parts in (5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200):
            low, high = _expected_interval(percent_grr, reproducibility_share, operators, parts, trials)
            if high - low <= 2 * half_width:
                found.append(GaugePlan(operators, parts, trials, low, high))
                break
    return found


def _expected_interval(percent: float, share: float, o: int, p: int, r: int) -> tuple[float, float]:
    """The interval of %GRR where every mean square is as expected; no interaction."""
    gauge = (percent / 100) ** 2
    between, error, part = share * gauge, (1 - share) * gauge, 1 - gauge
    e = MeanSquare("repeatability", error, p * o * r - p - o + 1)
    a = MeanSquare("operator", error + p * r * between, o - 1)
    s = MeanSquare("part", error + o * r * part, p - 1)
    grr = Component(((1 / (p * r), a), (1 - 1 / (p * r), e)))
    return percent_of_total(grr, Component(((1 / (o * r), s), (-1 / (o * r), e))))[1:]


def _share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise SettingsError(f"plan: expected a {name} between 0 and 1, got {value}")


def _solve(width: Callable[[int], float], wanted: float) -> int:
    """The fewest parts with a width no larger than wanted; SettingsError beyond MOST_PARTS."""
    for n in range(5, MOST_PARTS + 1):
        if width(n) <= wanted:
            return n
    raise SettingsError(f"plan: more than {MOST_PARTS} parts would be needed; ask for a wider interval")
