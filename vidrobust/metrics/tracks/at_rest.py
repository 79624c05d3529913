"""Things at rest that are lost and found again on the same place: one object, however long the gap."""

from __future__ import annotations

import numpy as np

from vidrobust.metrics.box_differences import areas, ious
from vidrobust.metrics.tracks.borders import free_edge_velocity
from vidrobust.metrics.tracks.item_boxes import ItemBoxes

STILL = 0.05
"""An object that moves by no more a frame, as a share of its size, is at rest."""
SAME_PLACE = 0.5
"""IoU of the last box before and the first box after a gap from which both are on one place."""
LATELY = 6
"""Boxes at the end of a track, or at its beginning, from which its velocity is taken."""


def linked(found: ItemBoxes, track: np.ndarray, max_gap: int) -> np.ndarray:
    """(T,) int64: for each track the number of the one it goes on with, or its own.

    Two tracks are one object if the first ends at rest, the second begins at rest on the same place, in the same
    scene, and no frame has both. After more than ``max_gap`` frames the class must be the same as well.
    """
    ends = TrackEnds.of(found, track)
    result = np.arange(len(ends.first))
    earlier, later = np.flatnonzero(ends.still(last=True)), np.flatnonzero(ends.still(last=False))
    i, j, iou = ious(found.places(ends.last[earlier]), found.places(ends.first[later]))
    a, b = earlier[i], later[j]
    row_a, row_b = ends.last[a], ends.first[b]
    scene = np.cumsum(~found.joined)
    gap = found.frame[row_b] - found.frame[row_a]
    good = (iou >= SAME_PLACE) & (gap > 0) & (scene[found.frame[row_a]] == scene[found.frame[row_b]])
    good &= (found.labels[row_a] == found.labels[row_b]) | (gap <= max_gap + 1)
    a, b, gap, iou = a[good], b[good], gap[good], iou[good]
    goes_on: dict[int, int] = {}
    taken: set[int] = set()
    for pair in np.lexsort((-iou, gap)).tolist():
        if int(a[pair]) not in goes_on and int(b[pair]) not in taken:
            goes_on[int(a[pair])] = int(b[pair])
            taken.add(int(b[pair]))
    for one in sorted(goes_on, key=lambda each: int(found.frame[ends.first[each]])):
        result[goes_on[one]] = result[one]
    return result


class TrackEnds:
    """The first and the last box of each track, and how fast it moves there.

    first, last   (T,) int64 rows of boxes
    rows          of all boxes in tracks, in the order of tracks and frames
    starts, stops (T,) where each track begins and ends in ``rows``
    """

    def __init__(self, found: ItemBoxes, rows: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> None:
        self.found, self.rows, self.starts, self.stops = found, rows, starts, stops
        self.first, self.last = rows[starts], rows[stops - 1]

    @classmethod
    def of(cls, found: ItemBoxes, track: np.ndarray) -> TrackEnds:
        """track (D,) numbers from 0 without gaps, -1 for boxes in none."""
        rows = np.flatnonzero(track >= 0)
        rows = rows[np.lexsort((found.frame[rows], track[rows]))]
        numbers = np.arange(int(track.max(initial=-1)) + 1)
        return cls(
            found,
            rows,
            np.searchsorted(track[rows], numbers),
            np.searchsorted(track[rows], numbers, side="right"),
        )

    def velocity(self, *, last: bool) -> np.ndarray:
        """(T, 2) px a frame over the last, or the first, few boxes; of one box what the pixels show."""
        if last:
            a, b = np.maximum(self.starts, self.stops - LATELY), self.stops - 1
        else:
            a, b = self.starts, np.minimum(self.stops - 1, self.starts + LATELY - 1)
        early, late = self.rows[a], self.rows[b]
        since = np.maximum(self.found.frame[late] - self.found.frame[early], 1)[:, None].astype(np.float64)
        velocity = free_edge_velocity(self.found.boxes[early], self.found.boxes[late], since, self.found.size)
        alone = a == b
        velocity[alone] = np.nan_to_num(self.found.shift[early[alone]])
        return velocity

    def still(self, *, last: bool) -> np.ndarray:
        """(T,) bool: whether it is at rest at its end, or at its beginning."""
        box = self.found.boxes[self.last if last else self.first]
        side = np.sqrt(np.maximum(areas(box), 1e-9))
        speed: np.ndarray = np.abs(self.velocity(last=last)).max(axis=1, initial=0)
        return speed <= STILL * side
