"""FastestDet: (5 + classes, h, w), one box a cell (dog-qiuqiu/FastestDet, 2022)."""

from __future__ import annotations

import numpy as np

from vidrobust.models.detection.candidates import (
    Candidates,
    HeadSettings,
    Outputs,
    best_class,
    corners,
    only,
    sigmoid,
    to_pixels,
)
from vidrobust.models.detection.layouts import refused


def decode(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """score = objectness^0.6 * class^0.4; centre = (tanh(t) + cell) / cells, size = sigmoid(t) of the picture."""
    out = np.asarray(only(outputs, settings, "fastestdet"), np.float64)
    if out.ndim != 3 or out.shape[0] < 6:
        raise refused("fastestdet", "(5 + classes, h, w)", out.shape, settings.size)
    rows, columns = out.shape[1:]
    y, x = np.indices((rows, columns))
    centre_x, centre_y = (np.tanh(out[1]) + x) / columns, (np.tanh(out[2]) + y) / rows
    boxes = np.stack([centre_x, centre_y, sigmoid(out[3]), sigmoid(out[4])], axis=-1).reshape(-1, 4)
    best, labels = best_class(out[5:].reshape(len(out) - 5, -1).T)
    scores = np.maximum(out[0].ravel(), 0) ** 0.6 * np.maximum(best, 0) ** 0.4
    return Candidates(
        to_pixels(corners(boxes, "cxcywh"), "relative", settings.size), scores, labels, len(out) - 5
    )
