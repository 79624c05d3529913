"""All coefficients of many columns at once, with intervals over clusters."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vidrobust.studies.associations import kendall_without, partial_ranks, pearson, ranks
from vidrobust.studies.resampling import Jackknife, cluster_interval, cluster_jackknife

METHODS = ("pearson", "spearman", "kendall", "partial_spearman", "partial_spearman_curved")
PARTIAL = METHODS[3:]


def coefficients(x: np.ndarray, y: np.ndarray, z: np.ndarray, cluster: np.ndarray) -> dict[str, Jackknife]:
    """Every method's coefficients (p, s) of x (n, p) and y (n, s), with intervals over clusters.

    z (n, k) the confounders; without any, the partial coefficients are left out.
    """
    methods = [m for m in METHODS if m != "kendall" and (z.shape[1] or m not in PARTIAL)]

    def together(rows: np.ndarray) -> np.ndarray:
        found = [pearson(x[rows], y[rows]), pearson(ranks(x[rows]), ranks(y[rows]))]
        if z.shape[1]:
            found += [
                pearson(*partial_ranks(x[rows], y[rows], z[rows], curved=curved)) for curved in (False, True)
            ]
        return np.stack(found)

    all_of_them = cluster_jackknife(together, cluster)
    codes = np.unique(cluster, return_inverse=True)[1]
    found = {"kendall": cluster_interval(*kendall_without(x, y, codes))}
    for k, method in enumerate(methods):
        fields = (all_of_them.value, all_of_them.low, all_of_them.high, all_of_them.p)
        value, low, high, p = (array[k] for array in fields)
        found[method] = Jackknife(value, all_of_them.without[:, k], low, high, p)
    return {method: found[method] for method in METHODS if method in found}


def matrix(names: list[str], every: np.ndarray, z: np.ndarray, cluster: np.ndarray) -> pd.DataFrame:
    """Every column against every other: the figure of Gu et al. 2019, and the same given the confounder.

    every (n, w), the last k columns of it are the confounders z (n, k); names (w,). Long: row, column, method,
    value, low, high, n; each pair stands in both orders.
    """
    tables = []
    for method, used in (
        ("pearson", len(names)),
        ("spearman", len(names)),
        (PARTIAL[0], len(names) - z.shape[1]),
    ):
        if method == PARTIAL[0] and not z.shape[1]:
            continue

        def square(rows: np.ndarray, method: str = method, used: int = used) -> np.ndarray:
            a = every[rows][:, :used]
            if method == PARTIAL[0]:
                a = partial_ranks(a, a[:, :1], z[rows])[0]
            elif method == "spearman":
                a = ranks(a)
            return pearson(a, a)

        one = cluster_jackknife(square, cluster)
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
