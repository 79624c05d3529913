"""Which predictions are right, where a label is a set of classes.

A label is a set: several rows of the table ``labels`` for one frame. A prediction is right if it is in the set.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

WHOLE_ITEM = -1
"""The frame of a label that holds for every frame of its item (``footage/item_tables.py``)."""
REST = -1
"""The label under which ``probabilities`` keeps the sum of the classes that are not listed."""


def top_correct(scores: np.ndarray, sets: Sequence[frozenset[int]], top: int = 1) -> np.ndarray:
    """(N,) bool: is a class of the set among the ``top`` highest scores of its row? Equals: the first one wins.

    scores (N, K); sets: N sets of class numbers. An empty set is never right.
    """
    if len(scores) != len(sets):
        raise ValueError(f"top_correct: expected a set for each of {len(scores)} rows, got {len(sets)}")
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    alive = np.take_along_axis(scores, order, axis=1) > -np.inf
    rows = zip(order, alive, sets, strict=True)
    return np.array([any(int(k) in wanted for k in row[live]) for row, live, wanted in rows], dtype=bool)


def label_sets(labels: pd.DataFrame, frames: pd.DataFrame) -> list[frozenset[object]]:
    """The label set of each row of ``frames`` (item, frame): class numbers, and names of classes without one.

    labels  the table ``labels``; rows with frame -1 hold for every frame of their item that has none of its own.
    A frame without a label gets an empty set.
    """
    known: dict[tuple[str, int], set[object]] = {}
    for item, frame, label, name in labels[["item", "frame", "label", "label_name"]].itertuples(index=False):
        known.setdefault((str(item), int(frame)), set()).add(int(label) if label >= 0 else str(name))
    empty: set[object] = set()
    return [
        frozenset(known.get((str(item), int(frame)), known.get((str(item), WHOLE_ITEM), empty)))
        for item, frame in frames[["item", "frame"]].itertuples(index=False)
    ]
