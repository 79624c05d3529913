"""YOLOv5 and YOLOv7: three anchors a cell, decoded in the export.

(A, 5 + classes)   centre x, centre y, width, height in px of the input, objectness, class scores, sigmoids already
(M, 7)             YOLOv7 end to end: number of the picture, x1 y1 x2 y2 in px of the input, label, score
"""

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
from vidrobust.models.detection.layouts import check_head, refused


def decode(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """score = objectness * class; either layout."""
    out = np.asarray(only(outputs, settings, "yolov5"), np.float64)
    expected = "(boxes, 5 + classes), three boxes a cell,"
    check_head("yolov5", out.shape, settings.size, expected)
    if out.ndim != 2 or out.shape[1] < 6 or out.shape[1] > out.shape[0]:
        raise refused("yolov5", expected, out.shape, settings.size)
    scores, labels = best_class(out[:, 4:5] * out[:, 5:])
    return Candidates(corners(out[:, :4], "cxcywh"), scores, labels, out.shape[1] - 5)


def decode_end_to_end(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """YOLOv7 with suppression inside; rows of one picture, which goes in alone."""
    out = np.asarray(only(outputs, settings, "yolov7-end2end"), np.float64)
    if out.ndim != 2 or out.shape[1] != 7:
        raise refused(
            "yolov7-end2end", "(boxes, 7): picture, x1, y1, x2, y2, label, score", out.shape, settings.size
        )
    return Candidates(out[:, 1:5], out[:, 6], out[:, 5].astype(np.int64), None)
