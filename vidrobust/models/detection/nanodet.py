"""NanoDet-Plus and PP-PicoDet: sides of boxes as distributions over eight bins, at strides 8 to 64.

nanodet  (A, classes + 32): class scores, sigmoids already, then the sides (RangiLyu/nanodet); cells at x * stride
picodet  for each stride (cells, classes) and (cells, 32) (PaddleDetection, without its post-processing); cells at
         (x + .5) * stride
"""

from __future__ import annotations

import math

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.models.detection.candidates import Candidates, HeadSettings, Outputs, best_class, only
from vidrobust.models.detection.layouts import LONG_STRIDES, long_cells, refused
from vidrobust.models.detection.levels import around, centres, expected_bin, pairs_of_levels

BINS = 8
SIDES = 4 * BINS


def decode(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """NanoDet-Plus."""
    out = np.asarray(only(outputs, settings, "nanodet"), np.float64)
    if out.ndim != 2 or len(out) != long_cells(settings.size) or out.shape[1] <= SIDES:
        expected = f"({long_cells(settings.size)}, classes + {SIDES})"
        raise refused("nanodet", expected, out.shape, settings.size)
    scores, labels = best_class(out[:, :-SIDES])
    return Candidates(_boxes(out[:, -SIDES:], settings.size, 0.0), scores, labels, out.shape[1] - SIDES)


def decode_picodet(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """PP-PicoDet."""
    levels = pairs_of_levels(outputs, "picodet", SIDES, cells_first=True)
    scores, sides = (np.concatenate([level[k] for level in levels]) for k in (0, 1))
    if len(scores) != long_cells(settings.size):
        raise SettingsError(
            f"head picodet: expected {long_cells(settings.size)} cells for an input of {settings.size[1]}x"
            f"{settings.size[0]} px, got {len(scores)}"
        )
    best, labels = best_class(scores)
    return Candidates(_boxes(sides, settings.size, 0.5), best, labels, scores.shape[1])


def _boxes(logits: np.ndarray, size: tuple[int, int], offset: float) -> np.ndarray:
    """(A, 32) -> (A, 4) xyxy px of the input."""
    points, strides = [], []
    for stride in LONG_STRIDES:
        sides = (math.ceil(size[0] / stride), math.ceil(size[1] / stride))
        points.append(centres(sides, (stride, stride), offset))
        strides.append(np.full((len(points[-1]), 1), float(stride)))
    return around(np.concatenate(points), expected_bin(logits) * np.concatenate(strides))
