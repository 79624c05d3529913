"""Noise and coding alone: the two frames of a pair with their difference exchanged at random.

With frame t brought onto t+1 by everything measured, m is the mean of the two and h half their difference. If
nothing but noise and coding differs, m + s h and m - s h with random signs s per block of 8 x 8 pixels are
distributed as the pair itself. With larger blocks whatever else differs would do more of what it does.

What is smooth in the difference is neither: the means of neighbouring blocks of noise do not go together, nor
do those of what a codec leaves, if the blocks are its macroblocks of 16 x 16 (-.03 to .05 in nine of ten coded
stills, .22 in one; of 8 x 8 px half of the neighbours lie in the same macroblock, .1 to .5). Those of a shadow
or a curve of light that does not fit do (.33 to .55). Exchanged block by block such a difference would become a
chessboard that no frame ever showed. It is taken off first, and what it does to the model stays unexplained.

Nor is what 8 bits round off: a surface on which nothing but the light changes is rounded anew, and that alone may
be half of what a network answers to it. It has the size of rounding and no more.
"""

from __future__ import annotations

import math
import zlib

import cv2
import numpy as np

from vidrobust.frames.pixels import luma, to_levels

BLOCK = 8
"""Side, px, of the blocks that keep their sign, and through whose means the smooth part runs: that of the
transforms of most codecs."""
MACROBLOCK = 16
"""Side, px, of the blocks by which most codecs decide what they code anew."""
OF_CODECS = (0.15, 0.3)
"""Correlation of the means of neighbouring macroblocks up to which it may be a codec's, and from which it is
none."""

OF_ROUNDING = (1.5, 3.0)
"""Mean square of a difference, over that of two frames' rounding, up to which it is nothing else, and from which
it counts in full (noise of .4 levels); in between a part does."""
ROUNDING = 1 / 6
"""Mean square of the difference of two roundings, levels."""


def beyond_rounding(difference: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32: a difference of aligned frames; less, or nothing, where it is within their rounding.

    first  (H, W, 3) the first frame as it was brought onto the second: of whole levels where nothing was changed
           in it, so that nothing was rounded anew. That is asked of every pixel
    """
    anew = first != np.rint(first)
    if not anew.any():
        return difference
    low, high = OF_ROUNDING
    size = float(np.square(difference[anew]).mean()) / ROUNDING
    part = np.float32(np.clip((size - low) / (high - low), 0, 1))
    return np.where(anew, part * difference, difference)


def rough(difference: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32: a difference of aligned frames without what of it is smooth.

    The smooth part runs through the means of blocks. Of it is taken off nothing where those of neighbouring
    macroblocks go together no more than a codec makes them, all of it where they surely do, and in between a
    part.
    """
    height, width = difference.shape[:2]
    low, high = OF_CODECS
    part = float(np.clip((neighbours_alike(_means(difference, MACROBLOCK)) - low) / (high - low), 0, 1))
    if part == 0:
        return difference
    smooth = cv2.resize(_means(difference, BLOCK), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(difference - part * smooth)


def _means(difference: np.ndarray, side: int) -> np.ndarray:
    """(h, w, 3) means of blocks of about this side."""
    height, width = difference.shape[:2]
    size = (max(2, width // side), max(2, height // side))
    return np.asarray(cv2.resize(difference, size, interpolation=cv2.INTER_AREA))


def with_noise_alone(brought: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32: a frame brought onto another, no further from it than noise and coding take it."""
    return np.asarray(second + beyond_rounding(rough(brought - second), brought))


def neighbours_alike(means: np.ndarray) -> float:
    """Correlation of neighbouring entries of (h, w, 3) means of blocks, along both axes; 0 where all are alike."""
    flat = means - means.mean(axis=(0, 1))
    power = float(np.square(flat).mean())
    if power <= 1e-12:
        return 0.0
    across = float((flat[:, 1:] * flat[:, :-1]).mean())
    down = float((flat[1:] * flat[:-1]).mean())
    return (across + down) / (2 * power)


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
    """Sigma, levels of 255, of what differs between aligned frames: one frame's share, of luma, robust.

    Where a codec repeats most of a picture from frame to frame its median is 0, and the root mean square counts:
    what was coded anew is there, however small the part.
    """
    difference = luma((first - second).astype(np.float32))
    off = difference - np.median(difference)
    spread = 1.4826 * float(np.median(np.abs(off)))
    return (spread or float(np.sqrt(np.square(off).mean()))) / math.sqrt(2)


def content_seed(*pictures: np.ndarray) -> int:
    """A seed that depends on the pictures' content alone."""
    value = 0
    for picture in pictures:
        value = zlib.crc32(picture.tobytes(), value)
    return value
