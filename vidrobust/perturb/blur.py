"""Blur and sharpening: gaussian, motion, defocus, unsharp mask. Borders are mirrored.

Weights are whole numbers of a power of two, so that every sum is exact in float32: OpenCV, which convolves on the
CPU, and torch, which does on other devices, give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch

from vidrobust.frames.pixels import each_frame, rounded
from vidrobust.perturb.draws import Generators, one_per_frame, uniform
from vidrobust.perturb.perturbation import Perturbation, given_sign, own_entry, without_chance

# Up to this side OpenCV convolves directly, which is fastest on bytes; beyond, by Fourier transform in float64 for
# frames in float32
DIRECT_KERNEL = 11
# OpenCV blurs bytes with weights of 8 bits, and rounds half up; beyond this sigma that is slow, and off by two levels
LARGEST_BYTE_SIGMA, BYTE_BITS = 3.0, 8
SHARPENING_SIGMA = 1.0
BITS = 16  # of the weights' fractions: a byte times their sum has 24 bits, as float32 has
# Of the second pass of a wide Gaussian, whose levels have 4 bits after the point
SECOND_BITS = 12
AMOUNT_BITS = 10  # of the fraction of an amount of sharpening

_ONE = np.ones(1, np.float32)


def gaussian(frame: np.ndarray, sigma: float, border: int = cv2.BORDER_REFLECT_101) -> np.ndarray:
    """Return (H, W) or (H, W, 3) of any depth, convolved with a Gaussian cut at 4 sigma."""
    side = 2 * int(4 * sigma + 0.5) + 1
    return np.asarray(cv2.GaussianBlur(frame, (side, side), sigma, borderType=border))


def in_steps(kernel: np.ndarray, bits: int = BITS) -> np.ndarray:
    """Return a kernel of odd sides that sums to 1, rounded to multiples of 2^-bits that do so, float32.

    The rounding of one weight is made up for in the next; a kernel that is the same when turned by 180 degrees stays
    so.
    """
    first = np.cumsum(kernel.reshape(-1)[: kernel.size // 2].astype(np.float64))
    half = np.diff(np.rint(first * 2**bits), prepend=0.0)
    whole = np.concatenate([half, [2**bits - 2 * half.sum()], half[::-1]])
    return np.asarray((whole / 2**bits).reshape(kernel.shape), np.float32)


def _gaussian_kernel(sigma: float) -> np.ndarray:
    return np.asarray(cv2.getGaussianKernel(2 * int(4 * sigma + 0.5) + 1, sigma)[:, 0])


def _fine_passes(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights along rows and along columns; after the first pass levels are rounded to 1/16."""
    kernel = _gaussian_kernel(sigma)
    return in_steps(kernel) * 2**4, in_steps(kernel, SECOND_BITS) / 2**4


def blurred(frame: np.ndarray, sigma: float) -> np.ndarray:
    """Blur (H, W, 3) uint8 by a Gaussian cut at 4 sigma."""
    if sigma <= LARGEST_BYTE_SIGMA:
        return gaussian(frame, sigma)
    across, down = _fine_passes(sigma)
    how = {"borderType": cv2.BORDER_REFLECT_101}
    fine = cv2.sepFilter2D(frame, cv2.CV_16S, across, _ONE, **how)
    return np.asarray(cv2.convertScaleAbs(cv2.sepFilter2D(fine, cv2.CV_16S, _ONE, down, **how)))


def convolve(frame: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolve (H, W, 3) uint8 with a kernel of ``in_steps``; rounded."""
    if max(kernel.shape) <= DIRECT_KERNEL:
        made = cv2.filter2D(frame, cv2.CV_16S, kernel, borderType=cv2.BORDER_REFLECT_101)
        return np.asarray(cv2.convertScaleAbs(made))
    made = cv2.filter2D(frame.astype(np.float32), -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.convertScaleAbs(np.maximum(made, 0)))


def _convolved(frame: torch.Tensor, kernel: np.ndarray) -> torch.Tensor:
    """Correlate (3, H, W) float32 with a kernel of ``in_steps``, weight by weight, on any device."""
    height, width = kernel.shape
    rows, columns = (
        torch.from_numpy(_mirrored(side, reach // 2)).to(frame.device)
        for side, reach in zip(frame.shape[1:], kernel.shape, strict=True)
    )
    wide = frame[:, rows][:, :, columns]
    made = torch.zeros_like(frame)
    for row, column in zip(*np.nonzero(kernel), strict=True):
        part = wide[
            :, row : wide.shape[1] - height + 1 + row, column : wide.shape[2] - width + 1 + column
        ]
        made.add_(part, alpha=float(kernel[row, column]))
    return made


def _mirrored(side: int, reach: int) -> np.ndarray:
    """Places of a line that goes on by ``reach`` on both sides, mirrored without repeating the ends."""
    if side == 1:
        return np.zeros(2 * reach + 1, np.int64)
    turn = 2 * (side - 1)
    at = np.arange(-reach, side + reach) % turn
    return np.asarray(np.minimum(at, turn - at))


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
    if not shares.any():
        return np.ones((1, 1), np.float32)
    return np.asarray(shares / shares.sum(), dtype=np.float32)


def _soft(frame: torch.Tensor, sigma: float) -> torch.Tensor:
    """``blurred`` of (3, H, W) uint8 on any device, float32."""
    if sigma <= LARGEST_BYTE_SIGMA:
        kernel = in_steps(_gaussian_kernel(sigma), BYTE_BITS)
        across = _convolved(frame.float(), kernel[None])
        return _convolved(across, kernel[:, None]).add_(0.5).floor_()
    first, second = _fine_passes(sigma)
    return _convolved(_convolved(frame.float(), first[None]).round_(), second[:, None]).round_()


def _gaussian_blur(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    """Negative sigma: 2 x - blurred."""
    amounts = [-1.0 if sigma > 0 else 1.0 for sigma in signed]
    return unsharp(pixels, [abs(sigma) for sigma in signed], amounts)


def unsharp(
    pixels: torch.Tensor, sigmas: Sequence[float], amounts: Sequence[float]
) -> torch.Tensor:
    """Return x + amount (x - blurred x); -1 is the blur itself."""
    amounts = [round(amount * 2**AMOUNT_BITS) / 2**AMOUNT_BITS for amount in amounts]
    if pixels.device.type != "cpu":
        frames = zip(pixels, sigmas, amounts, strict=True)
        made = [rounded(f * (1 + much) - _soft(f, sigma) * much) for f, sigma, much in frames]
        return torch.stack(made)

    def change(frame: np.ndarray, row: int) -> np.ndarray:
        soft, much = blurred(frame, sigmas[row]), amounts[row]
        if much == -1:
            return soft
        return np.asarray(cv2.addWeighted(frame, 1 + much, soft, -much, 0.0))

    return each_frame(pixels, change)


def _by_kernels(pixels: torch.Tensor, kernels: Sequence[np.ndarray]) -> torch.Tensor:
    steps = [in_steps(kernel) for kernel in kernels]
    if pixels.device.type != "cpu":
        frames = zip(pixels, steps, strict=True)
        return torch.stack([rounded(_convolved(frame.float(), kernel)) for frame, kernel in frames])
    return each_frame(pixels, lambda frame, row: convolve(frame, steps[row]))


def _motion_blur(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
    owns = one_per_frame(generator, len(pixels))
    return _by_kernels(pixels, [line_kernel(strength, uniform(rng, 0.0, math.pi)) for rng in owns])


def _defocus_blur(pixels: torch.Tensor, radii: Sequence[float]) -> torch.Tensor:
    return _by_kernels(pixels, [disk_kernel(radius) for radius in radii])


def _sharpening(pixels: torch.Tensor, amounts: Sequence[float]) -> torch.Tensor:
    return unsharp(pixels, [SHARPENING_SIGMA] * len(amounts), amounts)


PERTURBATIONS: tuple[Perturbation, ...] = (
    own_entry(without_chance(_gaussian_blur), signed={"gaussian_blur": given_sign(_gaussian_blur)}),
    own_entry(_motion_blur),
    own_entry(without_chance(_defocus_blur)),
    own_entry(without_chance(_sharpening)),
)
