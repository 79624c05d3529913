"""Tests by rearranging rows where neighbours depend, and by ranks within blocks.

p = (1 + as large) / (1 + draws) (Phipson & Smyth 2010).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import special

from vidrobust.statistics.associations import line_basis, ranks, residuals
from vidrobust.statistics.standard_errors import t_upper_tail


def permutation_p(
    x: np.ndarray, y: np.ndarray, z: np.ndarray, orders: np.ndarray, *, knots: int = 0
) -> np.ndarray:
    """Return the two-sided permutation p-values (p, s) of partial Spearman coefficients given ``z``.

    Freedman & Lane 1983: residuals of the ranks of y given z are rearranged by ``orders`` (R, n), added to
    the fitted part and fitted again, so that the tie of both to z stays as it is.
    ``scipy.stats.permutation_test`` keeps no confounder.
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
    """Return (count, n) random rearrangements of independent units."""
    return rng.permuted(np.tile(np.arange(n), (count, 1)), axis=1)


def shifted_orders(series: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return (R, n) rearrangements that turn each series round by a random amount, which keeps autocorrelation."""
    orders = np.tile(np.arange(len(series)), (count, 1))
    for name in np.unique(series):
        rows = np.flatnonzero(series == name)
        turn = rng.integers(0, len(rows), size=(count, 1))
        orders[:, rows] = rows[(np.arange(len(rows))[None] + turn) % len(rows)]
    return orders


def autocorrelation_time(series: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Return how many units in time carry as much as one independent unit, for a correlation of x and y.

    1 + 2 sum_k r_x(k) r_y(k) (Bartlett 1935), stopped where the product is no longer positive.
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
        np.mean(values[a] * values[b], axis=0),
        spread,
        out=np.full(len(spread), np.nan),
        where=spread > 0,
    )
    return float(np.nanmedian(r)) if not np.isnan(r).all() else 0.0


def _filled(values: np.ndarray) -> np.ndarray:
    known = np.where(np.isnan(values), 0.0, values)
    count = np.maximum((~np.isnan(values)).sum(axis=0), 1)
    return np.where(np.isnan(values), known.sum(axis=0) / count, values)


def rise_within(x: np.ndarray, y: np.ndarray, block: np.ndarray) -> float:
    """Return the one-sided p-value that y does not rise with x within blocks, such as clips.

    The sum of Spearman's products of ranks is near normal (Page 1963; Hajek & Sidak 1967, section II.3).
    """
    total = variance = 0.0
    for _, a, b in _ranked(x, y, block):
        total += float(a @ b)
        variance += float((a @ a) * (b @ b)) / (len(a) - 1)
    return float(special.ndtr(-total / math.sqrt(variance))) if variance > 0 else 1.0


def rise_across(x: np.ndarray, y: np.ndarray, block: np.ndarray, unit: np.ndarray) -> float:
    """Return the one-sided p-value that y rises with x in no block, where blocks share units such as frames.

    Standardised products of ranks are summed by unit, with clustered variance (Liang & Zeger 1986).
    """
    product = np.zeros(len(x))
    for rows, a, b in _ranked(x, y, block):
        deviation = math.sqrt(float((a @ a) * (b @ b)) / (len(a) - 1))
        product[rows] = a * b / deviation if deviation > 0 else 0.0
    of_unit = np.bincount(np.unique(unit, return_inverse=True)[1], product)
    deviation = math.sqrt(float(of_unit @ of_unit))
    return (
        float(t_upper_tail(of_unit.sum() / deviation, len(of_unit) - 1)) if deviation > 0 else 1.0
    )


def _ranked(
    x: np.ndarray, y: np.ndarray, block: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for label in np.unique(block):
        rows = block == label
        if rows.sum() > 1:
            a, b = (ranks(values[rows]) - (rows.sum() + 1) / 2 for values in (x, y))
            yield rows, a, b
