"""DETR and RT-DETR: a fixed set of queries, boxes cxcywh in 0..1, nothing to suppress."""

from __future__ import annotations

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.models.detection.candidates import (
    Candidates,
    HeadSettings,
    Outputs,
    best_class,
    corners,
    pick,
    sigmoid,
    to_pixels,
)

_SCORES = ("logits", "pred_logits", "scores")
_BOXES = ("pred_boxes", "boxes")


def decode(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """DETR: softmax over classes and "no object", which is the last (Carion et al. 2020)."""
    logits = np.asarray(pick(outputs, settings, "scores", _SCORES, "detr"), np.float64)
    _check("detr", logits, outputs, settings)
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores, labels = best_class((e / e.sum(axis=1, keepdims=True))[:, :-1])
    return Candidates(_boxes(outputs, settings, "detr"), scores, labels, logits.shape[1] - 1)


def decode_rt(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """RT-DETR: a sigmoid for each class; the best (query, class) pairs, as many as there are queries."""
    logits = np.asarray(pick(outputs, settings, "scores", _SCORES, "rtdetr"), np.float64)
    _check("rtdetr", logits, outputs, settings)
    boxes = _boxes(outputs, settings, "rtdetr")
    order = np.argsort(-logits.ravel(), kind="stable")[: len(logits)]
    query, label = np.divmod(order, logits.shape[1])
    return Candidates(boxes[query], sigmoid(logits[query, label]), label.astype(np.int64), logits.shape[1])


def _check(head: str, logits: np.ndarray, outputs: Outputs, settings: HeadSettings) -> None:
    boxes = np.asarray(pick(outputs, settings, "boxes", _BOXES, head))
    if logits.ndim != 2 or boxes.shape != (len(logits), 4):
        raise SettingsError(
            f"head {head}: expected logits (queries, classes) and boxes (queries, 4), got {logits.shape} and "
            f"{boxes.shape}"
        )


def _boxes(outputs: Outputs, settings: HeadSettings, head: str) -> np.ndarray:
    order, scale = settings.box_order or "cxcywh", settings.box_scale or "relative"
    raw = pick(outputs, settings, "boxes", _BOXES, head)
    return to_pixels(corners(raw, order), scale, settings.size)
