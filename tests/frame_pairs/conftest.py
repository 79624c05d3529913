"""Real photographs as scenes of known motion: what the measurements between two frames are planted on.

A scene is a frame of 1280 x 720. ``render`` samples it at about half its size, after a low-pass, so that a shift
by a part of a pixel, a rotation or a zoom is exact and does not blur: the interpolation happens between pixels
of the scene, which are finer than those of the frame.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from vidrobust.frame_pairs.prepared import PreparedFrame, prepare_array

Render = Callable[..., np.ndarray]
SCENES = {"dog": ("objects/sam2_01_dog.mp4", 60), "cups": ("objects/sam2_02_cups.mp4", 100)}


@pytest.fixture(scope="session")
def scenes(corpus: Path) -> dict[str, np.ndarray]:
    """Name -> (720, 1280, 3) float32 RGB."""
    return {name: _frame(corpus / path, index) for name, (path, index) in SCENES.items()}


@pytest.fixture(scope="session")
def render() -> Render:
    """(scene, shift=(x, y) px, rotation=deg clockwise, zoom=factor, width=px) -> (h, w, 3) float32 frame."""
    return _render


@pytest.fixture(scope="session")
def ready() -> Callable[[np.ndarray], PreparedFrame]:
    """(h, w, 3) levels -> the frame rounded to bytes and prepared."""
    return lambda levels: prepare_array(as_bytes(levels).copy())


def as_bytes(levels: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _frame(path: Path, index: int) -> np.ndarray:
    with av.open(str(path)) as container:
        for count, frame in enumerate(container.decode(video=0)):
            if count == index:
                return frame.to_ndarray(format="rgb24").astype(np.float32)
    raise AssertionError(f"{path} has no frame {index}")


def _render(
    scene: np.ndarray,
    shift: tuple[float, float] = (0.0, 0.0),
    rotation: float = 0.0,
    zoom: float = 1.0,
    width: int = 640,
) -> np.ndarray:
    scene_height, scene_width = scene.shape[:2]
    height = round(width * scene_height / scene_width)
    ratio = 0.9 * scene_width / width
    smooth = cv2.GaussianBlur(scene, (0, 0), 0.45 * ratio)
    angle = np.deg2rad(rotation)
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    back = ratio * np.linalg.inv(turn)
    centre, scene_centre = (
        np.array([width - 1, height - 1]) / 2,
        np.array([scene_width - 1, scene_height - 1]) / 2,
    )
    matrix = np.column_stack([back, scene_centre - back @ (centre + shift)])
    return cv2.warpAffine(
        smooth,
        matrix,
        (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
