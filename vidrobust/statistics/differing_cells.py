"""Whether a rate differs between cells: units change cells at random, and the sum over cells is counted again.

A unit is what stands or falls together, such as all frames of one object in one cell, so that frames of an object
do not count as independent. Units change places with those of their own stratum alone, a clip: what differs
between clips is no difference between cells.
"""

from __future__ import annotations

import numpy as np

DRAWS = 399


def differing_cells(
    events: np.ndarray, trials: np.ndarray, cell: np.ndarray, stratum: np.ndarray, rng: np.random.Generator
) -> float:
    """p-value of the null that units of a stratum might as well lie in each other's cells.

    events, trials  (U,) of each unit, trials > 0; cell, stratum (U,) int64 from 0
    A stratum of one unit cannot be rearranged; such are taken together as one. The statistic is the sum over cells
    of (events - expected)^2 / variance, expected at the rate of the units' strata (as Cochran 1954, Biometrics 10,
    p. 417-451, compares strata). Its null are ``DRAWS`` rearrangements, so that neither a distribution nor equal
    sizes are assumed; p = (1 + as large) / (1 + draws) (Phipson & Smyth 2010). NaN with fewer than two cells.
    """
    if len(np.unique(cell)) < 2:
        return float("nan")
    code, count = np.unique(stratum, return_inverse=True, return_counts=True)[1:]
    code = np.where(count[code] > 1, code, len(count))
    order = np.argsort(code, kind="stable")
    code, cell, trials = code[order], cell[order], np.asarray(trials, np.float64)[order]
    seen = np.asarray(events, np.float64)[order]
    rate = (np.bincount(code, seen) / np.maximum(np.bincount(code, trials), 1))[code]
    excess, variance = seen - rate * trials, trials * rate * (1 - rate)
    some = variance > 0  # where all of a stratum are alike, nothing is gained or lost by exchanging them
    code, cell, excess, variance = code[some], cell[some], excess[some], variance[some]
    observed = _statistic(excess, variance, cell)
    beyond = 0
    for _ in range(DRAWS):
        moved = np.argsort(code + rng.random(len(code)))
        beyond += _statistic(excess[moved], variance[moved], cell) >= observed * (1 - 1e-9)
    return (1 + beyond) / (1 + DRAWS)


def _statistic(excess: np.ndarray, variance: np.ndarray, cell: np.ndarray) -> float:
    above, spread = np.bincount(cell, excess), np.bincount(cell, variance)
    return float(np.sum(np.divide(above**2, spread, out=np.zeros(len(above)), where=spread > 0)))


def holm(p: np.ndarray) -> np.ndarray:
    """Adjusted p-values (M,) of M questions asked at once (Holm 1979); NaN, which was not asked, stays."""
    p = np.asarray(p, np.float64)
    adjusted, asked = np.full(len(p), np.nan), np.flatnonzero(np.isfinite(p))
    order = asked[np.argsort(p[asked], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted
