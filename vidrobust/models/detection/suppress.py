"""Candidates become boxes of the frame: threshold, suppression, masks and turned boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vidrobust.models.detection.candidates import Candidates, MaskParts
from vidrobust.models.preprocess import Placement
from vidrobust.predictions import Detections
from vidrobust.shapes.mask import Mask, Polygon
from vidrobust.shapes.shape import Shape, shape_array

# Boxes below it are dropped: far below any threshold in use, so that thresholds can be studied afterwards
MIN_SCORE = 0.05
# Boxes of a frame that are kept at most, the best ones; Ultralytics' and torchvision's limits are 300 and 100
MAX_BOXES = 300
_EPSILON = 1e-7  # Ultralytics' own, in its probabilistic IoU


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """Which candidates remain."""

    min_score: float = MIN_SCORE  # The least score kept
    nms: float | None = None  # IoU beyond which the lesser of two boxes goes, or None
    across_classes: bool = False  # Whether a box also suppresses boxes of other classes
    max_boxes: int = MAX_BOXES  # The best so many of a frame are kept

    def __call__(self, raw: Candidates) -> np.ndarray:
        """Return the rows of the candidates that remain, best score first."""
        good = (raw.scores >= self.min_score) & np.isfinite(raw.boxes).all(axis=1)
        rows = np.flatnonzero(good)
        rows = rows[np.argsort(-raw.scores[rows], kind="stable")]
        if self.nms is None or raw.settled:
            return rows[: self.max_boxes]
        if raw.turned is not None:
            apart = np.zeros(len(rows)) if self.across_classes else raw.labels[rows]
            return rows[keep_turned(raw.turned[rows], apart, self.nms)][: self.max_boxes]
        if len(rows):
            # its import takes as long as that of torch
            from torchvision.ops import batched_nms, nms

            boxes, scores, labels = (
                torch.from_numpy(part[rows]) for part in (raw.boxes, raw.scores, raw.labels)
            )
            if self.across_classes:
                return rows[nms(boxes, scores, self.nms).numpy()][: self.max_boxes]
            rows = rows[batched_nms(boxes, scores, labels, self.nms).numpy()]
        return rows[: self.max_boxes]

    def describe(self) -> str:
        across = " across classes" if self.across_classes else ""
        how = "no suppression" if self.nms is None else f"suppression at IoU {self.nms:g}{across}"
        return f"scores from {self.min_score:g}, {how}, at most {self.max_boxes} boxes"


def to_frames(
    raw: Sequence[Candidates],
    fit: Placement,
    suppression: Suppression,
    names: tuple[str, ...],
    size: tuple[int, int] | None = None,
) -> Detections:
    kept = [(one, suppression(one)) for one in raw]
    boxes = [fit.undo(one.boxes[rows]) for one, rows in kept]
    scores = [np.clip(one.scores[rows], 0, 1) for one, rows in kept]
    labels = [one.labels[rows] for one, rows in kept]
    shapes = [] if size is None else [_outlines(one, rows, fit, size) for one, rows in kept]
    return detections(boxes, scores, labels, names, shapes)


def detections(
    boxes: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    names: tuple[str, ...],
    shapes: Sequence[np.ndarray | None] = (),
) -> Detections:
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


def _outlines(
    raw: Candidates, rows: np.ndarray, fit: Placement, size: tuple[int, int]
) -> np.ndarray | None:
    if raw.turned is not None:
        return shape_array(turned_box(raw.turned[row], fit) for row in rows)
    if raw.masks is None:
        return None
    masks, boxes = raw.masks, zip(rows.tolist(), fit.undo(raw.boxes[rows]), strict=True)
    return shape_array(mask_of(masks, row, box, fit, size) for row, box in boxes)


def turned_box(turned: np.ndarray, fit: Placement) -> Shape:
    """Return the outline in the frame of a box (x, y, width, height in px of the input, angle)."""
    corners = Polygon.turned(*turned.tolist()).corners
    return Polygon.of_corners(fit.undo(corners.reshape(2, 4)).reshape(4, 2))


def mask_of(
    parts: MaskParts, row: int, box: np.ndarray, fit: Placement, size: tuple[int, int]
) -> Mask | None:
    """Return the mask of one candidate within its box, bilinear between prototype pixels."""
    low = np.clip(np.ceil(box[:2] - 1e-6), 0, size[::-1]).astype(int)
    high = np.clip(np.ceil(box[2:] - 1e-6), 0, size[::-1]).astype(int)
    if (high <= low).any():
        return None
    sums = np.tensordot(parts.weights[row], parts.prototypes, axes=1)
    x, y = (
        _prototype_places(
            np.arange(low[axis], high[axis]), fit, axis, size[1 - axis], sums.shape[1 - axis] / side
        )
        for axis, side in ((0, parts.size[1]), (1, parts.size[0]))
    )
    across = sums[:, x[0]] * (1 - x[2]) + sums[:, x[1]] * x[2]
    values = across[y[0]] * (1 - y[2])[:, None] + across[y[1]] * y[2][:, None]
    mask = Mask.of_array(values > 0, int(low[0]), int(low[1]))
    return mask if mask.area else None


def _prototype_places(
    pixels: np.ndarray, fit: Placement, axis: int, side: int, share: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two prototype pixels about each pixel along an axis, and the weight of the second."""
    at = ((pixels + 0.5) * fit.scale[axis] + fit.offset[axis]) * share - 0.5
    first = round(fit.offset[axis] * share)
    last = max(round((fit.scale[axis] * side + fit.offset[axis]) * share) - 1, first)
    at = np.clip(at, first, last)
    low = np.minimum(at.astype(int), max(last - 1, first))
    return low, np.minimum(low + 1, last), at - low


def keep_turned(turned: np.ndarray, labels: np.ndarray, most: float) -> np.ndarray:
    """Return the rows of turned boxes that no better box of the same label covers."""
    again = (likeness(turned) >= most) & (labels[:, None] == labels[None])
    return np.flatnonzero(~np.triu(again, 1).any(axis=0))


def likeness(turned: np.ndarray) -> np.ndarray:
    """Return the probabilistic IoU (M, M) of turned boxes (M, 5)."""
    x, y, width, height, angle = np.asarray(turned, np.float64).T
    along, across = width**2 / 12, height**2 / 12
    cos, sin = np.cos(angle), np.sin(angle)
    a, b = along * cos**2 + across * sin**2, along * sin**2 + across * cos**2
    c = (along - across) * cos * sin
    sum_a, sum_b, sum_c = (v[:, None] + v[None] for v in (a, b, c))
    dx, dy = x[:, None] - x[None], y[:, None] - y[None]
    whole = sum_a * sum_b - sum_c**2
    apart = (sum_a * dy**2 + sum_b * dx**2) / (whole + _EPSILON) / 4
    apart -= sum_c * dx * dy / (whole + _EPSILON) / 2
    root = np.sqrt(np.maximum(a * b - c**2, 0))
    with np.errstate(invalid="ignore"):  # two boxes that are lines are not alike
        apart += np.log(whole / (4 * root[:, None] * root[None] + _EPSILON) + _EPSILON) / 2
    near: np.ndarray = 1 - np.sqrt(1 - np.exp(-np.clip(apart, _EPSILON, 100)) + _EPSILON)
    return near
