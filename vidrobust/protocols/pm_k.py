"""pm-k: whether a model is right on a labelled frame and stays right on the frames around it.

Shankar et al. 2019 (arXiv 1906.02168), section 2. Rates of these, with intervals over videos, are the metrics of
``metrics/labelled.py``.
"""

from __future__ import annotations

import numpy as np

from vidrobust.protocols.anchors import WITHIN, AnchorSets


def pm_correct(sets: AnchorSets, k: int) -> np.ndarray:
    """(n,) bool: the anchor and every neighbour within k frames are right. k = 0: the anchor alone.

    An anchor without neighbours counts as at k = 0.
    """
    if k < 0:
        raise ValueError(f"pm-k: expected k of 0 or more, got {k}")
    wrong = sets.of[(np.abs(sets.offset) <= k) & ~sets.neighbour]
    correct = sets.correct.copy()
    correct[wrong] = False
    return correct


def right_neighbours(sets: AnchorSets, k: int = WITHIN) -> np.ndarray:
    """(n,) share of each anchor's neighbours within k frames that are right; NaN where it has none."""
    near = np.abs(sets.offset) <= k
    count = np.bincount(sets.of[near], minlength=len(sets.anchor))
    right = np.bincount(sets.of[near], weights=sets.neighbour[near], minlength=len(sets.anchor))
    return np.where(count > 0, right / np.maximum(count, 1), np.nan)
