"""From candidates to boxes of the frame: threshold, suppression of duplicates, back to pixels of the frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vidrobust.models.detection.candidates import Candidates
from vidrobust.models.detection.fit import Fit
from vidrobust.models.detection.outlines import keep_turned, outlines
from vidrobust.predictions import Detections

MIN_SCORE = 0.05
"""Boxes below it are dropped: far below any threshold in use, so that thresholds can be studied afterwards."""
MAX_BOXES = 300


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """What remains of the candidates.

    min_score       the least score kept
    nms             IoU beyond which the lesser of two boxes goes, or None
    across_classes  whether a box also suppresses boxes of other classes
    max_boxes       the best so many of a frame are kept
    """

    min_score: float = MIN_SCORE
    nms: float | None = None
    across_classes: bool = False
    max_boxes: int = MAX_BOXES

    def __call__(self, found: Candidates) -> np.ndarray:
        """Rows of the candidates that remain, best score first."""
        good = (found.scores >= self.min_score) & np.isfinite(found.boxes).all(axis=1)
        rows = np.flatnonzero(good)
        rows = rows[np.argsort(-found.scores[rows], kind="stable")]
        if self.nms is None or found.settled:
            return rows[: self.max_boxes]
        if found.turned is not None:
            apart = np.zeros(len(rows)) if self.across_classes else found.labels[rows]
            return rows[keep_turned(found.turned[rows], apart, self.nms)][: self.max_boxes]
        if len(rows):
            from torchvision.ops import batched_nms, nms  # its import takes as long as that of torch

            boxes, scores = torch.from_numpy(found.boxes[rows]), torch.from_numpy(found.scores[rows])
            labels = torch.from_numpy(found.labels[rows])
            keep = (
                nms(boxes, scores, self.nms)
                if self.across_classes
                else batched_nms(boxes, scores, labels, self.nms)
            )
            rows = rows[keep.numpy()]
        return rows[: self.max_boxes]

    def describe(self) -> str:
        """In words, for run.json."""
        across = " across classes" if self.across_classes else ""
        how = "no suppression" if self.nms is None else f"suppression at IoU {self.nms:g}{across}"
        return f"scores from {self.min_score:g}, {how}, at most {self.max_boxes} boxes"


def to_frames(
    found: Sequence[Candidates],
    fit: Fit,
    suppression: Suppression,
    names: tuple[str, ...],
    size: tuple[int, int] | None = None,
) -> Detections:
    """The candidates of each frame -> Detections, in px of the frame.

    size  height and width of the frames, px, for masks and turned boxes; None: boxes alone are wanted
    """
    kept = [suppression(one) for one in found]
    boxes = [fit.undo(one.boxes[rows]) for one, rows in zip(found, kept, strict=True)]
    scores = [np.clip(one.scores[rows], 0, 1) for one, rows in zip(found, kept, strict=True)]
    labels = [one.labels[rows] for one, rows in zip(found, kept, strict=True)]
    if size is None:
        return detections(boxes, scores, labels, names)
    shapes = [outlines(one, rows, fit, size) for one, rows in zip(found, kept, strict=True)]
    return detections(boxes, scores, labels, names, shapes)


def detections(
    boxes: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    names: tuple[str, ...],
    shapes: Sequence[np.ndarray | None] = (),
) -> Detections:
    """Boxes, scores and labels of each frame, and their shapes where there are any, in a list -> Detections."""
    counts = [len(one) for one in scores]
    shaped = [one for one in shapes if one is not None]
    return Detections(
        boxes=np.concatenate([*boxes, np.empty((0, 4))]).astype(np.float32),
        scores=np.concatenate([*scores, np.empty(0)]).astype(np.float32),
        labels=np.concatenate([*labels, np.empty(0, np.int64)]).astype(np.int64),
        frame=np.repeat(np.arange(len(counts), dtype=np.int64), counts),
        num_frames=len(counts),
        class_names=names,
        shapes=np.concatenate(shaped) if shaped else None,
    )
