"""Pictures as tensors and as arrays, and smooth fields over a frame."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
import PIL.Image
import torch


def check_pixels(pixels: torch.Tensor, who: str) -> None:
    """Raise ValueError, which begins with ``who``, unless pixels are (N, 3, H, W) uint8."""
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != 3:
        raise ValueError(
            f"{who}: expected pixels uint8 of shape (N, 3, H, W), got {pixels.dtype} {tuple(pixels.shape)}"
        )


def to_array(frame: torch.Tensor) -> np.ndarray:
    """(3, H, W) of any device and strides -> (H, W, 3) contiguous; may share memory, so do not write."""
    frame = frame.detach().cpu()
    if frame.is_contiguous() and frame.numel():
        planes: np.ndarray = cv2.merge([plane.numpy() for plane in frame])
        return planes.reshape(frame.shape[1], frame.shape[2], 3)
    return frame.permute(1, 2, 0).contiguous().numpy()


def to_tensor(pictures: Sequence[np.ndarray], device: torch.device | str = "cpu") -> torch.Tensor:
    """N pictures (H, W, 3) uint8 of one size -> (N, 3, H, W) on ``device``, a view of (N, H, W, 3) memory."""
    if torch.device(device).type == "cpu":
        return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    memory = torch.empty((len(pictures), *pictures[0].shape), dtype=torch.uint8, pin_memory=True)
    np.stack(pictures, out=memory.numpy())
    return memory.to(device, non_blocking=True).permute(0, 3, 1, 2)


def reduced(picture: np.ndarray, factor: int) -> np.ndarray:
    """Average (H, W, C) uint8 over squares of ``factor`` px: a new picture, or the same one for 1."""
    if factor == 1:
        return picture
    height, width = picture.shape[:2]
    size = (max(1, width // factor), max(1, height // factor))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


Interpolation = Literal["bilinear", "bicubic", "nearest"]
MOST_BITS = 22  # after the point of torch's fixed-point weights
EXACT_TAPS = 2**24 // 255**2  # products of two bytes whose sum is exact in float32


def resize(
    pixels: torch.Tensor, size: Sequence[int], how: Interpolation = "bilinear"
) -> torch.Tensor:
    """Resize (..., 3, H, W) uint8 as torchvision's ``resize`` (v2), without its slow import.

    Every device and processor gives the bytes that torchvision gives on a CPU with AVX2.

    ``size`` is (shorter side,), with the longer one rounded down; or (height, width). "nearest" samples as
    Pillow's NEAREST.
    """
    old = (int(pixels.shape[-2]), int(pixels.shape[-1]))
    new = resized_sides(old, size)
    if new == old or not pixels.numel():
        return pixels if new == old else pixels.new_empty((*pixels.shape[:-2], *new))
    flat = pixels.reshape(-1, *pixels.shape[-3:])
    if flat.shape[0] == 1 and flat.is_contiguous(memory_format=torch.channels_last):
        # a batch of one: its stride says nothing, and only this one tells torch that channels come last
        flat = flat.as_strided(flat.shape, (flat.numel(), *flat.stride()[1:]))
    if how == "nearest":
        return _interpolated(flat, new, "nearest-exact").reshape(*pixels.shape[:-2], *new)
    as_bytes = pixels.device.type == "cpu" and (how == "bicubic" or _resizes_bytes())
    made = _interpolated(flat, new, how) if as_bytes else _in_fixed_point(flat, new, how)
    return made.reshape(*pixels.shape[:-2], *new)


def resized_sides(old: tuple[int, int], size: Sequence[int]) -> tuple[int, int]:
    """Return height and width after a resize of ``old`` to ``size``, which ``resize`` describes."""
    if len(size) == 2:
        return size[0], size[1]
    longer = int(size[0] * max(old) / min(old))
    return (longer, size[0]) if old[1] <= old[0] else (size[0], longer)


# The libraries whose bytes a resize gives. Between two of them a network may change half of its labels
# (benchmarks/pixels.py), so the study takes the one that the deployed program has.
Resizer = Literal["torch", "pil", "opencv-linear", "opencv-area"]


def resize_as(
    pixels: torch.Tensor,
    size: Sequence[int],
    how: Interpolation = "bilinear",
    *,
    by: Resizer = "torch",
    antialias: bool = True,
) -> torch.Tensor:
    """Resize (N, 3, H, W) uint8 to the bytes that a named library gives.

    Parameters
    ----------
    pixels
        (N, 3, H, W) uint8.
    size
        (shorter side,), with the longer one rounded down, or (height, width), px.
    how
        The interpolation of "torch" and "pil"; OpenCV's is in its name.
    by
        "torch" is torchvision's ``resize`` of uint8 tensors; "pil" is Pillow's, which always averages;
        "opencv-linear" samples without averaging, "opencv-area" averages whole areas.
    antialias
        Whether "torch" averages while it shrinks.

    Returns
    -------
    torch.Tensor
        (N, 3, height, width) uint8 on the device of ``pixels``.
    """
    if by == "torch" and (antialias or how == "nearest"):
        return resize(pixels, size, how)
    height, width = resized_sides((int(pixels.shape[-2]), int(pixels.shape[-1])), size)
    if by == "torch":
        if pixels.device.type == "cpu" and (how == "bicubic" or _resizes_bytes()):
            return _interpolated(pixels, (height, width), how, smooth=False)
        return rounded(_interpolated(pixels.float(), (height, width), how, smooth=False))
    if not len(pixels):
        return pixels.new_empty((0, 3, height, width))
    frames = [to_array(frame) for frame in pixels]
    if by == "pil":
        pictures = [PIL.Image.fromarray(frame) for frame in frames]
        made = [np.asarray(each.resize((width, height), _PILLOW[how])) for each in pictures]
    else:
        kind = cv2.INTER_LINEAR if by == "opencv-linear" else cv2.INTER_AREA
        made = [cv2.resize(frame, (width, height), interpolation=kind) for frame in frames]
    return to_tensor(made, pixels.device)


_PILLOW = {
    "nearest": PIL.Image.Resampling.NEAREST,
    "bilinear": PIL.Image.Resampling.BILINEAR,
    "bicubic": PIL.Image.Resampling.BICUBIC,
}


def _resizes_bytes() -> bool:
    arm = platform.machine() in ("aarch64", "arm64")
    return arm or torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")


def _interpolated(
    pixels: torch.Tensor, size: tuple[int, int], mode: str, *, smooth: bool = True
) -> torch.Tensor:
    between = mode != "nearest-exact"
    return torch.nn.functional.interpolate(
        pixels,
        size=size,
        mode=mode,
        align_corners=False if between else None,
        antialias=smooth and between,
    )


def _in_fixed_point(pixels: torch.Tensor, size: tuple[int, int], how: str) -> torch.Tensor:
    """Resize (N, C, H, W) uint8 on any device to the bit as torch resizes bytes on the CPU."""
    for axis, side in ((3, size[1]), (2, size[0])):
        if pixels.shape[axis] == side:
            continue
        high, low, bits = _weights(pixels.shape[axis], side, how, pixels.device)
        lines = pixels.transpose(axis, 3).to(high.dtype)
        sums = ((lines @ high).to(torch.int64) << 8) + (lines @ low).to(torch.int64)
        levels = (sums + (1 << (bits - 1))) >> bits
        pixels = levels.clamp_(0, 255).to(torch.uint8).transpose(axis, 3)
    return pixels


@lru_cache(maxsize=32)
def _weights(
    old: int, new: int, how: str, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Weights (old, new) of one axis in int16, as 256 x high + low; and the bits after the point.

    Torch's own, with as many bits as the largest allows (ATen/native/cpu/UpSampleKernel.cpp). Both parts are whole
    numbers so small that sums of products with bytes are exact in floating point, in any order.
    """
    one = torch.eye(old, dtype=torch.float64)[None, None]
    weights = _interpolated(one, (old, new), how)[0, 0]
    largest, bits = float(weights.max()), 0
    while bits < MOST_BITS and int(0.5 + largest * 2 ** (bits + 1)) < 2**15:
        bits += 1
    scaled = weights * 2**bits
    whole = torch.trunc(torch.where(scaled < 0, scaled - 0.5, scaled + 0.5)).to(torch.int64)
    taps = int((whole != 0).sum(dim=0).max())
    kind = torch.float32 if taps <= EXACT_TAPS else torch.float64
    return (whole >> 8).to(device, kind), (whole & 255).to(device, kind), bits


# Where a crop begins whose margin is odd: torchvision rounds a half to the even px, most loops round it down
CropRounding = Literal["even", "down", "up"]
_ROUNDING: dict[CropRounding, Callable[[float], int]] = {
    "even": round,
    "down": math.floor,
    "up": math.ceil,
}


def center_crop(
    pixels: torch.Tensor,
    size: Sequence[int],
    rounding: CropRounding = "even",
    offset: int = 0,
) -> torch.Tensor:
    """Return the middle (..., 3, height, width) of pixels (..., 3, H, W), black beyond them.

    ``rounding`` "even" is torchvision's. ``offset``, px, moves the crop down and to the right, within the picture.
    """
    height, width = size
    old = (int(pixels.shape[-2]), int(pixels.shape[-1]))
    if height > old[0] or width > old[1]:
        above, left = max(0, height - old[0]), max(0, width - old[1])
        around = (left // 2, (left + 1) // 2, above // 2, (above + 1) // 2)
        pixels = torch.nn.functional.pad(pixels, around)
        old = (int(pixels.shape[-2]), int(pixels.shape[-1]))
    down, across = old[0] - height, old[1] - width
    top, left = (
        min(max(0, _ROUNDING[rounding](spare / 2) + offset), spare) for spare in (down, across)
    )
    return pixels[..., top : top + height, left : left + width]


# Rec. 601 weights of R, G, B, as in torchvision, OpenCV and PIL
LUMA = np.array([0.299, 0.587, 0.114])


def luma(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) RGB, uint8 or float32 -> (H, W) of the same dtype, Rec. 601."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


def to_levels(values: np.ndarray) -> np.ndarray:
    """Float levels -> uint8: rounded and clipped to 0..255."""
    if not values.size:
        return np.zeros(values.shape, np.uint8)
    # OpenCV rounds half to even, as NumPy does, and clips, in less than half of the time
    return np.asarray(cv2.add(values.reshape(len(values), -1), 0.0, dtype=cv2.CV_8U)).reshape(
        values.shape
    )


def each_alone(pixels: torch.Tensor) -> list[torch.Tensor]:
    return [pixels[row : row + 1] for row in range(len(pixels))]


def each_frame(
    pixels: torch.Tensor, change: Callable[[np.ndarray, int], np.ndarray]
) -> torch.Tensor:
    """Apply ``change(array (H, W, 3) uint8, row of the batch)`` to every frame on the CPU.

    Returns a strided view of (N, H, W, 3) memory on the device of ``pixels``.
    """
    n, _, h, w = pixels.shape
    frames, out = pixels.cpu(), torch.empty((n, h, w, 3), dtype=torch.uint8)
    for row in range(n):
        out[row].numpy()[:] = change(to_array(frames[row]), row)
    return out.to(pixels.device).permute(0, 3, 1, 2)


def bands(picture: np.ndarray | torch.Tensor) -> Iterator[slice]:
    """Cut a picture into bands whose temporary arrays fit into a processor's cache: rows of 256 kB.

    On a device it stays whole.
    """
    if isinstance(picture, torch.Tensor) and picture.device.type != "cpu":
        return iter((slice(None),))
    height = max(1, 2**18 * len(picture) // max(picture.nbytes, 1))
    return (slice(top, top + height) for top in range(0, len(picture), height))


def channel_means(pixels: torch.Tensor) -> np.ndarray:
    """(N, 3) float64, the exact mean level of each channel of each frame."""
    if pixels.device.type != "cpu":
        sums = pixels.flatten(2).sum(dim=2, dtype=torch.int64).double()
        return np.asarray((sums / (pixels.shape[2] * pixels.shape[3])).cpu().numpy())
    return np.array([cv2.mean(to_array(frame))[:3] for frame in pixels], dtype=np.float64).reshape(
        -1, 3
    )


def rounded(values: torch.Tensor) -> torch.Tensor:
    """Float levels -> uint8: clipped to 0..255 and rounded; overwrites its argument."""
    return values.clamp_(0, 255).round_().to(torch.uint8)


def map_levels(pixels: torch.Tensor, tables: np.ndarray) -> torch.Tensor:
    """Map levels by tables (N, C, 256) float, of 255 before clipping and rounding; C is 1, or 3 for one a
    channel.
    """
    luts = np.clip(np.rint(tables), 0, 255).astype(np.uint8)
    if pixels.device.type != "cpu":
        table = torch.from_numpy(luts).to(pixels.device).expand(-1, 3, -1).reshape(-1)
        start = torch.arange(len(pixels) * 3, device=pixels.device).view(-1, 3, 1, 1) * 256
        return table[start + pixels.long()]
    out = torch.empty(pixels.shape, dtype=torch.uint8)
    if pixels.stride(1) == 1 and pixels.shape[1] > 1:
        out = torch.empty_like(pixels.permute(0, 2, 3, 1), memory_format=torch.contiguous_format)
        for row in range(len(pixels)):
            lut = np.ascontiguousarray(luts[row].T)[None]
            cv2.LUT(to_array(pixels[row]), lut, dst=out[row].numpy())
        return out.permute(0, 3, 1, 2)
    for row in range(len(pixels)):
        for channel in range(3):
            plane = pixels[row, channel].contiguous().numpy()
            cv2.LUT(plane, luts[row, channel % luts.shape[1]], dst=out[row, channel].numpy())
    return out


SPLINE_REACH = 3  # knots from the first to the last of the cubic splines that overlap one of them


def lattice_side(length: float, spacing: float) -> int:
    """Knots along a side of this length, px, that a cubic spline needs."""
    return int(np.ceil(length / spacing - 1e-9)) + 3


@lru_cache(maxsize=64)
def spline_basis(count: int, step: float, spacing: float, knots: int) -> np.ndarray:
    """(count, knots) cubic B-splines at the middles of ``count`` stretches of ``step`` px; rows add up to 1."""
    at = (np.arange(count) + 0.5) * step / spacing
    # the first spline that is felt at 0 is centred one spacing before it
    distance = np.abs(at[:, None] - (np.arange(knots)[None] - 1))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(2 - distance, 0) ** 3 / 6
    return np.asarray(np.where(distance < 1, near, far))


def field_of(lattice: np.ndarray, shape: Sequence[int], spacing: float) -> np.ndarray:
    """(H, W) float32, the field of a lattice (R, C) whose knots are ``spacing`` px apart."""
    down, across = (
        spline_basis(side, 1.0, spacing, knots)
        for side, knots in zip(shape, lattice.shape, strict=True)
    )
    field = down.astype(np.float32) @ lattice.astype(np.float32) @ across.T.astype(np.float32)
    return np.asarray(field)
