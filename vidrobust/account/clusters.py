"""The independent units of an interval: clips where there are enough, else stretches of them, else pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd

MIN_CLUSTERS = 5
"""Fewest clips that count as the independent units; with fewer, stretches of the clips are taken."""
LENGTHS = (25, 12, 6)
"""Lengths of a stretch, frames, the longest first that gives enough of them."""
MIN_STRETCHES = 8


def clusters_of(pairs: pd.DataFrame) -> np.ndarray:
    """(n,) int codes of the independent unit of each pair: columns item and frame_a.

    With stretches or pairs as units the interval speaks of this footage alone, not of other clips like it.
    """
    items = pd.factorize(pairs["item"])[0]
    if len(np.unique(items)) >= MIN_CLUSTERS:
        return np.asarray(items)
    frames = pairs["frame_a"].to_numpy(np.int64)
    for length in LENGTHS:
        codes = np.unique(np.column_stack([items, frames // length]), axis=0, return_inverse=True)[1].ravel()
        if codes.max(initial=-1) + 1 >= MIN_STRETCHES:
            return np.asarray(codes)
    return np.arange(len(pairs))
