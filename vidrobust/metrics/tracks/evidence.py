"""What lies on the place of an object, as evidence for its state: boxes, other objects, named occluders."""

from __future__ import annotations

import numpy as np

from vidrobust.metrics.box_differences import INSIDE, PART, SECOND, Boxes, areas, overlaps
from vidrobust.metrics.tracks.follow import LATELY, TrackSettings
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.shapes.shape import Places

# A box stays where it is if it changes by no more, as a share of its size, from one side of a gap to the
# other, and by no more than the second from frame to frame before and after.
AT_REST, AT_REST_ABOUT = 0.1, 0.05
COVERED = 0.5  # share of a box under another one from which the object may be hidden ...
# ... if it is so much more than in the last and the next frame in which the object was found.
MORE_COVERED = 0.1
# A named occluder hides an object from this share on, if it is so much more than where the object was found.
GOES_UNDER, FURTHER = 0.2, 0.05
# Objects missed at a place from which something may hide them there, ...
FEWEST = 5
SEEN_BEHIND = 0.25  # ... if no more than this share of their number is seen on it.


def at_rest(found: ItemBoxes, track: np.ndarray, rows: np.ndarray, open_: np.ndarray) -> np.ndarray:
    """Return whether the object of each open gap stands still around it."""
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
    least: float | None = None,
) -> np.ndarray:
    """Return whether a box of any class and object lies on each place in its frame, (N,) bool.

    A larger box counts if it holds the place and is of the same class, or is not much larger.
    """
    least = SECOND if least is None else least
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
    found: ItemBoxes,
    track: np.ndarray,
    own: np.ndarray,
    frame: np.ndarray,
    boxes: Boxes,
    since: np.ndarray | None = None,
) -> np.ndarray:
    """Return the largest share of each box under one box of another track, (N,).

    The other track has boxes up to ``since`` and after: what begins where an object is lost may be the
    object.
    """
    places = Places.of(boxes)
    whole = np.maximum(places.areas, 1e-9)
    most = np.zeros(len(places))
    tracked = np.flatnonzero(track >= 0)
    count = int(track.max(initial=-1)) + 1
    first, last = np.full(count, found.num_frames), np.full(count, -1)
    np.minimum.at(first, track[tracked], found.frame[tracked])
    np.maximum.at(last, track[tracked], found.frame[tracked])
    for wanted, rows in _by_frame(frame, found.frame[tracked], found.num_frames):
        i, j, common = overlaps(places.take(wanted), found.places(tracked[rows]))
        of = track[tracked[rows[j]]]
        other = of != own[wanted[i]]
        if since is not None:
            other &= (first[of] <= since[wanted[i]]) & (last[of] >= since[wanted[i]])
        share = common / whole[wanted[i]]
        np.maximum.at(most, wanted[i[other]], share[other])
    return most


def lies_under(
    found: ItemBoxes, track: np.ndarray, rows: np.ndarray, places: np.ndarray, step: int
) -> np.ndarray:
    """Return whether an object lay half under another's box in most of a few frames, (N,) bool.

    It is then a part of the other, as a helmet of a worker, and not hidden. ``places`` (N,) are the first of
    these frames in ``rows``; the others follow by ``step``, 1 or -1.
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
    """Return where an occluder may hide what is expected, (N,) bool."""
    share = under_occluder(boxes, settings)
    hidden: np.ndarray = (share >= COVERED) | ((share >= GOES_UNDER) & (share >= beside + FURTHER))
    return hidden


def _by_frame(
    wanted: np.ndarray, sorted_frames: np.ndarray, num_frames: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    bounds = np.searchsorted(sorted_frames, np.arange(num_frames + 1))
    order = np.argsort(wanted, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(wanted[order])) + 1) if len(order) else []
    return [(part, np.arange(bounds[wanted[part[0]]], bounds[wanted[part[0]] + 1])) for part in parts]


def unseen(track: np.ndarray, boxes: np.ndarray, missed: np.ndarray) -> np.ndarray:
    """Return which missed rows of moving objects lie where something unnamed may hide them, (N,) bool.

    There many objects are missed and found again, and hardly one is seen. Cells are half the objects' median
    side.
    """
    if not missed.any():
        return missed
    side = float(np.median(np.sqrt(np.maximum(areas(boxes), 1e-9))))
    cell = np.unique(np.floor((boxes[:, :2] + boxes[:, 2:]) / side), axis=0, return_inverse=True)[1]
    counts = []
    for of in (missed, ~missed):
        passes = np.unique(np.stack([cell[of], track[of]]), axis=1)[0]
        counts.append(np.bincount(passes, minlength=int(cell.max()) + 1))
    hides = (counts[0] >= FEWEST) & (counts[1] <= SEEN_BEHIND * counts[0])
    result: np.ndarray = missed & hides[cell]
    return result
