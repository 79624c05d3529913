"""Divide what lies between two aligned pictures among the groups of the account.

A replayed picture and the frame that it stands for differ in noise, and in what the measured changes missed. Both
are part of the change that the account shares out, so their difference is divided, exactly, pixel by pixel::

    end - start = noise + detail + moving + light + camera

camera   outside of what moves, what a smooth field of small shifts explains (Lucas & Kanade, IJCAI 1981, p. 674-679)
detail   the same with a field of small changes of sharpness
light    of the rest, what is smooth from place to place
moving   inside of what moves, the part above the noise outside of it
noise    what is left

What moves also holds pixels that show what the other picture shows nowhere near: rain, wires and whatever else no
flow can follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vidrobust.frame_pairs.noise import BLOCK, FLAT, MACROBLOCK, OF_CODECS
from vidrobust.frame_pairs.robust import MAD_TO_SIGMA, middle, neighbour_correlation
from vidrobust.frames.pixels import luma

GROWN_PX = 5  # px by which what moves is dilated: interpolation reaches so far
CELL = 4  # side, px, of the squares for which a field of shifts and sharpness is fitted
FIELD_SIGMA = 12.0  # sigma, px, of the window in which that field is constant
DETAIL = 1.0  # sigma, px, of the blur that detail is what is taken away by
EDGES = 0.5  # sigma, px, of the blur under which the slope of the picture is taken
PRIOR = (0.15, 0.15, 0.3)  # shifts along x and y, px, and changes of detail that are expected
LEAST_FITTED = 0.01  # a part with less of the difference's energy is none
NEAR = 3.0  # sigma, px, over which the energy of a difference is that of one place
# A pixel shows what the other picture shows nowhere near if, smoothed over NEARBY px (sigma), it lies outside of the
# other's levels in a square of FAR px by so many sigma of the noise and levels; fewer px together are noise.
NEARBY, FAR, OUT_SIGMA, OUT_LEVELS, OUT_PX = 1.0, 5, 4.0, 1.0, 4
EVERY = 7  # pixels of which one tells the noise
NOT_FULL = 6.0  # levels from black and white at which noise is not cut off
LEAST_STILL = 0.02  # of a picture: where less is still all of it tells the noise


@dataclass(frozen=True)
class Remainder:
    """Parts (H, W, 3) float32, levels, of a difference; None is nothing. They add up to it."""

    noise: np.ndarray
    hidden: float = 0.0  # Part of the noise's energy, where nothing moves, that is not seen where the picture is flat
    detail: np.ndarray | None = None
    moving: np.ndarray | None = None
    light: np.ndarray | None = None
    camera: np.ndarray | None = None


def grown(mask: np.ndarray, px: int = GROWN_PX) -> np.ndarray:
    """Return a mask (H, W) bool dilated by so many px."""
    if not mask.any():
        return mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * px + 1, 2 * px + 1))
    return np.asarray(cv2.dilate(mask.view(np.uint8), disc).astype(bool))


def divided(
    start: np.ndarray, end: np.ndarray, moving: np.ndarray, *, coded: bool = False
) -> Remainder:
    """Divide ``end - start`` of aligned pictures (H, W, 3) float32.

    Parameters
    ----------
    start, end
        The pictures, in levels.
    moving
        (H, W) bool, what is known to move.
    coded
        By a codec that predicts from frame to frame. Its errors come in few places and blocks, where they are
        neither taken for something that moves nor for light.
    """
    difference = end - start
    if not difference.any():
        return Remainder(difference)
    if not coded:  # a codec puts its errors, too, where nothing near is like it
        moving = moving | _out_of_place(start, end, ~moving)
    still = ~moving if moving.mean() <= 1 - LEAST_STILL else np.ones_like(moving)
    weight = still.astype(np.float32)
    camera, detail = _fitted(start, end, difference, weight)
    rest = _less(difference, camera, detail)
    light = None if coded else _smooth(rest, weight)
    rest = _less(rest, light)
    hidden = _hidden(start, rest, still)
    if not moving.any():
        return Remainder(rest, hidden, detail, None, light, camera)
    # how much of the energy is noise is seen where nothing moves; a codec puts its errors into few places, of which
    # what moves is one, so that there the mean is taken over the errors and not over the pixels
    energy = np.square(rest).mean(axis=2)
    beside = _mean_near(energy, weight) * weight if coded else weight
    outside = float((energy * beside).sum() / max(float(beside.sum()), 1e-6))
    inside = moving.astype(np.float32)
    part = np.clip(1 - outside / np.maximum(_mean_near(energy, inside), 1e-6), 0, 1) * inside
    moved = rest * part[..., None]
    beyond = moved if part.any() else None
    return Remainder(rest - moved, hidden, detail, beyond, light, camera)


def _out_of_place(start: np.ndarray, end: np.ndarray, still: np.ndarray) -> np.ndarray:
    a, b = (cv2.GaussianBlur(luma(x), (0, 0), NEARBY) for x in (start, end))
    left = (b - a)[still][::EVERY]
    if not len(left):
        return np.zeros_like(still)
    noise = MAD_TO_SIGMA * middle(np.abs(left))
    most, square = OUT_SIGMA * noise + OUT_LEVELS, np.ones((FAR, FAR), np.uint8)
    out = np.zeros(a.shape, bool)
    for one, other in ((a, b), (b, a)):
        out |= (other - cv2.dilate(one, square) > most) | (cv2.erode(one, square) - other > most)
    if not out.any():
        return out
    _, labels, stats, _ = cv2.connectedComponentsWithStats(out.view(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= OUT_PX
    large[0] = False
    return grown(large[labels], FAR // 2 + 1)


def _fitted(
    start: np.ndarray, end: np.ndarray, difference: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None]:
    # least squares over a window about each cell, pulled towards none as far as the noise there says
    mean = (start + end) / 2
    smooth = cv2.GaussianBlur(mean, (0, 0), DETAIL)
    edges = cv2.GaussianBlur(mean, (0, 0), EDGES)
    basis = [
        cv2.Scharr(edges, cv2.CV_32F, 1, 0) / 32,
        cv2.Scharr(edges, cv2.CV_32F, 0, 1) / 32,
        mean - smooth,
    ]
    height, width = weight.shape
    size = (max(1, width // CELL), max(1, height // CELL))

    def near(x: np.ndarray) -> np.ndarray:
        cells = cv2.resize(x * weight, size, interpolation=cv2.INTER_AREA)
        return cv2.GaussianBlur(cells, (0, 0), FIELD_SIGMA / CELL)

    count = np.maximum(near(np.ones_like(weight)), 1e-3)
    single, wanted = [luma(x) for x in basis], luma(difference)
    normal = np.empty((size[1], size[0], 3, 3), np.float32)
    right = np.empty((size[1], size[0], 3, 1), np.float32)
    noise = near(np.square(wanted)) / count
    for i in range(3):
        right[..., i, 0] = near(single[i] * wanted) / count
        for j in range(i + 1):
            normal[..., i, j] = normal[..., j, i] = near(single[i] * single[j]) / count
        normal[..., i, i] += noise / (PRIOR[i] ** 2 * 2 * np.pi * FIELD_SIGMA**2) + 1e-3
    field = np.linalg.solve(normal, right)[..., 0]
    fields = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
    shifted = basis[0] * fields[..., :1] + basis[1] * fields[..., 1:2]
    detail = basis[2] * fields[..., 2:]
    whole = float(np.square(difference * weight[..., None]).sum())
    parts = []
    for part in (shifted, detail):
        part = part * weight[..., None]
        parts.append(part if float(np.square(part).sum()) > LEAST_FITTED * whole else None)
    return parts[0], parts[1]


def _smooth(difference: np.ndarray, weight: np.ndarray) -> np.ndarray | None:
    # means of blocks, where those of neighbours are surely more alike than a codec makes them (``noise.rough``)
    height, width = weight.shape

    def means(side: int) -> np.ndarray:
        size = (max(2, width // side), max(2, height // side))
        over, under = (
            cv2.resize(x, size, interpolation=cv2.INTER_AREA)
            for x in (difference * weight[..., None], weight)
        )
        return np.asarray(over / np.maximum(under, LEAST_STILL)[..., None])

    low, high = OF_CODECS
    part = float(np.clip((neighbour_correlation(means(MACROBLOCK)) - low) / (high - low), 0, 1))
    if part == 0:
        return None
    smooth = cv2.resize(means(BLOCK), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(part * weight[..., None] * smooth)


def _less(difference: np.ndarray, *parts: np.ndarray | None) -> np.ndarray:
    for part in parts:
        difference = difference if part is None else difference - part
    return difference


def _hidden(start: np.ndarray, rest: np.ndarray, still: np.ndarray) -> float:
    grey = cv2.GaussianBlur(luma(start), (0, 0), DETAIL)
    asked = still & (grey > NOT_FULL) & (grey < 255 - NOT_FULL)
    if not asked.any():
        return 0.0
    slope = np.hypot(*(cv2.Scharr(grey, cv2.CV_32F, *axes) for axes in ((1, 0), (0, 1))))
    energy, slope = np.square(rest).mean(axis=2)[asked], slope[asked]
    flat = slope <= np.quantile(slope[::EVERY], FLAT)
    return float(np.clip(1 - energy[flat].mean() / max(float(energy.mean()), 1e-9), 0, 1))


def _mean_near(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    over, under = (cv2.GaussianBlur(x, (0, 0), NEAR) for x in (values * weight, weight))
    return np.asarray(over / np.maximum(under, 1e-3))
