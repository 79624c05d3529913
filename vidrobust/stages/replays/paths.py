"""How camera and light wander over a clip, as measured from frame to frame, and how far each frame is off."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vidrobust.frame_pairs.light import measure_light
from vidrobust.frame_pairs.motion import measure_motion
from vidrobust.frame_pairs.prepared import PreparedFrame, prepare_array

WEIGHTS = np.array([0.299, 0.587, 0.114])
FEWEST_VALID = 0.5
"""Least share of the neighbours between which a change must be reported."""
SHAKE_S, LIGHT_S, FLICKER_FRAMES = 1.0, 2.0, 7
"""Motion faster than the first is shake; light that changes faster than the second wanders; within so many frames
it flickers."""
SMALLEST_PX, SMALLEST_GAIN = 0.05, 0.004
"""Root mean squares below which there is nothing to take away: what the meters show of pictures at rest."""


@dataclass(frozen=True)
class Steps:
    """From each frame of a clip to the next one that is delivered, row 0 unused.

    camera  (N, 2) px x right, y down; NaN where the background's motion cannot be determined
    gain    (N,) log of the ratio of the light; NaN where that cannot be determined
    begins  (N,) bool: nothing is compared over this place
    """

    camera: np.ndarray
    gain: np.ndarray
    begins: np.ndarray


def measured_steps(frames: Iterable[np.ndarray], begins: np.ndarray) -> Steps:
    """Of frames (H, W, 3) uint8 in order, one after the other."""
    camera, gain = np.full((len(begins), 2), np.nan), np.full(len(begins), np.nan)
    before: PreparedFrame | None = None
    for row, frame in enumerate(frames):
        now = prepare_array(np.ascontiguousarray(frame))
        if before is not None and not begins[row]:
            camera[row], gain[row] = _step(before, now)
        before = now
    return Steps(camera, gain, begins)


def _step(a: PreparedFrame, b: PreparedFrame) -> tuple[tuple[float, float], float]:
    motion = measure_motion(a, b)
    if not motion.camera_valid:
        return (math.nan, math.nan), math.nan
    light = measure_light(a, b, motion.camera, ~motion.with_camera)
    moved = (motion.camera.shift_x, motion.camera.shift_y)
    if not light.gain.valid:
        return moved, math.nan
    level = max(float((a.coarse @ WEIGHTS).mean()), 1.0)
    ratio = light.gain.value + light.offset.value / level
    return moved, math.log(ratio) if ratio > 0 else math.nan


def off_by(steps: np.ndarray, begins: np.ndarray, half: int) -> np.ndarray:
    """(N, ...) how far each frame is from the mean of the ``half`` frames on either side of it, and itself.

    steps  (N, ...) change from the frame before; a NaN, as a place where frames begin, ends a stretch
    """
    flat = steps.reshape(len(steps), -1)
    broken = begins | np.isnan(flat).any(axis=1)
    edges = [*np.flatnonzero(broken | (np.arange(len(steps)) == 0)).tolist(), len(steps)]
    off = np.zeros_like(flat)
    for start, stop in itertools.pairwise(edges):
        path = np.cumsum(np.where(np.arange(stop - start)[:, None] == 0, 0.0, flat[start:stop]), axis=0)
        total = np.concatenate([np.zeros((1, path.shape[1])), np.cumsum(path, axis=0)])
        row = np.arange(stop - start)
        reach = np.minimum(np.minimum(row, stop - start - 1 - row), half)  # as far on both sides
        low, high = row - reach, row + reach + 1
        off[start:stop] = path - (total[high] - total[low]) / (high - low)[:, None]
    return off.reshape(steps.shape)


def reported_share(steps: np.ndarray, begins: np.ndarray) -> float:
    """Share of the neighbours between which the change was reported; NaN without neighbours."""
    known = ~np.isnan(steps.reshape(len(steps), -1)).any(axis=1)[~begins]
    return float(known.mean()) if len(known) else math.nan
