"""What each training frame's boxes should be: known ones, or the detector's own objects with their gaps filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from vidrobust.accuracy.average_precision import BOX

# An object of fewer boxes is taken for a false alarm.
FEWEST_BOXES = 3


@dataclass(frozen=True)
class KnownBoxes:
    """Of one frame: boxes (M, 4) float32 xyxy px, labels (M,) int64."""

    boxes: np.ndarray
    labels: np.ndarray

    def tensors(self, device: torch.device) -> dict[str, torch.Tensor]:
        """As torchvision's detectors take them."""
        return {
            "boxes": torch.from_numpy(self.boxes.copy()).to(device),
            "labels": torch.from_numpy(self.labels.copy()).to(device),
        }

    def take(self, keep: np.ndarray) -> KnownBoxes:
        """Some of them; keep (M,) bool."""
        return KnownBoxes(self.boxes[keep], self.labels[keep])


NONE = KnownBoxes(np.empty((0, 4), np.float32), np.empty(0, np.int64))


def of_rows(rows: pd.DataFrame) -> KnownBoxes:
    """Of rows of one frame, with label and corners."""
    return KnownBoxes(np.ascontiguousarray(rows[BOX].to_numpy(np.float32)), rows["label"].to_numpy(np.int64))


def self_boxes(detections: pd.DataFrame, steps: pd.DataFrame, start_score: float) -> Mapping[int, KnownBoxes]:
    """Return frame -> the boxes of the objects that one detector followed along one input.

    An object has the class with the largest sum of scores, and needs FEWEST_BOXES with a mean of
    ``start_score``. Where
    the detector missed it between two boxes it has one on the line between them; where it may be hidden,
    none.
    """
    found: list[pd.DataFrame] = []
    filled = dict(list(steps[steps["missed"] == 1].groupby("track", sort=False)))
    for track, rows in detections[detections["track"] >= 0].groupby("track", sort=True):
        sure = rows[rows["score"] >= rows["score"].median()]
        if len(rows) < FEWEST_BOXES or sure["score"].mean() < start_score:
            continue
        label = int(sure.groupby("label")["score"].sum().idxmax())
        parts = [rows, *([filled[track]] if track in filled else [])]
        found += [part[["frame", *BOX]].assign(label=label) for part in parts]
    if not found:
        return {}
    return {int(frame): of_rows(rows) for frame, rows in pd.concat(found).groupby("frame", sort=True)}
