"""YOLOX: (A, 5 + classes), boxes as offsets in a grid at three or four strides (Ge et al. 2021)."""

from __future__ import annotations

import numpy as np

from vidrobust.models.detection.candidates import (
    Candidates,
    HeadSettings,
    Outputs,
    best_class,
    corners,
    only,
)
from vidrobust.models.detection.layouts import STRIDES, cells, refused


def decode(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """xy = (out + grid) * stride, wh = exp(out) * stride; score = objectness * class, both sigmoids already."""
    rows = np.asarray(only(outputs, settings, "yolox"), np.float64)
    grid, stride = _grid(settings.size, rows.shape)
    boxes = np.concatenate([(rows[:, :2] + grid) * stride, np.exp(rows[:, 2:4]) * stride], axis=1)
    scores, labels = best_class(rows[:, 4:5] * rows[:, 5:])
    return Candidates(corners(boxes, "cxcywh"), scores, labels, rows.shape[1] - 5)


def _grid(size: tuple[int, int], shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(A, 2) x, y of each cell, and (A, 1) its stride, for the strides that give A cells."""
    for strides in STRIDES:
        sides = [(size[0] // s, size[1] // s) for s in strides]
        if len(shape) == 2 and shape[1] > 5 and sum(h * w for h, w in sides) == shape[0]:
            grids = [np.indices(side)[::-1].reshape(2, -1).T for side in sides]
            each = [np.full((h * w, 1), float(s)) for (h, w), s in zip(sides, strides, strict=True)]
            return np.concatenate(grids).astype(np.float64), np.concatenate(each)
    expected = f"({cells(size, STRIDES[0])}, 5 + classes)"
    raise refused("yolox", expected, shape, size)
