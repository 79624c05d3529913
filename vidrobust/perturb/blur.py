"""Blur and sharpening: gaussian, motion, defocus, unsharp mask. Borders are mirrored.

OpenCV convolves on the CPU; frames of another device go there and back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch

from vidrobust.frames.pixels import each_frame
from vidrobust.perturb.draws import Generators, one_per_frame, uniform
from vidrobust.perturb.perturbation import Perturbation, given_sign, own_entry, without_chance

# Up to this side OpenCV convolves directly, which is fastest on bytes; beyond, by Fourier transform, which is
# fastest in float32
DIRECT_KERNEL = 11
LARGEST_BYTE_SIGMA = (
    3.0  # Beyond, OpenCV's fixed point is slower than float32, and off by two levels
)
SHARPENING_SIGMA = 1.0


def gaussian(frame: np.ndarray, sigma: float, border: int = cv2.BORDER_REFLECT_101) -> np.ndarray:
    """Return (H, W) or (H, W, 3) of any depth, convolved with a Gaussian cut at 4 sigma."""
    side = 2 * int(4 * sigma + 0.5) + 1
    if frame.dtype == np.uint8 and sigma > LARGEST_BYTE_SIGMA:
        frame = frame.astype(np.float32)
        return np.asarray(
            cv2.convertScaleAbs(cv2.GaussianBlur(frame, (side, side), sigma, borderType=border))
        )
    return np.asarray(cv2.GaussianBlur(frame, (side, side), sigma, borderType=border))


def convolve(frame: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolve (H, W, 3) uint8 with a float32 kernel of odd sides that sums to 1; rounded."""
    if max(kernel.shape) <= DIRECT_KERNEL:
        return np.asarray(cv2.filter2D(frame, -1, kernel, borderType=cv2.BORDER_REFLECT_101))
    blurred = cv2.filter2D(frame.astype(np.float32), -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.convertScaleAbs(np.maximum(blurred, 0)))


def line_kernel(length_px: float, radians: float) -> np.ndarray:
    """Return the path of a point that moves ``length_px`` while the shutter is open, shared among its pixels."""
    count = 8 * math.ceil(length_px)
    points = ((np.arange(count) + 0.5) / count - 0.5) * length_px
    return _splat(points * math.cos(radians), points * math.sin(radians))


def _splat(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points of equal weight shared bilinearly among their four pixels, in the smallest odd kernel."""
    half_x, half_y = (math.ceil(max(float(np.abs(axis).max()) - 1e-9, 0)) for axis in (x, y))
    kernel = np.zeros((2 * half_y + 3, 2 * half_x + 3))
    column, row = np.floor(x + 1e-9).astype(int), np.floor(y + 1e-9).astype(int)
    right, down = x - column, y - row
    for dx, weight_x in ((0, 1 - right), (1, right)):
        for dy, weight_y in ((0, 1 - down), (1, down)):
            np.add.at(
                kernel, (row + dy + half_y + 1, column + dx + half_x + 1), weight_x * weight_y
            )
    trimmed = kernel[1:-1, 1:-1]
    return np.asarray(trimmed / trimmed.sum(), dtype=np.float32)


def disk_kernel(radius_px: float, samples: int = 8) -> np.ndarray:
    """Return the circle of confusion: the share of each pixel that the disk covers, from 8 x 8 samples a pixel."""
    half = max(math.ceil(radius_px - 0.5), 0)
    at = (np.arange((2 * half + 1) * samples) + 0.5) / samples - half - 0.5
    inside = (at[:, None] ** 2 + at[None, :] ** 2 <= radius_px**2).astype(np.float64)
    shares = inside.reshape(2 * half + 1, samples, 2 * half + 1, samples).sum(axis=(1, 3))
    return (
        np.asarray(shares / shares.sum(), dtype=np.float32)
        if shares.any()
        else np.ones((1, 1), np.float32)
    )


def _gaussian_blur(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    """Negative sigma: 2 x - blurred."""

    def change(frame: np.ndarray, row: int) -> np.ndarray:
        if signed[row] > 0:
            return gaussian(frame, signed[row])
        return np.asarray(cv2.addWeighted(frame, 2.0, gaussian(frame, -signed[row]), -1.0, 0.0))

    return each_frame(pixels, change)


def _motion_blur(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
    owns = one_per_frame(generator, len(pixels))
    kernels = [line_kernel(strength, uniform(own, 0.0, math.pi)) for own in owns]
    return each_frame(pixels, lambda frame, row: convolve(frame, kernels[row]))


def _defocus_blur(pixels: torch.Tensor, radii: Sequence[float]) -> torch.Tensor:
    return each_frame(pixels, lambda frame, row: convolve(frame, disk_kernel(radii[row])))


def _sharpening(pixels: torch.Tensor, amounts: Sequence[float]) -> torch.Tensor:
    def change(frame: np.ndarray, row: int) -> np.ndarray:
        soft = gaussian(frame, SHARPENING_SIGMA)
        return np.asarray(cv2.addWeighted(frame, 1 + amounts[row], soft, -amounts[row], 0.0))

    return each_frame(pixels, change)


PERTURBATIONS: tuple[Perturbation, ...] = (
    own_entry(without_chance(_gaussian_blur), signed={"gaussian_blur": given_sign(_gaussian_blur)}),
    own_entry(_motion_blur),
    own_entry(without_chance(_defocus_blur)),
    own_entry(without_chance(_sharpening)),
)
