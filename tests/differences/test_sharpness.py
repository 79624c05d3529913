"""The blur between two frames: planted on a real still, with noise that must not count."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.account.planted import still
from vidrobust.differences.sharpness import blur_between, detail, passed
from vidrobust.pixels import luma


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
    assert blur_between(*frames, still_there, everywhere) == pytest.approx(sigma, rel=0.15)
    assert blur_between(*frames[::-1], still_there, everywhere) == pytest.approx(-sigma, rel=0.15)


def test_noise_is_no_sharpness(gray: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    still_there, everywhere = np.zeros((*gray.shape, 2), np.float32), np.ones(gray.shape, bool)
    for _ in range(5):
        a, b = ((gray + rng.normal(0, 4, gray.shape)).astype(np.float32) for _ in range(2))
        assert blur_between(a, b, still_there, everywhere) == 0


def test_the_noise_that_passes_a_blur_is_that_of_white_noise() -> None:
    noise = np.random.default_rng(0).normal(0, 10, (400, 400)).astype(np.float32)
    whole = np.square(detail(noise)).mean()
    for sigma in (0.5, 1.0, 2.0):
        left = np.square(detail(cv2.GaussianBlur(noise, (0, 0), sigma))).mean() / whole
        assert passed(sigma) == pytest.approx(left, rel=0.25, abs=0.005)
    assert passed(0.0) == 1
