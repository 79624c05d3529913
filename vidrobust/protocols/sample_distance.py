"""How near training comes to what judges it: Mintun, Kirillov & Xie 2021 (arXiv 2102.11273).

A change of pictures is the mean of the network's features over the same few pictures, all changed by one draw. The
minimal sample distance is that between the mean of what judges and the nearest draw of the training: where it is
small, a good result says that this was trained for, whatever the family is called.

    judged draws   c  c  c          a judge that goes two ways (brighter, darker) has its mean at rest, where
    trained draws    a    a   a     nothing is changed; so ``leak`` takes each judged draw by itself
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

Features = Callable[[torch.Tensor], np.ndarray]
"""(N, 3, h, w) uint8 pictures -> (N, D) features."""
Change = Callable[[int], torch.Tensor]
"""Number of a draw -> (N, 3, h, w) uint8: the pictures, all changed by that one draw."""
Verdict = Literal["leak", "apart", "cannot tell"]
COVERED = 0.5
"""From this share of the way on the judge is one that was trained for."""


@dataclass(frozen=True, kw_only=True)
class Leak:
    """How near training comes to a judge, distances in the units of the features.

    trained    mean over judged draws of the distance to the nearest trained one, the unchanged picture among them
    unchanged  the same to the unchanged pictures alone: what a training without changes would have
    own        the same to further draws of the judge itself, as many: what training with the judge would have
    covered    share of the way from unchanged to own that training goes, 0 to 1; NaN where the judge changes the
               features no more than its own draws differ
    """

    trained: float
    unchanged: float
    own: float
    covered: float

    @property
    def verdict(self) -> Verdict:
        """Leak where training covers half of the way or more."""
        if math.isnan(self.covered):
            return "cannot tell"
        return "leak" if self.covered >= COVERED else "apart"


def changes(features: Features, change: Change, draws: int) -> np.ndarray:
    """(draws, D): the mean features of the pictures under each draw."""
    found = [np.asarray(features(change(draw)), np.float64).mean(axis=0) for draw in range(draws)]
    return np.stack(found)


def minimal_sample_distance(trained: np.ndarray, judged: np.ndarray) -> float:
    """The paper's distance, of trained (A, D) to the mean of judged (C, D) draws (section 3.2)."""
    centre = judged.mean(axis=0)
    return float(np.linalg.norm(trained - centre, axis=1).min())


def leak(trained: np.ndarray, judged: np.ndarray, again: np.ndarray, unchanged: np.ndarray) -> Leak:
    """Of trained (A, D), judged (C, D) and further judged draws again (B, D); unchanged (D,) pictures.

    Trained and again should hold as many draws: more of them come nearer by chance alone.
    """
    rest = unchanged[None]
    near, bare, own = (_mean_nearest(judged, of) for of in (np.concatenate([trained, rest]), rest, again))
    way = bare - own
    sure = way > 1e-9 * max(bare, 1e-9) and bare > 0
    covered = float(np.clip((bare - near) / way, 0.0, 1.0)) if sure else math.nan
    return Leak(trained=near, unchanged=bare, own=own, covered=covered)


def _mean_nearest(judged: np.ndarray, among: np.ndarray) -> float:
    apart = np.linalg.norm(judged[:, None] - among[None], axis=2)
    return float(apart.min(axis=1).mean())
