"""Colour: what a matrix of the three channels does beyond the light, and each hue where it turns strongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidrobust.stages.causes.cause import Cause, Levels, Size
from vidrobust.stages.causes.fits.levels import fit_levels

if TYPE_CHECKING:
    from vidrobust.stages.causes.measured import Change

OPPONENT = np.array([[2.0, -1.0, -1.0], [0.0, np.sqrt(3.0), -np.sqrt(3.0)]]) / np.sqrt(6.0)
"""Two colour axes at right angles to grey."""


def _play(change: Change, x: np.ndarray, where: np.ndarray | None) -> np.ndarray:
    return change.levels.colour(x)


def _undo(change: Change, levels: np.ndarray, where: np.ndarray) -> np.ndarray:
    return change.levels.uncoloured(levels)


def _size(change: Change, a: np.ndarray, reverse: bool) -> Size:
    """Root mean square over the picture."""
    from vidrobust.frame_pairs.tone import root_mean_square

    levels = change.levels
    if not levels.has_colour:
        more = {"hue_deg": 0.0, "saturation": 1.0, "white_balance": 1.0}
        return Size(size=0.0, unit="levels", measured="none", more=more)
    play = levels.uncoloured if reverse else levels.colour
    sampled = a[::4, ::4].reshape(-1, 3).astype(np.float32)
    size = root_mean_square(play(sampled) - sampled)
    hue, saturation = _turned(change, sampled, reverse)
    red, _, blue = np.maximum(play(np.full((1, 3), 128.0))[0], 1.0)
    more = {"hue_deg": hue, "saturation": saturation, "white_balance": float(red / blue)}
    words = f"hue {hue:+.1f} deg, saturation {saturation:.2f}, red to blue {red / blue:.2f}"
    return Size(size=size, unit="levels", measured=words, more=more)


def _turned(change: Change, sampled: np.ndarray, reverse: bool) -> tuple[float, float]:
    """By how much hue turned, degrees, and what saturation was multiplied by: of a matrix, or over the picture."""
    levels, sign = change.levels, -1 if reverse else 1
    if levels.hues is not None:
        from vidrobust.frame_pairs.hues import chroma_of, turn_deg

        after = levels.colour(sampled)
        ratio = float(chroma_of(after).mean() / max(float(chroma_of(sampled).mean()), 1.0))
        return sign * turn_deg(sampled, after), max(ratio, 1e-3) ** sign
    matrix = np.linalg.inv(levels.matrix) if reverse else levels.matrix
    chroma = OPPONENT @ matrix @ OPPONENT.T
    hue = float(np.degrees(np.arctan2(chroma[1, 0] - chroma[0, 1], chroma[0, 0] + chroma[1, 1])))
    return hue, float(np.sqrt(abs(np.linalg.det(chroma))))


COLOUR = Cause(
    name="colour",
    title="colour",
    colour="#c26bb0",
    replay=Levels(play=_play, undo=_undo),
    occurs=lambda change: change.levels.has_colour,
    size=_size,
    columns=("hue_deg", "saturation", "white_balance"),
    fit=fit_levels,
    drifts=True,
    hint="fix the camera's white balance and the lamps' colour",
)
