"""Planted blur, noise and coding on real photographs, and what must not look like them."""

import cv2
import numpy as np
import pytest

from vidrobust.frame_pairs.light import measure_light
from vidrobust.frame_pairs.motion import measure_motion
from vidrobust.frame_pairs.texture import grid_step, measure_texture

NAMES = ["dog", "cups"]


def _measure(a, b):
    motion = measure_motion(a, b)
    light = measure_light(a, b, motion.camera, ~motion.with_camera)
    return measure_texture(a, b, motion, light.gain.value, light.offset.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.5, 2.0])
def test_blur_within_a_tenth(name, sigma, scenes, render, ready):
    frame = render(scenes[name])
    sharp, blurred = ready(frame), ready(cv2.GaussianBlur(frame, (0, 0), sigma))
    there, back = _measure(sharp, blurred).sharpness, _measure(blurred, sharp).sharpness
    assert there.valid
    assert back.valid
    assert there.value == pytest.approx(sigma, rel=0.1)
    assert back.value == pytest.approx(-sigma, rel=0.1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "how", ["shift", "large shift", "rotation", "gain", "offset", "noise", "more noise"]
)
def test_no_blur_from_anything_else(name, how, scenes, render, ready):
    scene, frame, generator = scenes[name], render(scenes[name]), np.random.default_rng(2)
    other = {
        "shift": lambda: render(scene, shift=(0.5, 0.5)),
        "large shift": lambda: render(scene, shift=(9.3, -4.6)),
        "rotation": lambda: render(scene, rotation=1.5),
        "gain": lambda: 0.7 * frame,
        "offset": lambda: frame - 10,
        "noise": lambda: frame + generator.normal(0, 3, frame.shape),
        "more noise": lambda: frame + generator.normal(0, 8, frame.shape),
    }[how]()
    found = _measure(ready(frame), ready(other)).sharpness
    # the stated resolution: a quarter of a pixel of sigma
    assert not found.valid or abs(found.value) < 0.25


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sigma", [2.0, 5.0, 10.0])
@pytest.mark.parametrize("frames", ["both", "second", "first"])
def test_noise_of_the_noisier_frame_within_a_tenth(name, sigma, frames, scenes, render, ready):
    # darker, so that the brightest noise is not cut off
    frame, generator = 0.8 * render(scenes[name]) + 20, np.random.default_rng(3)
    a, b = (
        ready(frame + (generator.normal(0, sigma, frame.shape) if frames in ("both", which) else 0))
        for which in ("first", "second")
    )
    found = _measure(a, b).noise_sigma
    assert found.valid
    assert found.value == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["shift", "rotation", "zoom", "gain", "blur", "strong blur"])
def test_no_noise_from_anything_else(name, how, scenes, render, ready):
    scene, frame = scenes[name], render(scenes[name])
    other = {
        "shift": lambda: render(scene, shift=(3.5, -1.5)),
        "rotation": lambda: render(scene, rotation=2),
        "zoom": lambda: render(scene, zoom=1.03),
        "gain": lambda: 0.8 * frame,
        "blur": lambda: cv2.GaussianBlur(frame, (0, 0), 0.7),
        "strong blur": lambda: cv2.GaussianBlur(frame, (0, 0), 2),
    }[how]()
    assert _measure(ready(frame), ready(other)).noise_sigma.value < 0.75


@pytest.mark.parametrize("name", NAMES)
def test_block_edges_grow_with_coding(name, scenes, render, ready):
    frame = render(scenes[name])
    plain = ready(frame)
    coded = (ready(_coded(plain.rgb, quality)) for quality in (80, 40, 10))
    steps = [_measure(plain, each).blockiness for each in coded]
    assert steps[0].value < steps[1].value < steps[2].value
    assert steps[2].value > 2
    assert abs(_measure(plain, plain).blockiness.value) < 1e-9


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["shift", "gain", "noise"])
def test_no_block_edges_from_anything_else(name, how, scenes, render, ready):
    scene, frame = scenes[name], render(scenes[name])
    other = {
        "shift": lambda: render(scene, shift=(3.5, -1.5)),
        "gain": lambda: 0.8 * frame,
        "noise": lambda: frame + np.random.default_rng(4).normal(0, 5, frame.shape),
    }[how]()
    assert abs(_measure(ready(frame), ready(other)).blockiness.value) < 0.3


def test_grid_step_by_hand():
    # blocks of 8 x 8, their levels alternately 100 and 110: a step of 10 at one phase of eight, none elsewhere
    block = np.add.outer(np.arange(64) // 8, np.arange(64) // 8) % 2
    picture = (100 + 10 * block).astype(np.uint8)
    step, error = grid_step(picture)
    assert step == pytest.approx(10 * 7 / 7, abs=1e-9)
    assert error == pytest.approx(0, abs=1e-9)
    # cut so that the grid starts elsewhere: the same
    assert grid_step(picture[3:59, 5:61])[0] == pytest.approx(step, abs=1e-9)


def test_blank_and_tiny_pictures_have_no_texture(ready):
    for picture in (np.full((200, 300, 3), 90.0), np.zeros((10, 10, 3))):
        a = ready(picture)
        found = _measure(a, a)
        assert not found.sharpness.valid
    assert np.isnan(found.blockiness.value)


def _coded(rgb, quality):
    done, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
