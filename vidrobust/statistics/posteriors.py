"""Posteriors on a grid of a rate from dependent observations.

Rates: cluster g has p_g ~ Beta with mean m and intraclass correlation r (Griffiths, Biometrics 29, 1973). m has
Jeffreys' prior. The interval is the hull of two priors of r: Beta(1, 3), for the upper limit of small rates, and
Beta(0.3, 3), for their lower limit; ``benchmarks/rates.py`` chose them by coverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import expit, gammaln

from vidrobust.statistics.levels import LEVEL

MEAN_PRIOR = 0.5  # both parameters of the beta prior of the mean: Jeffreys'
# Parameters of the beta priors of the correlation: clusters differ, clusters may be alike.
CORRELATION_PRIORS = ((1.0, 3.0), (0.3, 3.0))
FAR_BELOW = 14.0  # points whose log density lies so far below the largest carry no mass
# Points of the grid in the mean and in the correlation: to find the mass, and upon it.
COARSE, FINE = (72, 40), (96, 44)


@dataclass(frozen=True)
class RatePosterior:
    """The hull of the equal-tailed intervals of the mean rate, and the mean intraclass correlation."""

    low: float
    high: float
    correlation: float


def rate_posterior(
    successes: np.ndarray, trials: np.ndarray, *, level: float = LEVEL
) -> RatePosterior:
    """Return the posterior of the mean rate from events, or sums of shares, and trials (G,) of each cluster."""
    counts = np.stack([np.asarray(successes, np.float64), np.asarray(trials, np.float64)])
    if (counts[0] < 0).any() or (counts[0] > counts[1]).any():
        raise ValueError("rate_posterior: expected 0 <= events <= trials in each cluster")
    kinds, times = np.unique(counts[:, counts[1] > 0], axis=1, return_counts=True)
    if not times.size:
        return RatePosterior(float("nan"), float("nan"), float("nan"))
    return _posterior(
        tuple(kinds[0].tolist()), tuple(kinds[1].tolist()), tuple(times.tolist()), level
    )


@lru_cache(maxsize=4096)
def _posterior(
    successes: tuple[float, ...], trials: tuple[float, ...], times: tuple[int, ...], level: float
) -> RatePosterior:
    k, n, weight = (np.array(values) for values in (successes, trials, times))
    figures = np.array([_under(prior, k, n, weight, level) for prior in CORRELATION_PRIORS])
    events, total = float((k * weight).sum()), float((n * weight).sum())
    low, high = float(figures[:, 0].min()), float(figures[:, 1].max())
    shared = float(figures[:, 2].mean())
    return RatePosterior(0.0 if not events else low, 1.0 if events == total else high, shared)


def _under(
    prior: tuple[float, float], k: np.ndarray, n: np.ndarray, weight: np.ndarray, level: float
) -> tuple[float, float, float]:
    mean, correlation, mass = _grid(prior, k, n, weight, (COARSE, FINE))
    tails = ((1 - level) / 2, (1 + level) / 2)
    low, high = expit(np.interp(tails, _distribution(mass.sum(axis=1)), mean))
    return (
        float(low),
        float(high),
        float(np.sum(mass.sum(axis=0) * expit(correlation)) / mass.sum()),
    )


def _grid(
    prior: tuple[float, float],
    k: np.ndarray,
    n: np.ndarray,
    weight: np.ndarray,
    grids: tuple[tuple[int, int], ...],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    bounds = ((-17.0, 17.0), (-22.0, 9.0))
    for sizes in grids:
        mean, correlation = (
            np.linspace(*ends, size) for ends, size in zip(bounds, sizes, strict=True)
        )
        density = _log_density(prior, k, n, weight, mean, correlation)
        alive = density - density.max() > -FAR_BELOW
        bounds = (_reach(mean, alive.any(axis=1)), _reach(correlation, alive.any(axis=0)))
    return mean, correlation, np.exp(density - density.max())


def _log_density(
    prior: tuple[float, float],
    k: np.ndarray,
    n: np.ndarray,
    weight: np.ndarray,
    mean: np.ndarray,
    correlation: np.ndarray,
) -> np.ndarray:
    # (1 - r) / r, the sum of the two parameters of the beta distribution
    spread = np.exp(-correlation)[None]
    share, rest = expit(mean)[:, None], expit(-mean)[:, None]
    log_p = _rising(k, weight, share * spread) + _rising(n - k, weight, rest * spread)
    log_p = log_p - _rising(n, weight, spread)
    log_p += MEAN_PRIOR * (np.log(share) + np.log(rest))
    log_p += (prior[0] * np.log(expit(correlation)) + prior[1] * np.log(expit(-correlation)))[None]
    return log_p


def _rising(counts: np.ndarray, weight: np.ndarray, base: np.ndarray) -> np.ndarray:
    """sum of weight * log(base (base + 1) ... (base + count - 1)), of the shape of ``base``."""
    values, place = np.unique(counts, return_inverse=True)
    times = np.bincount(place, weights=weight)
    total = np.zeros(base.shape)
    at_base = gammaln(base)
    for value, often in zip(values, times, strict=True):
        if value:
            total += often * (gammaln(base + value) - at_base)
    return total


def _reach(points: np.ndarray, alive: np.ndarray) -> tuple[float, float]:
    rows = np.flatnonzero(alive)
    return float(points[max(rows[0] - 1, 0)]), float(points[min(rows[-1] + 1, len(points) - 1)])


def _distribution(mass: np.ndarray) -> np.ndarray:
    steps = np.concatenate([[0.0], np.cumsum((mass[1:] + mass[:-1]) / 2)])
    return steps / steps[-1]
