"""Noise of one frame and of two, and what of a difference is exchanged as noise and coding."""

import math

import cv2
import numpy as np
import pytest

from tests.frame_pairs.planted import recorded, still
from vidrobust.frame_pairs.blur import Kernel
from vidrobust.frame_pairs.noise import (
    BLOCK,
    beyond_rounding,
    exchanged,
    noise_between,
    noise_levels,
    noise_lost,
    noise_of,
    regained,
    rough,
)
from vidrobust.frame_pairs.robust import neighbour_correlation

GAUSSIAN, LINE = Kernel(sigma_px=1.4), Kernel(sigma_px=5 / math.sqrt(12), angle=0.6)


def test_the_noise_of_a_picture_is_found_where_it_is_flat(corpus):
    for sigma in (3.0, 12.0):
        (picture,) = recorded([still(corpus)], sigma, 0)
        assert noise_of(picture) == pytest.approx(np.full(3, sigma), rel=0.2)


@pytest.mark.parametrize("kernel", [GAUSSIAN, LINE])
def test_noise_is_put_back_with_the_energy_that_was_taken(corpus, kernel):
    scene = still(corpus)
    (picture,) = recorded([scene], 8.0, 0)
    made = noise_lost(picture, kernel, noise_of(picture), 5)
    before = kernel.of(picture.astype(np.float32) - scene)
    # the middle levels, where 8 bits cut no noise off
    inner = (scene > 40) & (scene < 215)
    assert (before + made)[inner].std() == pytest.approx(8.0, rel=0.2)
    assert np.array_equal(made, noise_lost(picture, kernel, noise_of(picture), 5))
    assert noise_lost(np.full((64, 64, 3), 90, np.uint8), kernel, np.zeros(3), 5) is None


def test_a_frame_regains_its_detail_and_not_its_noise(corpus):
    scene = still(corpus)
    (frame,) = recorded([scene], 3.0, 0)
    detail = scene - GAUSSIAN.of(scene)
    found = regained(frame, GAUSSIAN, noise_of(frame))
    own = (frame - scene) - GAUSSIAN.of(frame - scene)
    error, whole = (np.sqrt(np.square(each).mean()) for each in (found - detail, detail))
    assert error < 0.5 * whole
    # of the frame's own noise in that band about half is in it: this still is full of detail
    assert float((found * own).sum() / np.square(own).sum()) < 0.6
    flat = np.clip(np.random.default_rng(0).normal(128, 5, (96, 128, 3)), 0, 255).astype(np.uint8)
    assert np.abs(regained(flat, GAUSSIAN, noise_of(flat))).mean() < 0.3


def test_the_noise_of_two_pictures_is_what_they_do_not_share(corpus):
    rng = np.random.default_rng(4)
    everywhere = cv2.GaussianBlur(rng.normal(0, 60, (240, 320, 3)), (0, 0), 0.7) + 125

    def recorded(x, sigma):
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
    found = noise_between(recorded(plain, 3.0), recorded(plain, 3.0))
    assert found == pytest.approx(np.full(3, 3.0), rel=0.2)


def test_noise_stays_as_it_is():
    noise = np.random.default_rng(0).normal(0, 3, (96, 128, 3)).astype(np.float32)
    assert np.array_equal(rough(noise), noise)


def test_what_a_codec_leaves_in_blocks_stays_as_it_is():
    blocks = np.random.default_rng(0).normal(0, 3, (12, 16, 3)).astype(np.float32)
    difference = np.kron(blocks, np.ones((BLOCK, BLOCK, 1), np.float32))
    assert np.array_equal(rough(difference), difference)


def test_a_macroblock_that_was_coded_anew_is_not_smooth():
    # four transforms of 8 px that go together, each macroblock for itself, and most of them repeated
    rng = np.random.default_rng(1)
    coded = rng.normal(0, 3, (15, 20, 3)) * (rng.random((15, 20, 1)) < 0.1)
    difference = np.kron(coded, np.ones((16, 16, 1))).astype(np.float32)
    fine = neighbour_correlation(cv2.resize(difference, (40, 30), interpolation=cv2.INTER_AREA))
    assert fine > 0.4
    assert np.array_equal(rough(difference), difference)


def test_a_smooth_difference_is_taken_off_and_the_noise_on_it_kept():
    y, x = np.mgrid[:96, :128].astype(np.float32)
    smooth = np.repeat((4 * np.sin(x / 30) * np.cos(y / 25))[..., None], 3, axis=2)
    noise = np.random.default_rng(0).normal(0, 1, smooth.shape).astype(np.float32)
    assert np.square(rough(smooth)).mean() < 0.02 * np.square(smooth).mean()
    left = rough(smooth + noise)
    assert np.square(left).mean() == pytest.approx(1, abs=0.1)
    assert float((left * noise).mean()) == pytest.approx(1, abs=0.05)


def test_what_8_bits_round_off_is_no_noise_and_what_is_more_stays():
    rng = np.random.default_rng(0)
    scene = rng.uniform(60, 180, (96, 128, 3)).astype(np.float32)
    for sigma, kept in ((0.0, 0.0), (0.5, 1.0)):
        noise = rng.normal(0, sigma, (2, *scene.shape))
        first, second = np.rint(np.stack([scene, 1.0703 * scene]) + noise)
        brought = (1.0703 * first).astype(np.float32)
        difference = (brought - second).astype(np.float32)
        assert np.array_equal(beyond_rounding(difference, brought), difference * kept)
    # nothing was changed in the first frame, so that a level more or less is not for being rounded anew
    rare = (rng.random(scene.shape) < 0.01).astype(np.float32)
    assert np.array_equal(beyond_rounding(rare, np.rint(scene)), rare)
    half = np.rint(scene)
    half[:48] += 0.25
    left = beyond_rounding(rare, half)
    assert not left[:48].any()
    assert np.array_equal(left[48:], rare[48:])


def test_neighbouring_means_by_hand():
    # along both axes the same value in pairs: of three neighbours two are alike and one is the opposite
    row = np.array([1.0, 1, -1, -1])
    means = np.repeat(np.outer(row, row)[..., None], 3, axis=2)
    assert neighbour_correlation(means) == pytest.approx(1 / 3)
    assert neighbour_correlation(np.zeros((4, 4, 3))) == 0


def test_an_exchanged_pair_has_the_mean_and_the_difference_of_the_real_one():
    rng = np.random.default_rng(0)
    first, second = (rng.integers(40, 200, (32, 48, 3)).astype(np.float32) for _ in range(2))
    ((plus, minus),) = exchanged(first, second, draws=1, seed=3)
    total = plus.astype(int) + minus - (first + second)
    assert np.abs(total).max() <= 1  # rounding
    assert np.allclose(np.abs(plus.astype(int) - minus), np.abs(first - second), atol=1)


def test_the_level_of_noise_is_that_of_one_frame():
    rng = np.random.default_rng(0)
    gray = [np.repeat(rng.normal(100, 3, (96, 128, 1)), 3, axis=2).astype(np.float32) for _ in "ab"]
    assert noise_levels(*gray) == pytest.approx(3, rel=0.03)
    assert noise_levels(gray[0], gray[0]) == 0


def test_a_picture_that_a_codec_mostly_repeats_has_the_noise_of_what_was_coded_anew():
    first = np.full((96, 128, 3), 100, np.float32)
    second = first.copy()
    # a third of the picture, 6 levels up and down
    second[:32] += np.where(np.arange(128) % 2, 6, -6)[:, None]
    assert noise_levels(first, second) == pytest.approx(6 / np.sqrt(3) / np.sqrt(2))
