"""pm-k accuracy and conditional robustness: how right a model stays on the frames around a labelled one.

pm-k: Shankar et al. 2019 (arXiv 1906.02168), section 2; conditional robustness: Gu et al. 2019 (arXiv 1904.10076).
Anchors of one video are dependent: intervals are over videos, and that of a drop is of the paired difference. The
exact interval of the papers, Clopper & Pearson 1934, stands beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.protocols.anchors import WITHIN, AnchorSets
from vidrobust.statistics.intervals import clopper_pearson, clustered_mean, clustered_rate

NAN = float("nan")


@dataclass(frozen=True)
class Share:
    """A share with two 95 % intervals; NaN with n = 0.

    low, high              over videos, which may depend within as they like
    exact_low, exact_high  Clopper & Pearson's, as published: it takes all n as independent; NaN where the value is
                           no count
    """

    value: float
    low: float
    high: float
    exact_low: float
    exact_high: float
    n: int
    clusters: int


def pm_correct(sets: AnchorSets, k: int) -> np.ndarray:
    """(n,) bool: the anchor and every neighbour within k frames are right. k = 0: the anchor alone."""
    if k < 0:
        raise ValueError(f"pm-k: expected k of 0 or more, got {k}")
    wrong = sets.of[(np.abs(sets.offset) <= k) & ~sets.neighbour]
    correct = sets.correct.copy()
    correct[wrong] = False
    return correct


def pm_k(sets: AnchorSets, k: int) -> Share:
    """Share of all anchors of which ``pm_correct`` holds; anchors without neighbours count as at k = 0."""
    return _rate(pm_correct(sets, k), sets.cluster)


def pm_drop(sets: AnchorSets, k: int = WITHIN) -> Share:
    """pm-0 less pm-k, paired: the share of anchors that are right alone and not within k frames."""
    return _rate(sets.correct & ~pm_correct(sets, k), sets.cluster)


def pm_ratio(sets: AnchorSets, k: int = WITHIN) -> Share:
    """pm-k over pm-0: of the anchors that are right, the share that stays right within k frames."""
    return _rate(pm_correct(sets, k)[sets.correct], sets.cluster[sets.correct])


def mean_neighbour(sets: AnchorSets, k: int = WITHIN) -> Share:
    """Accuracy on one neighbour drawn at random per anchor, as its mean over all draws.

    The authors' ``rand_accuracy`` is one draw of this. An anchor without a neighbour within k stands for itself.
    """
    return _mean(neighbour_shares(sets, k), sets.cluster)


def neighbour_shares(sets: AnchorSets, k: int = WITHIN) -> np.ndarray:
    """(n,) share of each anchor's neighbours within k frames that are right; itself where it has none."""
    near = np.abs(sets.offset) <= k
    count = np.bincount(sets.of[near], minlength=len(sets.anchor))
    right = np.bincount(sets.of[near], weights=sets.neighbour[near], minlength=len(sets.anchor))
    return np.where(count > 0, right / np.maximum(count, 1), sets.correct.astype(np.float64))


def conditional_robustness(
    sets: AnchorSets, k: int = WITHIN, *, weigh: str = "pairs", offset: int | None = None
) -> Share:
    """Share of neighbours that are right, given that their anchor is.

    weigh   "pairs": every pair counts once, so anchors with many neighbours count more; "anchors": the mean over
            right anchors of the share of their neighbours
    offset  only neighbours at exactly this offset, in frames
    """
    if weigh not in ("pairs", "anchors"):
        raise ValueError(f"conditional_robustness: weigh pairs or anchors, got {weigh!r}")
    near = (np.abs(sets.offset) <= k) if offset is None else (sets.offset == offset)
    used = near & sets.correct[sets.of]
    of, right = sets.of[used], sets.neighbour[used]
    if weigh == "pairs":
        return _rate(right, sets.cluster[of])
    rows, place = np.unique(of, return_inverse=True)
    count = np.bincount(place, minlength=len(rows))
    share = np.bincount(place, weights=right, minlength=len(rows)) / np.maximum(count, 1)
    return _mean(share, sets.cluster[rows])


def common_anchors(models: Sequence[AnchorSets]) -> list[AnchorSets]:
    """The sets of several models on the anchors that all of them get right: the same condition for each.

    Conditional on its own right anchors a weak model is judged on easy ones (literature on conditional accuracy);
    on the common set all are judged alike. Raises ValueError where the anchors are not the same.
    """
    first = models[0].anchor
    if any(len(m.anchor) != len(first) or (m.anchor != first).any() for m in models):
        raise ValueError("common_anchors: the models were not judged on the same anchors")
    right = np.logical_and.reduce([m.correct for m in models])
    return [m.only(right) for m in models]


def per_offset(sets: AnchorSets) -> pd.DataFrame:
    """Conditional robustness at each offset: columns offset, offset_ms (median), value, low, high, n."""
    rows = []
    for offset in np.unique(sets.offset):
        found = conditional_robustness(sets, offset=int(offset))
        times = sets.offset_ms[sets.offset == offset]
        time = float(np.median(times[~np.isnan(times)])) if (~np.isnan(times)).any() else NAN
        rows.append((int(offset), time, found.value, found.low, found.high, found.n))
    return pd.DataFrame(rows, columns=["offset", "offset_ms", "value", "low", "high", "n"])


def table(sets: AnchorSets, model: str) -> pd.DataFrame:
    """Rows of the table ``stability`` (item "") with pm0 ... pm10, mean_neighbour and conditional_robustness.

    Columns behind: exact_low, exact_high, clusters.
    """
    found = {f"pm{k}": pm_k(sets, k) for k in range(WITHIN + 1)}
    found |= {"mean_neighbour": mean_neighbour(sets), "conditional_robustness": conditional_robustness(sets)}
    rows = [{"model": model, "item": "", "metric": name, **vars(share)} for name, share in found.items()]
    order = ["model", "item", "metric", "value", "low", "high", "n", "exact_low", "exact_high", "clusters"]
    return pd.DataFrame(rows)[order]


def _rate(events: np.ndarray, cluster: np.ndarray) -> Share:
    if not len(events):
        return Share(NAN, NAN, NAN, NAN, NAN, 0, 0)
    found = clustered_rate(events, cluster)
    exact = clopper_pearson(int(events.sum()), len(events))
    return Share(found.value, found.low, found.high, *exact, found.n, found.clusters)


def _mean(values: np.ndarray, cluster: np.ndarray) -> Share:
    if not len(values):
        return Share(NAN, NAN, NAN, NAN, NAN, 0, 0)
    found = clustered_mean(values, cluster, bounds=(0.0, 1.0))
    return Share(found.value, found.low, found.high, NAN, NAN, found.n, found.clusters)
