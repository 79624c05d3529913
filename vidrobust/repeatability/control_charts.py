"""Control charts: the same line week after week. Which run is out, and since when.

Rules: a point beyond three standard errors (Shewhart 1931), and eight points in a row on one side of the centre
(Western Electric 1956, rule 4). By chance alone the first calls about 3 in 1,000 runs, the second about 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vidrobust.errors import InputError
from vidrobust.statistics.beta_binomial import rate_posterior

SIGMAS = 3.0
IN_A_ROW = 8
MOVING_RANGE = 1.128
"""d2 of two: the mean range of two draws of a normal distribution with standard deviation 1."""
FEWEST_RUNS = 3
"""Runs below which there is no chart."""


@dataclass(frozen=True)
class Chart:
    """Points of a chart in the order of time.

    value, low, high  (N,) points and their control limits
    centre            the centre line
    out               (N,) bool: beyond the limits
    shifted           (N,) bool: at least eight in a row on one side, from the first of them
    baseline          how many first runs the centre and the limits stand on; all where it is N
    correlation       of a p-chart: intraclass correlation between clips of a run; NaN otherwise
    sigma_z           of Laney's p-chart: how many times as far the runs of the baseline lie apart; NaN otherwise
    """

    value: np.ndarray
    centre: float
    low: np.ndarray
    high: np.ndarray
    out: np.ndarray
    shifted: np.ndarray
    baseline: int
    correlation: float = float("nan")
    sigma_z: float = float("nan")

    @property
    def since(self) -> int | None:
        """The first run of the stretch up to the last that is out or shifted; None where the last is neither."""
        called = self.out | self.shifted
        if not called[-1]:
            return None
        before = np.flatnonzero(~called)
        return int(before[-1]) + 1 if len(before) else 0


def p_chart(
    events: Sequence[np.ndarray],
    trials: Sequence[np.ndarray],
    *,
    baseline: int | None = None,
    laney: bool = False,
) -> Chart:
    """The chart of a rate: per run the events and trials of each clip (or part, or stretch).

    laney  runs in order differ by more than their clips make them, as those of another day with other parts: the
           limits are wider by sigma z, the mean moving range of the standardised runs of the baseline over 1.128
           (p' chart: Laney, Quality Engineering 14 (2002) 531); it may be below 1, and then they are narrower

    Clips of one run differ in their rates, so the limits of a run of clips with n_c trials are wider than
    binomial: variance p (1 - p) (r sum(n_c^2) / n^2 + (1 - r) / n), r the intraclass correlation over the clips
    of the baseline (posterior mean, ``statistics/beta_binomial.py``). What differs between runs beyond that is
    what the chart shows.
    """
    runs = _enough(len(events), baseline)
    first = slice(0, runs)
    k, n = (np.concatenate([np.asarray(x, np.int64) for x in part[first]]) for part in (events, trials))
    centre = float(k.sum() / n.sum())
    correlation = rate_posterior(k, n).correlation
    sizes = np.array([float(np.sum(t)) for t in trials])
    uneven = np.array([float(np.sum(np.square(t, dtype=np.float64))) for t in trials]) / sizes**2
    error = np.sqrt(centre * (1 - centre) * (correlation * uneven + (1 - correlation) / sizes))
    value = np.array([float(np.sum(e)) for e in events]) / sizes
    sigma_z = float("nan")
    if laney:
        with np.errstate(invalid="ignore"):
            z = np.nan_to_num((value[first] - centre) / error[first])
        sigma_z = float(np.abs(np.diff(z)).mean()) / MOVING_RANGE
        error = error * sigma_z
    low, high = np.maximum(0.0, centre - SIGMAS * error), np.minimum(1.0, centre + SIGMAS * error)
    return replace(_chart(value, centre, low, high, runs, correlation), sigma_z=sigma_z)


def individuals_chart(
    values: Sequence[float], *, baseline: int | None = None, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> Chart:
    """The chart of one number a run, such as jitter: limits from the mean moving range (Shewhart; d2 = 1.128).

    bounds  what the number can be; the limits are cut there
    """
    runs = _enough(len(values), baseline)
    value = np.asarray(values, np.float64)
    if not np.isfinite(value).all():
        raise InputError("control chart: a run has no value; leave it out of the history")
    centre = float(value[:runs].mean())
    error = float(np.abs(np.diff(value[:runs])).mean()) / MOVING_RANGE
    spread = np.full(len(value), SIGMAS * error)
    low, high = (np.clip(ends, *bounds) for ends in (centre - spread, centre + spread))
    return _chart(value, centre, low, high, runs, float("nan"))


def _enough(runs: int, baseline: int | None) -> int:
    chosen = runs if baseline is None else baseline
    if not FEWEST_RUNS <= chosen <= runs:
        raise InputError(
            f"control chart: {chosen} of {runs} runs to stand on; at least {FEWEST_RUNS} are needed, usual are 20"
        )
    return chosen


def _chart(
    value: np.ndarray, centre: float, low: np.ndarray, high: np.ndarray, baseline: int, correlation: float
) -> Chart:
    out = (value < low) | (value > high)
    side = np.sign(value - centre)
    shifted = np.zeros(len(value), bool)
    start = 0
    for k in range(len(value)):
        if side[k] == 0 or side[k] != side[start]:
            start = k
        if side[k] != 0 and k - start + 1 >= IN_A_ROW:
            shifted[start : k + 1] = True
    return Chart(value, centre, low, high, out, shifted, baseline, correlation)
