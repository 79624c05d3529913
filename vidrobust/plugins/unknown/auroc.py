"""The area under the ROC curve, also given a third number, with an interval."""

from __future__ import annotations

import numpy as np

from vidrobust.statistics.associations import curve_knots, line_basis, ranks, residuals
from vidrobust.statistics.clusters import Clusters, cluster_codes
from vidrobust.statistics.intervals import Interval
from vidrobust.statistics.standard_errors import leave_one_out, left_out_interval

# Groups, by the third number, within which ``auroc_given`` compares events with the rest
STRATA = 10


def auroc(score: np.ndarray, event: np.ndarray, stratum: np.ndarray | None = None) -> float:
    """Return the chance that an event has a higher score than a row that is none; equal scores count half.

    Only rows of one ``stratum`` are compared. Hanley & McNeil, Radiology 143, 1982.

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
    """Return the area under the ROC curve among rows that are alike in a ``third`` number (n,).

    A broken line in its ranks is taken off the score; rows are compared within ten groups of equal size.
    """
    left = residuals(
        ranks(score)[:, None], line_basis(ranks(third)[:, None], curve_knots(len(score)))
    )[:, 0]
    stratum = ((ranks(third) - 0.5) * STRATA / max(len(third), 1)).astype(np.int64)
    return auroc(left, event, stratum)


def clustered_auroc(
    score: np.ndarray,
    event: np.ndarray,
    clusters: Clusters | np.ndarray,
    third: np.ndarray | None = None,
) -> Interval:
    """Return ``auroc`` or ``auroc_given`` with the jackknife interval over at least three clusters."""
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
