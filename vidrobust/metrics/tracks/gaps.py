"""Frames in which a track has no box, between two in which it has one, and whether they were missed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidrobust.metrics.box_differences import INSIDE, PART, SECOND, Boxes, areas, overlaps
from vidrobust.metrics.tracks.borders import in_zones, touches_border
from vidrobust.metrics.tracks.follow import LATELY, TrackSettings
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.shapes.shape import Places

# Every reason for which a frame of a track may be without a box.
REASONS = {
    "": "the object was missed",
    "covered": "a box of another object lies on its place",
    "border": "the object leaves the frame or comes in",
    "behind": "another object's box comes over it",
    "ignored": "it is expected where boxes are not looked at: in a zone, or before the entry line",
    "occluder": "it is behind something that was named to stand there",
    "vanished": "it vanished in mid-picture, and nothing lies where it is expected",
}

# Reasons for which it is not known whether the object was missed.
NOT_MISSED = ("border", "behind", "occluder", "ignored")
# A box stays where it is if it changes by no more, as a share of its size, from one side of a gap to the
# other, and by no more than the second from frame to frame before and after.
AT_REST, AT_REST_ABOUT = 0.1, 0.05
COVERED = 0.5  # share of a box under another one from which the object may be hidden ...
# ... if it is so much more than in the last and the next frame in which the object was found.
MORE_COVERED = 0.1
# A named occluder hides an object from this share on, if it is so much more than where the object was found.
GOES_UNDER, FURTHER = 0.2, 0.05


@dataclass(frozen=True)
class Gaps:
    """One row for each frame between two boxes of a track that has none.

    ``track`` and ``frame`` (G,), ``reason`` (G,) out of REASONS, and ``boxes`` (G, 4), the interpolated place.
    """

    track: np.ndarray
    frame: np.ndarray
    reason: np.ndarray
    boxes: np.ndarray

    @property
    def missed(self) -> np.ndarray:
        """1 where no box lies on the place, 0 where one of another object does, NaN where unknown."""
        missed = np.where(self.reason == "covered", 0.0, 1.0)
        return np.where(np.isin(self.reason.astype(str), NOT_MISSED), np.nan, missed)


def find_gaps(found: ItemBoxes, track: np.ndarray, settings: TrackSettings) -> Gaps:
    """Find the gaps of all tracks, by track and frame; track (D,) is that of ``Objects``."""
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
    expected = found.places(first[gap]).at(boxes)
    frame = found.frame[first][gap] + step
    own = track[first][gap]
    reason = np.full(len(gap), "", dtype=object)
    reason[lies_on(found, frame, expected, found.labels[first][gap], settings)] = "covered"
    before = cover(found, track, track[first], found.frame[first], found.places(first))
    after = cover(found, track, track[first], found.frame[second], found.places(second))
    within = cover(found, track, own, frame, expected)
    behind = np.flatnonzero((within >= COVERED) & (within >= np.maximum(before, after)[gap] + MORE_COVERED))
    place = np.flatnonzero(open_)[gap[behind]]
    lay_on = [lies_under(found, track, rows, place, -1), lies_under(found, track, rows, place + 1, 1)]
    reason[behind[~np.logical_or(*lay_on)]] = "behind"
    beside = np.maximum(*(under_occluder(found.places(row), settings) for row in (first, second)))
    reason[occluded(expected, beside[gap], settings)] = "occluder"
    reason[in_zones(boxes, settings.ignored)] = "ignored"
    at_rest = _at_rest(found, track, rows, open_)
    reason[touches_border(boxes, found.size) & ~at_rest[gap]] = "border"
    return Gaps(own, frame, reason, boxes)


def _at_rest(found: ItemBoxes, track: np.ndarray, rows: np.ndarray, open_: np.ndarray) -> np.ndarray:
    """Whether the object of each open gap stands still around it."""
    change = np.abs(np.diff(found.boxes[rows], axis=0)).max(axis=1, initial=0)
    share = change / np.sqrt(np.maximum(areas(found.boxes[rows[:-1]]), 1e-9))
    # a step to the next track, or over another gap, says nothing about standing still
    share[track[rows[:-1]] != track[rows[1:]]] = np.inf
    steps = np.concatenate([[np.inf], share, [np.inf]])
    gap = np.flatnonzero(open_)
    about = np.maximum(steps[gap], steps[gap + 2])
    still: np.ndarray = (steps[gap + 1] <= AT_REST) & (about <= AT_REST_ABOUT)
    return still


def lies_on(
    found: ItemBoxes,
    frame: np.ndarray,
    boxes: Boxes,
    labels: np.ndarray,
    settings: TrackSettings,
    least: float = SECOND,
) -> np.ndarray:
    """Return whether a box of any class and object lies on each place in its frame, (N,) bool.

    A larger box counts if it holds the place and is of the same class (labels (N,)), or is not much larger.
    """
    places = Places.of(boxes)
    whole = np.maximum(places.areas, 1e-9)
    enough = np.flatnonzero(found.scores >= settings.keeps(found.labels))
    on = np.zeros(len(boxes), bool)
    for wanted, rows in _by_frame(frame, found.frame[enough], found.num_frames):
        there = found.places(enough[rows])
        i, j, common = overlaps(places.take(wanted), there)
        own, other = whole[wanted[i]], there.areas[j]
        alike = labels[wanted[i]] == found.labels[enough[rows[j]]]
        held = (common >= INSIDE * own) & (alike | (own >= PART * other))
        on[wanted[i[held | (common >= least * (own + other - common))]]] = True
    return on


def cover(
    found: ItemBoxes, track: np.ndarray, own: np.ndarray, frame: np.ndarray, boxes: Boxes
) -> np.ndarray:
    """Return the largest share of each box under one box of another track, (N,)."""
    places = Places.of(boxes)
    whole = np.maximum(places.areas, 1e-9)
    most = np.zeros(len(places))
    tracked = np.flatnonzero(track >= 0)
    for wanted, rows in _by_frame(frame, found.frame[tracked], found.num_frames):
        i, j, common = overlaps(places.take(wanted), found.places(tracked[rows]))
        other = track[tracked[rows[j]]] != own[wanted[i]]
        share = common / whole[wanted[i]]
        np.maximum.at(most, wanted[i[other]], share[other])
    return most


def lies_under(
    found: ItemBoxes, track: np.ndarray, rows: np.ndarray, places: np.ndarray, step: int
) -> np.ndarray:
    """Return whether an object lay half under another's box in most of a few frames, (N,) bool.

    It is then a part of the other, as a helmet of a worker, and not hidden by it. ``places`` (N,) are the first
    of the few in ``rows`` (boxes by track and frame); the others follow by ``step``, 1 or -1.
    """
    at = places[:, None] + step * np.arange(LATELY)
    known = (at >= 0) & (at < len(rows))
    row = rows[np.clip(at, 0, len(rows) - 1)]
    known &= track[row] == track[row[:, :1]]
    over = np.full(at.shape, np.nan)
    of = row[known]
    over[known] = cover(found, track, track[of], found.frame[of], found.places(of))
    lay: np.ndarray = np.nanmedian(over, axis=1) >= COVERED if len(over) else np.zeros(0, bool)
    return lay


def under_occluder(boxes: Boxes, settings: TrackSettings) -> np.ndarray:
    """Return the largest share of each box under a named occluder, (N,)."""
    share = np.zeros(len(boxes))
    if settings.occluders and len(boxes):
        x, y, width, height = np.array(settings.occluders, np.float64).T
        i, _, common = overlaps(boxes, np.column_stack([x, y, x + width, y + height]))
        np.maximum.at(share, i, common / np.maximum(areas(boxes)[i], 1e-9))
    return share


def occluded(boxes: Boxes, beside: np.ndarray, settings: TrackSettings) -> np.ndarray:
    """Return where an occluder may hide what is expected, (N,) bool; ``beside`` is the share where it was
    found.
    """
    share = under_occluder(boxes, settings)
    hidden: np.ndarray = (share >= COVERED) | ((share >= GOES_UNDER) & (share >= beside + FURTHER))
    return hidden


def _by_frame(
    wanted: np.ndarray, sorted_frames: np.ndarray, num_frames: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each wanted frame: rows of ``wanted``, and rows of ``sorted_frames``."""
    bounds = np.searchsorted(sorted_frames, np.arange(num_frames + 1))
    order = np.argsort(wanted, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(wanted[order])) + 1) if len(order) else []
    return [(part, np.arange(bounds[wanted[part[0]]], bounds[wanted[part[0]] + 1])) for part in parts]
