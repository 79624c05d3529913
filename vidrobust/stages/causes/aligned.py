"""A frame brought onto another by all that was measured between them, and what causes measure by themselves."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from vidrobust.frame_pairs.registration import warp
from vidrobust.frames.pixels import brightest
from vidrobust.stages.causes.catalogue import CATALOGUE
from vidrobust.stages.causes.cause import Filter, Levels
from vidrobust.stages.causes.lights import FULL
from vidrobust.stages.causes.measured import Change, measure_change

ROUNDS = 2
"""In so many the way back of a motion is found from the way there."""
WITH_MEASURE = tuple(cause for cause in CATALOGUE.values() if cause.measure is not None)
"""Causes that ``measured.py`` does not know."""


def measure_all(first: np.ndarray, second: np.ndarray, *, fine: bool = True) -> Change:
    """Everything measured between two frames, as ``measure_change``, and what causes measure by themselves."""
    change = measure_change(first, second, fine=fine)
    if change.failed or not WITH_MEASURE:
        return change
    brought, own = aligned(first, second, change), {}
    for cause in WITH_MEASURE:
        found = cause.measure(brought, second.astype(np.float32)) if cause.measure else None
        if found is not None:
            own[cause.name] = found
    return replace(change, own=own)


def aligned(a: np.ndarray, b: np.ndarray, change: Change) -> np.ndarray:
    """(H, W, 3) float32: frame t brought onto t+1 by everything measured; t+1 itself where t does not show it.

    Nor does t show how bright a pixel was that it holds saturated: where t+1 is brighter than the full level
    became, it is taken from there.
    """
    motion = change.motion
    x = a.astype(np.float32)
    x = warp(x, motion) if motion.any() else x
    if change.levels.has_light:
        x = change.levels.light(x)
    x = change.local.of(x)
    if change.levels.has_colour:
        x = change.levels.colour(x)
    x = np.clip(_with_own(change.in_focus_of(x), change), 0, 255)
    real = b.astype(np.float32)
    unknown = saturated(a, motion)[..., None] & (x < real)
    return np.where(change.new[..., None] | unknown, real, x)


def saturated(picture: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """(H, W) bool: where a picture (H, W, 3) that is sampled through a motion is at full level in any channel."""
    full = np.asarray(brightest(picture) >= FULL)
    if not (motion.any() and full.any()):
        return full
    return np.asarray(warp(full.astype(np.float32), motion, interpolation=cv2.INTER_LINEAR) > 0)


def in_light_of(third: np.ndarray, change: Change) -> np.ndarray:
    """(H, W, 3) float32: the third frame in the light, colour and sharpness of t, still on its own grid."""
    x = third.astype(np.float32)
    if change.levels.has_light:
        x = change.levels.light(x)
    if change.local.there:
        # the gain stands on the grid of t; it is smooth, so that the way back is near enough the way there
        gain, motion = change.local_gain, change.motion
        gain = warp(gain, -motion, interpolation=cv2.INTER_LINEAR) if motion.any() else gain
        x = x * gain[..., None]
    x = change.levels.colour(x) if change.levels.has_colour else x
    x = change.blurred(x)
    if change.regained is not None:
        x = x + _brought_back(change.regained, change.motion)
    return _with_own(x, change)


def _brought_back(picture: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """A picture on the grid of t as it lies on that of the third frame; motion (H, W, 2) leads there."""
    if not motion.any():
        return picture
    way: np.ndarray = -motion
    for _ in range(ROUNDS):
        way = -warp(motion, way, interpolation=cv2.INTER_LINEAR)
    return warp(picture, way)


def _with_own(x: np.ndarray, change: Change) -> np.ndarray:
    """With what causes measured by themselves; the third frame's grid is near enough that of t."""
    for cause in WITH_MEASURE:
        if cause.name not in change.own:
            continue
        if isinstance(cause.replay, Levels):
            x = cause.replay.play(change, x, None)
        elif isinstance(cause.replay, Filter):
            x = cause.replay.play(change, x)
    return x
