"""Strange worlds: one file a kind, so that anyone adds one. ``strange_worlds.py`` puts them before the account.

A file of this folder has::

    GROUPS = {"name of a condition": "group of the account that it belongs to"}

    def world(scene):
        ...                          # what the scene draws of it: a course over time, sizes
        def picture(at):             # at["name"]: number of the frame from which that condition comes
            return ...               # (HEIGHT, WIDTH, 3) float32, without noise
        return picture

A frame t as recorded is ``picture`` with every condition at t, plus noise. The truth exchanges one condition after the
other between the frames of a pair. Nothing else is to depend on the frame, or the truth is not of this world.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

import cv2
import numpy as np
from planted import with_part

WIDTH, HEIGHT = 320, 240
MARGIN = 32
"""Pixels of the still about the frame."""

Picture = Callable[[Mapping[str, int]], np.ndarray]


@dataclass(frozen=True)
class Scene:
    """What a world is drawn from."""

    still: np.ndarray
    """(HEIGHT + 2 MARGIN, WIDTH + 2 MARGIN, 3) float32."""
    other: np.ndarray
    """Another still, of that size: of what moves."""
    count: int
    """Frames."""
    size: float
    """How large the condition is; about 1."""
    rng: np.random.Generator

    def uniform(self, low: float, high: float) -> float:
        """A number of this scene."""
        return float(self.rng.uniform(low, high))


def seen(still: np.ndarray, matrix: np.ndarray | None = None) -> np.ndarray:
    """What a camera sees of a still (H + 2 MARGIN, W + 2 MARGIN, 3), through a map (2, 3) from frame to frame."""
    to_still = np.eye(2, 3) if matrix is None else np.asarray(matrix, float).copy()
    to_still[:, 2] += MARGIN
    return np.asarray(
        cv2.warpAffine(
            still,
            to_still.astype(np.float32),
            (WIDTH, HEIGHT),
            flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
    )


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns (HEIGHT, WIDTH) float32."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return y, x


def step(distance: np.ndarray, width: float) -> np.ndarray:
    """0 below and 1 above an edge of a width in px, smooth between."""
    t = np.clip(distance / max(width, 1e-3) + 0.5, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def over(scene: np.ndarray, part: np.ndarray, x: float, y: float) -> np.ndarray:
    """The scene with an ellipse of 110 x 90 px of another still, (x, y) its middle in the frame."""
    return with_part(scene, part, (x + MARGIN, y + MARGIN))


def walk(scene: Scene, sigma: float, dims: int = 2) -> np.ndarray:
    """Independent normal draws, (count, dims): a camera that shakes about a place."""
    return np.asarray(scene.rng.normal(0, sigma, (scene.count, dims)))


def kinds() -> dict[str, ModuleType]:
    """The worlds of this folder by name."""
    names = sorted(each.name for each in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}
