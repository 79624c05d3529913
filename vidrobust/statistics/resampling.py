"""Intervals and p-values of coefficients when units come in clusters: frames of a clip, models of a family."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidrobust.statistics import student
from vidrobust.statistics.associations import line_basis, ranks, residuals
from vidrobust.statistics.intervals import LEVEL
from vidrobust.statistics.jackknife import Statistic, leave_one_out, standard_error

LARGEST = 1 - 1e-6
"""A coefficient of 1 has no finite Fisher z; it is moved in by this much."""


@dataclass(frozen=True)
class Jackknife:
    """Coefficients with each cluster left out once.

    value      (...) the coefficient on all units
    without    (G, ...) the coefficient without cluster g
    low, high  (...) the 95 % interval
    p          (...) two-sided p-value of no association, from the same standard error
    """

    value: np.ndarray
    without: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def cluster_jackknife(coefficient: Statistic, cluster: np.ndarray, *, lost: int = 2) -> Jackknife:
    """Each coefficient with a 95 % interval that takes clusters, not units, as independent.

    The coefficient is recomputed, from the ranking on, without each of the G clusters; the spread of its
    Fisher z over these gives the standard error (the CV3 of Cameron & Miller 2015), and Student's t with
    G - 1 degrees of freedom the width. A jackknife is too wide in small samples: its variance is taken times
    (n - lost) / n, with ``lost`` = 2 and one more per confounder, which brings the coverage to what it should
    be in the simulated worlds and vanishes as n grows. NaN with fewer than 3 clusters, or where a column is
    left without spread by leaving a cluster out.
    """
    codes = np.unique(cluster, return_inverse=True)[1]
    count = int(codes.max(initial=-1)) + 1
    value = coefficient(np.arange(len(codes)))
    if count < 3:
        return cluster_interval(value, np.full((1, *value.shape), np.nan))
    return cluster_interval(value, leave_one_out(coefficient, codes), kept=1 - lost / len(codes))


def cluster_interval(value: np.ndarray, without: np.ndarray, *, kept: float = 1.0) -> Jackknife:
    """The interval from the coefficients without each cluster, along the first axis of ``without``.

    kept  the factor of the variance for small samples
    """
    count = len(without)
    if count < 3:
        blank = np.full(value.shape, np.nan)
        return Jackknife(value, without, blank, blank.copy(), blank.copy())
    z, z_without = fisher_z(value), fisher_z(without)
    error = np.sqrt(max(kept, 0.0)) * standard_error(z_without)
    # no spread at all means that all ranks agree in every subset: a tie, not certainty
    error = np.where(error > 1e-9, error, np.nan)
    half = student.quantile((1 + LEVEL) / 2, count - 1) * error
    p = 2 * student.upper_tail(np.abs(z) / error, count - 1)
    return Jackknife(value, without, np.tanh(z - half), np.tanh(z + half), p)


def fisher_z(value: np.ndarray) -> np.ndarray:
    """atanh of a coefficient, finite at -1 and 1."""
    result: np.ndarray = np.arctanh(np.clip(value, -LARGEST, LARGEST))
    return result


def permutation_p(
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    orders: np.ndarray,
    *,
    knots: int = 0,
) -> np.ndarray:
    """Two-sided permutation p-value of each partial Spearman coefficient. (p, s)

    x (n, p), y (n, s), z (n, k); orders (R, n) int64 rearrangements of the rows, from ``free_orders`` or
    ``shifted_orders``. Freedman & Lane 1983: the residuals of the ranks of y given z are rearranged, added to
    the fitted part, and the fit is made again, so that the tie of both to z stays as it is.
    p = (1 + #{|r*| >= |r|}) / (1 + R).
    """
    basis = line_basis(ranks(z), knots)
    rx, ry = residuals(ranks(x), basis), residuals(ranks(y), basis)
    length = np.sqrt(np.sum(rx**2, axis=0))
    ux = np.divide(rx, length, out=np.full(rx.shape, np.nan), where=length > 0)
    observed = np.abs(_against(ux, ry))
    beyond = np.zeros(observed.shape, np.int64)
    for column in range(y.shape[1]):
        moved = ry[:, column][orders].T  # (n, R)
        drawn = np.abs(_against(ux, residuals(moved, basis)))
        beyond[:, column] = np.sum(drawn >= observed[:, column, None] - 1e-12, axis=1)
    p = (1 + beyond) / (1 + len(orders))
    return np.where(np.isnan(observed), np.nan, p)


def _against(ux: np.ndarray, ry: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.sum(ry**2, axis=0))
    return ux.T @ np.divide(ry, length, out=np.full(ry.shape, np.nan), where=length > 0)


def free_orders(n: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, n) random rearrangements of independent units."""
    return rng.permuted(np.tile(np.arange(n), (count, 1)), axis=1)


def shifted_orders(series: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, n) rearrangements that keep each series together: each is turned round by a random amount.

    series (n,): which run of consecutive frames a row belongs to; rows of a run are in the order of time.
    Neighbouring frames resemble each other; rearranging them freely would make any two slow series look
    related. A circular shift keeps the resemblance and breaks only the tie between the two.
    """
    orders = np.tile(np.arange(len(series)), (count, 1))
    for name in np.unique(series):
        rows = np.flatnonzero(series == name)
        turn = rng.integers(0, len(rows), size=(count, 1))
        orders[:, rows] = rows[(np.arange(len(rows))[None] + turn) % len(rows)]
    return orders


MIN_CLUSTERS = 8
"""Fewer clusters than this give no verdict; see the table of simulated worlds in docs/methods.md."""


def autocorrelation_time(series: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """How many units in time carry as much as one independent unit, for a correlation of x and y.

    1 + 2 sum_k r_x(k) r_y(k) (Bartlett 1935), over lags up to a third of the longest run, stopped at the first
    lag where the product is no longer positive; r_x and r_y are medians over the columns, of ranks.
    """
    runs = [np.flatnonzero(series == name) for name in np.unique(series)]
    longest = max(len(rows) for rows in runs)
    rx, ry = (ranks(_filled(a)) - (len(series) + 1) / 2 for a in (x, y))
    total = 1.0
    for lag in range(1, longest // 3 + 1):
        product = _lagged(rx, runs, lag) * _lagged(ry, runs, lag)
        if not product > 0 or _lagged(rx, runs, lag) <= 0:
            break
        total += 2 * product
    return total


def _lagged(values: np.ndarray, runs: list[np.ndarray], lag: int) -> float:
    a = np.concatenate([rows[:-lag] for rows in runs if len(rows) > lag])
    b = np.concatenate([rows[lag:] for rows in runs if len(rows) > lag])
    spread = np.mean(values**2, axis=0)
    r = np.divide(
        np.mean(values[a] * values[b], axis=0), spread, out=np.full(len(spread), np.nan), where=spread > 0
    )
    return float(np.nanmedian(r)) if not np.isnan(r).all() else 0.0


def _filled(values: np.ndarray) -> np.ndarray:
    known = np.where(np.isnan(values), 0.0, values)
    count = np.maximum((~np.isnan(values)).sum(axis=0), 1)
    return np.where(np.isnan(values), known.sum(axis=0) / count, values)
