"""Rater agreement: Fleiss' kappa, Kendall's concordance, Cochran's Q, exact McNemar."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special, stats

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

    It is Friedman's statistic over m (n - 1) (Siegel & Castellan 1988, section 9.6).
    """
    m, n = ratings.shape
    if m < 2 or n < 3 or (ratings == ratings[:, :1]).all():
        return None
    friedman = stats.friedmanchisquare(*ratings.T)
    return {
        "value": float(friedman.statistic) / (m * (n - 1)),
        "chi_square": float(friedman.statistic),
        "df": n - 1,
        "p": float(friedman.pvalue),
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
    both = only_first + only_second
    return float(stats.binomtest(only_first, both).pvalue) if both else 1.0
