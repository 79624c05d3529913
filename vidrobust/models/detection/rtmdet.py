"""RTMDet, and any detector as MMDeploy exports it.

rtmdet  for each stride (classes, h, w), before the sigmoid, and (4, h, w) px from the cell's corner to the sides
        (Lyu et al. 2022)
mmdet   end to end: dets (M, 5) xyxy px of the input and a score, labels (M,)
"""

from __future__ import annotations

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.models.detection.candidates import (
    Candidates,
    HeadSettings,
    Outputs,
    best_class,
    pick,
    sigmoid,
)
from vidrobust.models.detection.levels import around, centres, pairs_of_levels


def decode(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """RTMDet without post-processing."""
    levels = pairs_of_levels(outputs, "rtmdet", 4, cells_first=False)
    sides = sorted({np.shape(array)[1:] for array in outputs.values()}, key=lambda s: -int(np.prod(s)))
    points = [centres((h, w), (settings.size[0] / h, settings.size[1] / w), 0.0) for h, w in sides]
    scores = np.concatenate([level[0] for level in levels])
    best, labels = best_class(sigmoid(scores))
    boxes = around(np.concatenate(points), np.concatenate([level[1] for level in levels]))
    return Candidates(boxes, best, labels, scores.shape[1])


def decode_end_to_end(outputs: Outputs, settings: HeadSettings) -> Candidates:
    """MMDeploy's end to end export."""
    dets = np.asarray(pick(outputs, settings, "boxes", ("dets",), "mmdet"), np.float64)
    labels = np.asarray(pick(outputs, settings, "labels", ("labels",), "mmdet")).ravel()
    if dets.ndim != 2 or dets.shape[1] != 5 or len(dets) != len(labels):
        raise SettingsError(
            f"head mmdet: expected dets (boxes, 5) and labels (boxes,), got {dets.shape} and {labels.shape}"
        )
    return Candidates(dets[:, :4], dets[:, 4], labels.astype(np.int64), None)
