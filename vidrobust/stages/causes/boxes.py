"""Coordinates of a detector's answers to a pair's replays: scores and places of what t and t+1 show.

An object is followed from t to t+1 by its box. In every other picture its score, as a logit, is that of the
best raw candidate of its class on either of its two boxes, so that a lost box still has a score. Places are
compared with the measured motion removed::

    expected  the object's box at the chain's first frame, taken along with what its pixels do in the picture
    place     ((found centre - expected centre), (found size - expected size)) / root of the first box's area

What moves in a box may be all of it, a part of it, or be followed better by the box's own pixels: the reading
nearest to where the box really went is taken, for all pictures of the pair.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from vidrobust.frames.pixels import luma
from vidrobust.metrics.box_differences import BIRTH, KEEP, areas, ious, match, score_logits
from vidrobust.metrics.box_meter import labels_of
from vidrobust.metrics.tracks.borders import Zone, in_zones
from vidrobust.metrics.tracks.motion import box_shifts, small_gray
from vidrobust.models.detection.network import BoxAnswer, FrameBoxes, answers
from vidrobust.models.detection.suppress import MIN_SCORE
from vidrobust.predictions import Detector
from vidrobust.shapes.shape import Places
from vidrobust.stages.causes.scene import STEP, ShownMotion

ON_IT = 0.5  # ioU from which a candidate speaks for an object
BORDER = 0.02  # a box so near to the border, share of the side, may be entering or leaving
FEWEST_PIXELS = 4  # fewest measured pixels in a box from which its motion is taken
FEWEST_STRETCHED = 24  # fewest from which its growing and shrinking is taken
SPREAD = 0.2  # their smallest standard deviation, as a share of the box's side, for that
ALIKE_PX = 1.5  # pixels of a box that move alike to within so many px are taken together
GONE = -1  # state of an object that is not found


@dataclass(frozen=True)
class FollowedObject:
    places: Places  # Its 1 or 2 boxes with what lies in them, t's first
    labels: tuple[int, ...]  # Its labels there
    # (2,) float64: How far the pixels in t's box were seen to move until t+1, px; 0 where that is not known
    shift: np.ndarray

    @property
    def boxes(self) -> np.ndarray:
        return self.places.boxes


def places(
    answers: Sequence[BoxAnswer],
    objects: Sequence[FollowedObject],
    motions: Sequence[ShownMotion] | None,
    shifts: Sequence[np.ndarray],
    *,
    backwards: bool,
) -> np.ndarray:
    """Return places (N, 4 K) of the K objects, found at t and at t+1, in N pictures; else 0.

    Without ``motions`` nothing was replayed, and ``shifts`` (K, 2) px say how far each box's pixels have
    moved.
    """
    first, second = (1, 0) if backwards and motions is not None else (0, 1)
    every = _expected(objects, motions, shifts, first, second, len(answers))
    bases = [one.places.take(slice(first, first + 1)) for one in objects]
    nearest = [
        _nearest(answer, objects, bases, expected)
        for answer, expected in zip(answers, every, strict=True)
    ]
    columns = []
    for number, obj in enumerate(objects):
        root = float(np.sqrt(max(areas(obj.boxes[first].astype(np.float64)[None])[0], 1.0)))
        column = np.zeros((len(answers), 4))
        for place in range(len(answers)):
            box = obj.boxes[place] if place < 2 else nearest[place][number]
            if box is not None:
                column[place] = _offset(box.astype(np.float64), every[place][number]) / root
        columns.append(column)
    return np.concatenate(columns, axis=1) if columns else np.zeros((len(answers), 0))


def _expected(
    objects: Sequence[FollowedObject],
    motions: Sequence[ShownMotion] | None,
    shifts: Sequence[np.ndarray],
    first: int,
    second: int,
    pictures: int,
) -> list[list[np.ndarray]]:
    bases = [one.boxes[first].astype(np.float64) for one in objects]
    if motions is None:
        return [[base + np.tile(shift[k], 2) for k, base in enumerate(bases)] for shift in shifts]
    expected: list[list[np.ndarray]] = [[] for _ in range(pictures)]
    for base, obj in zip(bases, objects, strict=True):
        real = obj.boxes[second].astype(np.float64)
        seen = base + np.tile(-obj.shift if first else obj.shift, 2)
        readings = [taken_along(base, motions[second], own=by_own) for by_own in (False, True)]
        off = [float(np.abs(reading - real).max()) for reading in readings]
        by_own = off[1] < off[0]
        # pictures that move alike share their motion
        of_motion = {id(motions[second]): readings[by_own]}
        for place, motion in enumerate(motions):
            if id(motion) not in of_motion:
                of_motion[id(motion)] = taken_along(base, motion, own=by_own)
            expected[place].append(of_motion[id(motion)])
        if float(np.abs(seen - real).max()) < min(off):
            expected[second][-1] = seen
    return expected


def taken_along(box: np.ndarray, motion: ShownMotion, *, own: bool) -> np.ndarray:
    """Return where a box of the first frame is expected in a picture that shows this motion, (4,) px.

    ``own`` goes by the pixels that move beyond the camera, if any in the box do.
    """
    rows, columns = _window(box, motion)
    back, moves = motion.back[rows, columns], motion.own[rows, columns]
    top, left = rows.start, columns.start
    x = STEP * (left + np.arange(back.shape[1], dtype=np.float64))[None] + back[..., 0]
    y = STEP * (top + np.arange(back.shape[0], dtype=np.float64))[:, None] + back[..., 1]
    inside = (x >= box[0]) & (x < box[2]) & (y >= box[1]) & (y < box[3])
    if own and (inside & moves).sum() >= FEWEST_PIXELS:
        inside &= moves
    row, column = np.nonzero(inside)
    if len(row) < FEWEST_PIXELS:
        return box.copy()
    there = np.column_stack([STEP * (left + column), STEP * (top + row)]).astype(np.float64)
    here = np.column_stack([x[inside], y[inside]])
    move = there - here
    middle = np.median(move, axis=0)
    near = np.abs(move - middle).max(axis=1)
    alike = near <= max(ALIKE_PX, 3 * float(np.median(near)))
    return _carried(box, here[alike], there[alike])


def _window(box: np.ndarray, motion: ShownMotion) -> tuple[slice, slice]:
    height, width = motion.own.shape
    low, high = motion.reach
    first = np.floor((box[:2] - high) / STEP).clip(0, (width, height)).astype(int)
    last = (np.ceil((box[2:] - low) / STEP) + 1).clip(first, (width, height)).astype(int)
    return slice(int(first[1]), int(last[1])), slice(int(first[0]), int(last[0]))


def _carried(box: np.ndarray, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """The box under the shift and stretch along each axis that takes the pixels from here to there."""
    result = box.copy()
    for axis in (0, 1):
        x, y = here[:, axis], there[:, axis]
        stretch, deviation = 1.0, float(x.std())
        if len(x) >= FEWEST_STRETCHED and deviation > SPREAD * (box[axis + 2] - box[axis]):
            stretch = 1 + float(((x - x.mean()) * (y - x - (y - x).mean())).mean()) / deviation**2
        result[axis::2] = y.mean() + stretch * (box[axis::2] - x.mean())
    return result


def inside(box: np.ndarray, size: tuple[int, int]) -> bool:
    """Say whether a box keeps its distance from the border of a frame (height, width)."""
    height, width = size
    x, y = BORDER * width, BORDER * height
    return bool(box[0] >= x and box[1] >= y and box[2] <= width - x and box[3] <= height - y)


def on_them(boxes: FrameBoxes, of: Sequence[Places]) -> list[np.ndarray]:
    """Return for each object the rows that lie on one of its places."""
    if not of:
        return []
    owner = np.repeat(np.arange(len(of)), [len(place) for place in of])
    places, rows, overlap = ious(Places.joined(of).like(boxes[0]), boxes[0], ON_IT)
    near = overlap >= ON_IT
    count = max(len(boxes[1]), 1)
    pairs = np.unique(owner[places[near]] * count + rows[near])
    starts = np.searchsorted(pairs, count * np.arange(1, len(of)))
    return np.split(pairs % count, starts)


def _nearest(
    answer: BoxAnswer,
    objects: Sequence[FollowedObject],
    bases: Sequence[Places],
    expected: Sequence[np.ndarray],
) -> list[np.ndarray | None]:
    """The surest raw candidate of each object's class where it, with what lay in its box, is expected."""
    raw = answer.after if answer.before is None else answer.before
    boxes, scores, labels = raw
    nearest: list[np.ndarray | None] = []
    there = [base.at(box[None]) for base, box in zip(bases, expected, strict=True)]
    for obj, rows in zip(objects, on_them(raw, there), strict=True):
        alike = rows[of_labels(labels[rows], obj.labels)]
        nearest.append(boxes.boxes[alike[scores[alike].argmax()]] if len(alike) else None)
    return nearest


def of_labels(labels: np.ndarray, wanted: tuple[int, ...]) -> np.ndarray:
    """Return which are one of the labels of an object, (N,) bool."""
    of_one: np.ndarray = (labels == wanted[0]) | (labels == wanted[-1])
    return of_one


def _offset(box: np.ndarray, expected: np.ndarray) -> np.ndarray:
    off = box - expected
    return np.concatenate([(off[:2] + off[2:]) / 2, off[2:] - off[:2]])


@dataclass(frozen=True)
class PairBoxes:
    """What ``score`` needs of a detector."""

    # (N, K) float64: Logits of the scores, one column an object and class; K may be 0
    z: np.ndarray
    # (N,) int64: Number of what each picture shows of the objects: which are found, under which class
    states: np.ndarray
    names: tuple[str, ...]  # Of the states: the class, "several classes" or "nothing"
    # (N, L) float64: Where the boxes lie, the measured motion removed; L may be 0
    places: np.ndarray


def seen_boxes(
    detector: Detector,
    pictures: Sequence[np.ndarray],
    motions: Sequence[ShownMotion] = (),
    replies: Sequence[BoxAnswer] | None = None,
    *,
    backwards: bool = False,
    start_score: float = BIRTH,
    keep_score: float = KEEP,
    only: Collection[str] = (),
    ignored: Sequence[Zone] = (),
) -> PairBoxes:
    """Return what a detector sees in pictures (H, W, 3) uint8, of which 0 is frame t and 1 is frame t+1.

    ``motions`` are since the chain's first frame, which is t+1 if ``backwards``; none where nothing was
    replayed. The detector is asked where its ``replies`` are not given.
    """
    replies = replies or answers(detector, pictures)
    if only or ignored:
        labels = labels_of(detector.class_names, only)
        replies = [_chosen_answer(reply, labels, ignored) for reply in replies]
    height, width = pictures[0].shape[:2]
    first = small_gray(luma(pictures[0]))
    scale = first.shape[1] / width
    shifts = box_shifts(first, small_gray(luma(pictures[1])), replies[0].after[0].boxes, scale)
    objects = followed(
        replies[0].after,
        replies[1].after,
        np.nan_to_num(shifts),
        (height, width),
        start_score,
        keep_score,
    )
    # a box that the border cuts changes its size as its object comes in
    size = (height, width)
    whole = [
        obj for obj in objects if len(obj.boxes) == 2 and all(inside(b, size) for b in obj.boxes)
    ]
    where = places(
        replies,
        whole,
        motions or None,
        () if motions else [_shifts(first, picture, whole, scale) for picture in pictures],
        backwards=backwards,
    )
    z = np.array([_logits(answer, objects) for answer in replies]).reshape(len(replies), -1)
    codes = np.array([_state(answer.after, objects, keep_score) for answer in replies], np.int64)
    kinds, states = np.unique(codes.reshape(len(replies), -1), axis=0, return_inverse=True)
    return PairBoxes(
        z, states.reshape(-1), tuple(_name(kind, detector.class_names) for kind in kinds), where
    )


def _chosen_answer(answer: BoxAnswer, labels: Sequence[int], ignored: Sequence[Zone]) -> BoxAnswer:
    def some(boxes: FrameBoxes) -> FrameBoxes:
        rows = np.isin(boxes[2], labels) & ~in_zones(boxes[0].boxes, ignored)
        return boxes[0].take(rows), boxes[1][rows], boxes[2][rows]

    return BoxAnswer(some(answer.after), None if answer.before is None else some(answer.before))


def _shifts(
    first: np.ndarray, picture: np.ndarray, objects: Sequence[FollowedObject], scale: float
) -> np.ndarray:
    boxes = np.array([obj.boxes[0] for obj in objects], np.float64).reshape(-1, 4)
    return np.nan_to_num(box_shifts(first, small_gray(luma(picture)), boxes, scale))


def followed(
    a: FrameBoxes,
    b: FrameBoxes,
    shifts: np.ndarray,
    size: tuple[int, int],
    start_score: float = BIRTH,
    keep_score: float = KEEP,
) -> list[FollowedObject]:
    """Match the boxes of a pair to objects; ``shifts`` (D, 2) px are of the boxes of a.

    One of the two has ``start_score``. A box of that score without a partner is an object too, unless it may
    be entering or leaving.
    """
    kept_a, kept_b = (np.flatnonzero(side[1] >= keep_score) for side in (a, b))
    moved = a[0].moved(shifts)
    i, j, _ = match(moved.take(kept_a), b[0].take(kept_b), a[2][kept_a], b[2][kept_b])
    pairs = list(zip(kept_a[i], kept_b[j], strict=True))
    objects = [
        FollowedObject(
            Places.joined([a[0].take(np.array([m])), b[0].take(np.array([n]))]),
            (int(a[2][m]), int(b[2][n])),
            shifts[m],
        )
        for m, n in pairs
        if max(a[1][m], b[1][n]) >= start_score
    ]
    for boxes, place, used in ((a, moved, [m for m, _ in pairs]), (b, b[0], [n for _, n in pairs])):
        alone = [row for row in np.flatnonzero(boxes[1] >= start_score) if row not in used]
        objects += [
            FollowedObject(boxes[0].take(np.array([row])), (int(boxes[2][row]),), np.zeros(2))
            for row in alone
            if inside(place.boxes[row], size) and inside(boxes[0].boxes[row], size)
        ]
    return objects


def _logits(answer: BoxAnswer, objects: Sequence[FollowedObject]) -> np.ndarray:
    raw = answer.after if answer.before is None else answer.before
    best = []
    for obj, rows in zip(objects, on_them(raw, [one.places for one in objects]), strict=True):
        scores, labels = raw[1][rows], raw[2][rows]
        best += [
            scores[labels == label].max(initial=MIN_SCORE) for label in dict.fromkeys(obj.labels)
        ]
    return score_logits(np.array(best), MIN_SCORE)


def _state(boxes: FrameBoxes, objects: Sequence[FollowedObject], keep_score: float) -> list[int]:
    """The label under which each object is found, of ``keep_score`` or more, or GONE."""
    state = []
    kept = np.flatnonzero(boxes[1] >= keep_score)
    places, scores, labels = boxes[0].take(kept), boxes[1][kept], boxes[2][kept]
    for rows in on_them((places, scores, labels), [obj.places for obj in objects]):
        state.append(int(labels[rows[scores[rows].argmax()]]) if len(rows) else GONE)
    return state


def _name(state: np.ndarray, class_names: tuple[str, ...]) -> str:
    classes = {int(label) for label in state if label != GONE}
    if len(classes) > 1:
        return "several classes"
    return class_names[classes.pop()] if classes else "nothing"
