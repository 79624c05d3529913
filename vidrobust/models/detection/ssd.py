"""SSD and plain exports: boxes already decoded, with class scores of each, or with one score and label each."""

from __future__ import annotations

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.models.detection.candidates import (
    Candidates,
    HeadSettings,
    Outputs,
    corners,
    pick,
    to_pixels,
)

_SCORES = ("scores", "detection_scores")
_BOXES = ("boxes", "detection_boxes")
_LABELS = ("labels", "classes", "detection_classes")


def decode(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """boxes (A, 4), relative unless said otherwise, scores (A, classes): every class of a box is a candidate."""
    scores = np.asarray(pick(outputs, settings, "scores", _SCORES, "ssd"), np.float64)
    boxes = _boxes(outputs, settings, "ssd", "relative")
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


def decode_plain(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """boxes (M, 4), in px of the input unless said otherwise, scores (M,), labels (M,)."""
    boxes = _boxes(outputs, settings, "plain", "pixels")
    scores = np.asarray(pick(outputs, settings, "scores", _SCORES, "plain"), np.float64).ravel()
    labels = np.asarray(pick(outputs, settings, "labels", _LABELS, "plain")).ravel().astype(np.int64)
    if not len(boxes) == len(scores) == len(labels):
        raise SettingsError(
            f"head plain: {len(boxes)} boxes, {len(scores)} scores and {len(labels)} labels: expected one each"
        )
    return Candidates(boxes, scores, labels, None)


def _boxes(outputs: Outputs, settings: HeadSettings, head: str, scale: str) -> np.ndarray:
    raw = np.asarray(pick(outputs, settings, "boxes", _BOXES, head))
    if raw.ndim != 2 or raw.shape[1] != 4:
        raise SettingsError(f"head {head}: expected boxes (boxes, 4), got {raw.shape}")
    return to_pixels(corners(raw, settings.box_order or "xyxy"), settings.box_scale or scale, settings.size)
