"""What fits of a change share: weights that outliers hardly have, and noise that two pictures do not share."""

from __future__ import annotations

import numpy as np

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
