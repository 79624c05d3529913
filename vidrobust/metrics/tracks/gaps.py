"""Frames in which a track has no box, between two in which it has one, and whether the detector is to blame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidrobust.metrics.box_differences import areas, overlaps
from vidrobust.metrics.tracks.follow import ItemBoxes

REASONS = {
    "": "the object was missed",
    "border": "the object leaves the frame or comes in",
    "behind": "another object's box comes over it",
}
"""Every reason for which a frame of a track may be without a box."""

BORDER_PX = 1.5
"""A box that comes so near to an edge of the frame is cut by it."""
AT_REST, STILL = 0.1, 0.05
"""A box stays where it is if it changes by no more, as a share of its size, from one side of a gap to the other,
and by no more than the second from frame to frame before and after."""
COVERED = 0.5
"""Share of a box under another one from which the object may be hidden ..."""
MORE_COVERED = 0.1
"""... if it is so much more than in the last and the next frame in which the object was found."""


@dataclass(frozen=True)
class Gaps:
    """One row for each frame of a track that lies between two of its boxes and has none.

    track   (G,) int64; frame (G,) int64
    reason  (G,) str, one of REASONS
    boxes   (G, 4) float64, where the object is expected, on the straight line between the two boxes
    """

    track: np.ndarray
    frame: np.ndarray
    reason: np.ndarray
    boxes: np.ndarray


def find_gaps(found: ItemBoxes, track: np.ndarray) -> Gaps:
    """The gaps of all tracks, in the order of tracks and frames."""
    rows = np.flatnonzero(track >= 0)
    rows = rows[np.lexsort((found.frame[rows], track[rows]))]
    first, second = rows[:-1], rows[1:]
    if not len(first):
        return Gaps(*(np.empty(0, np.int64),) * 2, np.empty(0, object), np.empty((0, 4)))
    open_ = (track[first] == track[second]) & (found.frame[second] - found.frame[first] > 1)
    first, second = first[open_], second[open_]
    length = found.frame[second] - found.frame[first] - 1
    gap = np.repeat(np.arange(len(first)), length)
    step = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length) + 1
    share = (step / (length[gap] + 1))[:, None]
    boxes = (1 - share) * found.boxes[first][gap] + share * found.boxes[second][gap]
    frame = found.frame[first][gap] + step
    reason = np.full(len(gap), "", dtype=object)
    reason[_hidden(found, track, first, second, gap, frame, boxes)] = "behind"
    at_rest = _at_rest(found, track, rows, open_)
    reason[touches_border(boxes, found.size) & ~at_rest[gap]] = "border"
    return Gaps(track[first][gap], frame, reason, boxes)


def touches_border(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N,) bool: whether a box is cut by an edge of the frame of this height and width."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    low, high = boxes[:, :2] <= BORDER_PX, boxes[:, 2:] >= np.array(size[::-1]) - BORDER_PX
    return np.any(np.concatenate([low, high], axis=1), axis=1)


def _at_rest(found: ItemBoxes, track: np.ndarray, rows: np.ndarray, open_: np.ndarray) -> np.ndarray:
    """For each gap (True in open_, between a row and the next): whether the object stands still about it."""
    change = np.abs(np.diff(found.boxes[rows], axis=0)).max(axis=1, initial=0)
    share = change / np.sqrt(np.maximum(areas(found.boxes[rows[:-1]]), 1e-9))
    # a step to the next track, or over another gap, says nothing about standing still
    share[track[rows[:-1]] != track[rows[1:]]] = np.inf
    steps = np.concatenate([[np.inf], share, [np.inf]])
    gap = np.flatnonzero(open_)
    still: np.ndarray = (steps[gap + 1] <= AT_REST) & (np.maximum(steps[gap], steps[gap + 2]) <= STILL)
    return still


def _hidden(
    found: ItemBoxes,
    track: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    gap: np.ndarray,
    frame: np.ndarray,
    boxes: np.ndarray,
) -> np.ndarray:
    """(G,) bool: covered by another track's box, and clearly more than on both sides of the gap."""
    own = track[first]
    before = _cover(found, track, own, found.frame[first], found.boxes[first])
    after = _cover(found, track, own, found.frame[second], found.boxes[second])
    within = _cover(found, track, own[gap], frame, boxes)
    hidden: np.ndarray = (within >= COVERED) & (within >= np.maximum(before, after)[gap] + MORE_COVERED)
    return hidden


def _cover(
    found: ItemBoxes, track: np.ndarray, own: np.ndarray, frame: np.ndarray, boxes: np.ndarray
) -> np.ndarray:
    """(N,) the largest share of each box that lies under one box of another track in its frame."""
    cover = np.zeros(len(boxes))
    bounds = np.searchsorted(found.frame, np.arange(found.num_frames + 1))
    for k in range(len(boxes)):
        rows = np.arange(bounds[frame[k]], bounds[frame[k] + 1])
        rows = rows[(track[rows] >= 0) & (track[rows] != own[k])]
        common = overlaps(boxes[k : k + 1], found.boxes[rows])[2]
        cover[k] = common.max(initial=0) / max(areas(boxes[k : k + 1])[0], 1e-9)
    return cover
