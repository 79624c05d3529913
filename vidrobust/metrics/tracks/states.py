"""The life of each object: its state in every frame, from entering the picture to leaving it.

    frame     0       1         2        3         4       5      ...  30
    box       .       o         .        o         .       .           .
    state     late    covered   missed   covered   lost    lost        unknown

Without a box, an object is expected between two of its boxes, and where its motion leads or comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vidrobust.metrics.box_differences import (
    INSIDE,
    LEAST_IOU,
    PART,
    SECOND,
    Boxes,
    areas,
    overlaps,
)
from vidrobust.metrics.tracks.borders import in_zones, touches_border
from vidrobust.metrics.tracks.follow import AHEAD, ALIKE, LATELY, Objects, TrackEnds, TrackSettings
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
# Something may hide objects at a place where so many are missed that, at the share of frames that are missed
# anywhere, this is the probability of as many at any place of the clip (binomial, times the places) ...
BY_CHANCE = 0.05
SEEN_BEHIND = 0.25  # ... if no more than this share of their number is seen on it.
FAULTS = ("late", "missed", "lost")  # States in which an object in view has no box
# What explains a frame without a box, the surest first
STATE_OF = {
    "border": "out",
    "ignored": "out",
    "occluder": "hidden",
    "behind": "hidden",
    "covered": "covered",
}
MID_PICTURE = "mid-picture"
FEWEST_NEIGHBOURS = 3
# An object leaves if its own motion takes it to the border within so many frames, one of them for an error of
# the speed: detectors keep the box of a thing that leaves until the border cuts it
FRAMES_TO_BORDER = 2
# A slow one leaves within ``max_gap`` frames if the border is nearer than this share of its size: so far
# boxes shake
NEAR_BORDER = 0.1
# Boxes from which something that moves, or rests, is an object and no alarm that blinks
MOVING_BOXES, RESTING_BOXES = 3, 5
HELD = 1 / 3  # An object has a box in at least this share of its frames; what has fewer blinks
# The boxes of an object shake, in the median, by no more than this share of their size
COHERENT = 0.25


class StateRows(NamedTuple):
    """Frames without a box of the object's own, (N, ...): a row per object and frame."""

    track: np.ndarray
    frame: np.ndarray
    state: np.ndarray
    evidence: np.ndarray
    boxes: np.ndarray  # where the object is expected


@dataclass(frozen=True, kw_only=True)
class Lives:
    """The frames in which objects have no box of their own, and why tracks begin and end.

    ``begins`` and ``ends`` (T,) are "mid-picture", "cut" (also the first and the last frame), or a key of
    ``STATE_OF``; ``alarm`` (T,) says that it blinks instead of persisting.
    """

    rows: StateRows
    begins: np.ndarray
    ends: np.ndarray
    alarm: np.ndarray


def lives(item: ItemBoxes, objects: Objects, settings: TrackSettings) -> Lives:
    """Decide the state of the objects in every frame without a box of their own."""
    edges = TrackEnds(item, objects.track)
    alarm = blinks(item, edges)
    after = _beyond(item, objects, edges, settings, forward=True)
    before = _beyond(item, objects, edges, settings, forward=False)
    unsure = alarm | ~before.reaches_border | _may_go_on(item, edges, after, settings)
    begun = before.rows.state == "late"
    before.rows.state[begun & unsure[before.rows.track]] = "unknown"
    parts = (_between(item, edges, objects.track, settings), after.rows, before.rows)
    rows = StateRows(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    track, frame, state, evidence, boxes = rows
    # what is seen and missed of things that move shows where something may stand before them
    moves = ~(edges.still(last=True) | alarm)
    missed = np.flatnonzero((state == "missed") & (evidence == "between") & moves[track])
    lost = np.flatnonzero(np.isin(state, FAULTS) & (evidence != "covered") & moves[track])
    lost = lost[np.lexsort((frame[lost], track[lost]))]
    track_of = np.repeat(np.arange(len(moves)), edges.stops - edges.starts)
    seen = moves[track_of]
    places = np.concatenate([boxes[missed], item.boxes[edges.rows[seen]]])
    owner = np.concatenate([track[missed], track_of[seen]])
    hidden = unseen(owner, places, np.arange(len(owner)) < len(missed), boxes[lost])
    gap = np.cumsum(
        (np.diff(frame[lost], prepend=-9) != 1) | (np.diff(track[lost], prepend=-9) != 0)
    )
    behind = lost[np.isin(gap, gap[hidden])]
    state[behind], evidence[behind] = "unknown", "place"
    return Lives(rows=rows, begins=before.why, ends=after.why, alarm=alarm)


def blinks(item: ItemBoxes, edges: TrackEnds) -> np.ndarray:
    """Return which tracks are alarms that blink, (T,) bool: of few boxes, or boxes that come and go, or jump.

    Few boxes say nothing at the border or at a cut.
    """
    count = edges.stops - edges.starts
    frames = item.frame[edges.last] - item.frame[edges.first] + 1
    fewest = np.where(edges.still(last=True), RESTING_BOXES, MOVING_BOXES)
    goes_on = np.append(item.joined[1:], False)
    cut = ~item.joined[item.frame[edges.first]] | ~goes_on[item.frame[edges.last]]
    for row in (edges.first, edges.last):
        cut |= touches_border(item.boxes[row], item.size)
    few = ((count < fewest) & ~cut) | (count < HELD * frames)
    boxes = item.boxes[edges.rows]
    centre, side = (boxes[:, :2] + boxes[:, 2:]) / 2, np.sqrt(np.maximum(areas(boxes), 1e-9))
    step = np.diff(item.frame[edges.rows]).astype(np.float64)
    # twice the way from the line between the boxes before and after: the second difference without gaps
    part = (step[:-1] / np.maximum(step[1:] + step[:-1], 1))[:, None]
    off = centre[1:-1] - (1 - part) * centre[:-2] - part * centre[2:]
    jump = 2 * np.abs(off).max(axis=1, initial=0) / side[1:-1]
    near = (step[1:] == 1) & (step[:-1] == 1)
    for track in np.flatnonzero(~few & (count >= MOVING_BOXES)):
        within = slice(edges.starts[track], edges.stops[track] - 2)
        jumps = jump[within][near[within]] if near[within].any() else jump[within]
        few[track] = len(jumps) > 0 and np.quantile(jumps, 0.25) > COHERENT
    return few


@dataclass(frozen=True, kw_only=True)
class _Beyond:
    """One side of tracks: its frames, why each ends there, and whether it leads to the border, (T,)."""

    rows: StateRows
    why: np.ndarray
    reaches_border: np.ndarray


def _beyond(
    item: ItemBoxes,
    objects: Objects,
    edges: TrackEnds,
    settings: TrackSettings,
    *,
    forward: bool,
) -> _Beyond:
    """States beyond the last or first box, along its motion until evidence explains the missing box."""
    row, sign = (edges.last, 1) if forward else (edges.first, -1)
    count, last = len(row), settings.look_on
    velocity = sign * _velocity(item, edges, forward=forward)
    frame, box = item.frame[row], item.boxes[row]
    scene = np.cumsum(~item.joined)
    # after a second it is unknown whether it is still there; a motion is trusted no longer than it was seen
    followed = item.frame[edges.last] - item.frame[edges.first] + 1
    steps = last + np.where(edges.still(last=forward), np.minimum(followed, last), followed)
    # a box that the border cuts already needs no further reason
    cut_off = touches_border(box, item.size)
    steps[cut_off | (scene[np.clip(frame + sign, 0, item.num_frames - 1)] != scene[frame])] = 1
    track = np.repeat(np.arange(count), steps)
    step = np.arange(steps.sum()) - np.repeat(np.cumsum(steps) - steps, steps) + 1
    at = frame[track] + sign * step
    boxes = box[track] + np.tile(velocity[track] * step[:, None], 2)
    within = (at >= 0) & (at < item.num_frames)
    at = np.clip(at, 0, item.num_frames - 1)
    holds = {name: np.zeros(len(track), bool) for name in STATE_OF}
    cut = ~within | (scene[at] != scene[frame[track]])
    holds["border"] = touches_border(boxes, item.size)
    holds["ignored"] = in_zones(boxes, settings.ignored)
    start = np.cumsum(steps) - steps
    end = _first(cut | holds["border"] | holds["ignored"], track, count, start, steps)
    look = np.flatnonzero((step < end[track]) & (step <= last))
    owner, there = (
        track[look],
        item.places(row[track[look]]).at(boxes[look]).clipped(item.size),
    )
    holds["covered"][look] = lies_on(
        item, at[look], there, item.labels[row[owner]], settings, LEAST_IOU
    )
    beside = under_occluder(item.places(row), settings)
    holds["occluder"][look] = occluded(there, beside[owner], settings)
    before = cover(item, objects.track, np.arange(count), frame, item.places(row))
    lay = lies_under(
        item, objects.track, edges.rows, edges.stops - 1 if forward else edges.starts, -sign
    )
    over = cover(item, objects.track, owner, at[look], there, frame[owner])
    holds["behind"][look] = (over >= COVERED) & (over >= before[owner] + MORE_COVERED) & ~lay[owner]
    stop = _first(cut | np.any(list(holds.values()), axis=0), track, count, start, steps)
    ended = np.flatnonzero(stop <= steps)
    at_stop = (start + stop - 1)[ended]
    reason = np.full(count, "", object)
    reason[ended] = decide({name: holds[name][at_stop] for name in holds}, "")[1]
    reason[ended[cut[at_stop]]] = "cut"
    way = np.abs(velocity) * stop[:, None]
    near = (stop <= FRAMES_TO_BORDER) | (
        way.max(axis=1) <= NEAR_BORDER * np.sqrt(np.maximum(areas(box), 1e-9))
    )
    reached = (stop == 1) | (way <= box[:, 2:] - box[:, :2]).all(axis=1)
    explains = (stop <= max(settings.max_gap, 1)) & np.select(
        [reason == "cut", reason == "border", reason != ""], [True, near, reached], False
    )
    why = np.where(explains, reason, MID_PICTURE).astype(object)
    missing = {
        "cut": "lost",
        "border": "out",
        "ignored": "out",
        "covered": "missed",
        MID_PICTURE: "lost",
    }
    if not forward:
        missing |= {"cut": "unknown", "covered": "unknown", MID_PICTURE: "late"}
    # it may have been hidden already a little before its expected place is
    missing |= dict.fromkeys(("occluder", "behind"), "unknown")
    state = np.array([missing[name] for name in why], object)[track]
    state[step > last] = "unknown"
    kept = step < stop[track]
    hidden = np.isin(why, ("occluder", "behind"))
    state[(step == stop[track]) & hidden[track]] = "hidden"
    kept |= (step == stop[track]) & hidden[track]
    evidence = np.where(
        np.isin(state, ("out", "hidden")), why[track], "after" if forward else "before"
    )
    under = beside >= COVERED
    why = np.select([cut_off, under], ["border", "occluder"], why).astype(object)
    kept &= ~(cut_off | under)[track]
    leads = (reason == "border") | cut_off
    rows = StateRows(
        track=track[kept],
        frame=at[kept],
        state=state[kept],
        evidence=evidence[kept],
        boxes=boxes[kept],
    )
    return _Beyond(rows=rows, why=why, reaches_border=leads)


def _velocity(item: ItemBoxes, edges: TrackEnds, *, forward: bool) -> np.ndarray:
    velocity = edges.velocity(last=forward)
    row = edges.last if forward else edges.first
    alone = (edges.first == edges.last) & np.isnan(item.shift[row, 0])
    if not alone.any() or (~alone).sum() < FEWEST_NEIGHBOURS:
        return velocity
    others = edges.velocity(last=True)[~alone]
    middle = np.median(others, axis=0)
    if np.median(np.linalg.norm(others - middle, axis=1)) <= ALIKE * np.linalg.norm(middle):
        velocity[alone] = middle
    return velocity


def _first(
    holds: np.ndarray, track: np.ndarray, count: int, start: np.ndarray, steps: np.ndarray
) -> np.ndarray:
    """The first step, from 1, at which it holds for each track, (T,); else one more than its steps."""
    first = steps + 1
    at = np.flatnonzero(holds)
    np.minimum.at(first, track[at], at - start[track[at]] + 1)
    return first


def lies_on(
    item: ItemBoxes,
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
    enough = np.flatnonzero(item.scores >= settings.keeps(item.labels))
    on = np.zeros(len(boxes), bool)
    for wanted, rows in _by_frame(frame, item.frame[enough], item.num_frames):
        there = item.places(enough[rows])
        i, j, common = overlaps(places.take(wanted), there)
        area, other = whole[wanted[i]], there.areas[j]
        alike = labels[wanted[i]] == item.labels[enough[rows[j]]]
        held = (common >= INSIDE * area) & (alike | (area >= PART * other))
        on[wanted[i[held | (common >= least * (area + other - common))]]] = True
    return on


def _by_frame(
    wanted: np.ndarray, sorted_frames: np.ndarray, num_frames: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    bounds = np.searchsorted(sorted_frames, np.arange(num_frames + 1))
    order = np.argsort(wanted, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(wanted[order])) + 1) if len(order) else []
    return [
        (part, np.arange(bounds[wanted[part[0]]], bounds[wanted[part[0]] + 1])) for part in parts
    ]


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


def cover(
    item: ItemBoxes,
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
    first, last = np.full(count, item.num_frames), np.full(count, -1)
    np.minimum.at(first, track[tracked], item.frame[tracked])
    np.maximum.at(last, track[tracked], item.frame[tracked])
    for wanted, rows in _by_frame(frame, item.frame[tracked], item.num_frames):
        i, j, common = overlaps(places.take(wanted), item.places(tracked[rows]))
        of = track[tracked[rows[j]]]
        other = of != own[wanted[i]]
        if since is not None:
            other &= (first[of] <= since[wanted[i]]) & (last[of] >= since[wanted[i]])
        share = common / whole[wanted[i]]
        np.maximum.at(most, wanted[i[other]], share[other])
    return most


def lies_under(
    item: ItemBoxes, track: np.ndarray, rows: np.ndarray, places: np.ndarray, step: int
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
    over[known] = cover(item, track, track[of], item.frame[of], item.places(of))
    lay: np.ndarray = np.nanmedian(over, axis=1) >= COVERED if len(over) else np.zeros(0, bool)
    return lay


def decide(
    evidence: Mapping[str, np.ndarray], otherwise: str | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return states (N,) and the evidence that decided; ``otherwise`` and "" where none holds.

    Of several the first in the order of ``STATE_OF`` decides.
    """
    names = [name for name in STATE_OF if name in evidence]
    holds = [evidence[name] for name in names]
    state = np.select(holds, [STATE_OF[name] for name in names], otherwise).astype(object)
    return state, np.select(holds, names, "").astype(object)


def _may_go_on(
    item: ItemBoxes, edges: TrackEnds, after: _Beyond, settings: TrackSettings
) -> np.ndarray:
    """Where an object of its class was lost shortly before, within reach of its first box, (T,) bool."""
    lost = np.flatnonzero(after.why == MID_PICTURE)
    speed = np.linalg.norm(edges.velocity(last=True)[lost], axis=1)
    result = np.zeros(len(edges.first), bool)
    centre = (item.boxes[:, :2] + item.boxes[:, 2:]) / 2
    side = np.sqrt(np.maximum(areas(item.boxes), 1e-9))
    for track, row in enumerate(edges.first):
        gap = item.frame[row] - item.frame[edges.last[lost]]
        near = (
            (gap > 0)
            & (gap <= settings.look_on)
            & (item.labels[edges.last[lost]] == item.labels[row])
        )
        away = np.linalg.norm(centre[edges.last[lost]] - centre[row], axis=1)
        result[track] = bool((near & (away <= AHEAD * speed * gap + side[row])).any())
    return result


def _between(
    item: ItemBoxes, edges: TrackEnds, track: np.ndarray, settings: TrackSettings
) -> StateRows:
    rows = edges.rows
    first, second = rows[:-1], rows[1:]
    open_ = (track[first] == track[second]) & (item.frame[second] - item.frame[first] > 1)
    first, second = first[open_], second[open_]
    length = item.frame[second] - item.frame[first] - 1
    gap = np.repeat(np.arange(len(first)), length)
    step = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length) + 1
    share = (step / (length[gap] + 1))[:, None]
    boxes = (1 - share) * item.boxes[first][gap] + share * item.boxes[second][gap]
    expected = item.places(first[gap]).at(boxes)
    frame, owner = item.frame[first][gap] + step, track[first][gap]
    around = np.maximum(
        *(
            cover(item, track, track[first], item.frame[at], item.places(at))
            for at in (first, second)
        )
    )
    over = cover(item, track, owner, frame, expected)
    behind = (over >= COVERED) & (over >= around[gap] + MORE_COVERED)
    candidates = np.flatnonzero(behind)
    at = np.flatnonzero(open_)[gap[candidates]]
    lay = lies_under(item, track, rows, at, -1) | lies_under(item, track, rows, at + 1, 1)
    behind[candidates[lay]] = False
    beside = np.maximum(*(under_occluder(item.places(row), settings) for row in (first, second)))
    under = occluded(expected, beside[gap], settings)
    # the frames at its edges, where it goes under and comes out, belong to the same gap
    goes_under = np.isin(gap, gap[under]) & (under_occluder(expected, settings) >= GOES_UNDER)
    rests = at_rest(item, track, rows, open_)
    state, evidence = decide(
        {
            "border": touches_border(boxes, item.size) & ~rests[gap],
            "ignored": in_zones(boxes, settings.ignored),
            "occluder": under | goes_under,
            "behind": behind,
            "covered": lies_on(item, frame, expected, item.labels[first][gap], settings),
        },
        "missed",
    )
    return StateRows(
        track=owner,
        frame=frame,
        state=state,
        evidence=np.where(evidence == "", "between", evidence),
        boxes=boxes,
    )


def at_rest(item: ItemBoxes, track: np.ndarray, rows: np.ndarray, open_: np.ndarray) -> np.ndarray:
    """Return whether the object of each open gap stands still around it."""
    change = np.abs(np.diff(item.boxes[rows], axis=0)).max(axis=1, initial=0)
    share = change / np.sqrt(np.maximum(areas(item.boxes[rows[:-1]]), 1e-9))
    # a step to the next track, or over another gap, says nothing about standing still
    share[track[rows[:-1]] != track[rows[1:]]] = np.inf
    steps = np.concatenate([[np.inf], share, [np.inf]])
    gap = np.flatnonzero(open_)
    about = np.maximum(steps[gap], steps[gap + 2])
    still: np.ndarray = (steps[gap + 1] <= AT_REST) & (about <= AT_REST_ABOUT)
    return still


def unseen(
    track: np.ndarray, boxes: np.ndarray, missed: np.ndarray, lost: np.ndarray
) -> np.ndarray:
    """Return which places ``lost`` (L, 4) lie where something unnamed may hide moving objects, (L,) bool.

    ``track``, ``boxes`` and ``missed`` (N, ...) are what is known of the objects: where each was seen, and where
    it was missed between two frames in which it was seen. There many objects are missed and found again, and
    hardly one is seen. An object passes a place if its nearest row is within half the objects' median side, or a
    quarter of its own step; that row says whether it is seen.
    """
    if not missed.any() or not len(lost):
        return np.zeros(len(lost), bool)
    # here, since reports read this module, and scipy.spatial takes a third of a second to import
    from scipy.spatial import KDTree
    from scipy.special import bdtrc

    half = float(np.median(np.sqrt(np.maximum(areas(boxes), 1e-9)))) / 2
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    wanted = (lost[:, :2] + lost[:, 2:]) / 2
    of_missed, of_seen = np.zeros(len(wanted), int), np.zeros(len(wanted), int)
    order = np.argsort(track, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(track[order])) + 1):
        tree = KDTree(centre[rows])
        # how far it goes from row to row: what is fast has no row within half its side of each place that it passes
        step = np.median(tree.query(centre[rows], 2)[0][:, 1]) if len(rows) > 1 else 0.0
        _, nearest = tree.query(wanted, distance_upper_bound=max(half, step / 4))
        passes = np.flatnonzero(nearest < len(rows))
        lacks = missed[rows[nearest[passes]]]
        of_missed[passes[lacks]] += 1
        of_seen[passes[~lacks]] += 1
    places = max(len(np.unique(np.floor(centre / (2 * half)), axis=0)), 1)
    by_chance = places * bdtrc(of_missed - 1, of_missed + of_seen, missed.mean())
    result: np.ndarray = (by_chance <= BY_CHANCE) & (of_seen <= SEEN_BEHIND * of_missed)
    return result
