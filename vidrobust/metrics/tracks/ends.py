"""Why each track begins and ends: at a border, at a cut, under something, or in mid-picture, which is a fault.

frame    0   1   2   3   4   5   6   7 ...
box      o   o   o   .   .   .   .   .        vanished after 2: expected in mid-picture in 3, 4, 5, ... and
                                              nothing lies there; each such frame, up to a second, is uncovered
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidrobust.metrics.box_differences import LEAST_IOU, areas
from vidrobust.metrics.tracks.at_rest import TrackEnds
from vidrobust.metrics.tracks.borders import touches_border
from vidrobust.metrics.tracks.follow import ALIKE, Objects, TrackSettings
from vidrobust.metrics.tracks.gaps import (
    COVERED,
    MORE_COVERED,
    cover,
    lies_on,
    lies_under,
    occluded,
    under_occluder,
)
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.metrics.tracks.zones import in_zones

MID_PICTURE = "mid-picture"
HALF_SEEN = 0.5
"""A thing of which less is expected within the frame is no longer waited for."""
FEWEST_NEIGHBOURS = 3


@dataclass(frozen=True)
class Ends:
    """Of T tracks, why they begin and end, and the frames in which vanished ones are expected and not covered.

    begins, ends  (T,) str: "mid-picture", "border", "cut" (also the first and last frames), "behind", "occluder",
                  "ignored" or "covered"
    track, frame  (V,) int64: a row for each frame after a track vanished in which nothing lies where it should
    boxes         (V, 4) px where it is expected
    """

    begins: np.ndarray
    ends: np.ndarray
    track: np.ndarray
    frame: np.ndarray
    boxes: np.ndarray


def find_ends(found: ItemBoxes, objects: Objects, settings: TrackSettings) -> Ends:
    """Of the tracks 0, 1, ... of ``objects``."""
    edges = TrackEnds.of(found, objects.track)
    begins = _reasons(found, objects, edges, settings, forward=False)
    ends = _reasons(found, objects, edges, settings, forward=True)
    lost = np.flatnonzero(ends == MID_PICTURE)
    return Ends(begins, ends, *_uncovered(found, edges, lost, settings))


def _velocity(found: ItemBoxes, edges: TrackEnds, *, forward: bool) -> np.ndarray:
    """(T,) px a frame about the end or the beginning: its own, or of a track of one box its neighbours'."""
    own = edges.velocity(last=forward)
    row = edges.last if forward else edges.first
    alone = (edges.first == edges.last) & np.isnan(found.shift[row, 0])
    if not alone.any() or (~alone).sum() < FEWEST_NEIGHBOURS:
        return own
    others = edges.velocity(last=True)[~alone]
    middle = np.median(others, axis=0)
    if np.median(np.linalg.norm(others - middle, axis=1)) <= ALIKE * np.linalg.norm(middle):
        own[alone] = middle
    return own


def _reasons(
    found: ItemBoxes, objects: Objects, edges: TrackEnds, settings: TrackSettings, *, forward: bool
) -> np.ndarray:
    """(T,) why each track ends, or looking backwards begins."""
    row = edges.last if forward else edges.first
    frame, box = found.frame[row], found.places(row)
    sign, most = (1 if forward else -1), max(settings.max_gap, 1)
    velocity = sign * _velocity(found, edges, forward=forward)
    number = np.arange(len(row))
    reason = np.full(len(row), MID_PICTURE, dtype=object)
    before = cover(found, objects.track, number, frame, box)
    places, back = (edges.stops - 1, -1) if forward else (edges.starts, 1)
    lay_under = lies_under(found, objects.track, edges.rows, places, back)
    beside = under_occluder(box, settings)
    scene = np.cumsum(~found.joined)
    for step in range(most, 0, -1):
        there, at = box.moved(velocity * step), frame + sign * step
        within = (at >= 0) & (at < found.num_frames)
        at = np.clip(at, 0, found.num_frames - 1)
        part = there.clipped(found.size)
        over = cover(found, objects.track, number, at, part)
        reason[(over >= COVERED) & (over >= before + MORE_COVERED) & ~lay_under] = "behind"
        reason[lies_on(found, at, part, found.labels[row], settings)] = "covered"
        reason[occluded(part, beside, settings)] = "occluder"
        reason[in_zones(there.boxes, settings.ignored)] = "ignored"
        reason[touches_border(there.boxes, found.size)] = "border"
        reason[~within | (scene[at] != scene[frame])] = "cut"
    reason[beside >= COVERED] = "occluder"
    reason[touches_border(box.boxes, found.size)] = "border"
    return reason


def _uncovered(
    found: ItemBoxes, edges: TrackEnds, lost: np.ndarray, settings: TrackSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """track, frame and place of each frame in which a ``lost`` track is expected and nothing lies there."""
    velocity = _velocity(found, edges, forward=True)
    row = edges.last
    beside = under_occluder(found.places(row), settings)
    scene = np.cumsum(~found.joined)
    parts = []
    for step in range(1, settings.look_on + 1):
        at = found.frame[row[lost]] + step
        there = found.places(row[lost]).moved(velocity[lost] * step)
        part = there.clipped(found.size)
        good = (at < found.num_frames) & (areas(part) > HALF_SEEN * areas(there))
        good &= ~touches_border(there.boxes, found.size) & ~occluded(part, beside[lost], settings)
        good &= ~in_zones(there.boxes, settings.ignored)
        at = np.minimum(at, found.num_frames - 1)
        good &= scene[at] == scene[found.frame[row[lost]]]
        good &= ~lies_on(found, at, part, found.labels[row[lost]], settings, LEAST_IOU)
        lost, at, part = lost[good], at[good], part.take(good)
        parts.append((lost, at, part.boxes))
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 4))
    track, frame, boxes = (np.concatenate(each) for each in zip(*parts, strict=True))
    return track, frame, boxes
