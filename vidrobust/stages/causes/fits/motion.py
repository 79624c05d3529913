"""The whole picture moved, turned or zoomed as the camera, or shifted as the objects in the mean."""

from __future__ import annotations

import math

import cv2
import numpy as np

from vidrobust.stages.causes.cause import Fitted, Step

SMALLEST_PX = 0.05
"""A motion of the picture's corners by less is none."""


def fit_motion(name: str, step: Step) -> Fitted | None:
    """The part of the measured motion that this perturbation can do; None where there is next to none."""
    more, sign = step.size.more, -1.0 if step.backwards else 1.0
    x, y = sign * more.get("shift_x_px", 0.0), sign * more.get("shift_y_px", 0.0)
    turn, zoom = sign * more.get("rotation_deg", 0.0), more.get("zoom", 1.0) ** sign
    height, width = step.before.shape[:2]
    centre = ((width - 1) / 2, (height - 1) / 2)
    if name == "translation":
        matrix, strength = np.array([[1.0, 0, x], [0, 1, y]]), math.hypot(x, y)
    elif name == "rotation":
        matrix, strength = cv2.getRotationMatrix2D(centre, -turn, 1.0), turn
    elif name == "scale":
        matrix = cv2.getRotationMatrix2D(centre, 0.0, zoom)
        strength = zoom - 1 if zoom >= 1 else 1 - 1 / zoom
    else:
        return None
    corner = matrix @ np.array([width, height, 1.0]) - np.array([width, height])
    shift = math.hypot(*matrix[:, 2]) if name == "translation" else 0.0
    if max(shift, float(np.abs(corner).max())) < SMALLEST_PX:
        return None
    moved = cv2.warpAffine(
        step.before, matrix, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
    )
    return Fitted(strength=strength, picture=np.asarray(moved), matrix=np.asarray(matrix))
