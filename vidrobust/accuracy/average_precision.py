"""Average precision of boxes against known ones: of all frames, and of the worst and best neighbours of anchors.

By COCO's rules (Lin et al., ECCV 2014, and its evaluation code): IoU .50 to .95, all areas, 100 boxes a frame and
class, precision at 101 recalls. Which boxes are right is settled once a frame; only the ranking by score is done
again for each choice of frames, so that an interval that leaves clips out costs little.
Over neighbours each anchor is replaced by the frame about it that is worst, or best, by its own average precision,
and the set of these frames is evaluated anew: what a detector may come to if the shutter falls a little earlier or
later. After Shankar et al. 2019 (pm-k), with the bounds of Manfredi & Wang 2020, who take shifts for neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import ious
from vidrobust.metrics.tracks.item_boxes import are_shaped, places_of
from vidrobust.shapes.places import Places
from vidrobust.statistics.standard_errors import leave_one_out

LEAST_IOUS = np.linspace(0.5, 0.95, 10)
"""Overlaps from which a box is right; the first is that of AP50."""
RECALLS = np.linspace(0, 1, 101)
MOST_BOXES = 100
"""Boxes of a class that count in a frame, the surest first."""
BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class Precision:
    """Average precision, a mean over classes: over IoU .50 to .95, and at .50; NaN without known boxes."""

    ap: float
    ap50: float


@dataclass(frozen=True)
class _OfClass:
    """One class, its found boxes from the surest on.

    frame  (n,) int64 place of the frame; right (n, 10) bool: matched at each of LEAST_IOUS
    known  (frames,) known boxes
    """

    frame: np.ndarray
    right: np.ndarray
    known: np.ndarray

    def precision(self, times: np.ndarray) -> np.ndarray | None:
        """(10,) average precision where each frame counts (frames,) times; None where none has a known box."""
        known = float(self.known @ times)
        if not known:
            return None
        weight = times[self.frame]
        right = np.cumsum(self.right * weight[:, None], axis=0)
        precision = right / np.maximum(np.cumsum(weight), np.spacing(1))[:, None]
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        recall = right / known
        found = np.zeros((len(LEAST_IOUS), len(RECALLS)))
        for k in range(len(LEAST_IOUS)):
            at = np.searchsorted(recall[:, k], RECALLS, side="left")
            found[k, at < len(recall)] = precision[at[at < len(recall)], k]
        return np.asarray(found.mean(axis=1))


class FramesOfBoxes:
    """Known and found boxes of frames, for any choice of them.

    known  frame (any int), label, x1, y1, x2, y2; found: the same and score
    Where both have a column shape that says something, masks and turned boxes are compared in their boxes' stead.
    """

    def __init__(self, known: pd.DataFrame, found: pd.DataFrame) -> None:
        self._frames = np.union1d(known["frame"], found["frame"]).astype(np.int64)
        self._shaped = are_shaped(known, found)
        by_class = dict(list(found.groupby("label", sort=False)))
        self._classes = [
            self._of_class(truth, by_class.get(label, found.iloc[:0]))
            for label, truth in known.groupby("label", sort=True)
        ]

    @classmethod
    def of(cls, frames: pd.DataFrame, known: pd.DataFrame, found: pd.DataFrame) -> FramesOfBoxes:
        """Of tables by item and frame; a frame's number here is that of its row in ``frames``."""
        code = pd.MultiIndex.from_frame(frames[["item", "frame"]])

        def coded(table: pd.DataFrame) -> pd.DataFrame:
            return table.assign(frame=code.get_indexer(pd.MultiIndex.from_frame(table[["item", "frame"]])))

        return cls(coded(known), coded(found))

    def precision(self, frames: Sequence[int] | np.ndarray) -> Precision:
        """Of these frames; one that is named twice counts twice. Among equal scores the earlier frame is first."""
        chosen = np.asarray(frames, np.int64)
        chosen = chosen[np.isin(chosen, self._frames)]
        times = np.bincount(np.searchsorted(self._frames, chosen), minlength=len(self._frames)).astype(float)
        lines = [precision for each in self._classes if (precision := each.precision(times)) is not None]
        if not lines:
            return Precision(float("nan"), float("nan"))
        of_class = np.array(lines)
        return Precision(float(of_class.mean()), float(of_class[:, 0].mean()))

    def each(self, frames: Sequence[int]) -> np.ndarray:
        """(len(frames),) the average precision of each frame by itself; NaN where it has no known box."""
        return np.array([self.precision([frame]).ap for frame in frames])

    def _of_class(self, known: pd.DataFrame, found: pd.DataFrame) -> _OfClass:
        truth = dict(list(known.groupby("frame", sort=False)))
        frame, score, right = [], [], []
        for number, rows in found.groupby("frame", sort=True):
            sure = rows.sort_values("score", ascending=False, kind="stable").head(MOST_BOXES)
            of = truth.get(number, known.iloc[:0])
            right.append(_right(*(places_of(each, shaped=self._shaped) for each in (sure, of))))
            frame.append(np.full(len(sure), np.searchsorted(self._frames, number)))
            score.append(sure["score"].to_numpy(np.float64))
        count = np.zeros(len(self._frames))
        for number, rows in truth.items():
            count[np.searchsorted(self._frames, number)] = len(rows)
        if not frame:
            return _OfClass(np.empty(0, np.int64), np.empty((0, len(LEAST_IOUS)), bool), count)
        order = np.argsort(-np.concatenate(score), kind="stable")
        return _OfClass(np.concatenate(frame)[order], np.concatenate(right)[order], count)


def _right(found: Places, known: Places) -> np.ndarray:
    """(n, 10) bool: n found ones, the surest first, each takes the free one of m known that it overlaps most."""
    overlap = np.zeros((len(found), len(known)))
    i, j, value = ious(found, known, float(LEAST_IOUS[0]))
    overlap[i, j] = value
    right = np.zeros((len(found), len(LEAST_IOUS)), bool)
    for k, least in enumerate(LEAST_IOUS):
        free = np.ones(len(known), bool)
        for row in np.flatnonzero((overlap >= least).any(axis=1)):
            best = np.where(free, overlap[row], -1.0)
            place = len(best) - 1 - int(np.argmax(best[::-1]))  # of equal ones COCO takes the last
            if best[place] >= least:
                free[place], right[row, k] = False, True
    return right


def with_known_boxes(seen: pd.DataFrame, known: pd.DataFrame) -> np.ndarray:
    """(n,) bool: which frames of a detector can be judged: those with a known box, and where an item's known boxes
    follow frame on frame all between its first and its last.

    seen  (n rows) item, frame, in their order; known: item, frame
    """
    judged = seen[["item", "frame"]].merge(
        known[["item", "frame"]].drop_duplicates(), on=["item", "frame"], how="left", indicator=True
    )
    boxed = (judged["_merge"] == "both").to_numpy()
    keep: np.ndarray = boxed.copy()
    for places in seen.reset_index(drop=True).groupby("item", sort=False).indices.values():
        inside = np.flatnonzero(boxed[places])
        if len(inside) > 1 and float(np.median(np.diff(inside))) == 1:
            keep[places[inside[0] : inside[-1] + 1]] = True
    return keep


def precisions(
    boxes: FramesOfBoxes, frames: np.ndarray, group: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """(2,) average precision and that at IoU .5 of the frames (n,), and (count, 2) without each group (n,)."""

    def both(chosen: np.ndarray) -> np.ndarray:
        found = boxes.precision(frames[chosen])
        return np.array([found.ap, found.ap50])

    return both(np.arange(len(frames))), leave_one_out(both, group, count)


def worst_and_best(
    boxes: FramesOfBoxes, anchors: Sequence[int], about: Sequence[Sequence[int]]
) -> tuple[list[int], list[int]]:
    """Of each anchor the frame about it, itself among them, with the lowest and the highest average precision.

    about  frames about each anchor, the nearest first: of equals the first is taken
    """
    every = list(dict.fromkeys(frame for frames in about for frame in frames))
    own = dict(zip(every, boxes.each(every), strict=True))
    worst, best = [], []
    for anchor, frames in zip(anchors, about, strict=True):
        known = [frame for frame in frames if np.isfinite(own[frame])] or [anchor]
        worst.append(min(known, key=lambda frame: own[frame]))
        best.append(max(known, key=lambda frame: own[frame]))
    return worst, best
