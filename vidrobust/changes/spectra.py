"""Spectra of blocks of two frames, each of the second frame beside the block of the first that it moved to."""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from scipy import fft

from vidrobust.changes.blur import SIDE

MOST_BLOCKS = 600
"""So many blocks of a picture are looked at, at most."""
FEWEST = 8
"""Blocks of most detail that must be seen in both frames."""
CLEAR = 0.9
"""Share of a block's pixels that both frames must show."""
LOWEST, HIGHEST = 1.5 / SIDE, 0.375
"""Frequencies between these, cycles per px, are compared: below the window leaks, beyond power depends on how the
detail lies to the pixels."""
RINGS = 8
"""Rings of frequencies in which a faint blur is looked for."""


@cache
def _frequencies() -> np.ndarray:
    return np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])


@cache
def usable() -> np.ndarray:
    """(SIDE, SIDE / 2 + 1) bool, the frequencies that are compared."""
    return (_frequencies() >= LOWEST) & (_frequencies() <= HIGHEST)


@cache
def rings() -> np.ndarray:
    """(N, RINGS) in which ring of equal width each usable frequency lies, 1 there and 0 elsewhere."""
    which = (_frequencies()[usable()] - LOWEST) / (HIGHEST - LOWEST) * RINGS
    return np.asarray(np.minimum(which.astype(int), RINGS - 1)[:, None] == np.arange(RINGS), np.float64)


@cache
def _cycles() -> np.ndarray:
    """(2, N) cycles per px along y and x of the frequencies that are compared."""
    y, x = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
    return np.stack([y[usable()], x[usable()]])


def spectra_of_both(
    first: np.ndarray, second: np.ndarray, motion: np.ndarray, visible: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """(P, N) complex, at the usable frequencies: blocks of the first frame, and those of the second they moved to.

    What they moved by beyond whole pixels is undone by the phase. None where too few are seen.
    """
    height, width = visible.shape
    if min(height, width) < SIDE:
        return None
    step = max(SIDE // 2, math.ceil(math.sqrt((height - SIDE + 1) * (width - SIDE + 1) / MOST_BLOCKS)))
    y, x = (each.ravel() for each in np.mgrid[0 : height - SIDE + 1 : step, 0 : width - SIDE + 1 : step])
    shown, dx, dy = (
        cv2.blur(each, (SIDE, SIDE))[y + SIDE // 2, x + SIDE // 2]
        for each in (visible.astype(np.float32), *cv2.split(np.ascontiguousarray(motion)))
    )
    to_y, to_x = y + np.rint(dy).astype(int), x + np.rint(dx).astype(int)
    inside = (to_y >= 0) & (to_y <= height - SIDE) & (to_x >= 0) & (to_x <= width - SIDE)
    kept = np.flatnonzero(inside & (shown >= CLEAR))
    if len(kept) < 2 * FEWEST:
        return None
    windows = [np.lib.stride_tricks.sliding_window_view(each, (SIDE, SIDE)) for each in (first, second)]
    rest = np.stack([dy - np.rint(dy), dx - np.rint(dx)], axis=1)[kept]
    turned = np.exp(2j * np.pi * (rest @ _cycles())).astype(np.complex64)
    return turned * _spectra(windows[0][to_y[kept], to_x[kept]]), _spectra(windows[1][y[kept], x[kept]])


def _spectra(blocks: np.ndarray) -> np.ndarray:
    """(P, N) complex, of blocks (P, SIDE, SIDE) less their mean, under a Hann window."""
    hann = np.hanning(SIDE + 1)[:-1].astype(np.float32)
    blocks = blocks.astype(np.float32)
    found = fft.rfft2((blocks - blocks.mean(axis=(1, 2), keepdims=True)) * np.outer(hann, hann))
    return np.asarray(found[:, usable()])
