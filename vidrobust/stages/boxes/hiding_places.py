"""Places at which many objects vanish and others appear: something may stand there that no one has named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

FEWEST = 5
"""Objects that vanish at a place, and as many that appear at it, before it is said."""
NEAR = 1.0
"""Ends belong to one place within so many median box sides."""
BOX = ["x1", "y1", "x2", "y2"]
KEYS = ["model", "item", "track"]


@dataclass(frozen=True)
class HidingPlace:
    """x, y, width, height px between the ends; how many objects vanish and appear there, of how many in all."""

    model: str
    item: str
    x: int
    y: int
    width: int
    height: int
    vanish: int
    appear: int
    of_vanished: int
    of_appeared: int


def hiding_places(tracks: pd.DataFrame, detections: pd.DataFrame) -> list[HidingPlace]:
    """Of each detector and clip the place with most ends, where FEWEST objects or more vanish and appear.

    tracks, detections  those tables. A detector that fails at a place looks the same: whether something stands
    there is for a person to say, with ``--occluder``.
    """
    boxes = detections[detections["track"] >= 0].sort_values([*KEYS, "frame"], kind="stable")
    edge = boxes.groupby(KEYS, sort=False)[BOX]
    first, last = edge.first(), edge.last()
    found = []
    for (model, item), own in tracks.groupby(["model", "item"], sort=False):
        of = pd.MultiIndex.from_frame(own[KEYS])
        gone = last.loc[of[(own["vanished"] == 1).to_numpy()]].to_numpy(np.float64)
        come = first.loc[of[(own["appeared"] == 1).to_numpy()]].to_numpy(np.float64)
        place = _place(gone, come)
        if place is not None:
            rectangle, vanish, appear = place
            found.append(HidingPlace(str(model), str(item), *rectangle, vanish, appear, len(gone), len(come)))
    return found


def _place(gone: np.ndarray, come: np.ndarray) -> tuple[tuple[int, int, int, int], int, int] | None:
    """Rectangle, vanished and appeared objects of the place with most of both; boxes (N, 4) where they end."""
    if min(len(gone), len(come)) < FEWEST:
        return None
    every = np.concatenate([gone, come])
    side = float(np.median(np.sqrt(np.prod(every[:, 2:] - every[:, :2], axis=1))))
    middle = (every[:, :2] + every[:, 2:]) / 2
    near = np.linalg.norm(middle[:, None] - middle[None], axis=2) <= NEAR * side
    vanish, appear = near[:, : len(gone)].sum(axis=1), near[:, len(gone) :].sum(axis=1)
    best = int(np.minimum(vanish, appear).argmax())
    if min(vanish[best], appear[best]) < FEWEST:
        return None
    of = every[near[best]]
    x1, y1 = np.percentile(of[:, :2], 25, axis=0)
    x2, y2 = np.percentile(of[:, 2:], 75, axis=0)
    rectangle = (round(float(x1)), round(float(y1)), round(float(x2 - x1)), round(float(y2 - y1)))
    return rectangle, int(vanish[best]), int(appear[best])


def sentence(place: HidingPlace) -> str:
    """What is seen there, and what to do if something stands there."""
    where = f"{place.x},{place.y},{place.width},{place.height}"
    return (
        f"{place.item}, {place.model}: {place.vanish} of {place.of_vanished} objects that vanish and "
        f"{place.appear} of {place.of_appeared} that appear do so about one place. If something stands before the "
        f"objects there, name it, and it counts as no fault: --occluder {where}"
    )
