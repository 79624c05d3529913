"""Strips: the measured changes of a replayed flip, switched on one after the other, and the model's answers.

Where the picture gets sharper a strip leads from t+1 to t.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import torch

from vidrobust.frames.pixels import reduced
from vidrobust.metrics.catalogue import task_of
from vidrobust.models.predict import Model
from vidrobust.report.pictures import jpeg
from vidrobust.stages.causes.catalogue import REPLAYED, TITLES
from vidrobust.stages.causes.outcomes import KEYFRAME
from vidrobust.stages.causes.pair_replays import PairReplays
from vidrobust.stages.causes.score import answers

STRIP_WIDTH = 240  # of its pictures, px
# Sigma, px, over which pictures are compared, since a picture sampled anew has less noise; side of a cell,
# px.
SMOOTHED, CELL = 1.5, 8
# Standard errors by which a change must bring the picture nearer to the last one: by chance one in a hundred.
CLEAR = 2.33


@dataclass(frozen=True)
class StripTile:
    """One picture of the strip."""

    title: str  # "frame 12", "frame 12, re-created from its neighbour", "and motion of the camera"
    measured: str  # How large the change that is switched on here is, in words; empty for the rest
    # label, probability: The model's answer to exactly this picture
    label: str
    probability: float
    picture: np.ndarray  # (H, W, 3) uint8
    frame: int | None = None  # Number of the frame where it is a real one


def tiles(
    made: PairReplays, model: Model, moment: Mapping[str, Any], device: torch.device | str = "cpu"
) -> list[StripTile]:
    """Make the strip of one pair; empty where the pair could not be replayed.

    Only synthetic pictures are asked about anew. Causes that do not occur, or are within noise (``clear``),
    have no tile.
    """
    if made.excluded or not made.forwards:
        return []
    first, last = ("b", "a") if made.reversed else ("a", "b")
    whole = made.pictures[:2]
    real = dict(zip("ab", (reduced(picture, round(made.px)) for picture in whole), strict=True))
    pictures, steps = made.pictures, enumerate(pairwise(made.forwards), 1)
    on = [0, *(k for k, (x, y) in steps if x != y and clear(pictures[x], pictures[y], real[last]))]
    seen = shown(model, tuple(pictures[made.forwards[k]] for k in on), device)
    base = f"frame {moment[f'frame_{first}']}, re-created from its neighbour"
    titles = [base, *(f"and {TITLES[cause]}" for cause in REPLAYED)]
    measured = ["", *(made.sizes[cause].measured for cause in REPLAYED)]
    between = [StripTile(titles[k], measured[k], *tile) for k, tile in zip(on, seen, strict=True)]
    ends = dict(zip("ab", drawn(model, tuple(real.values()), device), strict=True))
    return [_real(moment, first, ends[first]), *between, _real(moment, last, ends[last])]


def shown(
    model: Model, pictures: tuple[np.ndarray, ...], device: torch.device | str
) -> list[tuple[str, float, np.ndarray]]:
    """Return what a model says of each picture, how sure it is, and the picture with it drawn on."""
    task = task_of(model.task)
    if task.said is None:
        p = answers(model, pictures, device).probabilities
        best = [(model.class_names[int(row.argmax())], float(row.max())) for row in p]
        return [(*top, picture) for top, picture in zip(best, pictures, strict=True)]
    texts, sure = task.said(answers(model, pictures, device))
    return [
        (text, float(value), picture)
        for text, value, picture in zip(texts, sure, drawn(model, pictures, device), strict=True)
    ]


def drawn(
    model: Model, pictures: tuple[np.ndarray, ...], device: torch.device | str
) -> tuple[np.ndarray, ...]:
    """Return the pictures with a model's answers drawn on them, where its task can be drawn."""
    draw = task_of(model.task).drawn
    if draw is None:
        return pictures
    answered = answers(model, pictures, device)
    return tuple(draw(picture, answered.select([row])) for row, picture in enumerate(pictures))


def clear(before: np.ndarray, after: np.ndarray, last: np.ndarray) -> bool:
    """Say whether what was switched on brings a synthetic picture nearer to a real one than noise allows.

    Squared differences are added up over cells; their sum over the root of the sum of their squares is about
    normal where nothing is there.
    """
    x, y, end = (
        cv2.GaussianBlur(p.astype(np.float32), (0, 0), SMOOTHED) for p in (before, after, last)
    )
    nearer = (np.square(x - end) - np.square(y - end)).sum(axis=2)
    height, width = (side // CELL * CELL for side in nearer.shape)
    cells = (
        nearer[:height, :width].reshape(height // CELL, CELL, width // CELL, CELL).sum(axis=(1, 3))
    )
    return float(cells.sum()) > CLEAR * float(np.sqrt(np.square(cells).sum()))


def _real(moment: Mapping[str, Any], side: str, picture: np.ndarray) -> StripTile:
    frame = int(moment[f"frame_{side}"])
    label, probability = str(moment[f"label_{side}"]), float(moment[f"probability_{side}"])
    return StripTile(f"frame {frame}", "", label, probability, picture, frame)


def rows_of_flip(
    made: PairReplays, model: Model, ids: Mapping[str, Any], device: torch.device | str = "cpu"
) -> list[dict[str, Any]]:
    """Return the rows of the table ``strips`` of one pair; none where the label stays.

    Where nothing could be replayed it is one row without a picture, which says why.
    """
    if made.excluded or not made.forwards:
        empty = {"place": 0, "title": "", "measured": "", "label": "", "probability": np.nan}
        return [{**ids, **empty, "picture": "", "excluded": made.excluded or KEYFRAME}]
    ends = shown(model, made.pictures[:2], device)
    if ends[0][0] == ends[1][0]:
        return []
    moment = {f"frame_{side}": ids[f"frame_{side}"] for side in "ab"}
    for side, (label, probability, _) in zip("ab", ends, strict=True):
        moment |= {f"label_{side}": label, f"probability_{side}": probability}
    return [
        {
            **ids,
            "place": place,
            "title": tile.title,
            "measured": tile.measured,
            "label": tile.label,
            "probability": tile.probability,
            "picture": base64.b64encode(jpeg(tile.picture, STRIP_WIDTH)).decode("ascii"),
            "excluded": "",
        }
        for place, tile in enumerate(tiles(made, model, moment, device))
    ]
