"""The camera's motion: that which most of the picture shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidrobust.stages.causes.cause import Cause, Shift, Size
from vidrobust.stages.causes.fits.motion import fit_motion

if TYPE_CHECKING:
    from vidrobust.stages.causes.measured import Change


def _size(change: Change, a: np.ndarray, reverse: bool) -> Size:
    """The picture's motion from t to t+1; the map leads from the second frame back to the first."""
    affine, shape = change.affine, a.shape
    whole = np.vstack([affine, [0, 0, 1]])
    forth = whole if reverse else np.linalg.inv(whole)
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2, 1.0])
    shift = (forth @ centre - centre)[:2]
    turn = float(np.degrees(np.arctan2(forth[1, 0] - forth[0, 1], forth[0, 0] + forth[1, 1])))
    zoom = float(np.sqrt(abs(np.linalg.det(forth[:2, :2]))))
    more = {"shift_x_px": float(shift[0]), "shift_y_px": float(shift[1]), "rotation_deg": turn, "zoom": zoom}
    words = f"{shift[0]:+.2f}, {shift[1]:+.2f} px, {turn:+.2f} deg, zoom {zoom:.4f}"
    none = np.array_equal(affine, np.eye(2, 3))
    return Size(size=float(np.hypot(*shift)), unit="px", measured="none" if none else words, more=more)


CAMERA = Cause(
    name="camera",
    title="motion of the camera",
    colour="#3f7fbf",
    replay=Shift(field=lambda change: change.camera, beyond_camera=False),
    occurs=lambda change: change.has_camera,
    size=_size,
    columns=("shift_x_px", "shift_y_px", "rotation_deg", "zoom"),
    fit=fit_motion,
    chosen="part",
    moves=True,
    hint="fasten the camera, or trigger it where the part rests; a steadier picture needs no training",
)
