"""Real photographs as scenes of known motion: what the measurements between two frames are planted on.

A scene is a frame of 1280 x 720. ``render`` samples it at about half its size, after a low-pass, so that a shift
by a part of a pixel, a rotation or a zoom is exact and does not blur: the interpolation happens between pixels
of the scene, which are finer than those of the frame.
"""

import av
import cv2
import numpy as np
import pytest

from vidrobust.frame_pairs.prepared import prepare_array

SCENES = {"dog": ("objects/sam2_01_dog.mp4", 60), "cups": ("objects/sam2_02_cups.mp4", 100)}


@pytest.fixture(scope="session")
def scenes(corpus):
    """Name -> (720, 1280, 3) float32 RGB."""
    return {name: _frame(corpus / path, index) for name, (path, index) in SCENES.items()}


@pytest.fixture(scope="session")
def render():
    """(scene, shift=(x, y) px, rotation=deg clockwise, zoom=factor, width=px) -> (h, w, 3) float32 frame."""
    return _render


@pytest.fixture(scope="session")
def ready():
    """(h, w, 3) levels -> the frame rounded to bytes and prepared."""
    return lambda levels: prepare_array(as_bytes(levels).copy())


def as_bytes(levels):
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _frame(path, index):
    with av.open(str(path)) as container:
        for count, frame in enumerate(container.decode(video=0)):
            if count == index:
                return frame.to_ndarray(format="rgb24").astype(np.float32)
    raise AssertionError(f"{path} has no frame {index}")


def _render(scene, shift=(0.0, 0.0), rotation=0.0, zoom=1.0, width=640):
    scene_height, scene_width = scene.shape[:2]
    height = round(width * scene_height / scene_width)
    ratio = 0.9 * scene_width / width
    smooth = cv2.GaussianBlur(scene, (0, 0), 0.45 * ratio)
    angle = np.deg2rad(rotation)
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    back = ratio * np.linalg.inv(turn)
    sides = ((width, height), (scene_width, scene_height))
    centre, scene_centre = ((np.array(side) - 1) / 2 for side in sides)
    matrix = np.column_stack([back, scene_centre - back @ (centre + shift)])
    how = {"flags": cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_REFLECT}
    return cv2.warpAffine(smooth, matrix, (width, height), **how)
