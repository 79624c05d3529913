"""Planted light and colour on real photographs. The planting is arithmetic on levels, written out here."""

import colorsys

import cv2
import numpy as np
import pytest

from vidrobust.frame_pairs.light import measure_light
from vidrobust.frame_pairs.motion import at_rest, measure_motion

NAMES = ["dog", "cups"]
QUANTITIES = {
    "gain": (1, 0.01),
    "offset": (0, 1.0),
    "saturation": (1, 0.02),
    "hue_deg": (0, 0.6),
    "white_balance": (1, 0.01),
}
"""What each is without change, and how far off a quantity that was not planted may be."""


def _measure(a, b):
    motion = measure_motion(a, b)
    return measure_light(a, b, motion.camera, ~motion.with_camera)


def _saturated(frame, factor):
    luma = (frame @ np.array([0.299, 0.587, 0.114]))[..., None]
    return luma + factor * (frame - luma)


def _hue_turned(frame, degrees):
    # the standard library's HSV, not OpenCV's, of each pixel of a thinned picture would be slow: a table of the
    # colours there are, eight levels apart, would not be exact. OpenCV turns; test_hue_of_single_colours ties it
    # to the standard library
    hsv = cv2.cvtColor(frame.astype(np.float32), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = np.mod(hsv[..., 0] + degrees, 360)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


PLANTED = {
    "gain 1.05": (lambda f: 1.05 * f, {"gain": 1.05}),
    "gain 1.2": (lambda f: 1.2 * f, {"gain": 1.2}),
    "gain 0.7": (lambda f: 0.7 * f, {"gain": 0.7}),
    "offset 8": (lambda f: f + 8, {"offset": 8}),
    "offset -15": (lambda f: f - 15, {"offset": -15}),
    "contrast": (lambda f: 0.8 * f + 25, {"gain": 0.8, "offset": 25}),
    "saturation 1.2": (lambda f: _saturated(f, 1.2), {"saturation": 1.2}),
    "saturation 0.7": (lambda f: _saturated(f, 0.7), {"saturation": 0.7}),
    "hue 10": (lambda f: _hue_turned(f, 10), {"hue_deg": 10}),
    "hue -6": (lambda f: _hue_turned(f, -6), {"hue_deg": -6}),
    # red times the root of 1.1, blue divided by it; grey then has 0.299 * 1.0488 + 0.587 + 0.114 * 0.9535 = 1.0093
    "white balance": (
        lambda f: f * np.array([1.1**0.5, 1, 1.1**-0.5]),
        {"white_balance": 1.1, "gain": 1.0093},
    ),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("planted", PLANTED)
def test_planted_within_a_tenth_and_no_phantom(name, planted, scenes, render, ready):
    change, expected = PLANTED[planted]
    frame = render(scenes[name])
    found = _measure(ready(frame), ready(change(frame)))
    for quantity, (nothing, phantom) in QUANTITIES.items():
        measure = getattr(found, quantity)
        assert measure.valid, quantity
        wanted = expected.get(quantity, nothing)
        tolerance = max(phantom, 0.1 * abs(wanted - nothing)) if quantity in expected else phantom
        assert measure.value == pytest.approx(wanted, abs=tolerance), quantity


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["shift", "rotation", "zoom", "blur", "noise"])
def test_no_light_from_motion_blur_and_noise(name, how, scenes, render, ready):
    scene, frame = scenes[name], render(scenes[name])
    other = {
        "shift": lambda: render(scene, shift=(7.4, -3.3)),
        "rotation": lambda: render(scene, rotation=2.5),
        "zoom": lambda: render(scene, zoom=1.04),
        "blur": lambda: cv2.GaussianBlur(frame, (0, 0), 2),
        "noise": lambda: frame + np.random.default_rng(1).normal(0, 5, frame.shape),
    }[how]()
    found = _measure(ready(frame), ready(other))
    for quantity, (nothing, phantom) in QUANTITIES.items():
        assert getattr(found, quantity).value == pytest.approx(nothing, abs=phantom), quantity


@pytest.mark.parametrize("name", NAMES)
def test_gain_with_a_shift(name, scenes, render, ready):
    a, b = ready(render(scenes[name])), ready(1.1 * render(scenes[name], shift=(5.3, 2.1)))
    found = _measure(a, b)
    assert found.gain.value == pytest.approx(1.1, abs=0.01)
    assert found.offset.value == pytest.approx(0, abs=1)


def test_gain_beside_a_moving_part(scenes, render, ready):
    # a rectangle of another scene, a quarter of the frame, comes in
    a = render(scenes["dog"])
    b = 1.1 * a
    b[90:270, 160:480] = render(scenes["cups"])[90:270, 160:480]
    found = _measure(ready(a), ready(b))
    assert found.gain.valid
    assert found.gain.value == pytest.approx(1.1, abs=0.01)


def test_errors_cover_what_noise_does(scenes, render, ready):
    frame, generator = render(scenes["dog"]), np.random.default_rng(5)
    far = 0
    for _ in range(12):
        a, b = (ready(frame + generator.normal(0, 6, frame.shape)) for _ in range(2))
        gain = _measure(a, b).gain
        far += abs(gain.value - 1) > 3 * gain.error
    assert far <= 1


def test_a_grey_scene_has_no_colour_to_measure(scenes, render, ready):
    grey = _saturated(render(scenes["cups"]), 0)
    found = _measure(ready(grey), ready(1.1 * grey))
    assert found.gain.valid
    assert found.gain.value == pytest.approx(1.1, abs=0.01)
    assert not found.saturation.valid
    assert not found.hue_deg.valid


def test_a_clipped_scene_has_no_gain(scenes, render, ready):
    white = 3 * render(scenes["cups"]) + 150
    assert not _measure(ready(white), ready(1.2 * white)).gain.valid


def test_nothing_is_valid_unaligned(scenes, render, ready):
    a, b = ready(render(scenes["dog"])), ready(render(scenes["cups"]))
    centre = ((a.gray.shape[1] - 1) / 2, (a.gray.shape[0] - 1) / 2)
    found = measure_light(a, b, at_rest(centre), np.zeros(len(a.corners), bool), aligned=False)
    assert not found.gain.valid


def test_hue_of_single_colours():
    # ties the planting above to the standard library's HSV
    colours = np.array([[[200, 40, 30], [20, 180, 90], [10, 60, 220], [150, 140, 60]]], np.float32)
    turned = _hue_turned(colours, 25)[0]
    for before, after in zip(colours[0], turned, strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        expected = colorsys.hsv_to_rgb((hue + 25 / 360) % 1, saturation, value)
        assert expected == pytest.approx(after, abs=0.1)
