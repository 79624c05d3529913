"""What fits of a change share: weights that outliers hardly have, and noise that two pictures do not share."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

# Two grey pictures brought to one light before motion is looked for, which takes light for motion otherwise.

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


TUKEY_BIWEIGHT = 4.685
"""Tukey's constant, 95 % efficient for normal errors."""


def spread(residual: np.ndarray, least: float) -> float:
    """Standard deviation of normal errors with this median size, and no smaller than ``least``."""
    return max(least, 1.4826 * float(np.median(residual)))


def biweight(residual: np.ndarray, scale: float) -> np.ndarray:
    """Tukey's weights of residuals whose standard deviation is ``scale``; 0 from 4.685 of them on."""
    return np.asarray(np.clip(1 - (residual / (TUKEY_BIWEIGHT * scale)) ** 2, 0, 1) ** 2)


def absolute(residual: np.ndarray, scale: float) -> np.ndarray:
    """Weights by which least squares find least absolute deviations, for residuals (>= 0) beyond ``scale``."""
    return np.asarray(scale / np.maximum(residual, scale))


def not_shared(first: np.ndarray, second: np.ndarray, across: np.ndarray) -> np.ndarray:
    """The power of the noise, if both have the same: what two powers and that across do not share.

    With detail of power S and noise of power N in the one, h^2 S + N in the other and h S across, N is the smaller
    eigenvalue of these powers, whatever the blur h.
    """
    return np.asarray((first + second - np.sqrt(np.square(first - second) + 4 * np.square(across))) / 2)
