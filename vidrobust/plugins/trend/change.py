"""Since when a rate is another one, and from which rate on a run is worth a look.

A run, such as a week, is one observation: weeks differ by more than the clips within them tell, so the spread between
runs judges. Rates are compared as square roots, which makes the spread of counts alike (Anscombe, Biometrika 35, 1948).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from vidrobust.statistics.levels import LEVEL
from vidrobust.statistics.permutations import free_orders

FEWEST_RUNS = 6  # below that no order of the runs is rare enough for a p below .05 over all splits
FEWEST_A_SIDE = 2  # runs before and after a change: one run alone is what the alarm is for
ORDERS = 9_999
ALARMS_A_YEAR = 0.25  # false ones, by the rule: one in four years

Verdict = Literal["changed", "no change seen", "cannot tell"]


@dataclass(frozen=True)
class Change:
    """The likeliest step of a rate: before run ``since`` and from it on. ``factor`` is after over before."""

    verdict: Verdict
    since: int
    factor: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    p: float = float("nan")


def roots(events: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the square root of each rate, with 3/8 added to the events as Anscombe does for counts."""
    return np.sqrt((np.asarray(events, np.float64) + 0.375) / np.asarray(n, np.float64))


def change_of(events: np.ndarray, n: np.ndarray, *, seed: int = 0, asked: int = 1) -> Change:
    """Return the step of a rate that fits best, and whether the order of the runs could do as much by chance.

    The largest t over all splits is compared with that of random orders of the runs, so it does not matter that the
    split was searched. Runs whose own states last for several runs are no random order: they are told as a change.

    Parameters
    ----------
    events, n
        (R,) events and trials of the runs, in the order of time.
    asked
        How many such questions are asked together; p is multiplied by it (Bonferroni).
    """
    events, n = np.asarray(events, np.float64), np.asarray(n, np.float64)
    if len(n) < FEWEST_RUNS:
        return Change("cannot tell", -1)
    values = roots(events, n)
    orders = free_orders(len(n), ORDERS, np.random.default_rng(seed))
    seen, drawn = _steps(values[None])[0], _steps(values[orders])
    largest = np.abs(drawn).max(axis=1)
    since = int(np.abs(seen).argmax()) + FEWEST_A_SIDE
    reached = largest >= np.abs(seen).max() - 1e-12
    p = min(1.0, asked * (1 + float(reached.sum())) / (1 + ORDERS))
    factor, low, high = _factor(events, n, since)
    verdict: Verdict = "changed" if p <= 1 - LEVEL else "no change seen"
    return Change(verdict, since, factor, low, high, p)


def _steps(values: np.ndarray) -> np.ndarray:
    """t of after against before, (M, splits), of M series (M, R)."""
    runs = values.shape[1]
    first = np.arange(FEWEST_A_SIDE, runs - FEWEST_A_SIDE + 1)
    sums, squares = values.cumsum(axis=1), np.square(values).cumsum(axis=1)
    before, after = sums[:, first - 1] / first, (sums[:, -1:] - sums[:, first - 1]) / (runs - first)
    within = squares[:, -1:] - first * before**2 - (runs - first) * after**2
    spread = np.sqrt(np.maximum(within, 0) / (runs - 2) * (1 / first + 1 / (runs - first)))
    return np.divide(after - before, spread, out=np.zeros_like(before), where=spread > 1e-12)


def _factor(events: np.ndarray, n: np.ndarray, since: int) -> tuple[float, float, float]:
    """Rate after over rate before, by a jackknife of its logarithm over runs; NaN without events on a side."""
    sides = slice(None, since), slice(since, None)
    (a, na), (b, nb) = ((events[side], n[side]) for side in sides)
    unknown = float("nan")
    if not a.sum() or not b.sum():
        return unknown, unknown, unknown
    value, variance = math.log(b.sum() / nb.sum()) - math.log(a.sum() / na.sum()), 0.0
    for x, m in ((a, na), (b, nb)):
        left = x.sum() - x
        if (left <= 0).any():
            return math.exp(value), 0.0, math.inf
        logs = np.log(left / (m.sum() - m))
        variance += (len(x) - 1) / len(x) * float(np.square(logs - logs.mean()).sum())
    df = min(len(a), len(b)) - 1  # of the smaller side, as the other may hardly spread
    half = float(stats.t.ppf((1 + LEVEL) / 2, df)) * math.sqrt(variance)
    return math.exp(value), math.exp(value - half), math.exp(value + half)


def alarm_above(events: np.ndarray, n: np.ndarray, runs_a_year: float) -> float:
    """Return the rate above which the next run is an alarm; NaN below ``FEWEST_RUNS`` runs.

    It is the upper limit of prediction for one run more of the same length. In runs that do not change it is passed
    ``ALARMS_A_YEAR`` times in a year.
    """
    if len(n) < FEWEST_RUNS or not runs_a_year > 0:
        return float("nan")
    values = roots(events, n)
    alpha = min(0.5, ALARMS_A_YEAR / runs_a_year)
    wide = float(stats.t.ppf(1 - alpha, len(n) - 1)) * values.std(ddof=1)
    limit = values.mean() + wide * math.sqrt(1 + 1 / len(n))
    return float(min(1.0, max(0.0, limit**2 - 0.375 / np.mean(n))))
