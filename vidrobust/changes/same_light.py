"""Two grey pictures brought to one light before motion is looked for, which takes light for motion otherwise."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

ALIKE_LEVELS = 1.0
"""Means that are nearer, in levels of 255, are alike; a picture of less contrast has none to go by."""
ALIKE_SHARE = 0.02


def same_light(
    first: np.ndarray, second: np.ndarray, *, alike: Literal["level", "share"]
) -> tuple[np.ndarray, np.ndarray]:
    """The picture of more contrast brought to mean and spread of the other; as they are where these are alike.

    first, second  (H, W) uint8
    alike          contrasts (standard deviations) count as alike within one level, as for dense flow, or within
                   2 % of each other, as for points that are tracked on a small picture
    """
    (m1, s1), (m2, s2) = ((float(x.mean()), float(x.std())) for x in (first, second))
    if min(s1, s2) < ALIKE_LEVELS:
        return first, second
    near = abs(s1 - s2) < ALIKE_LEVELS if alike == "level" else abs(s1 / s2 - 1) < ALIKE_SHARE
    if near and abs(m1 - m2) < ALIKE_LEVELS:
        return first, second
    if s1 > s2:
        return _brought(first, m1, s2 / s1, m2), second
    return first, _brought(second, m2, s1 / s2, m1)


def _brought(picture: np.ndarray, mean: float, ratio: float, to_mean: float) -> np.ndarray:
    table = np.rint((np.arange(256) - mean) * ratio + to_mean)
    return np.asarray(cv2.LUT(picture, np.clip(table, 0, 255).astype(np.uint8)))
