"""How strongly two columns of units belong together.

Coefficients take ``x (n, p)`` and ``y (n, s)`` and return ``(p, s)``; NaN for a column without spread.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the linear correlation of each column of ``x`` with each column of ``y``."""
    return _unit_columns(x).T @ _unit_columns(y)


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the correlation of the ranks; ties share their mean rank."""
    return pearson(ranks(x), ranks(y))


def partial_spearman(x: np.ndarray, y: np.ndarray, z: np.ndarray, *, knots: int = 0) -> np.ndarray:
    """Return the correlation of the ranks of ``x`` and ``y`` without those of ``z`` (n, k).

    A straight line leaves a bend that looks like a proxy; with knots each confounder acts along a broken
    line.
    """
    return pearson(*partial_ranks(x, y, z, knots=knots))


def partial_ranks(
    x: np.ndarray, y: np.ndarray, z: np.ndarray, *, knots: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks of ``x`` and ``y`` less what a straight or broken line in those of ``z`` explains."""
    basis = line_basis(ranks(z), knots)
    return residuals(ranks(x), basis), residuals(ranks(y), basis)


def curve_knots(n: int) -> int:
    """Return how many breaks the line may have: one in 20 units, from 1 to 4."""
    return int(np.clip(n // 20, 1, 4))


def ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks 1..n down each column; equal values share their mean rank."""
    # scipy.stats takes half a second to import
    found = pd.DataFrame(values).rank().to_numpy(copy=True)
    found[:, np.isnan(found).any(axis=0)] = np.nan
    return found.reshape(np.shape(values))


def line_basis(rz: np.ndarray, knots: int = 0) -> np.ndarray:
    """Return orthonormal columns: a constant, and broken lines in ranks (n, k)."""
    n = len(rz)
    scaled = (rz - (n + 1) / 2) / max(n, 1)
    columns = [np.ones((n, 1)), scaled]
    for place in np.linspace(-0.5, 0.5, knots + 2)[1:-1]:
        columns.append(np.maximum(scaled - place, 0.0))
    u, size, _ = np.linalg.svd(np.hstack(columns), full_matrices=False)
    kept: np.ndarray = u[:, size > 1e-9 * size.max(initial=0.0)]
    return kept


def residuals(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return what is left of each column beside an orthonormal ``basis``; rounding dust is set to zero."""
    left: np.ndarray = values - basis @ (basis.T @ values)
    dust = np.sum(left**2, axis=0) <= 1e-18 * np.sum(values**2, axis=0)
    left[:, dust] = 0.0
    return left


def corrected_ranks(
    rx: np.ndarray, ry: np.ndarray, rz: np.ndarray, reliability: np.ndarray
) -> np.ndarray:
    """Return partial Spearman of ranks as if the confounders had been measured without error.

    They are shrunk to their ``reliability`` (k,), the share of variance that is not error (Fuller 1987, section
    1.2). NaN where what is left is not a variance.
    """
    middle = (len(rx) + 1) / 2
    rx, ry, rz = rx - middle, ry - middle, rz - middle
    inner = rz.T @ rz
    inner[np.diag_indices_from(inner)] *= reliability
    try:
        share_x, share_y = np.linalg.solve(inner, rz.T @ rx), np.linalg.solve(inner, rz.T @ ry)
    except np.linalg.LinAlgError:
        return np.full((rx.shape[1], ry.shape[1]), np.nan)
    left = rx.T @ ry - (rz.T @ rx).T @ share_y
    own_x = np.sum(rx**2, axis=0) - np.sum((rz.T @ rx) * share_x, axis=0)
    own_y = np.sum(ry**2, axis=0) - np.sum((rz.T @ ry) * share_y, axis=0)
    scale = np.sqrt(np.maximum(own_x, 0)[:, None] * np.maximum(own_y, 0)[None])
    value = np.divide(
        left, scale, out=np.full(scale.shape, np.nan), where=scale > 1e-9 * len(rx) ** 3
    )
    return np.clip(value, -1.0, 1.0)


def split_half(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the reliability (p,) of each column from halves (n, p), by Spearman-Brown on rank correlations."""
    first, second = _unit_columns(ranks(a)), _unit_columns(ranks(b))
    r = np.sum(first * second, axis=0)
    return np.where(np.isnan(r), np.nan, 2 * np.maximum(r, 0) / (1 + np.maximum(r, 0)))


def _unit_columns(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    length = np.sqrt(np.sum(centred**2, axis=0))
    flat = length <= 1e-12 * np.sqrt(np.sum(values**2, axis=0))
    return np.divide(centred, length, out=np.full(centred.shape, np.nan), where=~flat)
