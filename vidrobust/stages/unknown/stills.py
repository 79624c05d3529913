"""Are the pictures of a folder frames of a clip, or pictures that have nothing to do with each other?"""

from __future__ import annotations

import numpy as np

from vidrobust.models.inside.looked import Looked
from vidrobust.stages.unknown.asked import Asked
from vidrobust.stages.unknown.distances import of_length_one
from vidrobust.statistics.clusters import Clusters

ALIKE = 0.6
"""Pictures that lie closer than this to the next one, over the distance to any of their folder, are of a clip."""


def independent(known: Asked, looked: Looked) -> tuple[np.ndarray, Clusters]:
    """(N,) names of the clips of known frames, and which of the frames are independent.

    Pictures each count by themselves, and as clips of their own, unless those next to each other are alike.
    """
    items = known.rows["item"].to_numpy(object).astype(str)
    values = looked.surest[:, None] if looked.features is None else of_length_one(looked.features)
    still = "still" in known.rows and bool(known.rows["still"].all())
    if not still or nearness(values, items) < ALIKE:
        return items, known.clusters
    own = np.arange(len(items))
    return own.astype(str), Clusters(own, "item")


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
