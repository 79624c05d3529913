"""Are the pictures of a folder frames of a clip, pictures that have nothing to do with each other, or copies?"""

from __future__ import annotations

import numpy as np

from vidrobust.plugins.unknown.asked import FrameReadouts
from vidrobust.plugins.unknown.distances import of_length_one
from vidrobust.plugins.unknown.inside import Readout
from vidrobust.statistics.clusters import Clusters

# Pictures that lie closer than this to the next one, over the distance to any of their folder, are of a clip.
ALIKE = 0.6


# Pictures are copies of each other where no pixel of their tiny grey ones differs by more, of 255.
COPY = 8


def independent(known: FrameReadouts, looked: Readout) -> tuple[np.ndarray, Clusters]:
    """Return (N,) clip names of known frames, and which frames are independent.

    Pictures count by themselves unless neighbours are alike. Copies of one picture are one: a copy among
    those that a
    fit has seen makes a held-out one look better known.
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
    """Return the mean distance of (N, D) values to the next of their input over that to any: 1 for any order,
    0 for a clip.
    """
    rng = np.random.default_rng(0)
    after, any_ = 0.0, 0.0
    for item in np.unique(items):
        own = values[items == item]
        after += float(np.linalg.norm(np.diff(own, axis=0), axis=1).sum())
        any_ += float(np.linalg.norm(np.diff(own[rng.permutation(len(own))], axis=0), axis=1).sum())
    return after / any_ if any_ > 0 else 1.0
