"""Coordinates of where a detector's boxes lie, the measured motion taken off: what moves with its part is at rest.

    expected  the object's box at the chain's first frame, taken along with what its pixels do in the picture
    place     ((found centre - expected centre), (found size - expected size)) / root of the first box's area

What moves in a box may be the whole of it or, before a background at rest, a part of it, and where neither was
measured well the box's own pixels may have been followed better: the reading that comes nearest to where the box
really went is taken, for all pictures of the pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vidrobust.metrics.box_differences import areas, ious
from vidrobust.models.detection.answers import Answer, Found
from vidrobust.stages.causes.scene import STEP, Motion

ON_IT = 0.5
"""IoU from which a candidate speaks for an object."""
BORDER = 0.02
"""A box so near to the border, share of the side, may be entering or leaving."""
FEWEST = 4
"""Fewest measured pixels in a box by which its motion is reported, ..."""
FEWEST_STRETCHED = 24
"""... and its growing and shrinking."""
SPREAD = 0.2
"""These must be spread, standard deviation, by so much of the box's side."""
ALIKE_PX = 1.5
"""Pixels of a box that move alike to within so many px are taken together."""


@dataclass(frozen=True)
class Followed:
    """An object of a pair: its boxes (1 or 2, 4) xyxy px, t's first, its labels there, and (2,) px how far the
    pixels in t's box were seen to move until t+1; 0 where that is not known."""

    boxes: np.ndarray
    labels: tuple[int, ...]
    shift: np.ndarray


def places(
    said: Sequence[Answer],
    objects: Sequence[Followed],
    motions: Sequence[Motion] | None,
    shifts: Sequence[np.ndarray],
    *,
    backwards: bool,
) -> np.ndarray:
    """(N, 4 K) places of the K objects in an album's N pictures; 0 where one is not found.

    objects    found at t and at t+1
    motions    of the pictures since the chain's first frame; None where nothing was replayed: then ``shifts``
    shifts     one a picture, (len(objects), 2) px: how far the pixels of each object's box at t were seen to move
    backwards  the chain leads from t+1 to t
    """
    first, second = (1, 0) if backwards and motions is not None else (0, 1)
    found = []
    for number, each in enumerate(objects):
        base, real = each.boxes[first].astype(np.float64), each.boxes[second].astype(np.float64)
        seen = base + np.tile(-each.shift if first else each.shift, 2)
        if motions is None:
            expected = [base + np.tile(shift[number], 2) for shift in shifts]
        else:
            readings = [[taken_along(base, motion, own=own) for motion in motions] for own in (False, True)]
            expected = min(readings, key=lambda reading: float(np.abs(reading[second] - real).max()))
            if np.abs(seen - real).max() < np.abs(expected[second] - real).max():
                expected = [*expected[:second], seen, *expected[second + 1 :]]
        root = float(np.sqrt(max(areas(base[None])[0], 1.0)))
        column = np.zeros((len(said), 4))
        for place, answer in enumerate(said):
            box = each.boxes[place] if place < 2 else _nearest(answer, each, expected[place])
            if box is not None:
                column[place] = _offset(box.astype(np.float64), expected[place]) / root
        found.append(column)
    return np.concatenate(found, axis=1) if found else np.zeros((len(said), 0))


def taken_along(box: np.ndarray, motion: Motion, *, own: bool) -> np.ndarray:
    """(4,) px where a box of the first frame is expected in a picture that shows this motion since.

    own  go by the pixels that move beyond the camera, where some in the box do; else by all of them
    """
    height, width = motion.own.shape
    x = STEP * np.arange(width, dtype=np.float64)[None] + motion.back[..., 0]
    y = STEP * np.arange(height, dtype=np.float64)[:, None] + motion.back[..., 1]
    inside = (x >= box[0]) & (x < box[2]) & (y >= box[1]) & (y < box[3])
    if own and (inside & motion.own).sum() >= FEWEST:
        inside &= motion.own
    row, column = np.nonzero(inside)
    if len(row) < FEWEST:
        return box.copy()
    there = np.column_stack([STEP * column, STEP * row]).astype(np.float64)
    here = np.column_stack([x[inside], y[inside]])
    move = there - here
    middle = np.median(move, axis=0)
    near = np.abs(move - middle).max(axis=1)
    alike = near <= max(ALIKE_PX, 3 * float(np.median(near)))
    return _carried(box, here[alike], there[alike])


def _carried(box: np.ndarray, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """The box under the map, shift and stretch along each axis, that takes the pixels from here to there."""
    result = box.copy()
    for axis in (0, 1):
        x, y = here[:, axis], there[:, axis]
        stretch, deviation = 1.0, float(x.std())
        if len(x) >= FEWEST_STRETCHED and deviation > SPREAD * (box[axis + 2] - box[axis]):
            stretch = 1 + float(((x - x.mean()) * (y - x - (y - x).mean())).mean()) / deviation**2
        result[axis::2] = y.mean() + stretch * (box[axis::2] - x.mean())
    return result


def inside(box: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether a box keeps its distance from the border of a frame of this height and width."""
    height, width = size
    x, y = BORDER * width, BORDER * height
    return bool(box[0] >= x and box[1] >= y and box[2] <= width - x and box[3] <= height - y)


def on_it(found: Found, boxes: np.ndarray) -> np.ndarray:
    """Rows that lie on one of these boxes."""
    _, rows, overlap = ious(boxes, found[0])
    return np.unique(rows[overlap >= ON_IT])


def _nearest(answer: Answer, each: Followed, expected: np.ndarray) -> np.ndarray | None:
    """The surest raw candidate of the object's class where it is expected."""
    found = answer.after if answer.before is None else answer.before
    rows = on_it(found, expected[None])
    rows = rows[np.isin(found[2][rows], each.labels)]
    return found[0][rows[found[1][rows].argmax()]] if len(rows) else None


def _offset(box: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(4,) px: centre and size of a box less those expected."""
    off = box - expected
    return np.concatenate([(off[:2] + off[2:]) / 2, off[2:] - off[:2]])
