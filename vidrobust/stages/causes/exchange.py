"""Noise and coding alone: the two frames of a pair with their difference exchanged at random.

With frame t brought onto t+1 by everything measured, m is the mean of the two and h half their difference. If
nothing but noise and coding differs, m + s h and m - s h with random signs s per block of 8 x 8 pixels are
distributed as the pair itself.
"""

from __future__ import annotations

import zlib

import numpy as np

from vidrobust.changes.registration import warp
from vidrobust.frames.pixels import luma, to_levels
from vidrobust.stages.causes.measured import Change

BLOCK = 8
"""Side, px, of the blocks that keep their sign: that of the transforms of most codecs."""


def aligned(a: np.ndarray, b: np.ndarray, change: Change) -> np.ndarray:
    """(H, W, 3) float32: frame t brought onto t+1 by everything measured; t+1 itself where t does not show it."""
    motion = change.motion
    x = a.astype(np.float32)
    x = warp(x, motion) if motion.any() else x
    if change.levels.has_light:
        x = change.levels.light(x)
    if change.levels.has_colour:
        x = change.levels.colour(x)
    if change.blur.sigma_px > 0:
        x = change.blur.of(x)
    return np.where(change.new[..., None], b.astype(np.float32), x)


def exchanged(
    first: np.ndarray, second: np.ndarray, *, draws: int, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Pairs of pictures (H, W, 3) uint8 with the half difference exchanged at random.

    first, second  aligned frames, levels; signs depend on the seed alone
    """
    m, h = (first + second) / 2, (first - second) / 2
    height, width = m.shape[:2]
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        signs = generator.choice(
            np.array([-1, 1], np.float32), size=(-(-height // BLOCK), -(-width // BLOCK))
        )
        s = np.kron(signs, np.ones((BLOCK, BLOCK), np.float32))[:height, :width, None]
        found.append((to_levels(m + s * h), to_levels(m - s * h)))
    return tuple(found)


def noise_levels(first: np.ndarray, second: np.ndarray) -> float:
    """Sigma, levels of 255, of what differs between aligned frames: one frame's share, of luma, robust."""
    difference = luma((first - second).astype(np.float32))
    return float(1.4826 * np.median(np.abs(difference - np.median(difference))) / np.sqrt(2))


def content_seed(*pictures: np.ndarray) -> int:
    """A seed that depends on the pictures' content alone."""
    value = 0
    for picture in pictures:
        value = zlib.crc32(picture.tobytes(), value)
    return value
