"""Kernels, what passes them, what a frame regains, and the noise that a lens does not take."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.stages.causes.planted import recorded, still
from vidrobust.frame_pairs.blur import SIDE, Kernel, noise_between, noise_lost, noise_of, regained

GAUSSIAN, LINE = Kernel(sigma_px=1.4), Kernel(sigma_px=5 / math.sqrt(12), angle=0.6)


def test_a_line_is_played_as_long_as_it_is() -> None:
    point = np.zeros((21, 21), np.float32)
    point[10, 10] = 1
    made = Kernel(sigma_px=4 / np.sqrt(12), angle=0.0).of(point)
    across = np.arange(21) - 10
    assert (made.sum(axis=0) @ across**2) == pytest.approx(4**2 / 12, rel=0.2)
    assert made.sum(axis=1)[10] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("kernel", [GAUSSIAN, LINE, Kernel()])
def test_the_power_that_passes_is_that_of_white_noise(kernel: Kernel) -> None:
    noise = np.random.default_rng(0).normal(0, 10, (SIDE * 20, SIDE * 20)).astype(np.float32)
    window = np.outer(*[np.hanning(SIDE + 1)[:-1]] * 2)

    def power(picture: np.ndarray) -> np.ndarray:
        blocks = picture.reshape(20, SIDE, 20, SIDE).transpose(0, 2, 1, 3).reshape(-1, SIDE, SIDE)
        return np.square(np.abs(np.fft.rfft2(blocks * window))).mean(axis=0)

    seen, passed = power(kernel.of(noise)) / power(noise), kernel.passed()
    assert np.abs(seen - passed).max() < 0.08


@pytest.mark.parametrize("kernel", [GAUSSIAN, LINE])
def test_what_noise_keeps_of_its_energy(kernel: Kernel) -> None:
    noise = np.random.default_rng(1).normal(0, 1, (500, 500)).astype(np.float32)
    left = kernel.of(noise)
    assert kernel.energy_of_noise() == pytest.approx(
        (np.square(left).mean(), np.square(noise - left).mean()), rel=0.03
    )


def test_the_noise_of_a_picture_is_found_where_it_is_flat(corpus: Path) -> None:
    for sigma in (3.0, 12.0):
        (picture,) = recorded([still(corpus)], sigma, 0)
        assert noise_of(picture) == pytest.approx(np.full(3, sigma), rel=0.2)


@pytest.mark.parametrize("kernel", [GAUSSIAN, LINE])
def test_noise_is_put_back_with_the_energy_that_was_taken(corpus: Path, kernel: Kernel) -> None:
    scene = still(corpus)
    (picture,) = recorded([scene], 8.0, 0)
    made = noise_lost(picture, kernel, noise_of(picture), 5)
    assert made is not None
    before = kernel.of(picture.astype(np.float32) - scene)
    # the middle levels, where 8 bits cut no noise off
    inner = (scene > 40) & (scene < 215)
    assert (before + made)[inner].std() == pytest.approx(8.0, rel=0.2)
    assert np.array_equal(made, noise_lost(picture, kernel, noise_of(picture), 5))
    assert noise_lost(np.full((64, 64, 3), 90, np.uint8), kernel, np.zeros(3), 5) is None


def test_a_frame_regains_its_detail_and_not_its_noise(corpus: Path) -> None:
    scene = still(corpus)
    (frame,) = recorded([scene], 3.0, 0)
    detail = scene - GAUSSIAN.of(scene)
    found = regained(frame, GAUSSIAN, noise_of(frame))
    own = (frame - scene) - GAUSSIAN.of(frame - scene)
    assert float(np.sqrt(np.square(found - detail).mean())) < 0.5 * float(np.sqrt(np.square(detail).mean()))
    # of the frame's own noise in that band about half is in it: this still is full of detail
    assert float((found * own).sum() / np.square(own).sum()) < 0.6
    flat = np.clip(np.random.default_rng(0).normal(128, 5, (96, 128, 3)), 0, 255).astype(np.uint8)
    assert np.abs(regained(flat, GAUSSIAN, noise_of(flat))).mean() < 0.3


def test_a_blur_mirrors_its_borders() -> None:
    ramp = np.tile(np.arange(40, dtype=np.float32), (40, 1))
    assert np.array_equal(
        GAUSSIAN.of(ramp), cv2.GaussianBlur(ramp, (0, 0), 1.4, borderType=cv2.BORDER_REFLECT_101)
    )


def test_the_noise_of_two_pictures_is_what_they_do_not_share(corpus: Path) -> None:
    rng = np.random.default_rng(4)
    everywhere = cv2.GaussianBlur(rng.normal(0, 60, (240, 320, 3)), (0, 0), 0.7) + 125

    def recorded(x: np.ndarray, sigma: float) -> np.ndarray:
        return np.clip(np.rint(x + rng.normal(0, sigma, x.shape)), 0, 255).astype(np.uint8)

    for sigma in (0.5, 2.0):
        a, b = recorded(everywhere, sigma), recorded(everywhere, sigma)
        assert noise_of(a).mean() > 2 * sigma  # detail passes for noise in one picture
        assert noise_between(a, b) == pytest.approx(np.full(3, np.hypot(sigma, 12**-0.5)), rel=0.1)
        # of a blur a little is left, since it takes more of some frequencies than of others
        found = noise_between(a, recorded(cv2.GaussianBlur(everywhere, (0, 0), 0.7), sigma)).mean()
        assert sigma < found < sigma + 0.1 * noise_of(a).mean()
        # where they do not show the same it is what one picture alone says
        other = cv2.GaussianBlur(rng.normal(0, 60, (240, 320, 3)), (0, 0), 0.7) + 125
        found = noise_between(recorded(everywhere, sigma), recorded(other, sigma))
        assert found == pytest.approx(noise_of(recorded(everywhere, sigma)), rel=0.25)
    plain = still(corpus).astype(np.float64)
    assert noise_between(recorded(plain, 3.0), recorded(plain, 3.0)) == pytest.approx(
        np.full(3, 3.0), rel=0.2
    )
