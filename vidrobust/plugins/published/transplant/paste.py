"""A grid of positions, and the object pasted at one of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.frames.pixels import to_levels
from vidrobust.plugins.published.transplant.cutout import Cutout


@dataclass(frozen=True)
class Place:
    """Column and row in the grid; left and top px of the object's own box, which is (x, y, x + w, y + h)."""

    column: int
    row: int
    x: int
    y: int


def grid(size: tuple[int, int], cutout: Cutout, columns: int, rows: int) -> list[Place]:
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
    return [Place(c, r, int(x), int(y)) for r, y in enumerate(ys) for c, x in enumerate(xs)]


def paste(frame: np.ndarray, cutout: Cutout, place: Place) -> np.ndarray:
    """(H, W, 3) uint8 with the object in it; the frame is not touched."""
    h, w = cutout.alpha.shape
    at = np.s_[place.y : place.y + h, place.x : place.x + w]
    alpha = cutout.alpha[..., None]
    result = frame.copy()
    result[at] = to_levels(alpha * cutout.pixels + (1 - alpha) * frame[at])
    return result


def box_of(cutout: Cutout, place: Place) -> np.ndarray:
    """(4,) xyxy px of the pasted object."""
    h, w = cutout.alpha.shape
    return np.array([place.x, place.y, place.x + w, place.y + h], np.float64)


def covered(boxes: np.ndarray, cutout: Cutout, place: Place, size: tuple[int, int]) -> np.ndarray:
    """(D,) share of each box's pixels that the paste changes; boxes (D, 4) xyxy px, pixels touched count whole."""
    mask = np.zeros((size[0] + 1, size[1] + 1))
    h, w = cutout.alpha.shape
    mask[1 + place.y : 1 + place.y + h, 1 + place.x : 1 + place.x + w] = cutout.alpha > 0
    total = mask.cumsum(axis=0).cumsum(axis=1)
    x1, y1 = (np.clip(np.floor(boxes[:, k]), 0, size[1 - k]).astype(int) for k in (0, 1))
    x2, y2 = (np.clip(np.ceil(boxes[:, k]), 0, size[3 - k]).astype(int) for k in (2, 3))
    x2, y2 = np.maximum(x1, x2), np.maximum(y1, y2)
    inside = total[y2, x2] - total[y1, x2] - total[y2, x1] + total[y1, x1]
    return np.asarray(inside / np.maximum((x2 - x1) * (y2 - y1), 1))
