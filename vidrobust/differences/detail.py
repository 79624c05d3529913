"""How much fine detail a picture has, and a picture with more or less of it: the sharpness between two frames.

The measure is the energy of luma above what a Gaussian of sigma 1 px keeps. Less of it is a Gaussian blur, more of
it an unsharp mask of sigma 1 px: one signed number either way.
"""

from __future__ import annotations

import cv2
import numpy as np

from vidrobust.differences.registration import warp

SIGMA = 1.0
"""Sigma, px, that parts detail from the rest."""
MAX_BLUR = 4.0
"""Largest sigma, px, of a blur."""
MAX_GAIN = 4.0
"""Largest gain of detail added."""
SMALLEST = 0.03
"""A relative change of the detail's energy below this is taken as none."""
_STEPS = 12


def detail(picture: np.ndarray) -> np.ndarray:
    """What a Gaussian of sigma 1 px takes away: float32 of the same shape."""
    x = picture.astype(np.float32)
    return np.asarray(x - cv2.GaussianBlur(x, (0, 0), SIGMA, borderType=cv2.BORDER_REFLECT_101))


def energy(gray: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Mean square of the detail, levels squared, where the mask (H, W) holds."""
    squared = np.square(detail(gray))
    if mask is None:
        return float(squared.mean())
    return float(squared[mask].mean()) if mask.any() else 0.0


def energy_ratio(a: np.ndarray, b: np.ndarray, displacement: np.ndarray, visible: np.ndarray) -> float:
    """Energy of detail of b over that of a, of what both show.

    a, b          (H, W) luma, a in the light of b
    displacement  (H, W, 2) from b to a; it moves the energy of a, not the picture, for a warp blurs
    visible       (H, W) bool, on the grid of b
    NaN where there is no detail to compare.
    """
    local = cv2.GaussianBlur(np.square(detail(a)), (0, 0), 3.0)
    before = warp(local, displacement, interpolation=cv2.INTER_LINEAR)[visible]
    after = np.square(detail(b))[visible]
    if not visible.any() or before.mean() < 0.05 or after.mean() < 0.05:
        return float("nan")
    return float(after.mean() / before.mean())


def strength_for(gray: np.ndarray, target: float, mask: np.ndarray | None = None) -> float:
    """The signed strength that brings a picture's energy of detail to the target.

    > 0: sigma of a blur, px; < 0: minus the gain of the detail added; 0: it has that energy already.
    Cut at MAX_BLUR and -MAX_GAIN.
    """
    now = energy(gray, mask)
    if now <= 0 or abs(target / now - 1) < SMALLEST / 3:
        return 0.0
    softer = target < now
    low, high = 0.0, MAX_BLUR if softer else MAX_GAIN
    for _ in range(_STEPS):
        middle = (low + high) / 2
        reached = energy(with_strength(gray, middle if softer else -middle), mask)
        if (reached > target) == softer:
            low = middle
        else:
            high = middle
    return (low + high) / 2 * (1 if softer else -1)


def with_strength(picture: np.ndarray, strength: float) -> np.ndarray:
    """The picture blurred (strength > 0, sigma in px) or sharpened (< 0, gain of detail): float32, not clipped."""
    x = picture.astype(np.float32)
    if strength == 0:
        return x
    if strength < 0:
        return np.asarray(x - strength * detail(x))
    return np.asarray(cv2.GaussianBlur(x, (0, 0), strength, borderType=cv2.BORDER_REFLECT_101))
