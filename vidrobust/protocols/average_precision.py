"""Average precision of boxes against known ones: of all frames, and of the worst and best neighbours of anchors.

The average precision itself is faster-coco-eval's, by COCO's rules: IoU .50 to .95, all areas, 100 boxes a frame.
Over neighbours each anchor is replaced by the frame about it that is worst, or best, by its own average precision,
and the set of these frames is evaluated anew: what a detector may come to if the shutter falls a little earlier or
later. After Shankar et al. 2019 (pm-k), with the bounds of Manfredi & Wang 2020, who take shifts for neighbours.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

PACKAGE = "faster_coco_eval"
HOW_TO_GET_IT = "average precision is left out: it needs faster-coco-eval (pip install 'vidrobust[ap]')"
IMAGE_PX = 1_000_000
"""Sides that COCO's format asks for, and that its evaluation does not look at."""


def available() -> bool:
    """Whether the package that computes it is there."""
    return importlib.util.find_spec(PACKAGE) is not None


@dataclass(frozen=True)
class Precision:
    """Average precision, a mean over classes: over IoU .50 to .95, and at .50; NaN without known boxes."""

    ap: float
    ap50: float


class FramesOfBoxes:
    """Known and found boxes of frames, for any choice of them.

    known  frame (any int), label, x1, y1, x2, y2; found: the same and score
    """

    def __init__(self, known: pd.DataFrame, found: pd.DataFrame) -> None:
        self._known = dict(list(known.groupby("frame", sort=False)))
        self._found = dict(list(found.groupby("frame", sort=False)))
        self._labels = sorted(set(known["label"]) | set(found["label"]))

    def precision(self, frames: Sequence[int]) -> Precision:
        """Of these frames; one that is named twice counts twice."""
        if not any(frame in self._known for frame in frames):
            return Precision(float("nan"), float("nan"))
        evaluation = self._evaluation(frames)
        if evaluation is None:
            return Precision(0.0, 0.0)
        evaluation.evaluate()
        return _read(evaluation)

    def each(self, frames: Sequence[int]) -> np.ndarray:
        """(len(frames),) the average precision of each frame by itself; NaN where it has no known box."""
        frames = list(frames)
        own = np.array([0.0 if frame in self._known else np.nan for frame in frames])
        evaluation = self._evaluation(frames)
        if evaluation is None:
            return own
        for place in np.flatnonzero(own == 0):
            evaluation.params.imgIds = [int(place) + 1]
            evaluation.evaluate()
            own[place] = _read(evaluation).ap
        return own

    def _evaluation(self, frames: Sequence[int]) -> Any:
        """faster-coco-eval's object for these frames, image 1 the first of them; None where nothing is found."""
        from faster_coco_eval import COCO, COCOeval_faster

        annotations: list[dict[str, Any]] = []
        results: list[dict[str, Any]] = []
        for image, frame in enumerate(frames, 1):
            for row in self._rows(self._known, frame):
                number = len(annotations) + 1
                annotations.append({"id": number, "image_id": image, "iscrowd": 0, **_coco(row)})
            results += [
                {"image_id": image, "score": row["score"], **_coco(row)}
                for row in self._rows(self._found, frame)
            ]
        if not results:
            return None
        images = [{"id": k + 1, "width": IMAGE_PX, "height": IMAGE_PX} for k in range(len(frames))]
        categories = [{"id": int(label) + 1, "name": str(label)} for label in self._labels]
        known = COCO({"images": images, "annotations": annotations, "categories": categories})
        return COCOeval_faster(known, known.loadRes(results), "bbox")

    @staticmethod
    def _rows(of: dict[Any, pd.DataFrame], frame: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = of[frame].to_dict("records") if frame in of else []
        return rows


def worst_and_best(
    boxes: FramesOfBoxes, anchors: Sequence[int], about: Sequence[Sequence[int]]
) -> tuple[list[int], list[int]]:
    """Of each anchor the frame about it, itself among them, with the lowest and the highest average precision.

    about  frames about each anchor, the nearest first: of equals the first is taken
    """
    every = list(dict.fromkeys(frame for frames in about for frame in frames))
    own = dict(zip(every, boxes.each(every), strict=True))
    worst, best = [], []
    for anchor, frames in zip(anchors, about, strict=True):
        known = [frame for frame in frames if np.isfinite(own[frame])] or [anchor]
        worst.append(min(known, key=lambda frame: own[frame]))
        best.append(max(known, key=lambda frame: own[frame]))
    return worst, best


def _coco(row: dict[str, Any]) -> dict[str, Any]:
    x1, y1, x2, y2 = (float(row[side]) for side in ("x1", "y1", "x2", "y2"))
    width, height = x2 - x1, y2 - y1
    return {"category_id": int(row["label"]) + 1, "bbox": [x1, y1, width, height], "area": width * height}


def _read(evaluation: Any) -> Precision:
    """The means that COCO calls AP and AP50, from precision (IoU, recall, class, area, boxes a frame)."""
    evaluation.accumulate()
    table = evaluation.eval["precision"][:, :, :, 0, -1]
    whole, half = table[table > -1], table[0][table[0] > -1]
    nan = float("nan")
    return Precision(
        float(whole.mean()) if whole.size else nan,
        float(half.mean()) if half.size else nan,
    )
