"""Kernels and what passes them, and the blur between two frames, planted."""

import math

import cv2
import numpy as np
import pytest

from tests.frame_pairs.planted import still
from vidrobust.frame_pairs.blur import SIDE, Kernel, blur_between
from vidrobust.frames.pixels import luma
from vidrobust.perturb.blur import line_kernel

GAUSSIAN, LINE = Kernel(sigma_px=1.4), Kernel(sigma_px=5 / math.sqrt(12), angle=0.6)


def test_a_line_is_played_as_long_as_it_is():
    point = np.zeros((21, 21), np.float32)
    point[10, 10] = 1
    made = Kernel(sigma_px=4 / np.sqrt(12), angle=0.0).of(point)
    across = np.arange(21) - 10
    assert (made.sum(axis=0) @ across**2) == pytest.approx(4**2 / 12, rel=0.2)
    assert made.sum(axis=1)[10] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("kernel", [GAUSSIAN, LINE, Kernel()])
def test_the_power_that_passes_is_that_of_white_noise(kernel):
    noise = np.random.default_rng(0).normal(0, 10, (SIDE * 20, SIDE * 20)).astype(np.float32)
    window = np.outer(*[np.hanning(SIDE + 1)[:-1]] * 2)

    def power(picture):
        blocks = picture.reshape(20, SIDE, 20, SIDE).transpose(0, 2, 1, 3).reshape(-1, SIDE, SIDE)
        return np.square(np.abs(np.fft.rfft2(blocks * window))).mean(axis=0)

    seen, passed = power(kernel.of(noise)) / power(noise), kernel.passed()
    assert np.abs(seen - passed).max() < 0.08


@pytest.mark.parametrize("kernel", [GAUSSIAN, LINE])
def test_what_noise_keeps_of_its_energy(kernel):
    noise = np.random.default_rng(1).normal(0, 1, (500, 500)).astype(np.float32)
    left = kernel.of(noise)
    energies = (np.square(left).mean(), np.square(noise - left).mean())
    assert kernel.energy_of_noise() == pytest.approx(energies, rel=0.03)


def test_a_blur_mirrors_its_borders():
    ramp = np.tile(np.arange(40, dtype=np.float32), (40, 1))
    blurred = cv2.GaussianBlur(ramp, (0, 0), 1.4, borderType=cv2.BORDER_REFLECT_101)
    assert np.array_equal(GAUSSIAN.of(ramp), blurred)


@pytest.fixture(scope="module")
def gray(corpus):
    return luma(still(corpus)).astype(np.float32)


def line(length, degrees):
    return Kernel(sigma_px=length / math.sqrt(12), angle=math.radians(degrees))


def recorded(clean, noise, seed=0):
    rng = np.random.default_rng(seed)
    return [(x + rng.normal(0, noise, x.shape)).astype(np.float32) for x in clean]


def between(first, second):
    shape = first.shape
    return blur_between(first, second, np.zeros((*shape, 2), np.float32), np.ones(shape, bool))


def turned(one, other):
    return abs((math.degrees(one) - other + 90) % 180 - 90)


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.0])
@pytest.mark.parametrize("noise", [0.0, 3.0, 8.0])
def test_a_planted_blur_is_found_in_both_directions(gray, sigma, noise):
    frames = recorded([gray, cv2.GaussianBlur(gray, (0, 0), sigma)], noise)
    for order, sign in ((1, 1), (-1, -1)):
        found = between(*frames[::order])
        assert found.sigma_px == pytest.approx(sign * sigma, rel=0.15)
        assert np.isnan(found.angle)
        assert not found.back.there


def test_from_a_blurred_frame_to_one_that_is_more_so(gray):
    frames = recorded([cv2.GaussianBlur(gray, (0, 0), s) for s in (1.0, 2.0)], 2.0)
    assert between(*frames).sigma_px == pytest.approx(math.sqrt(3), rel=0.15)


@pytest.mark.parametrize(
    ("length", "degrees"), [(3.0, 0.0), (5.0, 30.0), (4.0, 90.0), (6.0, 100.0)]
)
@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_motion_while_the_shutter_is_open_is_a_line(gray, length, degrees, noise):
    kernel = line_kernel(length, np.deg2rad(degrees))
    smeared = cv2.filter2D(gray, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    frames = recorded([gray, smeared], noise)
    for order, sign in ((1, 1), (-1, -1)):
        found = between(*frames[::order])
        assert found.kernel.length_px == pytest.approx(length, rel=0.2)
        assert np.sign(found.sigma_px) == sign
        assert turned(found.angle, degrees) < 12
        assert not found.back.there


@pytest.mark.parametrize(
    ("first", "second"), [((4, 0), (4, 90)), ((5, 20), (3, 140)), ((3, 60), (6, 60))]
)
def test_of_two_frames_that_were_moved_each_lost_what_the_other_shows(gray, first, second):
    found = between(*recorded([line(*each).of(gray) for each in (first, second)], 1.5))
    for kernel, (length, degrees) in ((found.missed, first), (found.lost, second)):
        assert kernel.length_px == pytest.approx(length, rel=0.2)
        assert turned(kernel.angle, degrees) < 12


@pytest.mark.parametrize("noise", [0.0, 1.0, 4.0, 16.0, 32.0])
@pytest.mark.parametrize("sigma", [0.0, 1.5])
def test_noise_is_no_sharpness(gray, noise, sigma):
    scene = cv2.GaussianBlur(gray, (0, 0), sigma) if sigma else gray
    for seed in range(5):
        assert between(*recorded([scene, scene], noise, seed)).sigma_px == 0


def test_a_little_more_light_is_no_sharpness(gray):
    assert between(*recorded([gray, 1.025 * gray], 1.0)).sigma_px == 0


def test_a_blur_is_measured_by_little_detail_and_not_by_noise_alone(gray):
    faint = 128 + 0.1 * (gray - 128)  # a tenth of the contrast
    found = between(*recorded([faint, cv2.GaussianBlur(faint, (0, 0), 1.5)], 1.0))
    assert found.known
    assert found.sigma_px == pytest.approx(1.5, rel=0.2)
    assert not between(*recorded([np.full_like(gray, 128)] * 2, 3.0)).known


def test_detail_is_compared_where_it_moved_to(gray):
    first, second = recorded([gray, cv2.GaussianBlur(gray, (0, 0), 1.2)], 1.0)
    motion = np.zeros((*gray.shape, 2), np.float32)
    motion[..., 0] = 9
    moved = np.roll(second, -9, axis=1)
    found = blur_between(first, moved, motion, np.ones(gray.shape, bool))
    assert found.sigma_px == pytest.approx(1.2, rel=0.15)


@pytest.mark.parametrize("shift", [(0.5, 0.0), (0.3, 0.5), (1.5, -0.5)])
def test_half_a_pixel_is_no_blur(gray, shift):
    big = cv2.resize(gray, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    quarters = [(round(4 * y), round(4 * x)) for x, y in ((0.0, 0.0), shift)]
    moved = [np.roll(big, each, axis=(0, 1)) for each in quarters]
    # averages of 4 x 4, as a sensor makes them: exact at quarters of a pixel
    small = [cv2.resize(x, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA) for x in moved]
    first, second = recorded(small, 1.0)
    motion = np.broadcast_to(-np.float32(shift), (*gray.shape, 2)).copy()
    assert blur_between(first, second, motion, np.ones(gray.shape, bool)).sigma_px == 0


def test_too_little_that_both_show_says_nothing(gray):
    few = np.zeros(gray.shape, bool)
    few[:40, :40] = True
    assert not blur_between(gray, gray, np.zeros((*gray.shape, 2), np.float32), few).known


def gravel(seed=3):
    """Detail everywhere, and no flat place: a random field, a little smoothed."""
    field = np.random.default_rng(seed).standard_normal((240, 320)).astype(np.float32)
    smooth = cv2.GaussianBlur(field, (0, 0), 1.0)
    return np.asarray(125 + 30 * smooth / smooth.std(), np.float32)


@pytest.mark.parametrize("noise", [0.5, 2.0, 6.0])
@pytest.mark.parametrize("sigma", [0.6, 1.2])
def test_a_blur_is_found_where_detail_is_everywhere(noise, sigma):
    scene = gravel()
    frames = recorded([scene, cv2.GaussianBlur(scene, (0, 0), sigma)], noise)
    for order, sign in ((1, 1), (-1, -1)):
        found = between(*frames[::order])
        assert found.everywhere
        assert found.sigma_px == pytest.approx(sign * sigma, rel=0.15)
        assert np.isnan(found.angle)
    still = between(*recorded([scene, scene], noise))
    assert still.known
    assert still.sigma_px == 0


def test_a_rest_of_motion_does_not_make_detail_everywhere_noise():
    big = cv2.resize(gravel(), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    blurred = cv2.GaussianBlur(big, (0, 0), 2.4)
    first, second = recorded([big[:480:2, :640:2], blurred[:480:2, 1:641:2]], 1.0)
    motion = np.zeros((*first.shape, 2), np.float32)
    motion[..., 0] = 0.5
    found = blur_between(first, second, motion, np.ones(first.shape, bool))
    assert found.everywhere
    assert found.sigma_px == pytest.approx(1.2, rel=0.15)


def test_of_quite_flat_pictures_nothing_is_known():
    for level in (0, 120):
        assert not between(*[np.full((240, 320), level, np.uint8)] * 2).known
    flat = [np.full((240, 320), 90.0)] * 2
    assert not any(between(*recorded(flat, s, k)).known for s in (1, 4, 16) for k in range(4))
