"""Two models on the same frames: errors in common, and what an update breaks and mends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from vidrobust.statistics.intervals import Interval, clustered_mean, clustered_rate

NAN = float("nan")


@dataclass(frozen=True)
class ErrorConsistency:
    """Agreement of right and wrong between two models, beyond what their accuracies make by chance.

    observed  share of frames on which both are right or both are wrong
    expected  the same, were their errors independent: p1 p2 + (1 - p1)(1 - p2)
    kappa     (observed - expected) / (1 - expected); NaN where both are always right or both always wrong, which
              leaves nothing to agree on
    """

    observed: float
    expected: float
    kappa: float
    n: int


def error_consistency(first: np.ndarray, second: np.ndarray) -> ErrorConsistency:
    """How consistent the errors of two models are; first, second (n,) bool, right or not. Geirhos et al. 2020."""
    first, second = _aligned(first, second)
    if not len(first):
        return ErrorConsistency(NAN, NAN, NAN, 0)
    p1, p2 = float(first.mean()), float(second.mean())
    observed, expected = float(np.mean(first == second)), p1 * p2 + (1 - p1) * (1 - p2)
    kappa = (observed - expected) / (1 - expected) if expected < 1 else NAN
    return ErrorConsistency(observed, expected, kappa, len(first))


@dataclass(frozen=True)
class Update:
    """What happens where an old model is replaced by a new one.

    negative_flips  share of frames that only the old model got right (Yan et al. 2021)
    positive_flips  share of frames that only the new model gets right
    difference      accuracy of the new less that of the old, with its paired interval over clusters;
                    negative - positive flips = - difference
    relative_nfr    negative flips over what independent errors would make, (1 - error_old) error_new; NaN where 0
    mcnemar_p       two-sided exact p of as many negative as positive flips; it takes frames as independent
    """

    negative_flips: Interval
    positive_flips: Interval
    difference: Interval
    relative_nfr: float
    mcnemar_p: float


def update(old: np.ndarray, new: np.ndarray, cluster: np.ndarray) -> Update:
    """Negative and positive flips from an old to a new model; old, new (n,) bool, right or not; cluster (n,)."""
    old, new = _aligned(old, new)
    if not len(old):
        nothing = Interval(NAN, NAN, NAN, 0, 0)
        return Update(nothing, nothing, nothing, NAN, NAN)
    lost, won = old & ~new, new & ~old
    independent = float(old.mean() * (1 - new.mean()))
    count = int(lost.sum() + won.sum())
    p = float(stats.binomtest(int(lost.sum()), count).pvalue) if count else 1.0
    change = new.astype(np.float64) - old
    return Update(
        clustered_rate(lost, cluster),
        clustered_rate(won, cluster),
        clustered_mean(change, cluster, bounds=(-1.0, 1.0)),
        float(lost.mean()) / independent if independent > 0 else NAN,
        p,
    )


def _aligned(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"expected right or not on the same frames, got {first.shape} and {second.shape}")
    return first, second
