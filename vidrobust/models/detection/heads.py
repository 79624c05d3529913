"""HEADS: every head that a sidecar may name. A new one is a file with a ``decode`` and a line here."""

from __future__ import annotations

import dataclasses

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.models.detection import detr, efficientdet, nanodet, rtmdet, ssd, yolov5, yolov8, yolox
from vidrobust.models.detection.candidates import (
    Candidates,
    Head,
    HeadSettings,
    MaskParts,
    Outputs,
    best_class,
    corners,
    only,
    sigmoid,
    to_pixels,
)
from vidrobust.models.detection.layouts import refused

# YOLOv8 and YOLO11 of masks and of turned boxes, as Ultralytics exports them.
#
# masks         (4 + classes + K, A) and prototypes (K, h, w); end to end (M, 6 + K): x1 y1 x2 y2, score, label
# turned boxes  (4 + classes + 1, A), the last the angle, radians; end to end (M, 7): x y w h, score, label, angle


def decode_masks(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """Boxes, and what their masks are made of."""
    arrays = [np.asarray(array, np.float64) for array in outputs.values()]
    flat, pictures = ([a for a in arrays if a.ndim == n] for n in (2, 3))
    count = len(pictures[0]) if pictures else 0
    if len(flat) != 1 or len(pictures) != 1 or min(flat[0].shape) < 5 + count:
        shapes = ", ".join(str(a.shape) for a in arrays)
        raise SettingsError(
            f"head yolov8-seg: expected (4 + classes + K, boxes) and prototypes (K, h, w), got {shapes}"
        )
    out = flat[0]
    if out.shape[1] == 6 + count and out.shape[0] != 6 + count:
        found = Candidates(out[:, :4], out[:, 4], out[:, 5].astype(np.int64), None, settled=True)
        weights = out[:, 6:]
    else:
        scores, labels = best_class(out[4:-count].T)
        found = Candidates(corners(out[:4].T, "cxcywh"), scores, labels, len(out) - 4 - count)
        weights = out[-count:].T
    return dataclasses.replace(found, masks=MaskParts(weights, pictures[0], settings.size))


def decode_turned(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """Turned boxes, in boxes about them."""
    out = np.asarray(only(outputs, settings, "yolov8-obb"), np.float64)
    if out.ndim == 2 and out.shape[1] == 7 and out.shape[0] > 7:
        turned, labels = np.column_stack([out[:, :4], out[:, 6]]), out[:, 5].astype(np.int64)
        return Candidates(_about(turned), out[:, 4], labels, None, turned=turned, settled=True)
    if out.ndim != 2 or len(out) < 6 or len(out) > out.shape[1]:
        raise SettingsError(
            f"head yolov8-obb: expected (4 + classes + 1, boxes), or (boxes, 7) end to end, got {out.shape}"
        )
    scores, labels = best_class(out[4:-1].T)
    turned = np.concatenate([out[:4], out[-1:]]).T
    return Candidates(_about(turned), scores, labels, len(out) - 5, turned=turned)


def _about(turned: np.ndarray) -> np.ndarray:
    """(M, 5) -> (M, 4) the boxes about them."""
    cos, sin = np.abs(np.cos(turned[:, 4])), np.abs(np.sin(turned[:, 4]))
    width, height = turned[:, 2], turned[:, 3]
    half = np.column_stack([width * cos + height * sin, width * sin + height * cos]) / 2
    return np.concatenate([turned[:, :2] - half, turned[:, :2] + half], axis=1)


# FastestDet: (5 + classes, h, w), one box a cell (dog-qiuqiu/FastestDet, 2022).


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


HEADS: dict[str, Head] = {
    "yolox": Head(decode=yolox.decode, nms=0.45, whole="down"),
    "fastestdet": Head(decode=decode, nms=0.45),
    "yolov8": Head(decode=yolov8.decode, nms=0.7, place="centre"),
    "yolov8-seg": Head(decode=decode_masks, nms=0.7, place="centre"),
    "yolov8-obb": Head(decode=decode_turned, nms=0.7, place="centre"),
    "yolov5": Head(decode=yolov5.decode, nms=0.45, place="centre"),
    "yolov7": Head(decode=yolov5.decode, nms=0.45, place="centre"),
    "yolov7-end2end": Head(decode=yolov5.decode_end_to_end, nms=None, place="centre", alone=True),
    "nanodet": Head(decode=nanodet.decode, nms=0.6),
    "picodet": Head(decode=nanodet.decode_picodet, nms=0.5),
    "rtmdet": Head(decode=rtmdet.decode, nms=0.65),
    "mmdet": Head(decode=rtmdet.decode_end_to_end, nms=None, alone=True),
    "efficientdet": Head(decode=efficientdet.decode, nms=0.5, antialias=True),
    "detr": Head(decode=detr.decode, nms=None, antialias=True),
    "rtdetr": Head(decode=detr.decode_rt, nms=None, antialias=True),
    "ssd": Head(decode=ssd.decode, nms=0.45, antialias=True),
    "plain": Head(decode=ssd.decode_plain, nms=None, antialias=True, alone=True),
}
