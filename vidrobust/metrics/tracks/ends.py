"""Why each track begins and ends: at a border, at a cut, under something, or in mid-picture, which is a fault.

    frame    0   1   2   3   4   5   6   7 ...
    box      o   o   o   .   .   .   .   .        vanished after 2: expected in mid-picture in 3, 4, 5, ... and
                                                  nothing lies there; each such frame, up to a second, is uncovered

For each track the frame is found in which each reason first holds where the track is expected by its own motion.
The first of these explains the end; a reason that lies further off than the track can be trusted to go explains
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidrobust.metrics.box_differences import LEAST_IOU, areas
from vidrobust.metrics.tracks.borders import in_zones, touches_border
from vidrobust.metrics.tracks.follow import ALIKE, LATELY, Objects, TrackEnds, TrackSettings
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

MID_PICTURE = "mid-picture"
# The reasons, the surest first: of two that hold from the same frame on, the first is named.
REASONS = ("cut", "border", "ignored", "occluder", "covered", "behind")
# A thing of which less is expected within the frame is no longer waited for.
HALF_SEEN = 0.5
FEWEST_NEIGHBOURS = 3
# An object leaves if its own motion takes it to the border within so many frames, one of them for an error of the
# speed: detectors keep the box of a thing that leaves until the border cuts it.
FRAMES_TO_BORDER = 2
# A slow one leaves within ``max_gap`` frames if the border is nearer than this share of its size: so far boxes
# shake.
NEAR_BORDER = 0.1
NEVER = np.inf


@dataclass(frozen=True)
class Ends:
    """Why tracks begin and end, and where vanished ones are expected.

    Attributes
    ----------
    begins, ends : (T,) str
        "mid-picture", or one of ``REASONS``; "cut" are also the first and the last frames.
    track, frame, boxes : (V,), (V,), (V, 4)
        Frames after a track vanished in which nothing lies on its expected place.
    late : (T,) float64
        Frames, up to a second, in which an object was in view before its first box; NaN where that is not known,
        as for tracks of a few boxes, which may be false alarms, and where footage begins.
    """

    begins: np.ndarray
    ends: np.ndarray
    track: np.ndarray
    frame: np.ndarray
    boxes: np.ndarray
    late: np.ndarray


def find_ends(found: ItemBoxes, objects: Objects, settings: TrackSettings) -> Ends:
    """Find the ends of the tracks 0, 1, ... of ``objects``."""
    edges = TrackEnds.of(found, objects.track)
    begins = why(first_frames(found, objects, edges, settings, forward=False))
    evidence = first_frames(found, objects, edges, settings, forward=True)
    ends = why(evidence)
    # before a cut it cannot be known whether a lost object would have come back, but its frames are missed
    lost = np.flatnonzero((ends == MID_PICTURE) | ((ends == "cut") & (evidence["cut"] > 1)))
    return Ends(
        begins, ends, *_uncovered(found, edges, lost, settings), _late(found, edges, begins, settings)
    )


def _late(found: ItemBoxes, edges: TrackEnds, begins: np.ndarray, settings: TrackSettings) -> np.ndarray:
    """(T,) frames in which each object was in view before its first box; NaN where unknown."""
    late = np.zeros(len(begins))
    track, _, _ = _uncovered(found, edges, np.flatnonzero(begins == MID_PICTURE), settings, forward=False)
    np.add.at(late, track, 1.0)
    late[(begins == "cut") | (edges.stops - edges.starts < LATELY)] = np.nan
    return late


def why(since: dict[str, np.ndarray]) -> np.ndarray:
    """Decide why tracks end.

    Parameters
    ----------
    since
        Of each of ``REASONS`` the number of frames (T,) after the last box from which it holds: 0 already at the
        last box, ``NEVER`` where there is no evidence for it.

    Returns
    -------
    ndarray
        (T,) the reason that holds first, of several the surest; ``MID_PICTURE`` where none holds.
    """
    frames = np.stack([since[name] for name in REASONS])
    reason: np.ndarray = np.array(REASONS, dtype=object)[frames.argmin(axis=0)]
    reason[np.isinf(frames.min(axis=0))] = MID_PICTURE
    return reason


def first_frames(
    found: ItemBoxes, objects: Objects, edges: TrackEnds, settings: TrackSettings, *, forward: bool
) -> dict[str, np.ndarray]:
    """Return the evidence of ``why`` for the ends of tracks, or not ``forward`` for their beginnings."""
    row = edges.last if forward else edges.first
    frame, box = found.frame[row], found.places(row)
    sign = 1 if forward else -1
    velocity = sign * _velocity(found, edges, forward=forward)
    sides = box.boxes[:, 2:] - box.boxes[:, :2]
    before = cover(found, objects.track, np.arange(len(row)), frame, box)
    places, back = (edges.stops - 1, -1) if forward else (edges.starts, 1)
    lay_under = lies_under(found, objects.track, edges.rows, places, back)
    beside = under_occluder(box, settings)
    scene = np.cumsum(~found.joined)
    since = {name: np.full(len(row), NEVER) for name in REASONS}
    since["border"][touches_border(box.boxes, found.size)] = 0
    since["occluder"][beside >= COVERED] = 0
    for step in range(1, max(settings.max_gap, 1) + 1):
        there, at = box.moved(velocity * step), frame + sign * step
        within = (at >= 0) & (at < found.num_frames)
        at = np.clip(at, 0, found.num_frames - 1)
        part = there.clipped(found.size)
        over = cover(found, objects.track, np.arange(len(row)), at, part)
        way = np.abs(velocity) * step
        # no further than its own size, so that what lies far ahead of a fast object does not excuse its loss
        reached = (step == 1) | (way <= sides).all(axis=1)
        near = (step <= FRAMES_TO_BORDER) | (way.max(axis=1) <= NEAR_BORDER * np.sqrt(areas(box)))
        holds = {
            "cut": ~within | (scene[at] != scene[frame]),
            "border": near & touches_border(there.boxes, found.size),
            "ignored": reached & in_zones(there.boxes, settings.ignored),
            "occluder": reached & occluded(part, beside, settings),
            "covered": reached & lies_on(found, at, part, found.labels[row], settings),
            "behind": reached & (over >= COVERED) & (over >= before + MORE_COVERED) & ~lay_under,
        }
        for name, now in holds.items():
            since[name][now] = np.minimum(since[name][now], step)
    return since


def _velocity(found: ItemBoxes, edges: TrackEnds, *, forward: bool) -> np.ndarray:
    """(T,) px per frame at one end: its own, or its neighbours' for a track of one box."""
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


def _uncovered(
    found: ItemBoxes, edges: TrackEnds, lost: np.ndarray, settings: TrackSettings, *, forward: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Track, frame and place of each frame after its end, or before its beginning, that nothing lies on."""
    sign = 1 if forward else -1
    velocity = sign * _velocity(found, edges, forward=forward)
    row = edges.last if forward else edges.first
    beside = under_occluder(found.places(row), settings)
    scene = np.cumsum(~found.joined)
    parts = []
    for step in range(1, settings.look_on + 1):
        at = found.frame[row[lost]] + sign * step
        there = found.places(row[lost]).moved(velocity[lost] * step)
        part = there.clipped(found.size)
        good = (at >= 0) & (at < found.num_frames) & (areas(part) > HALF_SEEN * areas(there))
        good &= ~touches_border(there.boxes, found.size) & ~occluded(part, beside[lost], settings)
        good &= ~in_zones(there.boxes, settings.ignored)
        at = np.clip(at, 0, found.num_frames - 1)
        good &= scene[at] == scene[found.frame[row[lost]]]
        good &= ~lies_on(found, at, part, found.labels[row[lost]], settings, LEAST_IOU)
        lost, at, part = lost[good], at[good], part.take(good)
        parts.append((lost, at, part.boxes))
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 4))
    track, frame, boxes = (np.concatenate(each) for each in zip(*parts, strict=True))
    return track, frame, boxes
