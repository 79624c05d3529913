"""Shaking and light taken out of small pictures whose shifts and gains are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vidrobust.plugins.gauge.passes import evenly_lit, steadied, usual_scene

HEIGHT, WIDTH = 90, 160


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """(H, W) float32: blots of many sizes."""
    rng = np.random.default_rng(2)
    blots = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT + 40, WIDTH + 40)), (0, 0), 3.0)
    return np.asarray(120 + 40 * blots / blots.std(), np.float32)


def seen(scene: np.ndarray, shift: np.ndarray) -> np.ndarray:
    way = np.array([[1, 0, 20 + shift[0]], [0, 1, 20 + shift[1]]])
    return cv2.warpAffine(scene, way, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)


def test_a_camera_that_shakes_is_steadied_whatever_moves_before_it(scene: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    shifts = rng.normal(0, 1.5, (40, 2))
    pictures = np.stack([seen(scene, shift) for shift in shifts])
    for frame, picture in enumerate(pictures):
        picture[30:60, 3 * frame : 3 * frame + 30] = 20  # a part that moves past
    steady = steadied(pictures)
    place = (slice(None), slice(5, 25), slice(10, -10))  # where the part is not
    assert steady[place].std(axis=0).mean() < 0.5 * pictures[place].std(axis=0).mean()


def test_a_camera_at_rest_is_left_as_it_is(scene: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    pictures = seen(scene, np.zeros(2)) + rng.normal(0, 3, (30, HEIGHT, WIDTH)).astype(np.float32)
    assert steadied(pictures) is pictures


def test_light_that_falls_unevenly_is_evened_and_a_part_stays(scene: np.ndarray) -> None:
    plain = seen(scene, np.zeros(2))
    rows, columns = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    lit = (plain + 4) * np.exp(0.3 - 0.2 * columns + 0.1 * rows * columns - 0.1 * rows**2) - 4
    lit[20:50, 60:100] = 10
    pictures = np.stack([plain, plain, lit.astype(np.float32)])
    even = evenly_lit(pictures, usual_scene(pictures))
    off = np.abs(even[2] - plain)
    part = np.zeros(plain.shape, bool)
    part[20:50, 60:100] = True
    assert off[~part].max() < 2
    assert np.median(off[part]) > 50
