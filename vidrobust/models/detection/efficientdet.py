"""EfficientDet: for each of five levels (9 * classes, h, w) and (36, h, w), nine anchors a cell (Tan et al. 2020).

Outputs as the package effdet exports them: logits of sigmoids; of a box ty, tx, th, tw against its anchor.
"""

from __future__ import annotations

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.models.detection.candidates import (
    Candidates,
    HeadSettings,
    Outputs,
    best_class,
    corners,
    sigmoid,
)
from vidrobust.models.detection.levels import centres, pairs_of_levels

SCALES, ASPECTS = (1.0, 2 ** (1 / 3), 2 ** (2 / 3)), ((1.0, 1.0), (1.4, 0.7), (0.7, 1.4))
"""Sides of the anchors over four strides, and their x and y factors."""
ANCHORS = len(SCALES) * len(ASPECTS)
BASE = 4.0


def decode(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """The best class of every anchor."""
    levels = pairs_of_levels(outputs, "efficientdet", 4 * ANCHORS, cells_first=False)
    sides = sorted({np.shape(array)[1:] for array in outputs.values()}, key=lambda s: -int(np.prod(s)))
    if any(scores.shape[1] % ANCHORS for scores, _ in levels):
        raise SettingsError(f"head efficientdet: expected {ANCHORS} scores a class and cell")
    anchors = np.concatenate([_anchors((h, w), settings.size) for h, w in sides])
    scores = np.concatenate([s.reshape(len(s) * ANCHORS, -1) for s, _ in levels])
    codes = np.concatenate([b.reshape(len(b) * ANCHORS, 4) for _, b in levels])
    centre = anchors[:, :2] + codes[:, [1, 0]] * anchors[:, 2:]
    boxes = np.concatenate([centre, np.exp(codes[:, [3, 2]]) * anchors[:, 2:]], axis=1)
    best, labels = best_class(sigmoid(scores))
    return Candidates(corners(boxes, "cxcywh"), best, labels, scores.shape[1])


def _anchors(sides: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """(h * w * 9, 4) centre x, y, width and height px of the anchors of a level."""
    stride = (size[0] / sides[0], size[1] / sides[1])
    points = centres(sides, stride, 0.5)
    shapes = [(BASE * s * x * stride[1], BASE * s * y * stride[0]) for s in SCALES for x, y in ASPECTS]
    return np.concatenate(
        [np.repeat(points, ANCHORS, axis=0), np.tile(np.array(shapes), (len(points), 1))], axis=1
    )
