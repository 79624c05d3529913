"""YOLOv8 and YOLO11 as Ultralytics exports them, with and without suppression inside.

(4 + classes, A)   centre x, centre y, width, height in px of the input, then class scores 0..1
(M, 6)             end to end: x1 y1 x2 y2 in px of the input, score, label; empty rows have score 0
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

import numpy as np

from vidrobust.errors import SettingsError
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
    """Either layout; its shape says which of the two."""
    out = np.asarray(only(outputs, settings, "yolov8"), np.float64)
    if out.ndim == 2 and out.shape[1] == 6 and out.shape[0] > 6:
        return Candidates(out[:, :4], out[:, 4], out[:, 5].astype(np.int64), None, settled=True)
    expected = "(4 + classes, boxes), or (boxes, 6) end to end,"
    check_head("yolov8", out.shape, settings.size, expected)
    if out.ndim != 2 or len(out) < 5 or len(out) > out.shape[1]:
        raise refused("yolov8", expected, out.shape, settings.size)
    scores, labels = best_class(out[4:].T)
    return Candidates(corners(out[:4].T, "cxcywh"), scores, labels, len(out) - 4)


TASKS = {"detect": "yolov8", "segment": "yolov8-seg", "obb": "yolov8-obb"}
"""Ultralytics' task -> the head that reads it."""


def read_metadata(metadata: Mapping[str, str]) -> dict[str, object]:
    """What the export says of itself -> entries of a sidecar; empty where it is no Ultralytics detector.

    Ultralytics writes ``names`` ({0: "person", ...}), ``imgsz`` ([height, width]) and ``task`` as text.
    """
    if not {"names", "imgsz", "task"} <= metadata.keys():
        return {}
    if metadata["task"] not in TASKS:
        expected = ", ".join(map(repr, TASKS))
        raise SettingsError(
            f"the export is for the Ultralytics task {metadata['task']!r}; expected {expected}"
        )
    try:
        names, size = ast.literal_eval(metadata["names"]), ast.literal_eval(metadata["imgsz"])
        classes = [str(names[key]) for key in sorted(names)]
        sides = [int(side) for side in size]
    except (ValueError, SyntaxError, TypeError, KeyError) as error:
        raise SettingsError(f"the export's metadata cannot be read ({error}); write a sidecar") from error
    return {
        "task": "detection",
        "head": TASKS[metadata["task"]],
        "size": sides,
        "resize": "letterbox, centre, pad value 114",
        "mean": [0.0, 0.0, 0.0],
        "std": [255.0, 255.0, 255.0],
        "channels": "RGB",
        "classes": classes,
    }
