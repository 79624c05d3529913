"""PreparedFrame: what the measurements between two frames need of each, computed once per frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from vidrobust.frames.pixels import luma, to_array

ANALYSIS_SIDE = 640
"""Motion is measured on the frame averaged down to this longer side, and given in pixels of the full frame."""
COARSE_SIDE = 160
"""Colours are compared on the frame averaged down to this longer side."""
SMOOTHING = 1.0
"""Sigma of the smoothing before motion is tracked, analysis px. It halves the tracker's bias to whole pixels."""
CELLS = 220
"""About so many grid cells a frame: one tracked point a cell, so that texture has no more votes than area."""
MIN_CELL = 14
"""Smallest side of a cell, analysis px."""
MIN_GRADIENT = 0.7
"""Weakest rms gradient, in the weaker direction, that can be tracked: grey levels per px at half analysis size."""

_EIGEN_BLOCK = 5
_EIGEN_SCALE = 4.0
"""cornerMinEigenVal(float, block 5, Sobel 3) of a plane wave of rms gradient g is about 4 g^2."""


@dataclass(frozen=True, kw_only=True)
class PreparedFrame:
    """One frame, ready to be compared.

    rgb        (H, W, 3) uint8 at full size, own memory
    gray       (H, W) uint8, luma (Rec. 601) at full size
    small      (h, w) uint8, luma at analysis size, a little smoothed
    scale      analysis px per full px, <= 1
    coarse     (hc, wc, 3) float32 RGB, averaged down
    unclipped  (hc, wc) float32 in [0, 1], share of pixels of which no channel is clipped
    corners    (C, 2) float32 x, y at analysis size: the best corner of each cell that has one
    strength   (C,) float32 rms gradient in the weaker direction, grey levels per px at half analysis size
    cells      (C,) int64, the cell of each corner, row by row
    grid       (rows, columns) of the cells
    cell       side of a cell, analysis px
    flatness   (rows * columns,) float32, ``strength`` of the best corner of every cell, textured or not
    """

    rgb: np.ndarray
    gray: np.ndarray
    small: np.ndarray
    scale: float
    coarse: np.ndarray
    unclipped: np.ndarray
    corners: np.ndarray
    strength: np.ndarray
    cells: np.ndarray
    grid: tuple[int, int]
    cell: int
    flatness: np.ndarray


def prepare(pixels: torch.Tensor) -> PreparedFrame:
    """Prepare one frame: pixels (3, H, W) uint8 RGB, any device and stride."""
    return prepare_array(to_array(pixels).copy())  # the caller may reuse the memory of the batch


def prepare_array(rgb: np.ndarray) -> PreparedFrame:
    """Prepare one frame: (H, W, 3) uint8 RGB, which must not change afterwards."""
    height, width = rgb.shape[:2]
    gray = luma(rgb)
    scale = min(1.0, ANALYSIS_SIDE / max(height, width))
    small = _shrink(gray, scale)
    corners, strength, cells, grid, flatness = _corners(small)
    ratio = min(1.0, COARSE_SIDE / max(height, width))
    inside = cv2.inRange(rgb, (2, 2, 2), (253, 253, 253))
    return PreparedFrame(
        rgb=rgb,
        gray=gray,
        small=cv2.GaussianBlur(small, (0, 0), SMOOTHING),
        scale=small.shape[1] / width,
        coarse=_shrink(rgb, ratio).astype(np.float32),
        unclipped=_shrink(inside, ratio).astype(np.float32) / 255,
        corners=corners,
        strength=strength,
        cells=cells,
        grid=grid,
        cell=_cell_side(small),
        flatness=flatness,
    )


def _shrink(picture: np.ndarray, ratio: float) -> np.ndarray:
    """Average down by ``ratio``; the picture itself where that is 1."""
    if ratio >= 1:
        return picture
    height, width = picture.shape[:2]
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    small: np.ndarray = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return small


def _cell_side(small: np.ndarray) -> int:
    return max(MIN_CELL, int(np.sqrt(small.size / CELLS)) // 2 * 2)


def _corners(small: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int], np.ndarray]:
    """The best corner of each cell by the smaller eigenvalue of the structure tensor (Shi & Tomasi 1994)."""
    half = cv2.resize(small, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.float32)
    eigen = cv2.cornerMinEigenVal(half, _EIGEN_BLOCK, ksize=3)
    side = _cell_side(small) // 2
    margin = 4  # the frame's edge and codec padding make corners that do not move with the scene
    rows, columns = (half.shape[0] - 2 * margin) // side, (half.shape[1] - 2 * margin) // side
    if rows < 1 or columns < 1:
        none = np.zeros(0, np.float32)
        return np.zeros((0, 2), np.float32), none, np.zeros(0, np.int64), (0, 0), none
    top, left = (half.shape[0] - rows * side) // 2, (half.shape[1] - columns * side) // 2
    tiles = eigen[top : top + rows * side, left : left + columns * side]
    tiles = (
        tiles.reshape(rows, side, columns, side).transpose(0, 2, 1, 3).reshape(rows * columns, side * side)
    )
    best = tiles.argmax(axis=1)
    flatness = np.sqrt(np.maximum(tiles[np.arange(len(tiles)), best], 0) / _EIGEN_SCALE)
    cells = np.flatnonzero(flatness >= MIN_GRADIENT)
    y = top + cells // columns * side + best[cells] // side
    x = left + cells % columns * side + best[cells] % side
    corners = np.stack([2 * x + 0.5, 2 * y + 0.5], axis=1).astype(np.float32)
    return corners, flatness[cells].astype(np.float32), cells, (rows, columns), flatness.astype(np.float32)


def cell_centres(frame: PreparedFrame) -> np.ndarray:
    """(rows * columns, 2) float64 x, y of the cell centres in pixels of the full frame."""
    rows, columns = frame.grid
    height, width = frame.small.shape
    top, left = (height - rows * frame.cell) / 2, (width - columns * frame.cell) / 2
    y, x = np.divmod(np.arange(rows * columns), max(columns, 1))
    small = np.stack([left + (x + 0.5) * frame.cell - 0.5, top + (y + 0.5) * frame.cell - 0.5], axis=1)
    full: np.ndarray = (small + 0.5) / frame.scale - 0.5
    return full
