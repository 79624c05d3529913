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
nanodet          (A, classes + 32): class scores, four sides of eight bins each; cells at x * stride
picodet          per stride (cells, classes) and (cells, 32); cells at (x + .5) * stride
rtmdet           per stride (classes, h, w) and (4, h, w) px from the cell to the sides (Lyu et al. 2022)
mmdet            end to end, as MMDeploy exports: dets (M, 5) xyxy px of the input and score, labels (M,)
efficientdet     per level (9 * classes, h, w) and (36, h, w), as the package effdet exports (Tan et al. 2020)
detr, rtdetr     logits (queries, classes) and boxes (queries, 4) cxcywh of 0..1; nothing to suppress
ssd              boxes (A, 4) and scores (A, classes)
plain            boxes (M, 4), scores (M,), labels (M,)
===============  ========================================================================================

A new head is a function ``decode`` and a line in the table at the end.
"""

from __future__ import annotations

import ast
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from vidrobust.errors import SettingsError, in_plain_words
from vidrobust.models.detection.candidates import (
    LONG_STRIDES,
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
    long_cells,
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
    """Return the metadata of an Ultralytics export, values or their texts, as a sidecar entry."""
    if not {"names", "imgsz", "task"} <= metadata.keys():
        return {}
    if metadata["task"] not in ULTRALYTICS_HEADS:
        expected = ", ".join(map(repr, ULTRALYTICS_HEADS))
        raise SettingsError(
            f"the export is for the Ultralytics task {metadata['task']!r}; expected {expected}"
        )
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
    return {
        "task": "detection",
        "head": ULTRALYTICS_HEADS[metadata["task"]],
        "size": sides,
        "resize": "letterbox, centre, pad value 114",
        "mean": [0.0, 0.0, 0.0],
        "std": [255.0, 255.0, 255.0],
        "channels": "RGB",
        "classes": classes,
    }


BINS = 8  # Bins of a side of NanoDet-Plus and PP-PicoDet
SIDES = 4 * BINS
# EfficientDet: sides of the anchors over four strides, and their x and y factors
ANCHOR_SCALES, ANCHOR_ASPECTS = (
    (1.0, 2 ** (1 / 3), 2 ** (2 / 3)),
    ((1.0, 1.0), (1.4, 0.7), (0.7, 1.4)),
)
ANCHORS = len(ANCHOR_SCALES) * len(ANCHOR_ASPECTS)
ANCHOR_BASE = 4.0

_DETR_SCORES, _DETR_BOXES = ("logits", "pred_logits", "scores"), ("pred_boxes", "boxes")
_SCORES, _BOXES = ("scores", "detection_scores"), ("boxes", "detection_boxes")
_LABELS = ("labels", "classes", "detection_classes")


def _pairs_of_levels(
    outputs: Outputs, head: str, boxes: int, cells_first: bool = False
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores and boxes of each level, the finest first, both (cells, numbers) float64."""
    arrays = [np.asarray(array, np.float64) for array in outputs.values()]
    layout = (
        f"(cells, classes) and (cells, {boxes})"
        if cells_first
        else f"(classes, h, w) and ({boxes}, h, w)"
    )
    shapes = ", ".join(str(array.shape) for array in arrays)
    unfit = SettingsError(
        f"head {head}: expected scores and boxes of each level, {layout}, got {shapes}"
    )
    if any(array.ndim != (2 if cells_first else 3) for array in arrays):
        raise unfit
    by_level: dict[tuple[int, ...], list[np.ndarray]] = {}
    for array in arrays:
        by_level.setdefault(array.shape[:1] if cells_first else array.shape[1:], []).append(array)
    pairs = []
    for level in sorted(by_level, key=lambda size: -int(np.prod(size))):
        flat = [a if cells_first else a.reshape(len(a), -1).T for a in by_level[level]]
        with_boxes = [a for a in flat if a.shape[1] == boxes]
        if len(flat) != 2 or not with_boxes:
            raise unfit
        box = with_boxes[-1]
        pairs.append((flat[0] if box is flat[1] else flat[1], box))
    return pairs


def _level_sides(outputs: Outputs) -> list[tuple[int, int]]:
    sides = {(np.shape(array)[1], np.shape(array)[2]) for array in outputs.values()}
    return sorted(sides, key=lambda side: -side[0] * side[1])


def _centres(sides: tuple[int, int], stride: tuple[float, float], offset: float) -> np.ndarray:
    """(h * w, 2) x, y px of the cells of a level, row by row; stride along y and x, offset in cells."""
    y, x = np.indices(sides).reshape(2, -1)
    return np.column_stack([(x + offset) * stride[1], (y + offset) * stride[0]])


def _around(points: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Points (N, 2) and distances (N, 4) to the left, upper, right and lower side, px -> (N, 4) xyxy."""
    return np.concatenate([points - distances[:, :2], points + distances[:, 2:]], axis=1)


def _nanodet(outputs: Outputs, settings: HeadSettings) -> Candidates:
    out = only(outputs, settings, "nanodet")
    if out.ndim != 2 or len(out) != long_cells(settings.size) or out.shape[1] <= SIDES:
        expected = f"({long_cells(settings.size)}, classes + {SIDES})"
        raise refused("nanodet", expected, out.shape, settings.size)
    scores, labels = best_class(out[:, :-SIDES])
    boxes = _boxes_of_bins(out[:, -SIDES:], settings.size, 0.0)
    return Candidates(boxes, scores, labels, out.shape[1] - SIDES)


def _picodet(outputs: Outputs, settings: HeadSettings) -> Candidates:
    levels = _pairs_of_levels(outputs, "picodet", SIDES, cells_first=True)
    scores, sides = (np.concatenate([level[k] for level in levels]) for k in (0, 1))
    if len(scores) != long_cells(settings.size):
        raise SettingsError(
            f"head picodet: expected {long_cells(settings.size)} cells for an input of {settings.size[1]}x"
            f"{settings.size[0]} px, got {len(scores)}"
        )
    best, labels = best_class(scores)
    return Candidates(_boxes_of_bins(sides, settings.size, 0.5), best, labels, scores.shape[1])


def _boxes_of_bins(logits: np.ndarray, size: tuple[int, int], offset: float) -> np.ndarray:
    """(A, 32) -> (A, 4) xyxy px of the input."""
    points, strides = [], []
    for stride in LONG_STRIDES:
        sides = (math.ceil(size[0] / stride), math.ceil(size[1] / stride))
        points.append(_centres(sides, (stride, stride), offset))
        strides.append(np.full((len(points[-1]), 1), float(stride)))
    # (N, 4 * bins) -> (N, 4): the mean bin of each side (Li et al. 2020, arXiv 2006.04388)
    bins = logits.reshape(len(logits), 4, -1)
    e = np.exp(bins - bins.max(axis=2, keepdims=True))
    mean: np.ndarray = (e * np.arange(bins.shape[2])).sum(axis=2) / e.sum(axis=2)
    return _around(np.concatenate(points), mean * np.concatenate(strides))


def _rtmdet(outputs: Outputs, settings: HeadSettings) -> Candidates:
    levels = _pairs_of_levels(outputs, "rtmdet", 4)
    strides = [
        (h, w, (settings.size[0] / h, settings.size[1] / w)) for h, w in _level_sides(outputs)
    ]
    points = np.concatenate([_centres((h, w), stride, 0.0) for h, w, stride in strides])
    scores, distances = (np.concatenate([level[k] for level in levels]) for k in (0, 1))
    best, labels = best_class(sigmoid(scores))
    return Candidates(_around(points, distances), best, labels, scores.shape[1])


def _mmdet(outputs: Outputs, settings: HeadSettings) -> Candidates:
    dets = pick(outputs, settings, "boxes", ("dets",), "mmdet").astype(np.float64)
    labels = pick(outputs, settings, "labels", ("labels",), "mmdet").ravel()
    if dets.ndim != 2 or dets.shape[1] != 5 or len(dets) != len(labels):
        raise SettingsError(
            f"head mmdet: expected dets (boxes, 5) and labels (boxes,), got {dets.shape} and {labels.shape}"
        )
    return Candidates(dets[:, :4], dets[:, 4], labels.astype(np.int64), None)


def _efficientdet(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """The best class of every anchor; outputs are logits, and ty, tx, th, tw against the anchor."""
    levels = _pairs_of_levels(outputs, "efficientdet", 4 * ANCHORS)
    if any(scores.shape[1] % ANCHORS for scores, _ in levels):
        raise SettingsError(f"head efficientdet: expected {ANCHORS} scores a class and cell")
    anchors = np.concatenate([_anchors(sides, settings.size) for sides in _level_sides(outputs)])
    scores = np.concatenate([s.reshape(len(s) * ANCHORS, -1) for s, _ in levels])
    codes = np.concatenate([b.reshape(len(b) * ANCHORS, 4) for _, b in levels])
    centre = anchors[:, :2] + codes[:, [1, 0]] * anchors[:, 2:]
    boxes = np.concatenate([centre, np.exp(codes[:, [3, 2]]) * anchors[:, 2:]], axis=1)
    best, labels = best_class(sigmoid(scores))
    return Candidates(corners(boxes, "cxcywh"), best, labels, scores.shape[1])


def _anchors(sides: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """(h * w * 9, 4) centre x, y, width and height px of the anchors of a level."""
    stride = (size[0] / sides[0], size[1] / sides[1])
    points = _centres(sides, stride, 0.5)
    shapes = [
        (ANCHOR_BASE * s * x * stride[1], ANCHOR_BASE * s * y * stride[0])
        for s in ANCHOR_SCALES
        for x, y in ANCHOR_ASPECTS
    ]
    tiled = np.tile(np.array(shapes), (len(points), 1))
    return np.concatenate([np.repeat(points, ANCHORS, axis=0), tiled], axis=1)


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
    "nanodet": Head(decode=_nanodet, nms=0.6),
    "picodet": Head(decode=_picodet, nms=0.5),
    "rtmdet": Head(decode=_rtmdet, nms=0.65),
    "mmdet": Head(decode=_mmdet, nms=None, alone=True),
    "efficientdet": Head(decode=_efficientdet, nms=0.5, antialias=True),
    "detr": Head(decode=_detr, nms=None, antialias=True),
    "rtdetr": Head(decode=_rtdetr, nms=None, antialias=True),
    "ssd": Head(decode=_ssd, nms=0.45, antialias=True),
    "plain": Head(decode=_plain, nms=None, antialias=True, alone=True),
}
