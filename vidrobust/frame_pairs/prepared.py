"""What the quick measurements need of a frame, computed once, and the form of what they report."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vidrobust.frames.pixels import luma

# Longer side, px, of the averaged frame on which motion is measured; results are in px of the full frame.
ANALYSIS_SIDE = 640
COARSE_SIDE = 160  # longer side, px, of the averaged frame on which colours are compared
# Sigma, analysis px, of the smoothing before points are tracked: it halves the tracker's bias to whole
# pixels.
SMOOTHING = 1.0
# Approximate number of grid cells. One point is tracked in each, so that texture has no more votes than area.
CELLS = 220
MIN_CELL = 14  # smallest side of a cell, analysis px
# Weakest rms gradient that can be tracked, in the weaker direction: levels per px at half the analysis size.
MIN_GRADIENT = 0.7
# Px at half size, along the frame's edge, without corners: edge and codec padding do not move with the scene.
MARGIN = 4
# cornerMinEigenVal(float, block 5, Sobel 3) of a plane wave of rms gradient g is about 4 g^2.
_EIGEN_BLOCK = 5
_EIGEN_SCALE = 4.0


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measured quantity; ``valid`` where it passed its validity test."""

    value: float
    valid: bool
    error: float


# A quantity that could not be measured.
UNKNOWN = Measure(value=float("nan"), valid=False, error=float("nan"))


@dataclass(frozen=True, kw_only=True)
class PreparedFrame:
    """One frame, ready to be compared."""

    rgb: np.ndarray  # (H, W, 3) uint8: The frame at full size, in its own memory
    gray: np.ndarray  # (H, W) uint8: Rec. 601 luma at full size
    small: np.ndarray  # (h, w) uint8: Luma at analysis size, slightly smoothed
    scale: float  # Analysis px per full px, at most 1
    coarse: np.ndarray  # (hc, wc, 3) float32: RGB levels, averaged down
    unclipped: np.ndarray  # (hc, wc) float32: Share of the pixels none of whose channels is clipped
    # (C, 2) float32; x, y at analysis size of the best corner of each cell that has one
    corners: np.ndarray
    # (C,) float32: Their rms gradient in the weaker direction, levels per px at half the analysis size
    strength: np.ndarray
    cells: np.ndarray  # (C,) int64: Their cells, counted row by row
    grid: tuple[int, int]  # Rows and columns of cells
    cell: int  # Side of a cell, analysis px
    # (rows * columns,) float32; ``strength`` of the best corner of every cell, textured or not
    flatness: np.ndarray


def prepare_array(rgb: np.ndarray) -> PreparedFrame:
    """Prepare one frame, (H, W, 3) uint8 RGB, which must not change afterwards."""
    height, width = rgb.shape[:2]
    gray = luma(rgb)
    small = _shrink(gray, min(1.0, ANALYSIS_SIDE / max(height, width)))
    side = max(MIN_CELL, int(np.sqrt(small.size / CELLS)) // 2 * 2)
    corners, strength, cells, grid, flatness = _corners(small, side)
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
        cell=side,
        flatness=flatness,
    )


def to_full(points: np.ndarray, scale: float) -> np.ndarray:
    """Convert analysis pixels to pixels of the full frame; pixel centres lie at integers."""
    full: np.ndarray = (points.astype(np.float64) + 0.5) / scale - 0.5
    return full


def cell_centres(frame: PreparedFrame) -> np.ndarray:
    """Return x, y of the cells' centres, (rows * columns, 2) px of the full frame."""
    rows, columns = frame.grid
    height, width = frame.small.shape
    top, left = (height - rows * frame.cell) / 2, (width - columns * frame.cell) / 2
    y, x = np.divmod(np.arange(rows * columns), max(columns, 1))
    small = np.stack(
        [left + (x + 0.5) * frame.cell - 0.5, top + (y + 0.5) * frame.cell - 0.5], axis=1
    )
    return to_full(small, frame.scale)


def _shrink(picture: np.ndarray, ratio: float) -> np.ndarray:
    if ratio >= 1:
        return picture
    height, width = picture.shape[:2]
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    small: np.ndarray = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return small


def _corners(
    small: np.ndarray, cell: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int], np.ndarray]:
    """The best corner of each cell by the smaller eigenvalue of the structure tensor (Shi & Tomasi 1994)."""
    half = cv2.resize(small, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.float32)
    eigen = cv2.cornerMinEigenVal(half, _EIGEN_BLOCK, ksize=3)
    side = cell // 2
    rows, columns = (half.shape[0] - 2 * MARGIN) // side, (half.shape[1] - 2 * MARGIN) // side
    if rows < 1 or columns < 1:
        none = np.zeros(0, np.float32)
        return np.zeros((0, 2), np.float32), none, np.zeros(0, np.int64), (0, 0), none
    top, left = (half.shape[0] - rows * side) // 2, (half.shape[1] - columns * side) // 2
    tiles = eigen[top : top + rows * side, left : left + columns * side]
    tiles = (
        tiles.reshape(rows, side, columns, side).transpose(0, 2, 1, 3).reshape(rows * columns, -1)
    )
    best = tiles.argmax(axis=1)
    flatness = np.sqrt(np.maximum(tiles[np.arange(len(tiles)), best], 0) / _EIGEN_SCALE)
    cells = np.flatnonzero(flatness >= MIN_GRADIENT)
    y = top + cells // columns * side + best[cells] // side
    x = left + cells % columns * side + best[cells] % side
    corners = np.stack([2 * x + 0.5, 2 * y + 0.5], axis=1).astype(np.float32)
    return (
        corners,
        flatness[cells].astype(np.float32),
        cells,
        (rows, columns),
        flatness.astype(np.float32),
    )
