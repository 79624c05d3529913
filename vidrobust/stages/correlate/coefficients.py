"""All coefficients of many columns at once, with intervals over clusters."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vidrobust.statistics.associations import (
    corrected_ranks,
    curve_knots,
    effective_robustness,
    kendall_without,
    line_basis,
    partial_ranks,
    pearson,
    ranks,
    residuals,
)
from vidrobust.statistics.standard_errors import Jackknife, cluster_interval, cluster_jackknife

PLAIN = ("pearson", "spearman", "kendall")
PARTIAL = "partial_spearman"
CURVED = "partial_spearman_curved"
"""The confounder may act along a broken line."""
CORRECTED = "partial_spearman_corrected"
"""The confounder is taken as if it had been measured without error."""
EFFECTIVE = "effective_robustness"
"""Pearson of what lies beyond clean accuracy on the logit scale, across models."""
FEWEST = 4
"""With fewer units no coefficient is given."""


def coefficients(
    x: np.ndarray, y: np.ndarray, z: np.ndarray, cluster: np.ndarray, reliability: np.ndarray
) -> dict[str, Jackknife]:
    """Every method's coefficients (p, s) of x (n, p) and y (n, s), with intervals over clusters.

    z (n, k) the confounders; without any, the partial coefficients are left out. reliability (k,) of the
    confounders; NaN leaves the corrected coefficient out.
    """
    names = ["pearson", "spearman", *[PARTIAL, CURVED] * (z.shape[1] > 0)]
    if len(x) < FEWEST:
        blank = np.full((x.shape[1], y.shape[1]), np.nan)
        return {m: Jackknife(blank, blank[None], blank, blank, blank) for m in (*PLAIN, *names[2:])}
    p, knots = x.shape[1], curve_knots(len(x))
    corrected = z.shape[1] > 0 and not np.isnan(reliability).any()

    def together(rows: np.ndarray) -> np.ndarray:
        a, b = x[rows], y[rows]
        # the ranks are made once: they take most of the time
        rx, ry, rz = np.split(ranks(np.hstack([a, b, z[rows]])), [p, p + y.shape[1]], axis=1)
        found = [pearson(a, b), pearson(rx, ry)]
        if z.shape[1]:
            lines = (line_basis(rz, k) for k in (0, knots))
            found += [pearson(residuals(rx, line), residuals(ry, line)) for line in lines]
        if corrected:
            found.append(corrected_ranks(rx, ry, rz, reliability))
        return np.stack(found)

    one = cluster_jackknife(together, cluster, lost=2 + z.shape[1])
    names += [CORRECTED] * corrected
    codes = np.unique(cluster, return_inverse=True)[1]
    found = {"kendall": cluster_interval(*kendall_without(x, y, codes), kept=1 - 2 / len(x))}
    for k, method in enumerate(names):
        found[method] = Jackknife(one.value[k], one.without[:, k], one.low[k], one.high[k], one.p[k])
    return {method: found[method] for method in (*PLAIN, *names[2:])}


def effective(x: np.ndarray, y: np.ndarray, clean: np.ndarray, cluster: np.ndarray) -> Jackknife | None:
    """Effective robustness to the synthetic against effective robustness to the natural, across models.

    x (n, p), y (n, s) harm, clean (n,) accuracy. NaN for columns that are no rates, in [0, 1] or in percent;
    None where clean is none. The line is fitted anew without each cluster. Taori et al. 2020, section 5.
    """
    start = _as_accuracy(-clean[:, None])[:, 0]
    if np.isnan(start).any() or len(x) < FEWEST:
        return None
    a, b = _as_accuracy(x), _as_accuracy(y)

    def beyond(rows: np.ndarray) -> np.ndarray:
        sides = (effective_robustness(start[rows], side[rows]) for side in (a, b))
        return pearson(*sides)

    return cluster_jackknife(beyond, cluster, lost=3)


def _as_accuracy(harm: np.ndarray) -> np.ndarray:
    """Accuracies in [0, 1], per column, from accuracies turned round (-a) or from rates of harm (1 - h)."""
    low, high = harm.min(axis=0), harm.max(axis=0)
    largest = np.maximum(-low, high)
    scaled = harm / np.where(largest > 1, 100.0, 1.0)
    accuracy = np.where(high <= 0, -scaled, 1 - scaled)
    return np.where((largest > 100) | ((low < 0) & (high > 0)), np.nan, accuracy)


def matrix(names: list[str], every: np.ndarray, z: np.ndarray, cluster: np.ndarray) -> pd.DataFrame:
    """Every column against every other: the figure of Gu et al. 2019, and the same given the confounder.

    every (n, w), the last k columns of it are the confounders z (n, k); names (w,). Long: row, column, method,
    value, low, high, n; each pair stands in both orders.
    """
    tables = []
    for method, used in (
        ("pearson", len(names)),
        ("spearman", len(names)),
        (PARTIAL, len(names) - z.shape[1]),
    ):
        if method == PARTIAL and not z.shape[1]:
            continue

        def square(rows: np.ndarray, method: str = method, used: int = used) -> np.ndarray:
            a = every[rows][:, :used]
            if method == PARTIAL:
                a = partial_ranks(a, a[:, :1], z[rows])[0]
            elif method == "spearman":
                a = ranks(a)
            return pearson(a, a)

        one = cluster_jackknife(square, cluster, lost=2 + (method == PARTIAL) * z.shape[1])
        row, column = np.indices((used, used)).reshape(2, -1)
        tables.append(
            pd.DataFrame(
                {
                    "row": np.array(names, dtype=object)[row],
                    "column": np.array(names, dtype=object)[column],
                    "method": method,
                    "value": one.value.ravel(),
                    "low": np.where(row == column, one.value.ravel(), one.low.ravel()),
                    "high": np.where(row == column, one.value.ravel(), one.high.ravel()),
                    "n": len(every),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)
