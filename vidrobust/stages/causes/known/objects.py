"""The motion of objects: what moves otherwise, beyond the camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidrobust.stages.causes.cause import Cause, Shift, Size
from vidrobust.stages.causes.fits.motion import fit_motion

if TYPE_CHECKING:
    from vidrobust.stages.causes.measured import Change


def _size(change: Change, a: np.ndarray, reverse: bool) -> Size:
    """Root mean square of what moves, and its mean; the field leads from the second frame back to the first."""
    from vidrobust.frame_pairs.registration import moves, size_px

    moving = change.objects[moves(change.objects)]
    moved = size_px(moving) if change.has_objects else 0.0
    mean = (moving.mean(axis=0) if len(moving) else np.zeros(2)) * (1 if reverse else -1)
    more = {"shift_x_px": float(mean[0]), "shift_y_px": float(mean[1])}
    return Size(size=moved, unit="px rms", measured=f"{moved:.1f} px" if moved else "none", more=more)


OBJECTS = Cause(
    name="objects",
    title="motion of objects",
    colour="#2c9c8f",
    replay=Shift(field=lambda change: change.objects, beyond_camera=True),
    occurs=lambda change: change.has_objects,
    size=_size,
    columns=("shift_x_px", "shift_y_px"),
    fit=fit_motion,
    seen_in="pairs",
    moves=True,
    hint="trigger at the same place of the belt, or judge a part only where it is at rest",
    advice="no shift of the whole frame stands for it; train with footage of more passes of the parts, or judge "
    "each part at one place",
)
