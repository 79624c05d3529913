"""Agreement of two raters beyond chance: kappa with an interval over parts or clips."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vidrobust.statistics.clusters import Clusters, cluster_codes
from vidrobust.statistics.intervals import Interval, clopper_pearson
from vidrobust.statistics.standard_errors import jackknife_error, t_half_width

NAN = float("nan")
# (M, C) sums of counts per class, laid out as the kappa wants them -> (M,) kappas.
Kappa = Callable[[np.ndarray], np.ndarray]


def cohens_kappa(a: np.ndarray, b: np.ndarray, clusters: Clusters | np.ndarray) -> Interval:
    """Return kappa of two raters' classes (n,), with an interval over clusters; NaN for one class only.

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


def of_sums(sums: np.ndarray, kappa: Kappa, n: int, what: str = "") -> Interval:
    """Return a kappa with its interval, from the sums (G, C) of each independent unit.

    The jackknife is of log(1 - kappa), because disagreement is rare and skewed. Where fewer than two units
    disagree, the share of units that may do so comes from Clopper & Pearson.
    """
    count = len(sums)
    whole = float(kappa(sums.sum(axis=0)[None])[0])
    if count < 2 or np.isnan(whole):
        return Interval(whole, NAN, NAN, n, count, what)
    left = kappa(sums.sum(axis=0) - sums)
    if whole >= 1 - 1e-12:
        unseen = clopper_pearson(0, count)[1]
        # Agreement by chance: with none at all seen, kappa is -chance / (1 - chance)
        without = sums.sum(axis=0).copy()
        without[1] = 0.0
        value = float(kappa(without[None])[0])
        chance = -value / (1 - value)
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


def _cohen(sums: np.ndarray) -> np.ndarray:
    n, classes = sums[:, 0], (sums.shape[1] - 2) // 2
    chance = (sums[:, 2 : 2 + classes] * sums[:, 2 + classes :]).sum(axis=1) / np.maximum(n, 1) ** 2
    return beyond_chance(sums[:, 1] / np.maximum(n, 1), chance)


def beyond_chance(agreement: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Return (agreement - chance) / (1 - chance); NaN where chance alone always agrees."""
    sure = chance >= 1 - 1e-12
    return np.where(sure, NAN, (agreement - chance) / np.where(sure, 1.0, 1 - chance))
