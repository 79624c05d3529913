"""Whether a model's answer changes more across keyframes, tested by moving the keyframes to other places.

A keyframe refreshes the whole picture's coding. Between its two frames no neighbour has independent noise, so that
nothing can be replayed there; but the change can be compared with that of the pairs beside it:

    change   . . 1 2 1 . . . 9 . . 1 .        excess at a place = its change - mean of the two beside it
    keyframe                 ^                the same places moved along the clip show what chance does
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

SMALLEST_SHARE = 0.05
"""The share of all change that the keyframes' excess is asked to be above."""


def place_test(change: np.ndarray, keyframe: np.ndarray, *, share: float = SMALLEST_SHARE) -> float:
    """One-sided p-value that the excess at the keyframes is not above this share of all change.

    change    (n,) squared change of each adjacent pair of one clip, in order; NaN where it is excluded
    keyframe  (n,) bool, a keyframe that is no cut lies at the pair's second frame

    All keyframes are moved together by every number of places, round the clip; p is the share of moves, the true
    places among them, whose excess reaches the observed one less ``share`` of all change. NaN without keyframes.
    """
    keyframe = keyframe & np.isfinite(change)
    if not keyframe.any() or len(change) < 4:
        return float("nan")
    known = np.where(np.isfinite(change), change, 0.0)
    excess = np.nan_to_num(excess_at(change))
    moved = np.array([excess[np.roll(keyframe, by)].sum() for by in range(1, len(change))])
    wanted = excess[keyframe].sum() - share * known.sum()
    return float((1 + (moved >= wanted).sum()) / (1 + len(moved)))


def excess_at(change: np.ndarray) -> np.ndarray:
    """(n,) each pair's change less the mean of the pairs beside it, as far as these are known; else NaN."""
    padded = np.concatenate([[np.nan], change, [np.nan]])
    beside = np.stack([padded[:-2], padded[2:]])
    known = np.isfinite(beside)
    count = known.sum(axis=0)
    mean = np.where(known, beside, 0.0).sum(axis=0) / np.where(count > 0, count, 1)
    return np.asarray(np.where(count > 0, change - mean, np.nan))


def keyframe_tests(pairs: pd.DataFrame) -> dict[str, float]:
    """Per model the p-value over its clips.

    pairs  of neighbours: model, item, frame_a, total_variation, excluded, keyframe (bool)

    The squared total variation stands for the squared change. Clips are combined by Fisher's method.
    """
    found: dict[str, float] = {}
    for model, of_model in pairs.groupby("model", sort=False):
        each = []
        for _, rows in of_model.sort_values("frame_a").groupby("item", sort=False):
            square = np.where(rows["excluded"] == "", rows["total_variation"].to_numpy(float) ** 2, np.nan)
            each.append(place_test(square, rows["keyframe"].to_numpy(bool)))
        known = [p for p in each if np.isfinite(p)]
        if known:
            found[str(model)] = float(special.chdtrc(2 * len(known), -2 * np.log(known).sum()))
    return found
