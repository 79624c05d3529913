"""HEADS, every head that a sidecar may name, and how its outputs become boxes.

===============  ========================================================================================
head             outputs of one frame, without the batch dimension
===============  ========================================================================================
yolox            (A, 5 + classes): offsets in a grid at three or four strides (Ge et al. 2021)
yolov5, yolov7   (A, 5 + classes): cx, cy, w, h px of the input, objectness, classes; 3 boxes a cell
yolov7-end2end   (M, 7): number of the picture, x1 y1 x2 y2 px of the input, label, score
yolov8           (4 + classes, A): cx, cy, w, h px of the input, class scores; or end to end (M, 6)
yolov8-seg       (4 + classes + K, A) and prototypes (K, h, w); or end to end (M, 6 + K)
yolov8-obb       (4 + classes + 1, A), the last the angle in radians; or end to end (M, 7)
fastestdet       (5 + classes, h, w): one box a cell (dog-qiuqiu/FastestDet, 2022)
detr, rtdetr     logits (queries, classes) and boxes (queries, 4) cxcywh of 0..1; nothing to suppress
ssd              boxes (A, 4) and scores (A, classes)
plain            boxes (M, 4), scores (M,), labels (M,)
===============  ========================================================================================

A new head is a function ``decode`` and a line in the table at the end.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from vidrobust.errors import SettingsError, in_plain_words
from vidrobust.models.detection.candidates import (
    STRIDES,
    Candidates,
    Head,
    HeadSettings,
    MaskParts,
    Outputs,
    best_class,
    cells,
    corners,
    fitting,
    only,
    pick,
    refused,
    sigmoid,
    to_pixels,
)


def decode_yolox(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """xy = (out + grid) * stride, wh = exp(out) * stride; score = objectness * class, both sigmoids already."""
    rows = only(outputs, settings, "yolox")
    grid, stride = _yolox_grid(settings.size, rows.shape)
    boxes = np.concatenate([(rows[:, :2] + grid) * stride, np.exp(rows[:, 2:4]) * stride], axis=1)
    scores, labels = best_class(rows[:, 4:5] * rows[:, 5:])
    return Candidates(corners(boxes, "cxcywh"), scores, labels, rows.shape[1] - 5)


def _yolox_grid(size: tuple[int, int], shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(A, 2) x, y of each cell, and (A, 1) its stride, for the strides that give A cells."""
    for strides in STRIDES:
        sides = [(size[0] // s, size[1] // s) for s in strides]
        if len(shape) == 2 and shape[1] > 5 and cells(size, strides) == shape[0]:
            grids = [np.indices(side)[::-1].reshape(2, -1).T for side in sides]
            step = [np.full((h * w, 1), float(s)) for (h, w), s in zip(sides, strides, strict=True)]
            return np.concatenate(grids).astype(np.float64), np.concatenate(step)
    raise refused("yolox", f"({cells(size, STRIDES[0])}, 5 + classes)", shape, size)


def decode_yolov5(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """score = objectness * class; boxes were decoded in the export."""
    out = only(outputs, settings, "yolov5")
    expected = "(boxes, 5 + classes), three boxes a cell,"
    _check_layout("yolov5", out.shape, settings.size, expected)
    if out.ndim != 2 or out.shape[1] < 6 or out.shape[1] > out.shape[0]:
        raise refused("yolov5", expected, out.shape, settings.size)
    scores, labels = best_class(out[:, 4:5] * out[:, 5:])
    return Candidates(corners(out[:, :4], "cxcywh"), scores, labels, out.shape[1] - 5)


def decode_yolov7_end_to_end(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """Rows of one picture, which goes in alone; suppressed inside the network."""
    out = only(outputs, settings, "yolov7-end2end")
    if out.ndim != 2 or out.shape[1] != 7:
        expected = "(boxes, 7): picture, x1, y1, x2, y2, label, score"
        raise refused("yolov7-end2end", expected, out.shape, settings.size)
    return Candidates(out[:, 1:5], out[:, 6], out[:, 5].astype(np.int64), None)


def decode_yolov8(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """Decode either layout, told apart by shape; empty rows of the end-to-end layout have score 0."""
    out = only(outputs, settings, "yolov8")
    if out.ndim == 2 and out.shape[1] == 6 and out.shape[0] > 6:
        return Candidates(out[:, :4], out[:, 4], out[:, 5].astype(np.int64), None, settled=True)
    expected = "(4 + classes, boxes), or (boxes, 6) end to end,"
    _check_layout("yolov8", out.shape, settings.size, expected)
    if out.ndim != 2 or len(out) < 5 or len(out) > out.shape[1]:
        raise refused("yolov8", expected, out.shape, settings.size)
    scores, labels = best_class(out[4:].T)
    return Candidates(corners(out[:4].T, "cxcywh"), scores, labels, len(out) - 4)


def decode_yolov8_masks(outputs: Outputs, settings: HeadSettings) -> Candidates:
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
        boxes = Candidates(out[:, :4], out[:, 4], out[:, 5].astype(np.int64), None, settled=True)
        weights = out[:, 6:]
    else:
        scores, labels = best_class(out[4:-count].T)
        boxes = Candidates(corners(out[:4].T, "cxcywh"), scores, labels, len(out) - 4 - count)
        weights = out[-count:].T
    return dataclasses.replace(boxes, masks=MaskParts(weights, pictures[0], settings.size))


def decode_yolov8_turned(outputs: Outputs, settings: HeadSettings) -> Candidates:
    out = only(outputs, settings, "yolov8-obb")
    if out.ndim == 2 and out.shape[1] == 7 and out.shape[0] > 7:
        turned, labels = np.column_stack([out[:, :4], out[:, 6]]), out[:, 5].astype(np.int64)
        return Candidates(upright(turned), out[:, 4], labels, None, turned=turned, settled=True)
    if out.ndim != 2 or len(out) < 6 or len(out) > out.shape[1]:
        raise SettingsError(
            f"head yolov8-obb: expected (4 + classes + 1, boxes), or (boxes, 7) end to end, got {out.shape}"
        )
    scores, labels = best_class(out[4:-1].T)
    turned = np.concatenate([out[:4], out[-1:]]).T
    return Candidates(upright(turned), scores, labels, len(out) - 5, turned=turned)


def upright(turned: np.ndarray) -> np.ndarray:
    """Return boxes (M, 4) xyxy around turned ones (M, 5): cx, cy, w, h, angle in radians."""
    cos, sin = np.abs(np.cos(turned[:, 4])), np.abs(np.sin(turned[:, 4]))
    width, height = turned[:, 2], turned[:, 3]
    half = np.column_stack([width * cos + height * sin, width * sin + height * cos]) / 2
    return np.concatenate([turned[:, :2] - half, turned[:, :2] + half], axis=1)


def decode_fastestdet(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """score = objectness^0.6 * class^0.4; centre = (tanh(t) + cell) / cells, size = sigmoid(t) of the picture."""
    out = only(outputs, settings, "fastestdet")
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


def _check_layout(head: str, shape: tuple[int, ...], size: tuple[int, int], expected: str) -> None:
    fits = fitting(shape, size)
    if fits and head not in fits:
        raise refused(head, expected, shape, size)


# Ultralytics' task -> the head that reads its export
ULTRALYTICS_HEADS = {"detect": "yolov8", "segment": "yolov8-seg", "obb": "yolov8-obb"}


def ultralytics_entry(metadata: Mapping[str, Any]) -> dict[str, object]:
    """Return the metadata of an Ultralytics export, values or their texts, as a sidecar entry.

    Empty for the metadata of others; SettingsError for a task that has no head, or for damaged metadata.
    """
    if not {"names", "imgsz", "task"} <= metadata.keys():
        return {}
    task = metadata["task"]
    if task != "classify" and task not in ULTRALYTICS_HEADS:
        expected = ", ".join(map(repr, ("classify", *ULTRALYTICS_HEADS)))
        raise SettingsError(f"the export is for the Ultralytics task {task!r}; expected {expected}")
    try:
        names, size = (
            ast.literal_eval(value) if isinstance(value, str) else value
            for value in (metadata["names"], metadata["imgsz"])
        )
        classes = [str(names[key]) for key in sorted(names, key=int)]
        sides = [int(side) for side in size]
    except (ValueError, SyntaxError, TypeError, KeyError) as error:
        raise SettingsError(
            f"the export's metadata cannot be read ({in_plain_words(error)}); write a sidecar"
        ) from error
    entry = {
        "size": sides,
        "mean": [0.0, 0.0, 0.0],
        "std": [255.0, 255.0, 255.0],
        "channels": "RGB",
        "classes": classes,
    }
    if task == "classify":
        return entry | _classify_entry(sides)
    return entry | {
        "task": "detection",
        "head": ULTRALYTICS_HEADS[task],
        "resize": "letterbox, centre, pad value 114",
    }


def _classify_entry(sides: list[int]) -> dict[str, object]:
    """As ``ultralytics.data.augment.classify_transforms``; the export ends with a softmax."""
    resize = "shorter side" if sides[0] == sides[1] else "stretch"
    how = {"crop": 1.0, "interpolation": "bilinear", "resize": resize}
    return {"task": "classification", "output": "probabilities", **how}


_DETR_SCORES, _DETR_BOXES = ("logits", "pred_logits", "scores"), ("pred_boxes", "boxes")
_SCORES, _BOXES = ("scores", "detection_scores"), ("boxes", "detection_boxes")
_LABELS = ("labels", "classes", "detection_classes")


def _detr(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """Softmax over classes and "no object", which is the last (Carion et al. 2020)."""
    logits, boxes = _queries(outputs, settings, "detr")
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores, labels = best_class((e / e.sum(axis=1, keepdims=True))[:, :-1])
    return Candidates(boxes, scores, labels, logits.shape[1] - 1)


def _rtdetr(outputs: Outputs, settings: HeadSettings) -> Candidates:
    logits, boxes = _queries(outputs, settings, "rtdetr")
    order = np.argsort(-logits.ravel(), kind="stable")[: len(logits)]
    query, label = np.divmod(order, logits.shape[1])
    return Candidates(
        boxes[query], sigmoid(logits[query, label]), label.astype(np.int64), logits.shape[1]
    )


def _queries(outputs: Outputs, settings: HeadSettings, head: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits (Q, classes) and boxes (Q, 4) xyxy px of the input."""
    logits = pick(outputs, settings, "scores", _DETR_SCORES, head).astype(np.float64)
    raw = pick(outputs, settings, "boxes", _DETR_BOXES, head)
    if logits.ndim != 2 or raw.shape != (len(logits), 4):
        raise SettingsError(
            f"head {head}: expected logits (queries, classes) and boxes (queries, 4), got {logits.shape} and "
            f"{raw.shape}"
        )
    boxes = corners(raw, settings.box_order or "cxcywh")
    return logits, to_pixels(boxes, settings.box_scale or "relative", settings.size)


def _ssd(outputs: Outputs, settings: HeadSettings) -> Candidates:
    scores = pick(outputs, settings, "scores", _SCORES, "ssd").astype(np.float64)
    boxes = _plain_boxes(outputs, settings, "ssd", "relative")
    if scores.ndim != 2 or len(scores) != len(boxes):
        raise SettingsError(
            f"head ssd: expected scores ({len(boxes)}, classes), got {scores.shape}; with one score a box "
            'say head = "plain"'
        )
    classes = np.arange(scores.shape[1])
    keep = classes[classes != settings.background]
    box = np.repeat(np.arange(len(boxes)), len(keep))
    labels = np.tile(keep, len(boxes)).astype(np.int64)
    return Candidates(boxes[box], scores[:, keep].ravel(), labels, scores.shape[1])


def _plain(outputs: Outputs, settings: HeadSettings) -> Candidates:
    boxes = _plain_boxes(outputs, settings, "plain", "pixels")
    scores = pick(outputs, settings, "scores", _SCORES, "plain").astype(np.float64).ravel()
    labels = pick(outputs, settings, "labels", _LABELS, "plain").ravel().astype(np.int64)
    if not len(boxes) == len(scores) == len(labels):
        raise SettingsError(
            f"head plain: {len(boxes)} boxes, {len(scores)} scores and {len(labels)} labels: expected one each"
        )
    return Candidates(boxes, scores, labels, None)


def _plain_boxes(outputs: Outputs, settings: HeadSettings, head: str, scale: str) -> np.ndarray:
    raw = pick(outputs, settings, "boxes", _BOXES, head)
    if raw.ndim != 2 or raw.shape[1] != 4:
        raise SettingsError(f"head {head}: expected boxes (boxes, 4), got {raw.shape}")
    return to_pixels(
        corners(raw, settings.box_order or "xyxy"), settings.box_scale or scale, settings.size
    )


# nms: the IoU in each family's own test configuration
HEADS: dict[str, Head] = {
    "yolox": Head(decode=decode_yolox, nms=0.45, round_down=True, one_scale=True),
    "fastestdet": Head(decode=decode_fastestdet, nms=0.45),
    "yolov8": Head(decode=decode_yolov8, nms=0.7, place="centre"),
    "yolov8-seg": Head(decode=decode_yolov8_masks, nms=0.7, place="centre"),
    "yolov8-obb": Head(decode=decode_yolov8_turned, nms=0.7, place="centre"),
    "yolov5": Head(decode=decode_yolov5, nms=0.45, place="centre"),
    "yolov7": Head(decode=decode_yolov5, nms=0.45, place="centre"),
    "yolov7-end2end": Head(decode=decode_yolov7_end_to_end, nms=None, place="centre", alone=True),
    "detr": Head(decode=_detr, nms=None, antialias=True),
    "rtdetr": Head(decode=_rtdetr, nms=None, antialias=True),
    "ssd": Head(decode=_ssd, nms=0.45, antialias=True),
    "plain": Head(decode=_plain, nms=None, antialias=True, alone=True),
}
