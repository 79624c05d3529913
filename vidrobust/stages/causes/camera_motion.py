"""Which motion is the camera's, among all that moves between two frames."""

from __future__ import annotations

import cv2
import numpy as np

from vidrobust.frame_pairs.motion import Similarity, measure_motion
from vidrobust.frame_pairs.prepared import prepare_array
from vidrobust.frame_pairs.registration import RESOLUTION, Registration, affine_field, size_px
from vidrobust.frames.pixels import luma

SAME_MOTION = 0.5
"""Two estimates of the camera's motion that are nearer, px rms, are of the same motion."""
GRID_OF_CELLS = (9, 12)
"""Rows and columns of cells in which a camera's motion must show where no group of points is the camera's."""
MOST = 0.6
"""Share of the cells in which it must."""


def camera_motion(first: np.ndarray, second: np.ndarray, found: Registration, *, whole: bool) -> np.ndarray:
    """(2, 3) the camera's motion, from the second frame to the first.

    Which motion is the camera's is said by points spread over the frame: an object rich in texture must not pass
    for the camera. Where the flow's affine motion agrees with that one it is the more exact.

    whole  where few points can be followed, all pixels are asked together
    """
    seen = measure_motion(prepare_array(first), prepare_array(second))
    if not seen.camera_valid and whole:
        return _of_all_pixels(luma(first), luma(second))
    if not seen.camera_valid:
        # no one group is the camera's: a hand-held camera before near and far things
        return shared_motion(found) if moves_everywhere(found) else np.eye(2, 3)
    affine, shape = matrix_back(seen.camera), found.visible.shape
    finer = shared_motion(found)
    apart = size_px(affine_field(affine, *shape) - affine_field(finer, *shape))
    if apart < SAME_MOTION:
        return finer
    return affine if size_px(affine_field(affine, *shape)) >= RESOLUTION else np.eye(2, 3)


def _of_all_pixels(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(2, 3) the affine motion under which two grey pictures correlate most (Evangelidis & Psarakis 2008).

    It begins with the shift of their phase correlation; the identity where that does not lead anywhere.
    """
    window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F)
    shift, _ = cv2.phaseCorrelate(second.astype(np.float32), first.astype(np.float32), window)
    start = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-4)
    try:
        _, found = cv2.findTransformECC(second, first, start, cv2.MOTION_AFFINE, stop, None, 1)
    except cv2.error:  # the iteration left the picture
        return np.eye(2, 3)
    return np.asarray(found, np.float64)


def moves_everywhere(found: Registration) -> bool:
    """Whether the affine motion takes away more than half of the flow in most cells, also along the rim.

    An object that moves leaves the cells about it at rest.
    """
    left = found.flow - affine_field(found.affine, *found.visible.shape)
    size = (GRID_OF_CELLS[1], GRID_OF_CELLS[0])
    clear = found.visible.astype(np.float32)
    share = cv2.resize(clear, size, interpolation=cv2.INTER_AREA)
    rest, flow = (
        cv2.resize(length_px(each) * clear, size, interpolation=cv2.INTER_AREA) for each in (left, found.flow)
    )
    better = (rest < flow / 2)[share > 0.5]
    rim = np.ones(GRID_OF_CELLS, bool)
    rim[1:-1, 1:-1] = False
    of_rim = (rest < flow / 2)[rim & (share > 0.5)]
    known = len(better) >= rim.size // 4 and len(of_rim) > 0
    return bool(known and better.mean() > MOST and of_rim.mean() > MOST)


def shared_motion(found: Registration) -> np.ndarray:
    """(2, 3) the affine motion that most of the textured pixels share; the identity where there is none."""
    field = affine_field(found.affine, *found.visible.shape)
    return np.eye(2, 3) if found.affine_failed or size_px(field) < RESOLUTION else found.affine


def matrix_back(camera: Similarity) -> np.ndarray:
    """(2, 3) from a pixel of the second frame to where it was in the first."""
    angle, centre = np.deg2rad(camera.rotation_deg), np.array(camera.centre)
    c, s = np.cos(angle), np.sin(angle)
    linear = np.linalg.inv(camera.zoom * np.array([[c, -s], [s, c]]))
    constant = centre - linear @ (centre + np.array([camera.shift_x, camera.shift_y]))
    return np.column_stack([linear, constant])


def length_px(field: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.magnitude(*cv2.split(np.ascontiguousarray(field))))
