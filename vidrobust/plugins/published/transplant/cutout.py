"""The pasted object, cut by alpha, mask or box; and its neutral double."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np

from vidrobust.errors import InputError, SettingsError
from vidrobust.frames.pixels import to_array, to_levels
from vidrobust.text.printable import printable
from vidrobust.video.source import open_video

Neutral = Literal["flat", "blurred"]
Box = tuple[float, float, float, float]
LEAST_PX = 4


@dataclass(frozen=True)
class Cutout:
    """pixels (h, w, 3) uint8 RGB, alpha (h, w) float32 in [0, 1], and the name of what it was cut from."""

    pixels: np.ndarray
    alpha: np.ndarray
    name: str

    def __post_init__(self) -> None:
        h, w = self.alpha.shape
        if self.pixels.shape != (h, w, 3) or self.pixels.dtype != np.uint8:
            raise ValueError(
                f"Cutout.pixels: expected uint8 ({h}, {w}, 3), got {self.pixels.dtype} {self.pixels.shape}"
            )
        if min(h, w) < LEAST_PX or not (self.alpha > 0).any():
            raise SettingsError(
                f"object {self.name}: {w} x {h} px; expected {LEAST_PX} px a side at least"
            )


def read_cutout(
    path: Path,
    *,
    frame: int = 0,
    box: Box | None = None,
    mask: Path | None = None,
    scale: float = 1.0,
    feather_px: float = 0.0,
) -> Cutout:
    """Cut the object out of a file by a box x1, y1, x2, y2 px, a mask, or its own alpha."""
    if scale <= 0 or feather_px < 0:
        raise SettingsError(
            f"object: expected a scale above 0 and a feather from 0, got {scale}, {feather_px}"
        )
    pixels, alpha = (
        _with_alpha(path, frame) if box is None and mask is None else (_frame(path, frame), None)
    )
    if alpha is None:
        alpha = (
            np.ones(pixels.shape[:2], np.float32) if mask is None else _mask(mask, pixels.shape[:2])
        )
    if box is not None:
        alpha = alpha * _inside(box, pixels.shape[:2], path)
    y, x = np.nonzero(alpha > 0)
    if not len(y):
        raise SettingsError(f"object {printable(path)}: its mask, or its alpha, is empty")
    part = np.s_[y.min() : y.max() + 1, x.min() : x.max() + 1]
    return Cutout(*_sized(pixels[part], alpha[part], scale, feather_px), path.name)


def neutral(cutout: Cutout, how: Neutral = "flat") -> Cutout:
    """The same patch without the object."""
    if how not in get_args(Neutral):
        raise SettingsError(f"neutral: expected {' or '.join(get_args(Neutral))}, got {how!r}")
    weight = cutout.alpha[..., None]
    mean = (cutout.pixels * weight).sum(axis=(0, 1)) / weight.sum()
    if how == "flat":
        pixels = np.broadcast_to(to_levels(mean), cutout.pixels.shape).copy()
    else:
        filled = (cutout.pixels * weight + mean * (1 - weight)).astype(np.float32)
        sigma = min(cutout.alpha.shape) / 4
        pixels = to_levels(
            cv2.GaussianBlur(filled, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
        )
    return Cutout(pixels, cutout.alpha, f"{cutout.name} ({how})")


def _sized(
    pixels: np.ndarray, alpha: np.ndarray, scale: float, feather_px: float
) -> tuple[np.ndarray, np.ndarray]:
    h, w = (max(1, round(side * scale)) for side in alpha.shape)
    if scale != 1:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        pixels, alpha = (cv2.resize(each, (w, h), interpolation=how) for each in (pixels, alpha))
    if feather_px:
        edge = cv2.copyMakeBorder(alpha, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0.0)
        far = cv2.distanceTransform((edge > 0.5).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
        alpha = alpha * (1 - np.exp(-((far / feather_px) ** 2) / 2))
    return pixels, np.clip(alpha, 0, 1).astype(np.float32)


def _frame(path: Path, frame: int) -> np.ndarray:
    with open_video(path, device="cpu", prefetch=0) as source:
        return to_array(source.at([frame]).pixels[0]).copy()


def _with_alpha(path: Path, frame: int) -> tuple[np.ndarray, np.ndarray]:
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if found is None or found.ndim != 3 or found.shape[2] != 4 or found.dtype != np.uint8 or frame:
        raise InputError(
            f"object {printable(path)}: is no image of 8 bits with alpha; say which part of it: --object-box "
            "X1,Y1,X2,Y2 or --object-mask FILE"
        )
    return cv2.cvtColor(found[..., :3], cv2.COLOR_BGR2RGB), found[..., 3].astype(np.float32) / 255


def _mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    found = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if found is None:
        raise InputError(f"mask {printable(path)}: cannot be read as an image")
    if found.shape != size:
        h, w = found.shape
        raise SettingsError(
            f"mask {printable(path)}: {w} x {h} px, but the frame is {size[1]} x {size[0]}"
        )
    return (found >= 128).astype(np.float32)


def _inside(box: Box, size: tuple[int, int], path: Path) -> np.ndarray:
    x1, y1, x2, y2 = (round(side) for side in box)
    if not (0 <= x1 < x2 <= size[1] and 0 <= y1 < y2 <= size[0]):
        raise SettingsError(
            f"object box {x1},{y1},{x2},{y2}: expected x1 < x2 and y1 < y2 inside {printable(path)}, "
            f"{size[1]} x {size[0]} px"
        )
    inside = np.zeros(size, np.float32)
    inside[y1:y2, x1:x2] = 1
    return inside


@dataclass(frozen=True)
class GridPlace:
    """Column and row in the grid; left and top px of the object's own box."""

    column: int
    row: int
    x: int
    y: int


def grid(size: tuple[int, int], cutout: Cutout, columns: int, rows: int) -> list[GridPlace]:
    """Places evenly over a frame of this (H, W), the outermost at its borders, row by row."""
    room = [side - own for side, own in zip(size, cutout.alpha.shape, strict=True)]
    if min(room) < 0:
        h, w = cutout.alpha.shape
        raise SettingsError(
            f"object: {w} x {h} px do not fit into a frame of {size[1]} x {size[0]}; give --scale"
        )
    if columns < 1 or rows < 1:
        raise SettingsError(f"grid: expected columns and rows from 1, got {columns},{rows}")
    ys, xs = (
        np.rint(np.linspace(0, free, count) if count > 1 else [free / 2]).astype(int)
        for free, count in zip(room, (rows, columns), strict=True)
    )
    return [GridPlace(c, r, int(x), int(y)) for r, y in enumerate(ys) for c, x in enumerate(xs)]


def paste(frame: np.ndarray, cutout: Cutout, place: GridPlace) -> np.ndarray:
    """(H, W, 3) uint8 with the object in it; the frame is not touched."""
    h, w = cutout.alpha.shape
    at = np.s_[place.y : place.y + h, place.x : place.x + w]
    alpha = cutout.alpha[..., None]
    result = frame.copy()
    result[at] = to_levels(alpha * cutout.pixels + (1 - alpha) * frame[at])
    return result


def box_of(cutout: Cutout, place: GridPlace) -> np.ndarray:
    """(4,) xyxy px of the pasted object."""
    h, w = cutout.alpha.shape
    return np.array([place.x, place.y, place.x + w, place.y + h], np.float64)


def covered(
    boxes: np.ndarray, cutout: Cutout, place: GridPlace, size: tuple[int, int]
) -> np.ndarray:
    """(D,) share of each box's pixels that the paste changes; boxes (D, 4) xyxy px, pixels touched count
    whole.
    """
    mask = np.zeros((size[0] + 1, size[1] + 1))
    h, w = cutout.alpha.shape
    mask[1 + place.y : 1 + place.y + h, 1 + place.x : 1 + place.x + w] = cutout.alpha > 0
    total = mask.cumsum(axis=0).cumsum(axis=1)
    x1, y1 = (np.clip(np.floor(boxes[:, k]), 0, size[1 - k]).astype(int) for k in (0, 1))
    x2, y2 = (np.clip(np.ceil(boxes[:, k]), 0, size[3 - k]).astype(int) for k in (2, 3))
    x2, y2 = np.maximum(x1, x2), np.maximum(y1, y2)
    inside = total[y2, x2] - total[y1, x2] - total[y2, x1] + total[y1, x1]
    return np.asarray(inside / np.maximum((x2 - x1) * (y2 - y1), 1))
