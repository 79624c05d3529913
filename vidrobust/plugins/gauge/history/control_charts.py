"""Control charts: which run of the same line is out, and since when.

A run is judged on runs before it: the first ``baseline`` ones, or all earlier ones that were not called
(Quesenberry, Journal of Quality Technology 23, 1991). ``out``: beyond the prediction for one more run (Shewhart
1931). ``shifted``: the last eight runs together lie beyond that for eight more. By chance each rule calls about
3 in 1,000 runs whatever the baseline (``benchmarks/charts.py``). The mean of a series is predicted as normal with a
first-order autoregression, its level and the log of its spread flat, averaged over the posterior of the correlation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.special import stdtr, stdtrit

from vidrobust.errors import InputError
from vidrobust.statistics.posteriors import predicted_rate, rate_posterior

# Chance of a run beyond each limit: that of three standard deviations of a normal distribution.
TAIL = 0.00135
TOGETHER = 8  # runs that are taken together for a shift
FEWEST_RUNS = 3  # runs that a limit stands on at least
CORRELATIONS = np.linspace(0.0, 0.9, 10)  # how much a value may resemble the one before
# What is held of it before any is seen, up to a factor: most series resemble themselves little.
PRIOR = (1 - CORRELATIONS) ** 3
HALVINGS = 30  # steps in which a limit is enclosed

# (runs of the baseline, runs judged together), both row numbers -> limits of the mean of the latter.
Limits = Callable[[np.ndarray, np.ndarray], tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """Points (N,) in the order of time with their limits: NaN without baseline, infinite where there is none.

    ``centre`` is the mean over the baseline of the last run, ``baseline`` the number of first runs that all
    limits use (0: all before each); ``sigma_z`` is Laney's factor of a p-chart.
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
    """Return the chart of a rate from the events and trials of each clip, part or stretch of each run.

    Limits are those of beta-binomial clips (``posteriors.py``), wider than binomial. With ``laney``, runs of the
    baseline have a spread of their own (p' chart: Laney, Quality Engineering 14, 2002).
    """
    k = [np.asarray(each, np.int64) for each in events]
    n = [np.asarray(each, np.int64) for each in trials]
    value = np.array([float(one.sum()) / float(all_.sum()) for one, all_ in zip(k, n, strict=True)])

    def of_clips(base: np.ndarray, judged: np.ndarray) -> tuple[float, float]:
        seen, of = (np.concatenate([side[row] for row in base]) for side in (k, n))
        return predicted_rate(seen, of, np.concatenate([n[row] for row in judged]), tail=TAIL)

    def of_runs(base: np.ndarray, judged: np.ndarray) -> tuple[float, float]:
        centre, error = _standard_errors(k, n, base)
        z = (value[base] - centre) / np.maximum(error[base], 1e-12)
        ends = predicted_mean(z, base, judged, tail=TAIL)
        low, high = (centre + end * float(error[judged].mean()) for end in ends)
        return max(0.0, low), min(1.0, high)

    sizes = np.array([float(each.sum()) for each in n])
    chart = _chart(value, sizes, of_runs if laney else of_clips, baseline)
    base = _base(chart.out | chart.shifted, len(value) - 1, baseline)
    if not len(base):
        return chart
    correlation = rate_posterior(
        *(np.concatenate([side[row] for row in base]) for side in (k, n))
    ).correlation
    centre, error = _standard_errors(k, n, base)
    z = (value[base] - centre) / np.maximum(error[base], 1e-12)
    return replace(
        chart, correlation=correlation, sigma_z=float(z.std(ddof=1)) if laney else float("nan")
    )


def individuals_chart(
    values: Sequence[float],
    *,
    baseline: int | None = None,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Chart:
    """Return the chart of one number a run: limits of the prediction of one more (``predicted_mean``).

    Near a finite bound the limits are as uneven as the values; rounded values move them by half a step. A
    baseline of mostly one value has limits by rank alone.
    """
    value = np.asarray(values, np.float64)
    if not np.isfinite(value).all():
        raise InputError("control chart: a run has no value; leave it out of the history")

    def limits(base: np.ndarray, judged: np.ndarray) -> tuple[float, float]:
        seen, times = np.unique(value[base], return_counts=True)
        if len(seen) == 1 and seen[0] not in bounds and not float(seen[0]).is_integer():
            return float(seen[0]), float(seen[0])
        if 2 * times.max() > len(base):
            return _by_rank(value[base], value[judged])
        step = float(np.diff(seen).min()) if len(seen) < len(base) else 0.0
        to, back = _scale(value[base], bounds, step / 2)
        low, high = back(np.array(predicted_mean(to(value[base]), base, judged, tail=TAIL)))
        return max(float(low) - step / 2, bounds[0]), min(float(high) + step / 2, bounds[1])

    return _chart(value, np.ones(len(value)), limits, baseline)


def _by_rank(base: np.ndarray, judged: np.ndarray) -> tuple[float, float]:
    """The ends of the baseline where all runs judged lie beyond one of them, if that is rare enough."""
    if 1 / math.comb(len(base) + len(judged), len(judged)) > TAIL:
        return -math.inf, math.inf
    low, high = float(base.min()), float(base.max())
    return (low if judged.max() < low else -math.inf, high if judged.min() > high else math.inf)


def _scale(
    base: np.ndarray, bounds: tuple[float, float], half_step: float
) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    low, high = (
        abs(float(np.median(base)) - end) if np.isfinite(end) else np.inf for end in bounds
    )
    if not np.isfinite(min(low, high)):
        return lambda x: x, lambda x: x
    end, sign = (bounds[0] - half_step, 1.0) if low <= high else (bounds[1] + half_step, -1.0)
    return (
        lambda x: sign * np.cbrt(sign * (x - end)),
        lambda x: end + sign * np.maximum(sign * x, 0) ** 3,
    )


def _standard_errors(
    k: Sequence[np.ndarray], n: Sequence[np.ndarray], base: np.ndarray
) -> tuple[float, np.ndarray]:
    """The rate of the baseline, and the standard error (N,) that the clips of each run give its rate."""
    events, trials = (np.concatenate([side[row] for row in base]) for side in (k, n))
    centre, correlation = (
        float(events.sum() / trials.sum()),
        rate_posterior(events, trials).correlation,
    )
    total = np.array([float(each.sum()) for each in n])
    uneven = np.array([float(np.square(each, dtype=np.float64).sum()) for each in n]) / total**2
    return centre, np.sqrt(
        centre * (1 - centre) * (correlation * uneven + (1 - correlation) / total)
    )


def _base(called: np.ndarray, run: int, baseline: int | None) -> np.ndarray:
    if baseline is not None:
        return np.arange(baseline) if run >= baseline else np.arange(0)
    # of the first few none is left out: few that are near by chance would call all that follow
    rows = np.flatnonzero(~called[:run] | (np.arange(run) < TOGETHER))
    return rows if len(rows) >= FEWEST_RUNS else np.arange(0)


def _chart(value: np.ndarray, sizes: np.ndarray, limits: Limits, baseline: int | None) -> Chart:
    runs = len(value)
    if runs <= FEWEST_RUNS or (baseline is not None and not FEWEST_RUNS <= baseline < runs):
        stand = runs - 1 if baseline is None else baseline
        raise InputError(
            f"control chart: {max(stand, 0)} of {runs} runs to stand on; at least {FEWEST_RUNS} before the "
            "run that is judged are needed, usual are 20"
        )
    low, high = (np.full(runs, np.nan) for _ in "lh")
    out, shifted = np.zeros(runs, bool), np.zeros(runs, bool)
    for run in range(runs):
        base = _base(out | shifted, run, baseline)
        if not len(base):
            continue
        low[run], high[run] = limits(base, np.array([run]))
        out[run] = not low[run] - 1e-12 <= value[run] <= high[run] + 1e-12
        last = np.arange(run - TOGETHER + 1, run + 1)
        before = base[base < last[0]]
        if len(before) >= FEWEST_RUNS and last[0] >= (baseline or 0):
            ends = limits(before, last)
            mean = float(np.average(value[last], weights=sizes[last]))
            shifted[last] |= not ends[0] - 1e-12 <= mean <= ends[1] + 1e-12
    base = _base(out | shifted, runs - 1, baseline)
    centre = float(np.average(value[base], weights=sizes[base])) if len(base) else float("nan")
    return Chart(value, centre, low, high, out, shifted, baseline or 0)


def predicted_mean(
    values: np.ndarray, at: np.ndarray, further: np.ndarray, *, tail: float
) -> tuple[float, float]:
    """Return limits of the mean of further values of an autocorrelated series; a drift is not followed.

    ``values`` lie at the places ``at``, the further ones at ``further``; each limit is passed with chance
    ``tail``.
    """
    seen, freedom = np.asarray(values, np.float64), len(values) - 1
    weights, inverse, given, factor = _places(tuple(map(int, at)), tuple(map(int, further)))
    middle = weights @ seen
    apart = seen - middle[:, None]
    square = np.einsum("ri,rij,rj->r", apart, inverse, apart)
    if not square.min() > 0:
        return float(middle[0]), float(middle[0])
    share = given - freedom / 2 * np.log(square)
    share = np.exp(share - share.max())
    share /= share.sum()
    spread = np.sqrt(square / freedom * factor)

    def limit(chance: float) -> float:
        ends = middle + stdtrit(freedom, chance) * spread
        low, high = float(ends.min()), float(ends.max())
        for _ in range(HALVINGS):
            half = (low + high) / 2
            if float(share @ stdtr(freedom, (half - middle) / spread)) < chance:
                low = half
            else:
                high = half
        return (low + high) / 2

    return limit(tail), limit(1 - tail)


@lru_cache(maxsize=1024)
def _places(
    at: tuple[int, ...], further: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    own = _alike(at, at)
    inverse = np.linalg.inv(own)
    weight = inverse.sum(axis=2)
    total = weight.sum(axis=1)
    weights = weight / total[:, None]
    between = np.einsum("rij,rj->r", _alike(further, at), weights) / len(further)
    factor = _alike(further, further).mean(axis=(1, 2)) + 1 / total - 2 * between
    given = np.log(PRIOR) - (np.linalg.slogdet(own)[1] + np.log(total)) / 2
    return weights, inverse, given, factor


def _alike(one: tuple[int, ...], other: tuple[int, ...]) -> np.ndarray:
    apart = np.abs(np.subtract.outer(np.array(one), np.array(other)))
    return np.where(apart == 0, 1.0, CORRELATIONS[:, None, None] ** apart)
