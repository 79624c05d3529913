"""How wide edges are: over the picture, and along and across the motion of a part."""

from __future__ import annotations

import math

import cv2
import numpy as np

from vidrobust.frame_pairs.motion import PairMotion
from vidrobust.frame_pairs.prepared import PreparedFrame, to_full

REACH, STEP = 14, 0.5  # px to both sides of an edge, and between samples of its profile
CONTRAST = 25.0  # levels that an edge must rise
TAIL = 0.1  # of its steepest step, up to which steps belong to an edge
ASIDE = math.cos(math.radians(20))  # of the angle up to which an edge's normal has a direction
MOST = 3000  # edges of a picture that are measured
FEWEST = 12  # edges of one direction from which a width is known
QUARTILE = 0.25  # edges of a scene are soft in themselves; the sharper ones show the lens
SLOWEST_PX = 2.0  # motion a frame from which blur is looked for


def edge_widths(gray: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """Return x, y, sigma (px) and the normal's x, y of edges of a picture, (E, 5).

    Sigma is that of the edge's derivative along its normal, by its second moment; gray (H, W), levels.
    """
    x = np.asarray(gray, np.float32)
    smooth = cv2.GaussianBlur(x, (0, 0), 1.0)
    gx, gy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    thin = cv2.Canny(smooth.astype(np.uint8), 20, 50) > 0
    if where is not None:
        thin &= where
    rows, columns = np.nonzero(thin)
    if not len(rows):
        return np.zeros((0, 5))
    if len(rows) > MOST:
        kept = np.linspace(0, len(rows) - 1, MOST).astype(int)
        rows, columns = rows[kept], columns[kept]
    size = np.hypot(gx[rows, columns], gy[rows, columns]) + 1e-6
    nx, ny = gx[rows, columns] / size, gy[rows, columns] / size
    away = np.arange(-REACH, REACH + STEP, STEP, dtype=np.float32)
    mx = (columns[:, None] + nx[:, None] * away).astype(np.float32)
    my = (rows[:, None] + ny[:, None] * away).astype(np.float32)
    profile = cv2.remap(x, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    sigma = _sigma(np.diff(profile, axis=1))
    known = np.isfinite(sigma)
    return np.stack([columns, rows, sigma, nx, ny], axis=1)[known]


def _sigma(steps: np.ndarray) -> np.ndarray:
    """Second moment, px, of the run of rising steps about the middle; NaN where it is no clear edge."""
    middle = steps.shape[1] // 2
    near = steps[:, middle - 6 : middle + 6]
    peak = near.max(axis=1)
    rising = steps > TAIL * peak[:, None]
    left = np.cumprod(rising[:, :middle][:, ::-1], axis=1)[:, ::-1]
    right = np.cumprod(rising[:, middle:], axis=1)
    run = np.concatenate([left, right], axis=1) * steps
    place = np.arange(steps.shape[1]) * STEP
    rise = run.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (run * place).sum(axis=1) / rise
        second = (run * (place - mean[:, None]) ** 2).sum(axis=1) / rise
    whole = (run[:, 0] == 0) & (run[:, -1] == 0) & (rise >= CONTRAST)
    return np.where(whole, np.sqrt(np.maximum(second, 0)), np.nan)


def where_it_moves(shape: tuple[int, ...], motion: PairMotion, last: PreparedFrame) -> np.ndarray:
    """Return 1 about points that move by ``SLOWEST_PX`` or more between two frames, (H, W) uint8."""
    where = np.zeros(shape, np.uint8)
    part = motion.part
    if part is None or math.hypot(part.shift_x, part.shift_y) < SLOWEST_PX:
        return where
    side, moved = round(last.cell / last.scale), np.array([part.shift_x, part.shift_y])
    for x, y in to_full(last.corners[motion.elsewhere], last.scale) + moved:
        cv2.circle(where, (round(x), round(y)), side, 1, -1)
    return where


def widths_of_motion(
    gray: np.ndarray, motion: PairMotion, last: PreparedFrame, moves: np.ndarray
) -> list[tuple[float, float, float]]:
    """Return (motion, sigma of edges along it, sigma across it), px, of the part between two frames; or nothing.

    ``moves`` (H, W) bool, where the frames differ: edges at rest beside the part are not its own.
    """
    part = motion.part
    if part is None or math.hypot(part.shift_x, part.shift_y) < SLOWEST_PX:
        return []
    travel = math.hypot(part.shift_x, part.shift_y)
    ux, uy = part.shift_x / travel, part.shift_y / travel
    where = where_it_moves(gray.shape, motion, last)
    _, _, sigma, nx, ny = edge_widths(gray, (where > 0) & moves).T
    across, along = np.abs(-nx * uy + ny * ux) > ASIDE, np.abs(nx * ux + ny * uy) > ASIDE
    if min(across.sum(), along.sum()) < FEWEST:
        return []
    wide, narrow = (float(np.quantile(sigma[k], QUARTILE)) for k in (along, across))
    return [(travel, wide, narrow)]
