"""The strip of a worst moment: the measured changes of a pair switched on one after the other, and the answers.

real t ▸ its neighbour moved onto t ▸ and light ▸ and colour ▸ ... ▸ real t+1

The chain begins at t+1 and ends at t where the picture gets sharper, since a blur can be played and not undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import torch

from vidrobust.predictions import Classifier
from vidrobust.stages.causes.catalogue import REPLAYED, TITLES
from vidrobust.stages.causes.pair_replays import PairReplays
from vidrobust.stages.causes.score import predict

SMOOTHED, CELL = 1.5, 8
"""Sigma, px, over which pictures are compared, since a picture sampled anew has less noise; side of a cell, px."""
CLEAR = 2.33
"""Standard errors by which a change must bring the picture nearer to the last one: by chance one in a hundred."""


@dataclass(frozen=True)
class Tile:
    """One picture of the strip.

    title        "frame 12", "a neighbour moved onto frame 12", "and motion of the camera"
    measured     how large the change that is switched on here is, in words; empty for the rest
    label, probability  the model's answer to exactly this picture
    picture      (H, W, 3) uint8 RGB
    frame        number of the frame where it is a real one, else None
    """

    title: str
    measured: str
    label: str
    probability: float
    picture: np.ndarray
    frame: int | None = None


def tiles(
    made: PairReplays, model: Classifier, moment: Mapping[str, Any], device: torch.device | str = "cpu"
) -> list[Tile]:
    """The strip of one pair; empty where the pair could not be replayed.

    moment  of ``moments.json``: frame_a, frame_b and what the model said of both in the run, which the first and
            the last tile repeat; only made pictures are asked about anew
    Causes that do not occur have no tile, nor have those that are within noise (``clear``).
    """
    if made.excluded or not made.forwards:
        return []
    first, last = ("b", "a") if made.reversed else ("a", "b")
    real = dict(zip("ab", made.pictures[:2], strict=True))
    chain = tuple(made.pictures[k] for k in made.forwards)
    p = predict(model, chain, device)
    on = [0, *(k + 1 for k, (x, y) in enumerate(pairwise(chain)) if clear(x, y, real[last]))]
    base = f"a neighbour moved onto frame {moment[f'frame_{first}']}"
    titles = [base, *(f"and {TITLES[cause]}" for cause in REPLAYED)]
    measured = ["", *(made.sizes[cause].measured for cause in REPLAYED)]
    between = [
        Tile(titles[k], measured[k], model.class_names[int(p[k].argmax())], float(p[k].max()), chain[k])
        for k in on
    ]
    return [_real(moment, first, real[first]), *between, _real(moment, last, real[last])]


def clear(before: np.ndarray, after: np.ndarray, last: np.ndarray) -> bool:
    """Whether a made picture comes nearer to a real one by what was switched on, and by more than noise allows.

    before, after, last  (H, W, 3) uint8 RGB; the noise of the made pictures is that of a third frame
    What was measured in noise alone was fitted to the noise of two frames, and brings a third no nearer. Squared
    differences are added up over cells of CELL x CELL px; their sum over the root of the sum of their squares is
    about normal where nothing is there, whatever its size.
    """
    x, y, end = (cv2.GaussianBlur(p.astype(np.float32), (0, 0), SMOOTHED) for p in (before, after, last))
    nearer = (np.square(x - end) - np.square(y - end)).sum(axis=2)
    height, width = (side // CELL * CELL for side in nearer.shape)
    cells = nearer[:height, :width].reshape(height // CELL, CELL, width // CELL, CELL).sum(axis=(1, 3))
    return float(cells.sum()) > CLEAR * float(np.sqrt(np.square(cells).sum()))


def _real(moment: Mapping[str, Any], side: str, picture: np.ndarray) -> Tile:
    frame = int(moment[f"frame_{side}"])
    label, probability = str(moment[f"label_{side}"]), float(moment[f"probability_{side}"])
    return Tile(f"frame {frame}", "", label, probability, picture, frame)
