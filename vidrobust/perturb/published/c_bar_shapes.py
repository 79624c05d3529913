"""Shapes of ImageNet-C-bar (Mintun et al. 2021, arXiv 2102.11273): sparkles, a checkerboard, light through water.

Each function takes a frame (H, W, 3), all its random numbers, and returns levels.
"""

from __future__ import annotations

import cv2
import numpy as np

from vidrobust.perturb.published.c_bar_waves import places

WHITE = 255.0
GREY = 128.0
WATER_ROUNDS = 5
INDEX = 4.0
"""Refraction of the water."""


def star(
    size: tuple[int, int], centre: tuple[float, float], lengths: np.ndarray, exponent: float
) -> np.ndarray:
    """(H, W) in [0, 1]: how bright a star about a centre (y, x) is; lengths of its rays, px."""
    y, x = places(size)
    dy, dx = y - centre[0], x - centre[1]
    turn = (np.arctan2(dx, dy) + np.pi) / (2 * np.pi) * len(lengths)
    ray = np.floor(turn).astype(np.int64)
    between = turn - ray
    first, second = lengths[ray % len(lengths)], lengths[(ray + 1) % len(lengths)]
    length = first + between * (second - first)
    glow = (length**2 / (dy**2 + dx**2 + 1e-4)) ** exponent
    return np.clip((1 - (between - 0.5) ** 2) * glow, 0, 1)


def whitened(frame: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """The frame towards white, by an amount (H, W) in [0, 1]."""
    return np.asarray(frame + amount[..., None] * (WHITE - frame))


def checkerboard(frame: np.ndarray, angle: float, side: float, drawn: np.ndarray) -> np.ndarray:
    """Every other square of a turned board is grey where ``drawn``, (n, n) bool, says so; side in px."""
    y, x = places((frame.shape[0], frame.shape[1]))
    u = (np.cos(angle) * y + np.sin(angle) * x) / side
    v = (-np.sin(angle) * y + np.cos(angle) * x) / side
    same = np.floor(u % 2) == np.floor(v % 2)
    # the authors' grid is indexed from either end: numbers below 0 count from the last
    covered = same & drawn[np.trunc(u).astype(np.int64), np.trunc(v).astype(np.int64)]
    return np.where(covered[..., None], GREY, frame)


def caustics(size: tuple[int, int], time: float, period: float) -> np.ndarray:
    """(H, W) in [0, 1]: light on the ground of a pool, a known shader; period in px."""
    py, px = ((v / period % 1) * 2 * np.pi - 250 for v in places(size))
    iy, ix = py, px
    light = np.ones(size)
    for n in range(WATER_ROUNDS):
        t = time * (1 - 3.5 / (n + 1))
        iy, ix = (
            py + np.cos(t - iy) + np.sin(t + ix),
            px + np.sin(t - ix) + np.cos(t + iy),
        )
        with np.errstate(divide="ignore"):
            away = np.hypot(py / (np.sin(iy + t) / 0.005), px / (np.cos(ix + t) / 0.005))
        light += 1 / away
    return np.clip(np.abs(1.17 - (light / WATER_ROUNDS) ** 1.4) ** 8, 0, 1)


def refracted(frame: np.ndarray, light: np.ndarray, lens: float, lighting: float) -> np.ndarray:
    """The frame through a surface whose height is ``light`` (H, W), softened; lens in px."""
    soft = np.pad(cv2.GaussianBlur(light, (9, 9), 1.0, borderType=cv2.BORDER_REFLECT), 1)
    along_y = soft[2:, 1:-1] - soft[:-2, 1:-1]
    along_x = soft[1:-1, 2:] - soft[1:-1, :-2]
    slope = np.hypot(along_y, along_x)
    cosine = 1 / np.sqrt(slope**2 + 1)
    angle = np.arccos(cosine)
    bent = np.sin(angle - np.arcsin(np.sin(angle) / INDEX))
    # nearly level water does not refract, as in the original
    reach = np.where(cosine >= 1 - 1e-3, 0.0, bent / np.where(slope > 0, slope, 1.0)) * lens
    y, x = places((frame.shape[0], frame.shape[1]))
    seen = _between(frame / 255, y + np.round(reach * along_y, 3), x + np.round(reach * along_x, 3))
    return 255 * np.clip(seen + (lighting * (along_y - along_x))[..., None], 0, 1)


def _between(picture: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Bilinear values at places (H, W), black outside."""
    h, w = picture.shape[:2]
    top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    total = np.zeros(picture.shape)
    for down in (0, 1):
        for right in (0, 1):
            row, column = top + down, left + right
            inside = (row >= 0) & (row < h) & (column >= 0) & (column < w)
            weight = (1 - np.abs(y - row)) * (1 - np.abs(x - column)) * inside
            total += weight[..., None] * picture[np.clip(row, 0, h - 1), np.clip(column, 0, w - 1)]
    return total
