"""Agreement of raters beyond chance: kappas with intervals over parts or clips, rank and Q tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from vidrobust.statistics import associations
from vidrobust.statistics.clusters import Clusters, cluster_codes
from vidrobust.statistics.intervals import Interval, clopper_pearson
from vidrobust.statistics.standard_errors import jackknife_error, t_half_width

NAN = float("nan")
# (M, C) sums of counts per class, laid out as the kappa wants them -> (M,) kappas.
Kappa = Callable[[np.ndarray], np.ndarray]


def cohens_kappa(a: np.ndarray, b: np.ndarray, clusters: Clusters | np.ndarray) -> Interval:
    """Return kappa of two raters' classes a, b (n,), with an interval over clusters (n,); NaN for one class only.

    Cohen, Educational and Psychological Measurement 20 (1960).
    """
    code, count, what = cluster_codes(clusters)
    if not len(a):
        return Interval.unknown(cluster=what)
    classes, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    one = np.eye(len(classes))[codes]
    rows = np.column_stack(
        [np.ones(len(a)), codes[: len(a)] == codes[len(a) :], one[: len(a)], one[len(a) :]]
    )
    sums = np.zeros((count, rows.shape[1]))
    np.add.at(sums, code, rows)
    return of_sums(sums, _cohen, len(a), what)


def fleiss_kappa(counts: np.ndarray, clusters: Clusters | np.ndarray | None = None) -> Interval:
    """Return kappa of any raters from counts (n, K), how many put part i in class k; parts are the default
    clusters.

    Fleiss, Psychological Bulletin 76 (1971); Fleiss, Levin & Paik 2003, section 18.3.
    """
    counts = np.asarray(counts, np.float64)
    code, count, what = cluster_codes(np.arange(len(counts)) if clusters is None else clusters)
    if not len(counts):
        return Interval.unknown(cluster=what)
    m = counts.sum(axis=1)
    if (m < 2).any():
        raise ValueError("fleiss_kappa: expected at least two ratings of each part")
    pairs = (counts * (counts - 1)).sum(axis=1) / (m - 1)  # agreeing pairs, scaled to the part's ratings
    sums = np.zeros((count, 2 + counts.shape[1]))
    np.add.at(sums, code, np.column_stack([m, pairs, counts]))
    return of_sums(sums, _fleiss, int(m.sum()), what or "part")


def kendalls_w(ratings: np.ndarray) -> dict[str, Any] | None:
    """Return Kendall's concordance of ratings (m raters, n parts), corrected for ties, with its chi-square.

    Siegel & Castellan 1988, section 9.6. None where it is not defined.
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


def of_sums(sums: np.ndarray, kappa: Kappa, n: int, what: str = "") -> Interval:
    """Return a kappa with its interval, from the sums (G, C) of each independent unit.

    The jackknife gives the standard error of log(1 - kappa), because disagreement is rare and skewed. Where fewer
    than two units disagree, the share of units that may do so comes from Clopper & Pearson.
    """
    count = len(sums)
    whole = float(kappa(sums.sum(axis=0)[None])[0])
    if count < 2 or np.isnan(whole):
        return Interval(whole, NAN, NAN, n, count, what)
    left = kappa(sums.sum(axis=0) - sums)
    if whole >= 1 - 1e-12:
        unseen = clopper_pearson(0, count)[1]
        chance = _chance(sums.sum(axis=0), kappa)
        return Interval(1.0, max(-1.0, 1 - unseen / (1 - chance)), 1.0, n, count, what)
    if np.isnan(left).any():
        return Interval(whole, NAN, NAN, n, count, what)
    if (left >= 1 - 1e-12).any():
        shrunk, grown = (count * share for share in clopper_pearson(1, count))
    else:
        grown = float(np.exp(t_half_width(jackknife_error(np.log(1 - left)), count - 1)))
        shrunk = 1 / grown
    return Interval(
        whole, max(-1.0, 1 - (1 - whole) * grown), min(1.0, 1 - (1 - whole) * shrunk), n, count, what
    )


def _chance(sums: np.ndarray, kappa: Kappa) -> float:
    """Agreement by chance: with none at all seen, kappa is -chance / (1 - chance)."""
    without = sums.copy()
    without[1] = 0.0
    value = float(kappa(without[None])[0])
    return -value / (1 - value)


def _cohen(sums: np.ndarray) -> np.ndarray:
    """Columns: pairs, agreeing pairs, K counts of the first rater, K of the second."""
    n, classes = sums[:, 0], (sums.shape[1] - 2) // 2
    chance = (sums[:, 2 : 2 + classes] * sums[:, 2 + classes :]).sum(axis=1) / np.maximum(n, 1) ** 2
    return _beyond(sums[:, 1] / np.maximum(n, 1), chance)


def _fleiss(sums: np.ndarray) -> np.ndarray:
    """Columns: ratings, agreeing pairs scaled to the ratings, K counts."""
    n = np.maximum(sums[:, 0], 1)
    return _beyond(sums[:, 1] / n, ((sums[:, 2:] / n[:, None]) ** 2).sum(axis=1))


def _beyond(agreement: np.ndarray, chance: np.ndarray) -> np.ndarray:
    sure = chance >= 1 - 1e-12
    return np.where(sure, NAN, (agreement - chance) / np.where(sure, 1.0, 1 - chance))


class CochransQ(NamedTuple):
    """The statistic, its degrees of freedom, and the p-value by chi-squared, which it follows for many parts."""

    statistic: float
    df: int
    p: float


def cochrans_q(hits: np.ndarray) -> CochransQ:
    """Return Cochran's Q of hits (n, k), 0 or 1, of k raters on n parts (Biometrika 37, 1950); NaN if all
    agree.
    """
    count = np.asarray(hits, np.float64)
    k, total = count.shape[1], count.sum()
    by_rater, by_part = count.sum(axis=0), count.sum(axis=1)
    under = k * total - np.square(by_part).sum()
    if under == 0:
        return CochransQ(float("nan"), k - 1, float("nan"))
    q = float((k - 1) * (k * np.square(by_rater).sum() - total**2) / under)
    return CochransQ(q, k - 1, float(special.chdtrc(k - 1, q)))
