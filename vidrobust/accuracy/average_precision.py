"""Average precision of boxes, of all frames and of the worst and best neighbours of anchors.

COCO's rules (Lin et al. 2014): IoU .50 to .95, all areas, 100 boxes per frame and class, 101 recalls.
Matching is done once per frame; only the ranking is redone, which makes intervals cheap. Worst and best
replace each anchor by the frame around it of lowest or highest precision (Shankar et al. 2019; Manfredi &
Wang 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import ious
from vidrobust.metrics.tracks.item_boxes import are_shaped, places_of
from vidrobust.shapes.shape import Places
from vidrobust.statistics.standard_errors import leave_one_out

# overlaps from which a box is right; the first is that of AP50
LEAST_IOUS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MOST_BOXES = 100  # boxes of a class that count in a frame, the surest first
BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class Precision:
    """Average precision over IoU .50 to .95, and at .50; NaN without known boxes."""

    ap: float
    ap50: float


@dataclass(frozen=True)
class _OfClass:
    """One class: frame (n,) and right (n, 10) of its found boxes, the surest first; known (frames,) counts."""

    frame: np.ndarray
    right: np.ndarray
    known: np.ndarray

    def precision(self, times: np.ndarray) -> np.ndarray | None:
        """(10,) average precision where each frame counts (frames,) times; None without known boxes."""
        known = float(self.known @ times)
        if not known:
            return None
        weight = times[self.frame]
        right = np.cumsum(self.right * weight[:, None], axis=0)
        precision = right / np.maximum(np.cumsum(weight), np.spacing(1))[:, None]
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        recall = right / known
        at_recall = np.zeros((len(LEAST_IOUS), len(RECALLS)))
        for k in range(len(LEAST_IOUS)):
            at = np.searchsorted(recall[:, k], RECALLS, side="left")
            at_recall[k, at < len(recall)] = precision[at[at < len(recall)], k]
        return np.asarray(at_recall.mean(axis=1))


class FramesOfBoxes:
    """Known and found boxes: frame, label, x1, y1, x2, y2, score of the found ones, and any shape."""

    def __init__(self, known: pd.DataFrame, boxes: pd.DataFrame) -> None:
        self._frames = np.union1d(known["frame"], boxes["frame"]).astype(np.int64)
        self._shaped = are_shaped(known, boxes)
        by_class = dict(list(boxes.groupby("label", sort=False)))
        self._classes = [
            self._of_class(truth, by_class.get(label, boxes.iloc[:0]))
            for label, truth in known.groupby("label", sort=True)
        ]

    @classmethod
    def of(cls, frames: pd.DataFrame, known: pd.DataFrame, boxes: pd.DataFrame) -> FramesOfBoxes:
        """Number the frames by their rows in ``frames``."""
        code = pd.MultiIndex.from_frame(frames[["item", "frame"]])

        def coded(table: pd.DataFrame) -> pd.DataFrame:
            return table.assign(
                frame=code.get_indexer(pd.MultiIndex.from_frame(table[["item", "frame"]]))
            )

        return cls(coded(known), coded(boxes))

    def precision(self, frames: Sequence[int] | np.ndarray) -> Precision:
        """Evaluate these frames; one named twice counts twice. Equal scores rank by frame."""
        chosen = np.asarray(frames, np.int64)
        chosen = chosen[np.isin(chosen, self._frames)]
        times = np.bincount(
            np.searchsorted(self._frames, chosen), minlength=len(self._frames)
        ).astype(float)
        lines = [
            precision for one in self._classes if (precision := one.precision(times)) is not None
        ]
        if not lines:
            return Precision(float("nan"), float("nan"))
        of_class = np.array(lines)
        return Precision(float(of_class.mean()), float(of_class[:, 0].mean()))

    def each(self, frames: Sequence[int]) -> np.ndarray:
        return np.array([self.precision([frame]).ap for frame in frames])

    def _of_class(self, known: pd.DataFrame, found: pd.DataFrame) -> _OfClass:
        truth = dict(list(known.groupby("frame", sort=False)))
        frame, score, right = [], [], []
        for number, rows in found.groupby("frame", sort=True):
            sure = rows.sort_values("score", ascending=False, kind="stable").head(MOST_BOXES)
            of = truth.get(number, known.iloc[:0])
            right.append(_right(*(places_of(boxes, shaped=self._shaped) for boxes in (sure, of))))
            frame.append(np.full(len(sure), np.searchsorted(self._frames, number)))
            score.append(sure["score"].to_numpy(np.float64))
        count = np.zeros(len(self._frames))
        for number, rows in truth.items():
            count[np.searchsorted(self._frames, number)] = len(rows)
        if not frame:
            return _OfClass(np.empty(0, np.int64), np.empty((0, len(LEAST_IOUS)), bool), count)
        order = np.argsort(-np.concatenate(score), kind="stable")
        return _OfClass(np.concatenate(frame)[order], np.concatenate(right)[order], count)


def _right(boxes: Places, known: Places) -> np.ndarray:
    """(n, 10) bool: each found box, in falling score, takes the free known box that it overlaps most."""
    overlap = np.zeros((len(boxes), len(known)))
    i, j, value = ious(boxes, known, float(LEAST_IOUS[0]))
    overlap[i, j] = value
    right = np.zeros((len(boxes), len(LEAST_IOUS)), bool)
    for k, least in enumerate(LEAST_IOUS):
        free = np.ones(len(known), bool)
        for row in np.flatnonzero((overlap >= least).any(axis=1)):
            best = np.where(free, overlap[row], -1.0)
            place = len(best) - 1 - int(np.argmax(best[::-1]))  # of equal ones COCO takes the last
            if best[place] >= least:
                free[place], right[row, k] = False, True
    return right


def with_known_boxes(seen: pd.DataFrame, known: pd.DataFrame) -> np.ndarray:
    """Return which frames (n,) can be judged: those with a known box, and between dense labels."""
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
    """Return average precision and AP50 of these frames (2,), and without each group (count, 2)."""

    def both(chosen: np.ndarray) -> np.ndarray:
        precision = boxes.precision(frames[chosen])
        return np.array([precision.ap, precision.ap50])

    return both(np.arange(len(frames))), leave_one_out(both, group, count)


def worst_and_best(
    boxes: FramesOfBoxes, anchors: Sequence[int], about: Sequence[Sequence[int]]
) -> tuple[list[int], list[int]]:
    """Return for each anchor the frames around it with the worst and best average precision."""
    every = list(dict.fromkeys(frame for frames in about for frame in frames))
    precision_of = dict(zip(every, boxes.each(every), strict=True))
    worst, best = [], []
    for anchor, frames in zip(anchors, about, strict=True):
        known = [frame for frame in frames if np.isfinite(precision_of[frame])] or [anchor]
        worst.append(min(known, key=lambda frame: precision_of[frame]))
        best.append(max(known, key=lambda frame: precision_of[frame]))
    return worst, best
