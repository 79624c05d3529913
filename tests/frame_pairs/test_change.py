"""What is measured between two frames: light is told from motion, from colour, and from what saturates."""

import cv2
import numpy as np
import pytest

from tests.frame_pairs.planted import WIDTH, recorded, still, view
from vidrobust.frame_pairs.change import measure_change, unchanged
from vidrobust.frame_pairs.registration import size_px


@pytest.fixture(scope="module")
def scene(corpus):
    return still(corpus)


def gain(shape, x, width, depth):
    """(H, W, 1), darker by ``depth`` about x, as shares of the width."""
    across = (np.arange(shape[1]) / shape[1] - x) / width
    down = (np.arange(shape[0])[:, None] / shape[0] - 0.5) / (2 * width)
    return np.asarray(1 - depth * np.exp(-(across**2) - down**2))[..., None]


def test_one_lamp_of_two_is_light_and_local_light_and_no_colour(scene):
    clean = view(scene)
    across = np.arange(clean.shape[1]) / clean.shape[1]
    left, right = (np.exp(-(((across - x) / 0.35) ** 2)) for x in (0.2, 0.8))
    lamp = ((0.8 * left + right) / (left + right)).astype(np.float32)[None, :, None]
    a, b = recorded([clean, clean * lamp], 0.7, 0)
    found = measure_change(a, b)
    assert not found.levels.has_colour
    assert not found.has_objects
    assert not found.has_camera
    assert found.blur.sigma_px == 0
    grey = np.full((1, 1), 128.0)
    assert float(found.levels.light(grey)[0, 0]) / 128 == pytest.approx(np.median(lamp), abs=0.01)
    whole = found.local_gain * found.levels.light(grey) / 128
    assert np.abs(whole - lamp[..., 0]).mean() < 0.01


def test_a_shadow_that_moves_over_a_flat_surface_is_no_motion():
    rng = np.random.default_rng(0)
    fine = cv2.GaussianBlur(rng.normal(0, 12, (168, 224, 3)), (0, 0), 2)
    scene = np.asarray(150 + fine, np.float32)
    a, b = recorded([scene * gain(scene.shape, x, 0.15, 0.5) for x in (0.5, 0.56)], 0.5, 0)
    found = measure_change(a, b)
    truth = gain(scene.shape, 0.56, 0.15, 0.5) / gain(scene.shape, 0.5, 0.15, 0.5)
    assert found.local.there
    assert np.mean(found.objects.any(axis=2) | found.new) < 0.02
    assert np.abs(found.local_gain - truth[..., 0]).mean() < 0.01


def test_new_content_is_measured_for_shadows_only_beside_a_pair_that_has_one(scene):
    lights = (gain(view(scene).shape, 0.5, width, 0.5) for width in (0.15, 0.3))
    a, b = recorded([view(scene) * light for light in lights], 0.5, 0)
    assert not measure_change(a, b, beside=unchanged(a.shape), content=True).local.there
    assert measure_change(a, b, beside=measure_change(a, b), content=True).local.there


def one_lamp(before, after, level=1.0):
    """Two fields of light: one of two lamps at these gains."""
    across = np.linspace(0, 1, WIDTH, dtype=np.float32)[None, :, None]
    left, right = (np.exp(-(((across - x) / 0.35) ** 2)) for x in (0.2, 0.8))
    return [level * (each * left + right) / (left + right) for each in (before, after)]


LAMPS = [
    *((0.87, 1.14), (1.14, 0.87)),
    *(pytest.param(lamps, marks=pytest.mark.nightly) for lamps in ((0.9, 1.1), (1.0, 1.15))),
]


@pytest.mark.parametrize("lamps", LAMPS)
def test_a_lamp_that_takes_a_plain_table_to_full_level_moves_nothing(scene, lamps):
    a, b = recorded([np.clip(view(scene) * light, 0, 255) for light in one_lamp(*lamps)], 0.7, 3)
    assert max(float((x.max(axis=2) >= 254).mean()) for x in (a, b)) > 0.1
    found = measure_change(a, b)
    assert found.local.there
    assert not found.has_objects
    assert not found.has_camera
    assert found.new.mean() < 0.07


@pytest.mark.parametrize("level", [1.0, 1.2])
@pytest.mark.parametrize("lamps", LAMPS)
def test_beside_such_a_lamp_a_camera_that_moves_is_still_seen(scene, lamps, level):
    before, after = one_lamp(*lamps, level)
    clean = [view(scene) * before, view(scene, (0.4, 0)) * after]
    found = measure_change(*recorded([np.clip(x, 0, 255) for x in clean], 0.7, 3))
    assert size_px(found.camera) == pytest.approx(0.4, abs=0.06)
