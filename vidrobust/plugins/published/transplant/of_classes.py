"""The transplant asked of a classifier: its answers while one object moves over the picture.

Answers have the form of a detector's transplant: every answer to the object is "found", that to its neutral double
where it is the object's class. Backgrounds already answered with that class are "occupied".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from vidrobust.frames.pixels import to_tensor
from vidrobust.models.detection.network import BoxAnswer
from vidrobust.models.predict import predict
from vidrobust.plugins.published.transplant.cutout import Cutout, neutral
from vidrobust.plugins.published.transplant.paste import Place, box_of, grid, paste
from vidrobust.plugins.published.transplant.study import Background, TransplantSettings, TransplantStudy
from vidrobust.predictions import Classifications, Classifier
from vidrobust.shapes.shape import Places

NO_BOXES = BoxAnswer((Places.of(np.empty((0, 4))), np.empty(0, np.float32), np.empty(0, np.int64)))


def transplant_of_classes(
    classifier: Classifier,
    cutout: Cutout,
    backgrounds: Sequence[Background],
    settings: TransplantSettings,
    expected: int | None = None,
    step: Callable[[int], None] = lambda _: None,
) -> TransplantStudy:
    """Paste the object and its neutral double over the grid of every background.

    ``expected`` is the object's class; None: the answer most frequent where it is pasted and not without it.
    """
    double = neutral(cutout, settings.neutral)
    seen: list[tuple[Background, list[Place], int, dict[str, Classifications]]] = []
    for background in backgrounds:
        size = background.pixels.shape[:2]
        here = grid((size[0], size[1]), cutout, settings.columns, settings.rows)
        said = {
            patch: _answers(classifier, [paste(background.pixels, shown, place) for place in here])
            for patch, shown in (("object", cutout), ("neutral", double))
        }
        clean = int(_answers(classifier, [background.pixels]).labels[0])
        seen.append((background, here, clean, said))
        step(1)
    own = _most_often(seen) if expected is None else expected
    rows = [row for each in seen for row in _rows(*each, own, cutout)]
    return TransplantStudy(
        positions=pd.DataFrame(rows).assign(at=range(len(rows))),
        effects=pd.DataFrame(),
        clean={background.key: NO_BOXES for background, *_ in seen},
        places={background.key: here for background, here, *_ in seen},
    )


def _answers(classifier: Classifier, pictures: Sequence[np.ndarray]) -> Classifications:
    pixels: torch.Tensor = to_tensor(list(pictures))
    return predict(classifier, pixels)


def _most_often(seen: Sequence[tuple[Background, list[Place], int, dict[str, Classifications]]]) -> int:
    """The answer that the object changes pictures to most often; the most frequent one where it changes none."""
    new: Counter[int] = Counter()
    every: Counter[int] = Counter()
    for _, _, clean, said in seen:
        labels = said["object"].labels.tolist()
        every.update(labels)
        new.update(label for label in labels if label != clean)
    return (new or every).most_common(1)[0][0]


def _rows(
    background: Background,
    here: Sequence[Place],
    clean: int,
    said: dict[str, Classifications],
    own: int,
    cutout: Cutout,
) -> list[dict[str, Any]]:
    rows = []
    for patch, answers in said.items():
        for place, label, score in zip(here, answers.labels, answers.probabilities[:, own], strict=True):
            x1, y1, x2, y2 = box_of(cutout, place)
            rows.append(
                {
                    "background": background.key,
                    "patch": patch,
                    "column": place.column,
                    "row": place.row,
                    "x": (x1 + x2) / 2,
                    "y": (y1 + y2) / 2,
                    "found": patch == "object" or int(label) == own,
                    "label": int(label),
                    "score": float(score),
                    "iou": np.nan,
                    "occupied": clean == own,
                    "others": 0,
                    "lost": 0,
                    "renamed": 0,
                    "new": 0,
                    "score_change": np.nan,
                }
            )
    return rows
