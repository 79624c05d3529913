"""The blur between two frames: planted on a real still, with noise that must not count."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.stages.causes.planted import still
from vidrobust.changes.sharpness import Blur, blur_between, detail, passed
from vidrobust.frames.pixels import luma
from vidrobust.perturb.blur import line_kernel


@pytest.fixture(scope="module")
def gray(corpus: Path) -> np.ndarray:
    return luma(still(corpus))


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.0])
@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_a_planted_blur_is_found_in_both_directions(gray: np.ndarray, sigma: float, noise: float) -> None:
    rng = np.random.default_rng(0)
    still_there, everywhere = np.zeros((*gray.shape, 2), np.float32), np.ones(gray.shape, bool)
    frames = [
        (x + rng.normal(0, noise, gray.shape)).astype(np.float32)
        for x in (gray, cv2.GaussianBlur(gray, (0, 0), sigma))
    ]
    for order, sign in ((1, 1), (-1, -1)):
        found = blur_between(*frames[::order], still_there, everywhere)
        assert found.sigma_px == pytest.approx(sign * sigma, rel=0.15)
        assert np.isnan(found.angle)


@pytest.mark.parametrize(("length", "degrees"), [(3.0, 0.0), (5.0, 30.0), (4.0, 90.0)])
@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_motion_while_the_shutter_is_open_is_a_line(
    gray: np.ndarray, length: float, degrees: float, noise: float
) -> None:
    rng = np.random.default_rng(0)
    still_there, everywhere = np.zeros((*gray.shape, 2), np.float32), np.ones(gray.shape, bool)
    x = gray.astype(np.float32)
    smeared = cv2.filter2D(x, -1, line_kernel(length, np.deg2rad(degrees)), borderType=cv2.BORDER_REFLECT_101)
    frames = [(each + rng.normal(0, noise, gray.shape)).astype(np.float32) for each in (x, smeared)]
    for order, sign in ((1, 1), (-1, -1)):
        found = blur_between(*frames[::order], still_there, everywhere)
        assert found.length_px == pytest.approx(length, rel=0.2)
        assert np.sign(found.sigma_px) == sign
        assert abs((np.rad2deg(found.angle) - degrees + 90) % 180 - 90) < 12


def test_a_line_is_played_as_long_as_it_is() -> None:
    point = np.zeros((21, 21), np.float32)
    point[10, 10] = 1
    made = Blur(sigma_px=4 / np.sqrt(12), angle=0.0).of(point)
    across = np.arange(21) - 10
    assert (made.sum(axis=0) @ across**2) == pytest.approx(4**2 / 12, rel=0.2)
    assert made.sum(axis=1)[10] == pytest.approx(1.0, abs=1e-5)


def test_noise_is_no_sharpness(gray: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    still_there, everywhere = np.zeros((*gray.shape, 2), np.float32), np.ones(gray.shape, bool)
    for _ in range(5):
        a, b = ((gray + rng.normal(0, 4, gray.shape)).astype(np.float32) for _ in range(2))
        assert blur_between(a, b, still_there, everywhere) == Blur()


def test_the_noise_that_passes_a_blur_is_that_of_white_noise() -> None:
    noise = np.random.default_rng(0).normal(0, 10, (400, 400)).astype(np.float32)
    whole = np.square(detail(noise)).mean()
    for sigma in (0.5, 1.0, 2.0):
        left = np.square(detail(cv2.GaussianBlur(noise, (0, 0), sigma))).mean() / whole
        assert passed(sigma) == pytest.approx(left, rel=0.25, abs=0.005)
    assert passed(0.0) == 1
