"""Two models on the same frames: errors in common, and what an update breaks and mends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidrobust.statistics.agreement import cohens_kappa
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import Interval, clustered_mean, clustered_rate
from vidrobust.statistics.significance import clustered_mcnemar

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class TwoModels:
    """A model and another that may replace it, by what each gets right; intervals are over clusters.

    kappa           error consistency (Geirhos et al. 2020): agreement of right and wrong beyond what the two
                    accuracies make by chance, (observed - expected) / (1 - expected). NaN where both are always
                    right or both always wrong, which leaves nothing to agree on
    observed        share of frames on which both are right or both are wrong
    expected        the same, were their errors independent: p q + (1 - p)(1 - q)
    negative_flips  share of frames that only the old model gets right (Yan et al. 2021); negative_count of them
    positive_flips  share of frames that only the new model gets right; positive_count of them
    difference      accuracy of the new less that of the old; negative - positive flips = - difference
    relative_nfr    negative flips over what independent errors would make, (1 - error_old) error_new; NaN where 0
    mcnemar_p       two-sided p of as many negative as positive flips
    """

    kappa: Interval
    observed: float
    expected: float
    negative_flips: Interval
    positive_flips: Interval
    negative_count: int
    positive_count: int
    difference: Interval
    relative_nfr: float
    mcnemar_p: float


def two_models(
    old: np.ndarray, new: np.ndarray, clusters: Clusters | np.ndarray, *, seed: int = 0
) -> TwoModels:
    """Two models on the same frames: old, new (n,) bool, right or not; n may be 0."""
    old, new = np.asarray(old, bool), np.asarray(new, bool)
    if old.shape != new.shape or old.ndim != 1:
        raise ValueError(f"expected right or not on the same frames, got {old.shape} and {new.shape}")
    p, q = (float(each.mean()) if len(each) else NAN for each in (old, new))
    lost, won = old & ~new, new & ~old
    independent = p * (1 - q)
    return TwoModels(
        kappa=cohens_kappa(old, new, clusters),
        observed=float(np.mean(old == new)) if len(old) else NAN,
        expected=p * q + (1 - p) * (1 - q),
        negative_flips=clustered_rate(lost, clusters),
        positive_flips=clustered_rate(won, clusters),
        negative_count=int(lost.sum()),
        positive_count=int(won.sum()),
        difference=clustered_mean(new.astype(np.float64) - old, clusters, bounds=(-1.0, 1.0)),
        relative_nfr=float(lost.mean()) / independent if len(old) and independent > 0 else NAN,
        mcnemar_p=clustered_mcnemar(lost, won, clusters, seed=seed),
    )
