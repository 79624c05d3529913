"""How strongly two columns of units belong together.

Coefficients take ``x (n, p)`` and ``y (n, s)`` and return ``(p, s)``; NaN for a column without spread.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

_NUMBERS_AT_ONCE = 1_000_000  # held at once by Kendall's tau, which looks at every pair of units


def pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the linear correlation of each column of ``x`` with each column of ``y``."""
    return _unit_columns(x).T @ _unit_columns(y)


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the correlation of the ranks; ties share their mean rank."""
    return pearson(ranks(x), ranks(y))


def kendall_without(
    x: np.ndarray, y: np.ndarray, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return Kendall's tau-b (p, s), and (G, p, s) without each cluster; codes (n,) int64 in 0..G-1.

    Tau-b: concordant minus discordant pairs over those tied in neither column.
    """
    count = int(codes.max(initial=0)) + 1
    n, p, s = len(x), x.shape[1], y.shape[1]
    # [0]: all ordered pairs that start in a cluster; [1]: those that end in it too
    both, own_x, own_y = (
        np.zeros((2, count, p, s)),
        np.zeros((2, count, p)),
        np.zeros((2, count, s)),
    )
    step = max(1, _NUMBERS_AT_ONCE // (n * (p + s)))
    for start in range(0, n, step):
        block = slice(start, start + step)
        sign_x, sign_y = np.sign(x[block, None] - x), np.sign(y[block, None] - y)
        inside = (codes[block, None] == codes)[..., None]
        for k, (a, b) in enumerate(((sign_x, sign_y), (sign_x * inside, sign_y * inside))):
            np.add.at(both[k], codes[block], a.transpose(0, 2, 1) @ b)
            np.add.at(own_x[k], codes[block], np.abs(a).sum(axis=1))
            np.add.at(own_y[k], codes[block], np.abs(b).sum(axis=1))
    total = [a[0].sum(axis=0) for a in (both, own_x, own_y)]
    value = _tau(*total)
    left = [t - 2 * a[0] + a[1] for t, a in zip(total, (both, own_x, own_y), strict=True)]
    return value, np.stack([_tau(*(a[g] for a in left)) for g in range(count)])


def _tau(both: np.ndarray, own_x: np.ndarray, own_y: np.ndarray) -> np.ndarray:
    scale = np.sqrt(own_x[:, None] * own_y[None])
    return np.divide(both, scale, out=np.full(scale.shape, np.nan), where=scale > 0)


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
    ranked = pd.DataFrame(values).rank().to_numpy(copy=True)
    ranked[:, np.isnan(ranked).any(axis=0)] = np.nan
    return ranked.reshape(np.shape(values))


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


def explained_by_confounder(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the share of the rank covariance of ``x`` and ``y`` that the ranks of ``z`` account for.

    A confounder of this reliability or less would explain all of the partial correlation.
    """
    rx, ry = ranks(x), ranks(y)
    total = (rx - rx.mean(axis=0)).T @ (ry - ry.mean(axis=0))
    basis = line_basis(ranks(z))
    left = residuals(rx, basis).T @ residuals(ry, basis)
    return np.divide(total - left, total, out=np.full(total.shape, np.nan), where=total > 1e-9)


def split_half(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the reliability (p,) of each column from halves (n, p), by Spearman-Brown on rank correlations."""
    first, second = _unit_columns(ranks(a)), _unit_columns(ranks(b))
    r = np.sum(first * second, axis=0)
    return np.where(np.isnan(r), np.nan, 2 * np.maximum(r, 0) / (1 + np.maximum(r, 0)))


def effective_robustness(clean: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the accuracy beyond what clean accuracy predicts, per model and column of ``other (n, p)``.

    The line of logits is fitted on all models. Taori et al. 2020, section 3.1.
    """
    x, y = (
        special.logit(np.clip(clean, 1e-4, 1 - 1e-4)),
        special.logit(np.clip(other, 1e-4, 1 - 1e-4)),
    )
    design = np.column_stack([np.ones(len(x)), x])
    line = np.linalg.pinv(design) @ y
    beyond: np.ndarray = other - special.expit(design @ line)
    return beyond


def _unit_columns(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    length = np.sqrt(np.sum(centred**2, axis=0))
    flat = length <= 1e-12 * np.sqrt(np.sum(values**2, axis=0))
    return np.divide(centred, length, out=np.full(centred.shape, np.nan), where=~flat)
