"""Coordinates of a detector's answers to a pair's replays: scores and places of what t and t+1 show.

An object is followed from t to t+1 by its box, taken to where the pixels in it move. In every other picture its
score is that of the best raw candidate of its class on either of its two boxes (before suppression, where that is
known), so that a lost box still has a score, and one that moves with its object keeps it. Compared are logits.
Where the boxes lie is reported by ``places.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from vidrobust.frames.pixels import luma
from vidrobust.metrics.box_differences import BIRTH, KEEP, match
from vidrobust.metrics.box_selection import labels_of
from vidrobust.metrics.tracks.motion import box_shifts, small_gray
from vidrobust.metrics.tracks.zones import Zone, in_zones
from vidrobust.models.detection.answers import Answer, Found, answers
from vidrobust.models.detection.suppress import MIN_SCORE
from vidrobust.predictions import Detector
from vidrobust.shapes.places import Places
from vidrobust.stages.causes.places import Followed, inside, on_them, places
from vidrobust.stages.causes.scene import Motion

HIGHEST = 0.999
"""Scores are taken for no higher before the logit, and for no lower than MIN_SCORE, below which none is known."""
GONE = -1


@dataclass(frozen=True)
class SeenBoxes:
    """What ``score`` needs of a detector.

    z       (N, K) logits of the scores, one column an object and class; K may be 0
    states  (N,) number of what each picture shows of the objects: which are found, under which class
    names   of the states: the class, "several classes" or "nothing"
    places  (N, L) where the boxes lie, the measured motion taken off; L may be 0
    """

    z: np.ndarray
    states: np.ndarray
    names: tuple[str, ...]
    places: np.ndarray


def seen_boxes(
    detector: Detector,
    pictures: Sequence[np.ndarray],
    motions: Sequence[Motion] = (),
    *,
    backwards: bool = False,
    start_score: float = BIRTH,
    keep_score: float = KEEP,
    only: Collection[str] = (),
    ignored: Sequence[Zone] = (),
) -> SeenBoxes:
    """The detector's answers to an album of pictures (H, W, 3) uint8, of which 0 is frame t and 1 is frame t+1.

    motions    one a picture, of what it shows since the chain's first frame, t or ``backwards`` t+1; none where
               nothing was replayed
    only, ignored  names of the classes whose boxes are looked at, and zones in which none is
    """
    said = answers(detector, pictures)
    if only or ignored:
        labels = labels_of(detector.class_names, only)
        said = [_chosen_answer(each, labels, ignored) for each in said]
    height, width = pictures[0].shape[:2]
    first = small_gray(luma(pictures[0]))
    scale = first.shape[1] / width
    shifts = box_shifts(first, small_gray(luma(pictures[1])), said[0].after[0].boxes, scale)
    objects = followed(
        said[0].after,
        said[1].after,
        np.nan_to_num(shifts),
        (height, width),
        start_score,
        keep_score,
    )
    # a box that the border cuts changes its size as its object comes in
    whole = [each for each in objects if len(each.boxes) == 2 and _all_inside(each, (height, width))]
    where = places(
        said,
        whole,
        motions or None,
        () if motions else [_shifts(first, picture, whole, scale) for picture in pictures],
        backwards=backwards,
    )
    z = np.array([_logits(answer, objects) for answer in said]).reshape(len(said), -1)
    found = np.array([_state(answer.after, objects, keep_score) for answer in said], np.int64)
    kinds, states = np.unique(found.reshape(len(said), -1), axis=0, return_inverse=True)
    return SeenBoxes(z, states.reshape(-1), tuple(_name(kind, detector.class_names) for kind in kinds), where)


def _chosen_answer(answer: Answer, labels: Sequence[int], ignored: Sequence[Zone]) -> Answer:
    def some(found: Found) -> Found:
        rows = np.isin(found[2], labels) & ~in_zones(found[0].boxes, ignored)
        return found[0].take(rows), found[1][rows], found[2][rows]

    return Answer(some(answer.after), None if answer.before is None else some(answer.before))


def _all_inside(each: Followed, size: tuple[int, int]) -> bool:
    return all(inside(box, size) for box in each.boxes)


def _shifts(first: np.ndarray, picture: np.ndarray, objects: Sequence[Followed], scale: float) -> np.ndarray:
    """(len(objects), 2) px how far the pixels of the objects' first boxes have moved in another picture."""
    boxes = np.array([each.boxes[0] for each in objects], np.float64).reshape(-1, 4)
    return np.nan_to_num(box_shifts(first, small_gray(luma(picture)), boxes, scale))


def followed(
    a: Found,
    b: Found,
    shifts: np.ndarray,
    size: tuple[int, int],
    start_score: float = BIRTH,
    keep_score: float = KEEP,
) -> list[Followed]:
    """The objects of a pair: boxes of ``keep_score`` or more matched one to one, one of ``start_score`` or more.

    shifts  (D, 2) px, of the boxes of a · size (H, W) of the frame
    A box of ``start_score`` that has no partner is one too, unless it may be entering or leaving.
    """
    kept_a, kept_b = (np.flatnonzero(found[1] >= keep_score) for found in (a, b))
    moved = a[0].moved(shifts)
    i, j, _ = match(moved.take(kept_a), b[0].take(kept_b), a[2][kept_a], b[2][kept_b])
    pairs = list(zip(kept_a[i], kept_b[j], strict=True))
    objects = [
        Followed(
            Places.joined([a[0].take(np.array([m])), b[0].take(np.array([n]))]),
            (int(a[2][m]), int(b[2][n])),
            shifts[m],
        )
        for m, n in pairs
        if max(a[1][m], b[1][n]) >= start_score
    ]
    for found, place, used in ((a, moved, [m for m, _ in pairs]), (b, b[0], [n for _, n in pairs])):
        alone = [row for row in np.flatnonzero(found[1] >= start_score) if row not in used]
        objects += [
            Followed(found[0].take(np.array([row])), (int(found[2][row]),), np.zeros(2))
            for row in alone
            if inside(place.boxes[row], size) and inside(found[0].boxes[row], size)
        ]
    return objects


def _logits(answer: Answer, objects: Sequence[Followed]) -> np.ndarray:
    """One number an object and class that it has at t or t+1."""
    found = answer.after if answer.before is None else answer.before
    best = []
    for each, rows in zip(objects, on_them(found, [each.places for each in objects]), strict=True):
        scores, labels = found[1][rows], found[2][rows]
        best += [scores[labels == label].max(initial=MIN_SCORE) for label in dict.fromkeys(each.labels)]
    score = np.clip(np.array(best, np.float64), MIN_SCORE, HIGHEST)
    return np.log(score / (1 - score))


def _state(found: Found, objects: Sequence[Followed], keep_score: float) -> list[int]:
    """The label under which each object is found, of ``keep_score`` or more, or GONE."""
    state = []
    kept = np.flatnonzero(found[1] >= keep_score)
    places, scores, labels = found[0].take(kept), found[1][kept], found[2][kept]
    for rows in on_them((places, scores, labels), [each.places for each in objects]):
        state.append(int(labels[rows[scores[rows].argmax()]]) if len(rows) else GONE)
    return state


def _name(state: np.ndarray, class_names: tuple[str, ...]) -> str:
    classes = {int(label) for label in state if label != GONE}
    if len(classes) > 1:
        return "several classes"
    return class_names[classes.pop()] if classes else "nothing"
