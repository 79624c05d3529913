"""Noise and coding between two frames: how much of it there is, alone, and exchanged between the frames.

It is separated, at every pixel, from what a blur, light or rounding does, so that it can be replayed. With t
brought onto t+1, m their mean and h half their difference, m + s h and m - s h with random signs s per block
of 8 x 8 pixels are distributed as the pair itself if nothing but noise and coding differs. What is smooth in
h is removed first: exchanged block by block it would become a chessboard (docs/methods/account.md).
"""

from __future__ import annotations

import math
import zlib

import cv2
import numpy as np

from vidrobust.frame_pairs.blur import Kernel
from vidrobust.frame_pairs.robust import MAD_TO_SIGMA, middle, neighbour_correlation, not_shared
from vidrobust.frames.pixels import luma, to_levels

IMMERKAER = np.outer([1.0, -2.0, 1.0], [1.0, -2.0, 1.0]).astype(np.float32)
IMMERKAER_POWER = 36  # sum of the operator's squares
CELL = 16  # side, px, of the cells of which the flattest tell the noise
FLAT = 0.2  # share of the picture, the flattest, that tells the noise
LEAST_NOISE = 0.7  # noise of less, levels, is within what rounding does
DETAIL_SIGMA = 2.0  # sigma, px, over which the energy of detail is that of one place
NOISY = 2.0  # detail of less than so many times the noise's energy is given up
# Side, px, of the blocks that keep their sign, and through whose means the smooth part runs: that of the
# transforms of most codecs.
BLOCK = 8
MACROBLOCK = 16  # side, px, of the blocks by which most codecs decide what they code anew
# Correlation of the means of neighbouring macroblocks up to which it may be a codec's, and from which it is
# none.
OF_CODECS = (0.15, 0.3)
# Mean square of a difference, over that of two frames' rounding, up to which it is nothing else, and from
# which it counts in full (noise of .4 levels); in between a part does.
OF_ROUNDING = (1.5, 3.0)
ROUNDING = 1 / 6  # mean square of the difference of two roundings, levels


def noise_of(picture: np.ndarray) -> np.ndarray:
    """Return sigma (C,), levels, of the noise of (H, W, C) or grey (H, W) uint8, where it is flattest.

    Immerkaer, Computer Vision and Image Understanding 64 (1996), p. 300-302.
    """
    energy = _by_cell(np.square(_immerkaer(picture)))
    order = np.argsort(energy.sum(axis=1))[: max(1, int(FLAT * len(energy)))]
    return np.asarray(np.sqrt(energy[order].mean(axis=0) / IMMERKAER_POWER))


def noise_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return sigma (C,) of the noise of two pictures of the same, one maybe blurrier: what is not shared."""
    a, b = _immerkaer(first), _immerkaer(second)
    aa, bb, ab = (_by_cell(product) for product in (a * a, b * b, a * b))
    order = np.argsort((aa + bb).sum(axis=1))[: max(1, int(FLAT * len(aa)))]
    energy = not_shared(*(cells[order].mean(axis=0, dtype=np.float64) for cells in (aa, bb, ab)))
    return np.asarray(np.sqrt(np.maximum(energy, 0) / IMMERKAER_POWER))


def _immerkaer(picture: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.filter2D(picture.astype(np.float32), -1, IMMERKAER))


def _by_cell(x: np.ndarray) -> np.ndarray:
    width, height = (max(1, side // CELL) for side in x.shape[1::-1])
    return cv2.resize(x, (width, height), interpolation=cv2.INTER_AREA).reshape(width * height, -1)


def noise_levels(first: np.ndarray, second: np.ndarray) -> float:
    """Return sigma of luma, levels, of one frame's share in what differs between aligned frames.

    Where a codec repeats most of a picture the median is 0, and the root mean square counts.
    """
    difference = luma((first - second).astype(np.float32))
    off = difference - middle(difference.ravel())
    spread = MAD_TO_SIGMA * middle(np.abs(off).ravel())
    return (spread or float(np.sqrt(np.square(off).mean()))) / math.sqrt(2)


def regained(second: np.ndarray, missed: Kernel, noise: np.ndarray) -> np.ndarray:
    """Return the second frame's detail that the blur ``missed`` takes away, above its noise, (H, W, 3).

    Each place keeps 1 - NOISY x noise / energy of its detail, or nothing (Wiener's filter).
    """
    x = second.astype(np.float32)
    detail = x - missed.of(x)
    energy = cv2.GaussianBlur(np.square(detail).mean(axis=2), (0, 0), DETAIL_SIGMA)
    hides = float(np.square(noise).mean()) * missed.energy_of_noise()[1]
    return np.asarray(
        detail * np.clip(1 - NOISY * hides / np.maximum(energy, 1e-6), 0, 1)[..., None]
    )


def noise_lost(second: np.ndarray, lost: Kernel, noise: np.ndarray, seed: int) -> np.ndarray | None:
    """Draw (H, W, 3) float32 noise such as a blur took away with the detail; None for next to none.

    A lens blurs the scene, and the sensor's noise comes after it.
    """
    if not lost.there or noise.max() < LEAST_NOISE:
        return None
    fresh = np.random.default_rng(seed).standard_normal(second.shape, np.float32)
    left, between = lost.energy_of_noise()
    size = np.float32(math.sqrt((1 - left) / between)) * noise.astype(np.float32)
    return np.asarray(size * (fresh - lost.of(fresh)))


def with_noise_alone(brought: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return a frame brought onto another with noise and coding alone between, (H, W, 3) float32."""
    return np.asarray(second + beyond_rounding(rough(brought - second), brought))


def rough(difference: np.ndarray) -> np.ndarray:
    """Return a difference of aligned frames without its smooth part, (H, W, 3) float32.

    All of it is removed where neighbouring macroblocks' means are surely more alike than a codec makes them.
    """
    height, width = difference.shape[:2]
    low, high = OF_CODECS
    alike = neighbour_correlation(_means(difference, MACROBLOCK))
    part = float(np.clip((alike - low) / (high - low), 0, 1))
    if part == 0:
        return difference
    smooth = cv2.resize(_means(difference, BLOCK), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.addWeighted(difference, 1, smooth, -part, 0))


def beyond_rounding(difference: np.ndarray, brought: np.ndarray) -> np.ndarray:
    """Return a difference of aligned frames, (H, W, 3) float32, less where it is within their rounding."""
    anew = brought != np.rint(brought)
    count, (low, high) = np.count_nonzero(anew), OF_ROUNDING
    if not count:
        return difference
    mask = anew.view(np.uint8).reshape(len(anew), -1)
    size = cv2.norm(difference.reshape(mask.shape), cv2.NORM_L2SQR, mask) / count / ROUNDING
    part = np.float32(np.clip((size - low) / (high - low), 0, 1))
    return difference if part == 1 else np.where(anew, part * difference, difference)


def _means(difference: np.ndarray, side: int) -> np.ndarray:
    height, width = difference.shape[:2]
    size = (max(2, width // side), max(2, height // side))
    return np.asarray(cv2.resize(difference, size, interpolation=cv2.INTER_AREA))


def exchanged(
    first: np.ndarray, second: np.ndarray, *, draws: int, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Exchange the half difference of two aligned frames (H, W, 3) float32 at random: pairs of uint8."""
    m, h = (cv2.addWeighted(first, 0.5, second, sign, 0) for sign in (0.5, -0.5))
    height, width = m.shape[:2]
    both = to_levels(m + h), to_levels(m - h)
    generator = np.random.default_rng(seed)
    pairs = []
    for _ in range(draws):
        size = (-(-height // BLOCK), -(-width // BLOCK))
        signs = generator.choice(np.array([0, 1], np.uint8), size=size)
        kept = np.kron(signs, np.ones((BLOCK, BLOCK), np.uint8))[:height, :width]
        plus, minus = (np.asarray(cv2.copyTo(x, kept, y.copy())) for x, y in (both, both[::-1]))
        pairs.append((plus, minus))
    return tuple(pairs)


def content_seed(*pictures: np.ndarray) -> int:
    """Return a seed that depends on the pictures' content alone."""
    value = 0
    for picture in pictures:
        value = zlib.crc32(picture.tobytes(), value)
    return value
