"""How near training comes to what judges it: Mintun, Kirillov & Xie 2021 (arXiv 2102.11273).

A change is the mean of the network's features over the same pictures, all changed by one draw. The minimal sample
distance goes from the judge's mean to the nearest draw of the training. A judge that goes two ways has its mean at
rest, so ``leak`` takes each judged draw by itself. A judge whose own draws differ nearly as much from each other
leaves no scale, and a leak has to come nearer than changes of other families do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from vidrobust.statistics.standard_errors import left_out_interval

# (N, 3, h, w) uint8 pictures -> (N, D) features.
Features = Callable[[torch.Tensor], np.ndarray]
# Number of a draw -> (N, 3, h, w) uint8: the pictures, all changed by that one draw.
Change = Callable[[int], torch.Tensor]
Verdict = Literal["leak", "apart", "cannot tell"]
# From this share of the way on the judge is one that was trained for.
COVERED = 0.5
# A smaller change of the features, as a share of their length, is none.
ROUNDING = 1e-4
# Where the judge's own further draws are farther than this share of the unchanged distance, there is no
# scale.
OWN_MOST = 0.5


@dataclass(frozen=True, kw_only=True)
class Leak:
    """How near training comes to a judge, distances in the units of the features.

    Attributes
    ----------
    trained, unchanged, own
        Mean distance of judged draws to the nearest trained one, the unchanged pictures, and further judged draws.
    covered, low, high
        Share of the way from unchanged to own, with its 95 % interval; NaN without a scale (ROUNDING, OWN_MOST).
    chance
        Share of the way that changes of other families go.
    """

    trained: float
    unchanged: float
    own: float
    covered: float
    low: float
    high: float
    chance: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Leak where training surely covers half of the way and more than by chance, apart where surely less."""
        if self.low >= max(COVERED, self.chance):
            return "leak"
        return "apart" if self.high < COVERED else "cannot tell"


def changes(features: Features, change: Change, draws: int) -> np.ndarray:
    """(draws, N, D): the features of the pictures under each draw."""
    return np.stack([np.asarray(features(change(draw)), np.float64) for draw in range(draws)])


def minimal_sample_distance(trained: np.ndarray, judged: np.ndarray) -> float:
    """The paper's distance, of trained (A, N, D) to the mean of judged (C, N, D) draws (section 3.2)."""
    centre = judged.mean(axis=(0, 1))
    return float(np.linalg.norm(trained.mean(axis=1) - centre, axis=1).min())


def leak(
    trained: np.ndarray,
    judged: np.ndarray,
    again: np.ndarray,
    unchanged: np.ndarray,
    others: np.ndarray | None = None,
) -> Leak:
    """Compare draws of N pictures: trained (A, N, D), judged (C, N, D) and again (B, N, D), further ones of
    the judge.

    ``others`` (O, N, D) are changes unlike both. Trained and again should hold as many draws.
    """
    near, bare, own = _distances(trained, judged, again, unchanged)
    floor = ROUNDING * float(np.linalg.norm(unchanged.mean(axis=0)))
    if bare <= floor or own > OWN_MOST * bare:
        return Leak(trained=near, unchanged=bare, own=own, covered=math.nan, low=math.nan, high=math.nan)
    covered = _share(near, bare, own)
    without = [
        _share(*_distances(*(np.delete(each, k, axis=-2) for each in (trained, judged, again, unchanged))))
        for k in range(len(unchanged) if len(unchanged) > 1 else 0)
    ]
    low, high = left_out_interval(covered, np.array(without), (0.0, 1.0))
    chance = 0.0 if others is None else _share(_mean_off(judged, others, unchanged), bare, own)
    return Leak(trained=near, unchanged=bare, own=own, covered=covered, low=low, high=high, chance=chance)


def _share(near: float, bare: float, own: float) -> float:
    """Of the way; NaN where there is none."""
    return float(np.clip((bare - near) / (bare - own), 0.0, 1.0)) if bare > own else math.nan


def _distances(
    trained: np.ndarray, judged: np.ndarray, again: np.ndarray, unchanged: np.ndarray
) -> tuple[float, float, float]:
    """Trained, unchanged and own of ``Leak``."""
    of = judged.mean(axis=1)
    rest = unchanged.mean(axis=0)[None]
    among = (np.concatenate([trained.mean(axis=1), rest]), rest, again.mean(axis=1))
    near, bare, own = (_mean_nearest(of, each) for each in among)
    return near, bare, own


def _mean_nearest(judged: np.ndarray, among: np.ndarray) -> float:
    apart = np.linalg.norm(judged[:, None] - among[None], axis=2)
    return float(apart.min(axis=1).mean())


def _mean_off(judged: np.ndarray, others: np.ndarray, unchanged: np.ndarray) -> float:
    """How far judged draws lie from the nearest ray from the unchanged pictures through one of the others."""
    rest = unchanged.mean(axis=0)
    to, ray = (each.mean(axis=1) - rest for each in (judged, others))
    length = np.linalg.norm(ray, axis=1)
    ray = ray[length > 0] / length[length > 0, None]
    along = np.clip(to @ ray.T, 0.0, None).max(axis=1, initial=0.0)
    return float(np.sqrt(np.clip(np.square(to).sum(axis=1) - along**2, 0.0, None)).mean())
