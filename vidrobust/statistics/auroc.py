"""How well a score tells events from the rest: the area under the ROC curve, also at an equal third number."""

from __future__ import annotations

import numpy as np

from vidrobust.statistics.associations import curve_knots, line_basis, ranks, residuals
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import Interval, cluster_codes
from vidrobust.statistics.jackknife import leave_one_out, left_out_interval

STRATA = 10
"""Groups of equal size, by the third number, within which events are compared with the rest."""


def auroc(score: np.ndarray, event: np.ndarray, stratum: np.ndarray | None = None) -> float:
    """The chance that an event has a higher score than a row that is none; equal scores count half.

    score (n,) float64; event (n,) bool; stratum (n,) int: only rows of one stratum are compared, and each stratum
    counts by its number of comparisons. NaN where nothing can be compared.
    It is the statistic of Mann and Whitney over its largest value (Hanley & McNeil, Radiology 143, 1982, p. 29).

    >>> auroc(np.array([0.1, 0.4, 0.3, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    strata = np.zeros(len(score), np.int64) if stratum is None else stratum
    above, compared = 0.0, 0
    for each in np.unique(strata):
        rows = strata == each
        hits = int(event[rows].sum())
        pairs = hits * (int(rows.sum()) - hits)
        if pairs:
            of_events = ranks(np.asarray(score[rows], np.float64))[event[rows]].sum()
            above += float(of_events) - hits * (hits + 1) / 2
            compared += pairs
    return above / compared if compared else float("nan")


def auroc_given(score: np.ndarray, event: np.ndarray, third: np.ndarray) -> float:
    """The same among rows that are alike in a third number.

    third  (n,) float64. What a broken line in its ranks says of the ranks of the score is taken
    off, and rows are compared within ten groups of equal size by the third number: one half where the score adds
    nothing, whatever the third number says of either.
    """
    left = residuals(ranks(score)[:, None], line_basis(ranks(third)[:, None], curve_knots(len(score))))[:, 0]
    stratum = ((ranks(third) - 0.5) * STRATA / max(len(third), 1)).astype(np.int64)
    return auroc(left, event, stratum)


def clustered_auroc(
    score: np.ndarray, event: np.ndarray, clusters: Clusters | np.ndarray, third: np.ndarray | None = None
) -> Interval:
    """``auroc``, or ``auroc_given`` a third number, with the interval of the jackknife over clusters.

    No interval with fewer than three clusters, or where all events lie in one of them.
    """
    code, count, what = cluster_codes(clusters)

    def statistic(rows: np.ndarray) -> np.ndarray:
        if third is None:
            return np.asarray(auroc(score[rows], event[rows]))
        return np.asarray(auroc_given(score[rows], event[rows], third[rows]))

    value = float(statistic(np.arange(len(score))))
    low = high = float("nan")
    if count > 1:
        low, high = left_out_interval(value, leave_one_out(statistic, code, count), (0.0, 1.0))
    return Interval(value, low, high, len(score), count, what)
