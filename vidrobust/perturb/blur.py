"""Blur and sharpening: gaussian, motion, defocus, unsharp mask. Borders are mirrored about the edge pixel."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from vidrobust.perturb.arrays import each_frame
from vidrobust.perturb.perturbation import Perturbation, given_sign, without_chance


def gaussian(frame: np.ndarray, sigma: float) -> np.ndarray:
    """(H, W, 3) of any depth, convolved with a Gaussian cut at 4 sigma."""
    side = 2 * int(4 * sigma + 0.5) + 1
    return np.asarray(cv2.GaussianBlur(frame, (side, side), sigma, borderType=cv2.BORDER_REFLECT_101))


def _sharpness(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    """Positive: blurred with that sigma. Negative: 2 x - blurred, the blur's mirror image about the frame."""

    def change(frame: np.ndarray, row: int) -> np.ndarray:
        if signed[row] > 0:
            return gaussian(frame, signed[row])
        return np.asarray(cv2.addWeighted(frame, 2.0, gaussian(frame, -signed[row]), -1.0, 0.0))

    return each_frame(pixels, change)


PERTURBATIONS: tuple[Perturbation, ...] = (
    Perturbation(
        name="gaussian_blur",
        suite="natural",
        family="blur",
        unit="sigma px",
        strengths=(0.5, 1.0, 2.0, 4.0, 8.0),
        range=(0.0, 64.0),
        apply=without_chance(_sharpness),
        signed={"gaussian_blur": given_sign(_sharpness)},
        doc="Convolved with a Gaussian; the signed form sharpens for s < 0 by as much as the blur takes away.",
    ),
)
