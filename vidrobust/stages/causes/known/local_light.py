"""Local light: a smooth field of gain, from place to place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidrobust.stages.causes.cause import Cause, Levels, Size
from vidrobust.stages.causes.fits.gain_field import fit_gain_field

if TYPE_CHECKING:
    from vidrobust.stages.causes.measured import Change


def _gain(change: Change, where: np.ndarray | None) -> np.ndarray:
    """(H, W, 1) the gain, or (n, 1) at some pixels."""
    gain = change.local_gain[..., None]
    return gain if where is None else gain[where]


def _play(change: Change, x: np.ndarray, where: np.ndarray | None) -> np.ndarray:
    return np.asarray(x * _gain(change, where))


def _undo(change: Change, levels: np.ndarray, where: np.ndarray) -> np.ndarray:
    return np.asarray(levels / _gain(change, where))


def _size(change: Change, a: np.ndarray, reverse: bool) -> Size:
    """How far the gain is spread over the picture: root mean square about its mean, levels weighed alike."""
    if not change.local.there:
        return Size(size=0.0, unit="gain", measured="none")
    gain = 1 / change.local_gain if reverse else change.local_gain
    darkest, brightest = (float(x) for x in np.percentile(gain, (1, 99)))
    words = f"gain from {darkest:.2f} to {brightest:.2f} over the picture"
    return Size(size=float(gain.std()), unit="gain", measured=words)


LOCAL_LIGHT = Cause(
    name="local_light",
    title="local light",
    colour="#f2d68c",
    replay=Levels(play=_play, undo=_undo),
    occurs=lambda change: change.local.there,
    size=_size,
    fit=fit_gain_field,
    drifts=True,
    hint="look for a lamp that flickers or a shadow that moves across the picture, and shield it",
)
