"""The independent units of an interval: clips where there are enough, else stretches of them, else pairs."""

from __future__ import annotations

import numpy as np

MIN_CLUSTERS = 5
"""Fewest clips that count as the independent units; with fewer, stretches of the clips are taken."""
LENGTHS = (25, 12, 6)
"""Lengths of a stretch, frames, the longest first that gives enough of them."""
MIN_STRETCHES = 16
"""Fewest stretches of one length."""


def clusters_of(items: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """(n,) int codes of the independent unit of each pair, from its item's code and first frame.

    With stretches or pairs as units the interval speaks of this footage alone, not of other clips like it.
    """
    items = np.unique(items, return_inverse=True)[1]
    if items.max(initial=-1) + 1 >= MIN_CLUSTERS:
        return np.asarray(items)
    for length in LENGTHS:
        stretch = frames // length
        codes = np.unique(items * (stretch.max(initial=0) + 1) + stretch, return_inverse=True)[1]
        if codes.max(initial=-1) + 1 >= MIN_STRETCHES:
            return np.asarray(codes)
    return np.arange(len(items))
