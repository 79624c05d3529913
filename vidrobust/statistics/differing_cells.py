"""Whether a rate differs between cells, where rows belong to objects and objects share moments.

What is hard about one object is no difference between places, and neither is what strikes all objects at a moment.
So an event counts by how much it is more than its moment has of them, and all that an object shows in a cell
stands or falls together: such units change cells at random, within their clip.
"""

from __future__ import annotations

import numpy as np

DRAWS = 399


def differing_cells(
    event: np.ndarray,
    cell: np.ndarray,
    thing: np.ndarray,
    moment: np.ndarray,
    clip: np.ndarray,
    rng: np.random.Generator,
) -> float:
    """p-value of the null that what an object shows in a cell might as well be shown in another of its clip.

    event (n,) bool; cell, thing (the object), moment and clip (n,) int64 codes, each its own in all of the footage

    A unit is the rows of a thing in a cell. Its excess is the sum of events less the rate of their moments; rows
    that are alone at their moment have together the rate of their clip. Clips of one unit cannot be rearranged,
    and are taken together as one. The statistic is the sum over cells of excess^2 / variance (as Cochran 1954,
    Biometrics 10, p. 417-451, compares strata). Its null are ``DRAWS`` rearrangements, so that neither a
    distribution nor equal sizes are assumed; p = (1 + as large) / (1 + draws) (Phipson & Smyth 2010). NaN with
    fewer than two cells.
    """
    if len(np.unique(cell)) < 2:
        return float("nan")
    units, unit = np.unique(np.stack([clip, thing, cell]), axis=1, return_inverse=True)
    unit = unit.reshape(-1)
    among = _together(units[0])
    rate = _rate_of_moment(np.asarray(event, np.float64), moment, among[unit])
    excess, variance = np.bincount(unit, event - rate), np.bincount(unit, rate * (1 - rate))
    order = np.argsort(among, kind="stable")
    among, at, excess, variance = among[order], units[2][order], excess[order], variance[order]
    observed = _statistic(excess, variance, at)
    beyond = 0
    for _ in range(DRAWS):
        moved = np.argsort(among + rng.random(len(among)))
        beyond += _statistic(excess[moved], variance[moved], at) >= observed * (1 - 1e-9)
    return (1 + beyond) / (1 + DRAWS)


def _together(clip: np.ndarray) -> np.ndarray:
    """(U,) which units are exchanged with each other: those of a clip, or of all clips that have one alone."""
    code, count = np.unique(clip, return_inverse=True, return_counts=True)[1:]
    return np.where(count[code] > 1, code, len(count))


def _rate_of_moment(event: np.ndarray, moment: np.ndarray, among: np.ndarray) -> np.ndarray:
    """(n,) the share of events at the moment of each row, or among all rows that are alone at theirs."""
    code, count = np.unique(moment, return_inverse=True, return_counts=True)[1:]
    group = np.where(count[code] > 1, code, len(count) + among)
    result: np.ndarray = (np.bincount(group, event) / np.maximum(np.bincount(group), 1))[group]
    return result


def _statistic(excess: np.ndarray, variance: np.ndarray, cell: np.ndarray) -> float:
    above, spread = np.bincount(cell, excess), np.bincount(cell, variance)
    return float(np.sum(np.divide(above**2, spread, out=np.zeros(len(above)), where=spread > 1e-12)))


def holm(p: np.ndarray) -> np.ndarray:
    """Adjusted p-values (M,) of M questions asked at once (Holm 1979); NaN, which was not asked, stays."""
    p = np.asarray(p, np.float64)
    adjusted, asked = np.full(len(p), np.nan), np.flatnonzero(np.isfinite(p))
    order = asked[np.argsort(p[asked], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted
