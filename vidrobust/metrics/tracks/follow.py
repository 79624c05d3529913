"""Which boxes of consecutive frames are the same object: one-to-one matching of raw boxes, gaps bridged.

    frame      0   1   2   3   4   5   6
    cup        .8  .6      .4      .7           one object; .4 is enough to go on
    bottle     .7          .5  .6               a second name on the same place; the best box in 3 and 4

An object begins with the best box on a place, whatever its class. Further boxes on it are its *second boxes*;
where one is the best, it is the object's box of that frame. Where an object is expected follows from the motion
of the pixels, or from its own or its neighbours' velocity.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.metrics.box_differences import (
    BIRTH,
    DUPLICATE,
    KEEP,
    LEAST_IOU,
    SAME_CLASS,
    areas,
    assign,
    ious,
    same_place,
)
from vidrobust.metrics.tracks.borders import (
    BORDER_PX,
    REDRAWN,
    Zone,
    clipped,
    free_edge_velocity,
    touched,
)
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.shapes.shape import Places

STILL = 0.05  # An object that moves by no more a frame, as a share of its size, is at rest
# IoU of the last box before and the first box after a gap from which both are on one place
SAME_PLACE = 0.5
BEHIND = 4  # A thing is looked for so many times longer behind a named occluder than elsewhere
LATELY = 6  # Boxes at the end of a track, or at its beginning, from which its velocity is taken
SEEN_SHARE = 0.3  # A track of which no more than this share is expected within the frame has left
# A box cut by the border leaves if it goes outwards by more than this share of its size a frame
OUTWARD = 0.01
# ... and is gone within so many frames; a slower one may be found again before.
FRAMES_TO_LEAVE = 3
FAR = 0.5  # An object goes far from one frame to the next by more than this share of its size
ALIKE = 0.5  # Neighbours move alike if half of them lie within this share of their median velocity
# A lost thing reaches a box within so many times the way of its speed and so many of its sizes, if both are
# so alike in size, and everything else is so many times further off
AHEAD, NEARBY, LIKE_SIZE, CLEARLY = 1.5, 0.5, 1.5, 1.5


@dataclass(frozen=True, kw_only=True)
class TrackSettings:
    """How boxes are followed."""

    start_score: float = BIRTH  # least score of a box that begins a track
    keep_score: float = KEEP  # least score of a box that continues a track
    iou: float = LEAST_IOU  # least overlap of a box with where its track is expected
    max_gap: int = 5  # longest gap in frames over which a moving object is found again
    look_on: int = 25  # frames for which a vanished object is still expected: about a second
    min_boxes: int = 1  # tracks with fewer boxes are dropped
    # x, y, width, height px of what hides objects
    occluders: tuple[tuple[float, float, float, float], ...] = ()
    ignored: tuple[Zone, ...] = ()  # zones whose boxes are dropped
    start_scores: tuple[tuple[int, float], ...] = ()  # by label
    only: tuple[str, ...] = ()  # names of the classes that count; all if empty
    class_scores: tuple[tuple[str, float], ...] = ()  # start scores by class name

    def __post_init__(self) -> None:
        if not 0 <= self.keep_score <= self.start_score <= 1:
            raise SettingsError(
                "expected 0 <= keep_score <= start_score <= 1, got keep_score "
                f"{self.keep_score:g} and start_score {self.start_score:g}"
            )
        if not 0 < self.iou <= 1 or self.max_gap < 0:
            raise SettingsError(
                f"expected an iou in (0, 1] and a max_gap of 0 frames or more, got {self.iou:g} and {self.max_gap}"
            )
        if self.min_boxes < 1 or any(len(box) != 4 or min(box[2:]) <= 0 for box in self.occluders):
            raise SettingsError(
                "expected tracks of 1 box or more, and occluders of x, y, width and height in px, got "
                f"{self.min_boxes} and {list(self.occluders)}"
            )

    def of_classes(self, names: Mapping[int, str]) -> TrackSettings:
        """Return these settings with labels in place of class names."""
        by_name = dict(self.class_scores)
        scores = tuple((label, by_name[name]) for label, name in names.items() if name in by_name)
        return dataclasses.replace(self, start_scores=scores) if scores else self

    def starts(self, labels: np.ndarray) -> np.ndarray:
        """Return the start score of each label (D,)."""
        scores = np.full(len(labels), self.start_score)
        for label, score in self.start_scores:
            scores[labels == label] = score
        return scores

    def keeps(self, labels: np.ndarray) -> np.ndarray:
        """Return the keep score of each label (D,)."""
        return np.maximum(self.starts(labels) - (self.start_score - self.keep_score), 0.0)


@dataclass(frozen=True)
class Objects:
    """The object of each box, numbered from 0 by its first box.

    ``track`` (D,) is the object whose best box it is, ``second`` (D,) the one on which it is a further box;
    or -1.
    """

    track: np.ndarray
    second: np.ndarray

    @property
    def on_object(self) -> np.ndarray:
        """Return which boxes lie on an object, (D,) bool."""
        on: np.ndarray = (self.track >= 0) | (self.second >= 0)
        return on


def follow(item: ItemBoxes, settings: TrackSettings) -> Objects:
    """Return the objects of an input: matched frame by frame, and things at rest found again after any gap."""
    track, second = _frame_by_frame(item, settings)
    again = linked(item, track, settings)
    again = np.append(again, -1)  # where the number -1, of boxes in no track, leads to
    track, second = again[track], again[second]
    return _numbered(Objects(track, second), settings.min_boxes)


def _frame_by_frame(item: ItemBoxes, settings: TrackSettings) -> tuple[np.ndarray, np.ndarray]:
    track, second = (np.full(len(item.frame), -1, np.int64) for _ in range(2))
    bounds = item.bounds
    usable = item.scores >= settings.keeps(item.labels)
    may_begin = item.scores >= settings.starts(item.labels)
    live, count = _NONE, 0
    for frame in range(item.num_frames):
        rows = np.arange(bounds[frame], bounds[frame + 1])
        rows = rows[usable[rows]]
        live = _ahead(live, item.size) if item.joined[frame] else _NONE
        old, new = _matched(live, item.places(rows), item.labels[rows], settings.iou, item.size)
        track[rows[new]] = live.track[old]
        _second_boxes(item, rows, track, second)
        free = rows[(track[rows] < 0) & (second[rows] < 0) & may_begin[rows]]
        lost, again = _turned(
            live, np.setdiff1d(np.arange(len(live.track)), old), item, free, frame
        )
        track[again] = live.track[lost]
        old = np.concatenate([old, lost])
        count = _born(item, rows[may_begin[rows]], track, second, count)
        _second_boxes(item, rows, track, second)
        _best_first(item, rows, track, second)
        live = _gone_on(item, live, old, rows, track, frame, settings.max_gap)
    return track, second


@dataclass(frozen=True, kw_only=True)
class _Live:
    """Tracks (T,) that may go on; expected by the pixels (``box``) and by their velocity (``coasting``)."""

    track: np.ndarray
    seen: np.ndarray  # frame of the last box
    label: np.ndarray
    last: np.ndarray  # last box, (T, 4) px
    box: np.ndarray
    coasting: np.ndarray
    step: np.ndarray  # (T, 2) px a frame, by the pixels where they show it
    velocity: np.ndarray
    shape: np.ndarray  # mask in the last box, or None
    fresh: np.ndarray  # seen once, and the pixels show no motion

    def expected(self, where: np.ndarray, size: tuple[int, int]) -> Places:
        shaped = any(shape is not None for shape in self.shape)
        return Places(self.last, self.shape if shaped else None).at(where).clipped(size)

    def pick(self, rows: np.ndarray) -> _Live:
        return _Live(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    def joined(self, other: _Live) -> _Live:
        names = self.__dataclass_fields__
        return _Live(**{n: np.concatenate([getattr(self, n), getattr(other, n)]) for n in names})


_NONE = _Live(
    **{name: np.empty(0, np.int64) for name in ("track", "seen", "label")},
    **{name: np.empty((0, 4)) for name in ("last", "box", "coasting")},
    **{name: np.empty((0, 2)) for name in ("step", "velocity")},
    shape=np.empty(0, object),
    fresh=np.empty(0, bool),
)


def _ahead(live: _Live, size: tuple[int, int]) -> _Live:
    box, coasting = live.box + np.tile(live.step, 2), live.coasting + np.tile(live.velocity, 2)
    whole = np.maximum(areas(box), 1e-9)
    here = (areas(clipped(box, size)) > SEEN_SHARE * whole) | (
        areas(clipped(coasting, size)) > SEEN_SHARE * np.maximum(areas(coasting), 1e-9)
    )
    return dataclasses.replace(live, box=box, coasting=coasting).pick(here)


def _matched(
    live: _Live, boxes: Places, labels: np.ndarray, least: float, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    first, second = (
        ious(live.expected(where, size), boxes, least) for where in (live.box, live.coasting)
    )
    i, j, iou = (np.concatenate([a, b]) for a, b in zip(first, second, strict=True))
    near = iou >= least
    key, where = np.unique(i[near] * max(len(boxes), 1) + j[near], return_inverse=True)
    best = np.zeros(len(key))
    np.maximum.at(best, where, iou[near])
    i, j = np.divmod(key, max(len(boxes), 1))
    value = best + SAME_CLASS * (live.label[i] == labels[j])
    right = _right_there(i, j, best, value)
    rest = np.flatnonzero(~np.isin(i, i[right]) & ~np.isin(j, j[right]))
    chosen = np.concatenate([right, rest[assign(i[rest], j[rest], value[rest])]])
    return i[chosen], j[chosen]


def _right_there(i: np.ndarray, j: np.ndarray, iou: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Pairs where a box lies right where its track is expected: two lesser pairs must not outvote them."""
    near = np.flatnonzero(iou >= DUPLICATE)
    tracks: set[int] = set()
    boxes: set[int] = set()
    chosen = []
    for pair in near[np.argsort(-value[near], kind="stable")].tolist():
        if int(i[pair]) not in tracks and int(j[pair]) not in boxes:
            chosen.append(pair)
            tracks.add(int(i[pair]))
            boxes.add(int(j[pair]))
    return np.array(chosen, np.int64)


def _second_boxes(item: ItemBoxes, rows: np.ndarray, track: np.ndarray, second: np.ndarray) -> None:
    tracked, free = rows[track[rows] >= 0], rows[(track[rows] < 0) & (second[rows] < 0)]
    if not len(tracked) or not len(free):
        return
    i, j, iou = same_place(
        item.places(free), item.places(tracked), item.labels[free], item.labels[tracked]
    )
    order = np.argsort(iou, kind="stable")  # the last to write is the nearest
    second[free[i[order]]] = track[tracked[j[order]]]


def _turned(
    live: _Live, lost: np.ndarray, item: ItemBoxes, free: np.ndarray, frame: int
) -> tuple[np.ndarray, np.ndarray]:
    """Lost tracks and free boxes that only fit each other, as of things that bounce."""
    if not len(lost) or not len(free):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    last, box = live.last[lost][:, None], item.boxes[free][None]
    side = np.sqrt(np.maximum(areas(live.last[lost]), 1e-9))[:, None]
    off = np.linalg.norm(box[..., :2] + box[..., 2:] - last[..., :2] - last[..., 2:], axis=2) / 2
    speed = np.linalg.norm(live.velocity[lost], axis=1)[:, None]
    # of one that was seen once, and whose pixels show nothing, it is not known how far it goes
    speed = np.where(live.fresh[lost][:, None] & (speed == 0), side, speed)
    reach = AHEAD * speed * (frame - live.seen[lost])[:, None] + NEARBY * side
    alike = np.sqrt(np.maximum(areas(item.boxes[free]), 1e-9))[None] / side
    near = (off <= reach) & (alike <= LIKE_SIZE) & (alike >= 1 / LIKE_SIZE)
    near &= live.label[lost][:, None] == item.labels[free][None]
    # what lies within a frame's way of the border may just have come in; only what was just lost may be it
    beyond = np.array(item.size[::-1]) - item.boxes[free][:, 2:]
    inward = np.minimum(item.boxes[free][:, :2], beyond).min(axis=1)[None]
    near &= (inward > np.maximum(speed, BORDER_PX)) | (live.seen[lost] >= frame - 2)[:, None]
    away = np.where(near, off, np.inf)
    i = np.flatnonzero(near.any(axis=1))
    j = away[i].argmin(axis=1)
    best = away[i, j].copy()
    away[i, j] = np.inf
    clear = best * CLEARLY <= np.minimum(away[i].min(axis=1), away[:, j].min(axis=0))
    # of two tracks that are nearest to one box neither is clear, as each is the other's next
    clear &= np.bincount(j, minlength=len(free))[j] == 1
    return lost[i[clear]], free[j[clear]]


def _born(
    item: ItemBoxes, rows: np.ndarray, track: np.ndarray, second: np.ndarray, count: int
) -> int:
    free = rows[(track[rows] < 0) & (second[rows] < 0)]
    if not len(free):
        return count
    boxes, labels, scores = (
        item.places(free),
        item.labels[free],
        item.scores[free],
    )
    i, j, _ = same_place(boxes, boxes, labels, labels)
    better = (scores[j] > scores[i]) | ((scores[j] == scores[i]) & (j < i))
    beaten_by: dict[int, list[int]] = {}
    for a, b in zip(i[better].tolist(), j[better].tolist(), strict=True):
        beaten_by.setdefault(a, []).append(b)
    begun: set[int] = set()
    for row in np.argsort(-scores, kind="stable").tolist():
        if not begun.intersection(beaten_by.get(row, ())):
            begun.add(row)
    new = free[sorted(begun)]
    track[new] = count + np.arange(len(new))
    return count + len(new)


def _best_first(item: ItemBoxes, rows: np.ndarray, track: np.ndarray, second: np.ndarray) -> None:
    further = rows[second[rows] >= 0]
    if not len(further):
        return
    tracked = rows[track[rows] >= 0]
    box_of = dict(zip(track[tracked].tolist(), tracked.tolist(), strict=True))
    for row in further[np.argsort(item.scores[further], kind="stable")].tolist():
        of = int(second[row])
        before = box_of[of]
        iou = ious(item.places(slice(row, row + 1)), item.places(slice(before, before + 1)))[2]
        if iou.max(initial=0) >= DUPLICATE and item.scores[row] > item.scores[before]:
            track[before], second[before] = -1, of
            track[row], second[row], box_of[of] = of, -1, row


def _gone_on(
    item: ItemBoxes,
    live: _Live,
    old: np.ndarray,
    rows: np.ndarray,
    track: np.ndarray,
    frame: int,
    gap: int,
) -> _Live:
    lost = np.setdiff1d(np.arange(len(live.track)), old)
    kept = frame - live.seen[lost] <= gap
    leaving = _leaving(live.pick(lost), item.size)
    seen = rows[track[rows] >= 0]
    place = {number: row for row, number in enumerate(live.track.tolist())}
    before = np.array([place.get(number, -1) for number in track[seen].tolist()], np.int64)
    return live.pick(lost[kept & ~leaving]).joined(_seen(item, seen, track, frame, live, before))


def _leaving(live: _Live, size: tuple[int, int]) -> np.ndarray:
    """(T,) bool: cut by an edge of the frame, moving outwards, and soon gone."""
    cut, side = touched(live.last, size), np.sqrt(np.maximum(areas(live.last), 1e-9))[:, None]
    out = (cut[:, :2] & (live.step < -OUTWARD * side)) | (cut[:, 2:] & (live.step > OUTWARD * side))
    out &= live.last[:, 2:] - live.last[:, :2] <= FRAMES_TO_LEAVE * np.abs(live.step)
    leaving: np.ndarray = out.any(axis=1)
    return leaving


def _seen(
    item: ItemBoxes,
    rows: np.ndarray,
    track: np.ndarray,
    frame: int,
    live: _Live,
    before: np.ndarray,
) -> _Live:
    """Tracks with a box in this frame; ``before`` (R,) is their row in ``live``, or -1 if new."""
    boxes, measured = item.boxes[rows], item.shift[rows]
    velocity = np.zeros((len(rows), 2))
    known = before >= 0
    past = live.pick(before[known])
    if len(past.track):
        since = (frame - past.seen)[:, None].astype(np.float64)
        moved = free_edge_velocity(past.last, boxes[known], since, item.size)
        redrawn = _redrawn(past.last, boxes[known])[:, None]
        velocity[known] = np.where(redrawn, past.velocity, moved)
    velocity[~known] = _neighbours(velocity[known])
    # one that has just begun and goes far has left the place where another may come to lie
    far = ~known & (np.abs(measured) > FAR * (boxes[:, 2:] - boxes[:, :2])).any(axis=1)
    velocity[far] = measured[far]
    step = np.where(np.isnan(measured), velocity, measured)
    return _Live(
        track=track[rows],
        seen=np.full(len(rows), frame),
        label=item.labels[rows],
        last=boxes,
        box=boxes.copy(),
        coasting=boxes.copy(),
        step=step,
        velocity=velocity,
        shape=np.full(len(rows), None, object) if item.shapes is None else item.shapes[rows],
        fresh=~known & np.isnan(measured[:, 0]),
    )


def _redrawn(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Where a box is drawn around more or less of its object, which is no motion, (N,) bool."""
    size_before, size_now = (
        np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-9) for boxes in (before, now)
    )
    redrawn: np.ndarray = (np.abs(size_now / size_before - 1) > REDRAWN).any(axis=1)
    return redrawn


def _neighbours(velocity: np.ndarray) -> np.ndarray:
    """Velocity (2,) of a new object: that of the others if they move alike, else 0."""
    if len(velocity) < 2:
        return np.zeros(2)
    middle = np.median(velocity, axis=0)
    off = np.linalg.norm(velocity - middle, axis=1)
    alike = np.median(off) <= ALIKE * np.linalg.norm(middle)
    result: np.ndarray = middle if alike else np.zeros(2)
    return result


def linked(item: ItemBoxes, track: np.ndarray, settings: TrackSettings) -> np.ndarray:
    """Join tracks of things that are lost and found again; return the track each continues, or its own, (T,).

    A thing at rest is found again after any gap, a moving one where its motion leads within about a second.
    Both ends lie in one scene, and no frame has both. Beyond ``max_gap`` frames the class must be the same.
    """
    ends = TrackEnds(item, track)
    result = np.arange(len(ends.first))
    still, begins_still = ends.still(last=True), ends.still(last=False)
    earlier, later = np.flatnonzero(still), np.flatnonzero(begins_still)
    i, j, iou = ious(item.places(ends.last[earlier]), item.places(ends.first[later]))
    inner = [~touched(item.boxes[rows], item.size).any(axis=1) for rows in (ends.last, ends.first)]
    goes, came = np.flatnonzero(~still & inner[0]), np.flatnonzero(~begins_still & inner[1])
    moving = _moving_on(item, ends, goes, came, settings)
    a, b, iou = (
        np.concatenate(column) for column in zip((earlier[i], later[j], iou), moving, strict=True)
    )
    row_a, row_b = ends.last[a], ends.first[b]
    scene = np.cumsum(~item.joined)
    gap = item.frame[row_b] - item.frame[row_a]
    good = (iou >= SAME_PLACE) & (gap > 0) & (scene[item.frame[row_a]] == scene[item.frame[row_b]])
    good &= (item.labels[row_a] == item.labels[row_b]) | (gap <= settings.max_gap + 1)
    a, b, gap, iou = a[good], b[good], gap[good], iou[good]
    goes_on: dict[int, int] = {}
    taken: set[int] = set()
    for pair in np.lexsort((-iou, gap)).tolist():
        if int(a[pair]) not in goes_on and int(b[pair]) not in taken:
            goes_on[int(a[pair])] = int(b[pair])
            taken.add(int(b[pair]))
    for one in sorted(goes_on, key=lambda each: int(item.frame[ends.first[each]])):
        result[goes_on[one]] = result[one]
    return result


class TrackEnds:
    """First and last box of each track (T,), in ``rows`` sorted by track and frame.

    track (D,) holds numbers from 0, and -1 for boxes in none.
    """

    def __init__(self, item: ItemBoxes, track: np.ndarray) -> None:
        rows = np.flatnonzero(track >= 0)
        self.rows = rows[np.lexsort((item.frame[rows], track[rows]))]
        numbers = np.arange(int(track.max(initial=-1)) + 1)
        self.found, self.starts = item, np.searchsorted(track[self.rows], numbers)
        self.stops = np.searchsorted(track[self.rows], numbers, side="right")
        self.first, self.last = self.rows[self.starts], self.rows[self.stops - 1]

    def velocity(self, *, last: bool) -> np.ndarray:
        """Return px per frame over the last, or first, few boxes (T, 2); of single boxes by the pixels."""
        if last:
            a, b = np.maximum(self.starts, self.stops - LATELY), self.stops - 1
        else:
            a, b = self.starts, np.minimum(self.stops - 1, self.starts + LATELY - 1)
        early, late = self.rows[a], self.rows[b]
        since = np.maximum(self.found.frame[late] - self.found.frame[early], 1)[:, None].astype(
            np.float64
        )
        velocity = free_edge_velocity(
            self.found.boxes[early], self.found.boxes[late], since, self.found.size
        )
        alone = a == b
        velocity[alone] = np.nan_to_num(self.found.shift[early[alone]])
        return velocity

    def still(self, *, last: bool) -> np.ndarray:
        """Return which tracks are at rest at their end, or beginning, (T,) bool."""
        box = self.found.boxes[self.last if last else self.first]
        side = np.sqrt(np.maximum(areas(box), 1e-9))
        speed: np.ndarray = np.abs(self.velocity(last=last)).max(axis=1, initial=0)
        return speed <= STILL * side


def _moving_on(
    item: ItemBoxes,
    ends: TrackEnds,
    earlier: np.ndarray,
    later: np.ndarray,
    settings: TrackSettings,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of tracks and IoU (K,) where they meet half-way, where an error of either speed counts half."""
    most = settings.look_on * (BEHIND if settings.occluders else 1)
    frame_a, frame_b = item.frame[ends.last[earlier]], item.frame[ends.first[later]]
    order = np.argsort(frame_b, kind="stable")
    low = np.searchsorted(frame_b[order], frame_a, side="right")
    count = np.searchsorted(frame_b[order], frame_a + most, side="right") - low
    a = np.repeat(np.arange(len(earlier)), count)
    step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    a, b = earlier[a], later[order[np.repeat(low, count) + step]]
    half = (item.frame[ends.first[b]] - item.frame[ends.last[a]])[:, None] / 2
    on = item.boxes[ends.last[a]] + np.tile(ends.velocity(last=True)[a] * half, 2)
    back = item.boxes[ends.first[b]] - np.tile(ends.velocity(last=False)[b] * half, 2)
    side = np.minimum(on[:, 2:], back[:, 2:]) - np.maximum(on[:, :2], back[:, :2])
    common = np.maximum(side, 0).prod(axis=1)
    iou = common / np.maximum(areas(on) + areas(back) - common, 1e-9)
    hidden = np.zeros(len(a), bool)
    middle = (on[:, :2] + on[:, 2:]) / 2
    for x, y, width, height in settings.occluders:
        hidden |= ((middle >= (x, y)) & (middle <= (x + width, y + height))).all(axis=1)
    return a, b, np.where(hidden | (2 * half[:, 0] <= settings.look_on), iou, 0.0)


def _numbered(objects: Objects, min_boxes: int) -> Objects:
    track = objects.track
    counts = np.bincount(track[track >= 0], minlength=int(track.max(initial=-1)) + 1)
    kept = np.flatnonzero(counts >= min_boxes)
    if not len(kept):
        return Objects(np.full(len(track), -1), np.full(len(track), -1))
    at = np.full(len(counts), len(track))
    np.minimum.at(at, track[track >= 0], np.flatnonzero(track >= 0))
    number = np.full(len(counts) + 1, -1, np.int64)
    number[kept[np.argsort(at[kept], kind="stable")]] = np.arange(len(kept))
    return Objects(number[track], number[objects.second])
