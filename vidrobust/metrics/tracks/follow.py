"""Which boxes of consecutive frames are the same object: one-to-one matching of raw boxes, gaps bridged.

    frame   0   1   2   3   4   5   6
    box     .8  .6      .4      .7            one track: born at 0, kept at 3 by the lower score; 2 and 4 are gaps
                                    .9  ...   elsewhere: another track

A track is predicted by the motion that the pixels show, not by a filter; the boxes stay as the detector gave them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.metrics.box_differences import BIRTH, KEEP, LEAST_IOU, SAME_CLASS, assign, ious


@dataclass(frozen=True, kw_only=True)
class TrackSettings:
    """How boxes are followed.

    start_score   least score of a box that begins a track
    keep_score  least score of a box that goes on with one
    iou     least overlap of a box with where its track is expected
    max_gap  longest gap, frames, within a track
    """

    start_score: float = BIRTH
    keep_score: float = KEEP
    iou: float = LEAST_IOU
    max_gap: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.keep_score <= self.start_score <= 1:
            raise SettingsError(
                f"expected 0 <= keep_score <= start_score <= 1, "
                f"got keep_score {self.keep_score:g} and start_score {self.start_score:g}"
            )
        if not 0 < self.iou <= 1 or self.max_gap < 0:
            raise SettingsError(
                f"expected an iou in (0, 1] and a max_gap of 0 frames or more, got {self.iou:g} and {self.max_gap}"
            )


@dataclass(frozen=True, kw_only=True)
class ItemBoxes:
    """All boxes of one item and model, flat.

    frame       (D,) int64, sorted: the row of the frame, from 0 in the order of delivery
    boxes       (D, 4) float64 xyxy px
    scores      (D,) float64
    labels      (D,) int64
    shift       (D, 2) float64, how far the pixels in the box move until the next frame, px; NaN where unknown
    num_frames  also those without boxes
    joined      (num_frames,) bool: whether the frame goes on from the one before, with no cut between
    size        height and width of the frame, px
    """

    frame: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    shift: np.ndarray
    num_frames: int
    joined: np.ndarray
    size: tuple[int, int]

    def __post_init__(self) -> None:
        count = len(self.frame)
        shapes = {"boxes": (count, 4), "scores": (count,), "labels": (count,), "shift": (count, 2)}
        for name, shape in {**shapes, "joined": (self.num_frames,)}.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(
                    f"ItemBoxes.{name}: expected shape {shape}, got {np.shape(getattr(self, name))}"
                )
        if count and (
            np.any(np.diff(self.frame) < 0) or not 0 <= self.frame[0] <= self.frame[-1] < self.num_frames
        ):
            raise ValueError(f"ItemBoxes.frame: expected sorted rows in 0..{self.num_frames - 1}")

    def rows(self, keep: np.ndarray) -> ItemBoxes:
        """The same frames with some of the boxes; keep (D,) bool."""
        return ItemBoxes(
            frame=self.frame[keep],
            boxes=self.boxes[keep],
            scores=self.scores[keep],
            labels=self.labels[keep],
            shift=self.shift[keep],
            num_frames=self.num_frames,
            joined=self.joined,
            size=self.size,
        )


@dataclass(frozen=True)
class _Live:
    """Tracks that may go on: where each is expected now by the pixels and by its own velocity."""

    track: np.ndarray
    seen: np.ndarray
    label: np.ndarray
    box: np.ndarray
    coasting: np.ndarray
    step: np.ndarray
    velocity: np.ndarray

    def pick(self, rows: np.ndarray) -> _Live:
        return _Live(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


_NONE = _Live(
    np.empty(0, np.int64),
    np.empty(0, np.int64),
    np.empty(0, np.int64),
    *(np.empty((0, n)) for n in (4, 4, 2, 2)),
)


def follow(found: ItemBoxes, settings: TrackSettings) -> np.ndarray:
    """(D,) int64: the track of each box, numbered from 0 by their first boxes; -1 for boxes in none."""
    track = np.full(len(found.frame), -1, np.int64)
    bounds = np.searchsorted(found.frame, np.arange(found.num_frames + 1))
    usable = found.scores >= settings.keep_score
    live, count = _NONE, 0
    for frame in range(found.num_frames):
        rows = np.arange(bounds[frame], bounds[frame + 1])
        rows = rows[usable[rows]]
        live = _ahead(live) if found.joined[frame] else _NONE
        old, new = _matched(live, found.boxes[rows], found.labels[rows], settings.iou)
        track[rows[new]] = live.track[old]
        born = rows[(track[rows] < 0) & (found.scores[rows] >= settings.start_score)]
        track[born] = count + np.arange(len(born))
        count += len(born)
        lost = np.setdiff1d(np.arange(len(live.track)), old)
        lost = lost[frame - live.seen[lost] <= settings.max_gap]
        live = _joined(live.pick(lost), _started(found, rows[new], track, frame, live.pick(old)))
        live = _joined(live, _started(found, born, track, frame, None))
    return track


def _ahead(live: _Live) -> _Live:
    """Where the tracks are expected one frame later."""
    return _Live(
        live.track,
        live.seen,
        live.label,
        live.box + np.tile(live.step, 2),
        live.coasting + np.tile(live.velocity, 2),
        live.step,
        live.velocity,
    )


def _started(
    found: ItemBoxes, rows: np.ndarray, track: np.ndarray, frame: int, before: _Live | None
) -> _Live:
    """Tracks seen in this frame; ``before`` holds their expectations, from which the velocity follows."""
    boxes, measured = found.boxes[rows], found.shift[rows]
    velocity = np.zeros((len(rows), 2))
    if before is not None and len(rows):
        since = (frame - before.seen)[:, None]
        start = before.coasting - np.tile(before.velocity, 2) * since  # the box where it was seen last
        velocity = (_centres(boxes) - _centres(start)) / since
    step = np.where(np.isnan(measured), velocity, measured)
    return _Live(
        track[rows], np.full(len(rows), frame), found.labels[rows], boxes, boxes.copy(), step, velocity
    )


def _matched(
    live: _Live, boxes: np.ndarray, labels: np.ndarray, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the live tracks and of the boxes that belong together."""
    first, second = ious(live.box, boxes), ious(live.coasting, boxes)
    i, j, iou = (np.concatenate([a, b]) for a, b in zip(first, second, strict=True))
    near = iou >= least
    key, where = np.unique(i[near] * max(len(boxes), 1) + j[near], return_inverse=True)
    best = np.zeros(len(key))
    np.maximum.at(best, where, iou[near])
    i, j = np.divmod(key, max(len(boxes), 1))
    chosen = assign(i, j, best + SAME_CLASS * (live.label[i] == labels[j]))
    return i[chosen], j[chosen]


def _joined(a: _Live, b: _Live) -> _Live:
    return _Live(*(np.concatenate([getattr(a, n), getattr(b, n)]) for n in a.__dataclass_fields__))


def _centres(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2
