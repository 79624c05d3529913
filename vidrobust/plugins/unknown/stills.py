"""Are the pictures of a folder frames of a clip, pictures that have nothing to do with each other, or copies?"""

from __future__ import annotations

import numpy as np

from vidrobust.plugins.unknown.asked import Asked
from vidrobust.plugins.unknown.distances import of_length_one
from vidrobust.plugins.unknown.inside import Readout
from vidrobust.statistics.clusters import Clusters

ALIKE = 0.6
"""Pictures that lie closer than this to the next one, over the distance to any of their folder, are of a clip."""


COPY = 8
"""Pictures are copies of each other where no pixel of their tiny grey ones differs by more, of 255."""


def independent(known: Asked, looked: Readout) -> tuple[np.ndarray, Clusters]:
    """(N,) names of the clips of known frames, and which of the frames are independent.

    Pictures each count by themselves, and as clips of their own, unless those next to each other are alike. Copies
    of one picture (another coding, size or name) are one, in whatever order they come: a copy among those that a
    fit has seen makes a held-out one look better known than another picture would.
    """
    items = known.rows["item"].to_numpy(object).astype(str)
    values = looked.surest[:, None] if looked.features is None else of_length_one(looked.features)
    still = "still" in known.rows and bool(known.rows["still"].all())
    if not still or nearness(values, items) < ALIKE:
        return items, known.clusters
    own = np.arange(len(items)) if known.small is None else copies(known.small)
    return own.astype(str), Clusters(own, "item")


def copies(small: np.ndarray) -> np.ndarray:
    """(N,) int64: which picture each of (N, P) uint8 tiny ones is of, from 0 in the order they come.

    What is a copy of a copy is of the same picture.
    """
    values = small.astype(np.int16)
    found = np.full(len(values), -1, np.int64)
    number = 0
    for first in range(len(values)):
        if found[first] >= 0:
            continue
        found[first], ahead = number, [first]
        while ahead:
            left = np.flatnonzero(found < 0)
            near = left[np.abs(values[left] - values[ahead.pop()]).max(axis=1, initial=0) <= COPY]
            found[near] = number
            ahead += near.tolist()
        number += 1
    return found


def nearness(values: np.ndarray, items: np.ndarray) -> float:
    """The mean distance of (N, D) values to the next of their item, over that to any of it; 1 where there is none.

    About 1 for pictures in any order, near 0 for a clip that changes slowly.
    """
    rng = np.random.default_rng(0)
    after, any_ = 0.0, 0.0
    for item in np.unique(items):
        own = values[items == item]
        after += float(np.linalg.norm(np.diff(own, axis=0), axis=1).sum())
        any_ += float(np.linalg.norm(np.diff(own[rng.permutation(len(own))], axis=0), axis=1).sum())
    return after / any_ if any_ > 0 else 1.0
