"""Footage played again without one of its measured causes: frame by frame, what the line would have seen.

A replay says by how much it changed the pictures, or why it cannot be made. What was lost in taking the picture
(sharpness, resolution, what a keyframe throws away) no replay brings back.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from vidrobust.changes.registration import register, warp
from vidrobust.frames.pixels import luma
from vidrobust.stages.replays.paths import (
    FEWEST_VALID,
    FLICKER_FRAMES,
    LIGHT_S,
    SHAKE_S,
    SMALLEST_GAIN,
    SMALLEST_PX,
    Steps,
    off_by,
    reported_share,
)

Frames = Callable[[], Iterator[np.ndarray]]
"""The frames of a clip, (H, W, 3) uint8 RGB in order, from the start at each call."""

SHARP_DIFFERENCE = 3.0
"""A neighbour counts in the mean where it is nearer than so many deviations of the noise."""


@dataclass(frozen=True)
class Replay:
    """Frames of one clip without a cause.

    frames  of all frames in order; None where the replay cannot be made
    note    what was taken away, or why there is nothing to take, or why it cannot be done
    same    nothing was to be taken away: the frames are the clip's own
    """

    frames: Frames | None
    note: str
    same: bool = False


def steady_camera(frames: Frames, steps: Steps, rate: float) -> Replay:
    """Without the shake of the whole picture that is faster than a second; along x and y."""
    summary = reported_share(steps.camera, steps.begins)
    if not summary >= FEWEST_VALID:
        return Replay(
            None,
            f"not possible: only between {_share(summary)} of the neighbours could the motion be measured",
        )
    off = off_by(steps.camera, steps.begins, _half(SHAKE_S, rate))
    size = float(np.sqrt(np.mean(np.square(off))))
    if size < SMALLEST_PX:
        return Replay(frames, f"the camera stands still (off by {size:.2g} px)", same=True)
    note = f"shake of {size:.2g} px (root mean square) is taken away"
    return Replay(functools.partial(_shifted, frames, off), note)


def resampled(frames: Frames, steps: Steps) -> Replay:
    """Every frame shifted by half a pixel: what the softness of shifting pictures does by itself."""
    half = np.full((len(steps.begins), 2), 0.5)
    return Replay(functools.partial(_shifted, frames, half), "all frames shifted by half a pixel")


def level_light(frames: Frames, steps: Steps, rate: float) -> Replay:
    """Without changes of the light that are faster than two seconds."""
    return _levelled(frames, steps, _half(LIGHT_S, rate), "the light wanders")


def no_flicker(frames: Frames, steps: Steps, rate: float) -> Replay:
    """Without changes of the light from frame to frame that are gone within seven frames."""
    return _levelled(frames, steps, FLICKER_FRAMES // 2, "the light flickers")


def _levelled(frames: Frames, steps: Steps, half: int, what: str) -> Replay:
    summary = reported_share(steps.gain, steps.begins)
    if not summary >= FEWEST_VALID:
        return Replay(
            None,
            f"not possible: only between {_share(summary)} of the neighbours could the light be compared",
        )
    off = off_by(steps.gain, steps.begins, half)
    size = float(np.sqrt(np.mean(np.square(off))))
    if size < SMALLEST_GAIN:
        return Replay(frames, f"the light is steady (off by {100 * size:.2g} %)", same=True)
    note = f"{what} by {100 * size:.2g} % (root mean square), which is taken away"
    return Replay(functools.partial(_scaled, frames, off), note)


def less_noise(frames: Frames, steps: Steps) -> Replay:
    """Every frame the mean with its two neighbours, moved onto it, where these agree with it."""
    return Replay(functools.partial(_averaged, frames, steps.begins), "mean of three frames along the motion")


def another_resize(frames: Frames, resized: tuple[int, ...], interpolation: int) -> Replay:
    """Brought to the network's size before the network's own resize, which then changes nothing.

    resized  px of the shorter side, or height and width, as ``Preprocess.resized``
    """
    size = f"{resized[0]} px, shorter side" if len(resized) == 1 else f"{resized[1]}x{resized[0]} px"
    return Replay(functools.partial(_resized, frames, resized, interpolation), f"to {size}")


def _half(seconds: float, rate: float) -> int:
    """Frames on either side of a window of so many seconds."""
    return max(1, round(seconds * rate / 2))


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value == value else "none"


def _shifted(frames: Frames, off: np.ndarray) -> Iterator[np.ndarray]:
    """Each frame's content moved back by ``off`` (N, 2) px."""
    for frame, (x, y) in zip(frames(), off.tolist(), strict=True):
        if max(abs(x), abs(y)) < SMALLEST_PX / 2:
            yield frame
            continue
        field = np.empty((*frame.shape[:2], 2), np.float32)
        field[..., 0], field[..., 1] = x, y
        yield warp(frame, field)


def _scaled(frames: Frames, off: np.ndarray) -> Iterator[np.ndarray]:
    """Each frame's levels divided by exp(``off``) (N,)."""
    for frame, log in zip(frames(), off.tolist(), strict=True):
        table = np.clip(np.rint(np.arange(256) * np.exp(-log)), 0, 255).astype(np.uint8)
        yield np.asarray(cv2.LUT(frame, table))


def _averaged(frames: Frames, begins: np.ndarray) -> Iterator[np.ndarray]:
    before: np.ndarray | None = None
    now: np.ndarray | None = None
    for row, later in enumerate(frames()):
        later = later.copy()
        if now is not None:
            yield _mean_along(now, before, None if begins[row] else later)
        before, now = (None if begins[row] else now), later
    if now is not None:
        yield _mean_along(now, before, None)


def _mean_along(now: np.ndarray, before: np.ndarray | None, after: np.ndarray | None) -> np.ndarray:
    """(H, W, 3) uint8: the mean of a frame and its neighbours brought onto it, where they are alike."""
    total, count = now.astype(np.float32), np.ones(now.shape[:2], np.float32)
    for other in (before, after):
        if other is None or other.shape != now.shape:
            continue
        found = register(other, now, fine=False)
        if found.failed:
            continue
        moved = warp(other, found.flow)
        difference = np.abs(luma(moved).astype(np.float32) - luma(now))
        deviation = max(1.4826 * float(np.median(difference)), 1.0)
        alike = (found.visible & (difference <= SHARP_DIFFERENCE * deviation)).astype(np.float32)
        total += moved * alike[..., None]
        count += alike
    return np.rint(total / count[..., None]).astype(np.uint8)


def _resized(frames: Frames, resized: tuple[int, ...], interpolation: int) -> Iterator[np.ndarray]:
    for frame in frames():
        height, width = frame.shape[:2]
        shorter = resized[0]
        if len(resized) == 2:
            size = (resized[1], resized[0])
        elif width <= height:  # as torchvision: the longer side follows in proportion, rounded down
            size = (shorter, int(shorter * height / width))
        else:
            size = (int(shorter * width / height), shorter)
        yield np.asarray(cv2.resize(frame, size, interpolation=interpolation))
