"""Rater agreement: Fleiss' kappa, Kendall's concordance, Cochran's Q, exact McNemar."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from vidrobust.statistics import associations
from vidrobust.statistics.clusters import Clusters, cluster_codes
from vidrobust.statistics.intervals import Interval, beyond_chance, of_sums


def fleiss_kappa(counts: np.ndarray, clusters: Clusters | np.ndarray | None = None) -> Interval:
    """Return Fleiss' kappa from counts (n, K); parts are the default clusters.

    Psychological Bulletin 76 (1971); Fleiss, Levin & Paik 2003, section 18.3.
    """
    counts = np.asarray(counts, np.float64)
    code, count, what = cluster_codes(np.arange(len(counts)) if clusters is None else clusters)
    if not len(counts):
        return Interval.unknown(cluster=what)
    m = counts.sum(axis=1)
    if (m < 2).any():
        raise ValueError("fleiss_kappa: expected at least two ratings of each part")
    # agreeing pairs, scaled to the part's ratings
    pairs = (counts * (counts - 1)).sum(axis=1) / (m - 1)
    sums = np.zeros((count, 2 + counts.shape[1]))
    np.add.at(sums, code, np.column_stack([m, pairs, counts]))
    return of_sums(sums, _fleiss, int(m.sum()), what or "part")


def kendalls_w(ratings: np.ndarray) -> dict[str, Any] | None:
    """Return Kendall's concordance of ratings (m raters, n parts), corrected for ties; None if undefined.

    Siegel & Castellan 1988, section 9.6.
    """
    if min(ratings.shape, default=0) < 2:
        return None
    m, n = ratings.shape
    ranks = associations.ranks(ratings.T).T
    ties = sum(
        float(((count**3) - count).sum())
        for row in ranks
        for _, count in [np.unique(row, return_counts=True)]
    )
    spread = float(((ranks.sum(axis=0) - m * (n + 1) / 2) ** 2).sum())
    largest = (m**2 * (n**3 - n) - m * ties) / 12
    if largest <= 0:
        return None
    w = spread / largest
    chi_square = m * (n - 1) * w
    return {
        "value": w,
        "chi_square": chi_square,
        "df": n - 1,
        "p": float(special.chdtrc(n - 1, chi_square)),
        "raters": m,
        "n": n,
    }


def _fleiss(sums: np.ndarray) -> np.ndarray:
    """Columns: ratings, agreeing pairs scaled to the ratings, K counts."""
    n = np.maximum(sums[:, 0], 1)
    return beyond_chance(sums[:, 1] / n, ((sums[:, 2:] / n[:, None]) ** 2).sum(axis=1))


def cochrans_q(hits: np.ndarray) -> dict[str, float]:
    """Return Cochran's Q of hits (n, k), 0 or 1, of k raters on n parts (Biometrika 37, 1950); NaN if all agree.

    The p-value is by chi-squared, which it follows for many parts.
    """
    count = np.asarray(hits, np.float64)
    k, total = count.shape[1], count.sum()
    by_rater, by_part = count.sum(axis=0), count.sum(axis=1)
    under = k * total - np.square(by_part).sum()
    q = (
        float((k - 1) * (k * np.square(by_rater).sum() - total**2) / under)
        if under
        else float("nan")
    )
    return {"q": q, "df": k - 1, "p": float(special.chdtrc(k - 1, q))}


def exact_mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided exact p-value of McNemar's test of independent pairs; 1 without discordant ones."""
    from scipy.stats import binomtest  # here, since scipy.stats takes half a second to import

    both = only_first + only_second
    return float(binomtest(only_first, both).pvalue) if both else 1.0
