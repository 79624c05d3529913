"""Light: one curve of levels for all of the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidrobust.stages.causes.cause import Cause, Levels, Size
from vidrobust.stages.causes.fits.levels import fit_levels
from vidrobust.text.numbers import signed_percent

if TYPE_CHECKING:
    from vidrobust.stages.causes.measured import Change

SEEN = 0.05
"""A power of light's curve that differs by so much from 1 is put into words."""


def _play(change: Change, x: np.ndarray, where: np.ndarray | None) -> np.ndarray:
    return change.levels.light(x)


def _undo(change: Change, levels: np.ndarray, where: np.ndarray) -> np.ndarray:
    grid = np.arange(2 * 256, dtype=np.float32)  # full level at t+1 may have been more at t
    return np.interp(levels, np.maximum.accumulate(change.levels.light(grid)), grid).astype(np.float32)


def _size(change: Change, a: np.ndarray, reverse: bool) -> Size:
    from vidrobust.frames.pixels import luma

    levels = change.levels
    if not levels.has_light:
        return Size(size=0.0, unit="gain", measured="none", more={"gain": 1.0, "offset": 0.0})
    mean = max(float(luma(a).mean()), 1.0)
    ratio = max(float(levels.light(luma(a)).mean()) / mean, 1e-3)
    ratio = 1 / ratio if reverse else ratio
    gain = 1 / levels.gain if reverse and levels.gain > 0 else levels.gain
    offset = -levels.offset * gain if reverse else levels.offset
    power = 1 / levels.power if reverse else levels.power
    bent = f", gamma {power:.2f}" if abs(power - 1) >= SEEN else ""
    words = f"{signed_percent(ratio - 1)} (gain {gain:.3f}, offset {offset:+.1f}{bent})"
    return Size(size=ratio - 1, unit="gain", measured=words, more={"gain": gain, "offset": offset})


LIGHT = Cause(
    name="light",
    title="light",
    colour="#e8b84a",
    replay=Levels(play=_play, undo=_undo),
    occurs=lambda change: change.levels.has_light,
    size=_size,
    columns=("gain", "offset"),
    fit=fit_levels,
    drifts=True,
    hint="hold the light: a regulated lamp, a shield against daylight, exposure and gain fixed on the camera",
)
