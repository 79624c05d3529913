"""The quick instrument, for every pair, and the replayable one, for a few, on the same planted changes.

Each is held against the truth, and so against the other; what is asserted of both is the coarser resolution
of the two.
"""

import cv2
import numpy as np
import pytest

from tests.frame_pairs.planted import recorded, still, view
from vidrobust.frame_pairs.change import measure_change
from vidrobust.frame_pairs.measures import measure_pair
from vidrobust.frame_pairs.noise import noise_between, noise_levels
from vidrobust.frame_pairs.prepared import prepare_array

NOISE = 1.0


@pytest.fixture(scope="module")
def scene(corpus):
    return still(corpus)


def both(a, b):
    return measure_pair(prepare_array(a), prepare_array(b)), measure_change(a, b)


@pytest.mark.parametrize("shift", [(1.6, -0.7), (-3.0, 2.0)])
def test_the_motion_of_the_camera(scene, shift):
    a, b = recorded([view(scene), view(scene, shift)], NOISE, 0)
    quick, replayable = both(a, b)
    camera = quick.motion.camera
    assert quick.motion.camera_valid
    # what the camera sees moves the other way; displacements lead back from b to a
    assert (camera.shift_x, camera.shift_y) == pytest.approx((-shift[0], -shift[1]), abs=0.1)
    assert replayable.camera.mean(axis=(0, 1)) == pytest.approx(shift, abs=0.1)


@pytest.mark.parametrize("gain", [0.8, 1.1])
def test_the_gain_of_the_light(scene, gain):
    a, b = recorded([view(0.8 * scene), view(0.8 * scene, gain=gain)], NOISE, 1)
    quick, replayable = both(a, b)
    assert quick.light.gain.valid
    assert quick.light.gain.value == pytest.approx(gain, abs=0.02)
    grey = np.full((1, 1), 110.0)
    assert float(replayable.levels.light(grey)[0, 0]) / 110 == pytest.approx(gain, abs=0.02)


def test_the_spread_of_the_light_over_the_picture(scene):
    across = np.linspace(0.75, 1.25, view(scene).shape[1], dtype=np.float32)[None, :, None]
    clean = view(0.8 * scene)
    quick, replayable = both(*recorded([clean, clean * across], NOISE, 2))
    truth = float(across.std())
    assert quick.uneven_light.value == pytest.approx(truth, rel=0.1)
    assert float(replayable.local_gain.std()) == pytest.approx(truth, rel=0.1)


def test_the_white_balance(scene):
    clean = view(0.8 * scene)
    quick, replayable = both(*recorded([clean, clean * np.array([1.08, 1.0, 0.9])], NOISE, 6))
    assert quick.light.white_balance.valid
    assert quick.light.white_balance.value == pytest.approx(1.08 / 0.9, abs=0.03)
    levels = replayable.levels
    red, _, blue = levels.colour(levels.light(np.full((1, 3), 110.0)))[0]
    assert red / blue == pytest.approx(1.08 / 0.9, abs=0.03)


@pytest.mark.parametrize("sigma", [0.8, 1.2])
@pytest.mark.parametrize("sharper", [False, True])
def test_the_blur(scene, sigma, sharper):
    clean, blurred = view(scene), cv2.GaussianBlur(view(scene), (0, 0), sigma)
    a, b = recorded([blurred, clean] if sharper else [clean, blurred], NOISE, 3)
    quick, replayable = both(a, b)
    wanted = -sigma if sharper else sigma
    assert quick.texture.sharpness.valid
    # a Gaussian of .8 px on whole pixels acts like a smaller one
    assert quick.texture.sharpness.value == pytest.approx(wanted, abs=0.2)
    assert replayable.blur.sigma_px == pytest.approx(wanted, abs=0.2)


@pytest.mark.parametrize("sigma", [2.0, 5.0])
def test_the_noise(scene, sigma):
    inner = np.clip(view(scene), 30, 225)  # 8 bits cut no noise off
    a, b = recorded([inner, inner], sigma, 4)
    quick = measure_pair(prepare_array(a), prepare_array(b))
    assert quick.texture.noise_sigma.valid
    assert quick.texture.noise_sigma.value == pytest.approx(sigma, rel=0.15)
    assert noise_between(a, b).mean() == pytest.approx(sigma, rel=0.15)
    # of luma, the weighted mean of three channels, sqrt(.299^2 + .587^2 + .114^2) of it is left
    luma = float(np.linalg.norm([0.299, 0.587, 0.114]))
    levels = noise_levels(a.astype(np.float32), b.astype(np.float32))
    assert levels == pytest.approx(luma * sigma, rel=0.15)


def test_nothing_that_changes(scene):
    quick, replayable = both(*recorded([view(scene), view(scene)], NOISE, 5))
    assert quick.light.gain.value == pytest.approx(1.0, abs=0.01)
    assert quick.uneven_light.value == 0
    assert np.hypot(quick.motion.camera.shift_x, quick.motion.camera.shift_y) < 0.05
    assert not replayable.levels.has_light
    assert not replayable.local.there
    assert not replayable.has_camera
    assert replayable.blur.sigma_px == 0


def test_what_light_and_camera_leave_is_what_moves(scene):
    clean = 20 + view(0.7 * scene)
    height, width = clean.shape[:2]
    moved = clean.copy()
    moved[40:100, 60:140] += 40  # something that is 40 levels brighter comes to lie there
    across = np.linspace(0.9, 1.1, width, dtype=np.float32)[None, :, None]
    shaken = 1.05 * across * (20 + view(0.7 * scene, (1.6, -0.7)))
    pictures = recorded([clean, moved, 1.05 * moved, shaken], NOISE, 3)
    first, *others = map(prepare_array, pictures)
    still, brighter, lit = (measure_pair(first, other).other_change.value for other in others)
    share = 60 * 80 / (height * width)
    assert still == pytest.approx(40 * share, rel=0.1)
    assert brighter == pytest.approx(1.05 * 40 * share, rel=0.15)
    assert lit < 0.05 * still
