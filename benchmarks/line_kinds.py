"""A small classifier of the parts of the rendered line, trained on clean clips of another seed.

As a model of the command line: ``--model benchmarks.line_kinds:classifier``, from the repository's root. It tells
the kinds of part by size and colour of what lies on the belt, and knows nothing of light: a swaying lamp fools it.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import torch

from vidrobust.plugins.line.dials import station_settings
from vidrobust.plugins.line.parts import KINDS
from vidrobust.plugins.line.render import ClipPlan, stage
from vidrobust.predictions import Classifications

TRAINING_SEED = 77
STANDS_OUT = 30.0
"""Grey levels from the belt in any colour from which on a pixel is of the part."""
SCALE = np.array([0.03, 0.06, 0.06, 25.0, 25.0, 25.0], np.float32)
"""What counts as one step of area, width, height and the three colours."""


class NearestKind:
    """A classifier: the softmax of minus half the squared distances to the mean features of each kind."""

    name = "nearest-kind"
    task = "classification"
    version = "1"

    def __init__(self, means: np.ndarray, class_names: tuple[str, ...]) -> None:
        self.means, self.class_names = means, class_names

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        found = features(pixels.permute(0, 2, 3, 1).cpu().numpy())
        half = -0.5 * (((found[:, None] - self.means[None]) / SCALE) ** 2).sum(axis=2)
        odds = np.exp(half - half.max(axis=1, keepdims=True))
        return Classifications(odds / odds.sum(axis=1, keepdims=True), self.class_names)


def classifier() -> NearestKind:
    """Trained on two clean parts of each kind, each in two passes."""
    names = tuple(kind.name for kind in KINDS)
    settings = station_settings([], 1)[0]
    seen: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for part, again in product(range(1, 2 * len(KINDS) + 1), (1, 2)):
        plan = ClipPlan(
            part=part, pass_=again, station=1, frames=3, seed=TRAINING_SEED, settings=settings
        )
        clip = stage(plan)
        seen[clip.part.kind.name].append(features(np.stack(list(clip.frames())[1:2])))
    return NearestKind(np.stack([np.concatenate(seen[name]).mean(axis=0) for name in names]), names)


def features(frames: np.ndarray) -> np.ndarray:
    """(N, 6) float32 of (N, H, W, 3) uint8: area, width and height as shares, colour of what stands out."""
    height, width = frames.shape[1:3]
    middle = frames[:, height // 4 : -height // 4, width // 5 : -width // 5].astype(np.float32)
    rows = []
    for picture in middle:
        belt = np.median(picture.reshape(-1, 3), axis=0)
        there = (np.abs(picture - belt) > STANDS_OUT).any(axis=2)
        if not there.any():
            rows.append(np.concatenate([np.zeros(3), belt]))
            continue
        shape = (there.mean(), there.any(axis=0).mean(), there.any(axis=1).mean())
        rows.append(np.concatenate([shape, picture[there].mean(axis=0)]))
    return np.stack(rows).astype(np.float32)
