"""Planted motion of real photographs; the planting is independent of the measurement (see conftest)."""

import cv2
import numpy as np
import pytest

from vidrobust.frame_pairs.motion import measure_motion
from vidrobust.frame_pairs.prepared import prepare_array

NAMES = ["dog", "cups"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "shift", [(0.3, -0.2), (0.75, 0.5), (3.4, 1.5), (-15.5, 6.25), (40.0, -12.0)]
)
def test_shift_within_hundredths_of_a_pixel(name, shift, scenes, render, ready):
    found = measure_motion(ready(render(scenes[name])), ready(render(scenes[name], shift=shift)))
    assert found.camera_valid
    assert (found.camera.shift_x, found.camera.shift_y) == pytest.approx(shift, abs=0.06)
    assert abs(found.camera.rotation_deg) < 0.02
    assert abs(found.camera.zoom - 1) < 5e-4
    assert found.camera.shift_error < 0.05


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("rotation", "zoom"),
    [(0.2, 1.0), (-1.0, 1.0), (4.0, 1.0), (0.0, 1.003), (0.0, 0.95), (2.0, 1.04)],
)
def test_rotation_and_zoom_within_three_percent(name, rotation, zoom, scenes, render, ready):
    moved = render(scenes[name], rotation=rotation, zoom=zoom)
    found = measure_motion(ready(render(scenes[name])), ready(moved))
    assert found.camera_valid
    assert found.camera.rotation_deg == pytest.approx(rotation, rel=0.03, abs=0.02)
    assert found.camera.zoom - 1 == pytest.approx(zoom - 1, rel=0.03, abs=5e-4)
    assert np.hypot(found.camera.shift_x, found.camera.shift_y) < 0.1


def test_signs_on_a_cut_of_whole_pixels(scenes):
    # cutting further left and further up moves the content right and down, by hand
    picture = scenes["dog"][::2, ::2].astype(np.uint8)
    a, b = picture[20:340, 20:620].copy(), picture[13:333, 16:616].copy()
    camera = measure_motion(prepare_array(a), prepare_array(b)).camera
    assert (camera.shift_x, camera.shift_y) == pytest.approx((4, 7), abs=0.03)
    corner = camera.map(np.array([[100.0, 50.0]]))
    assert corner[0] == pytest.approx((104, 57), abs=0.1)


def test_pixels_are_those_of_the_full_frame(scenes, render, ready):
    # 1152 px wide: motion is analysed at 640 px
    a, b = (ready(render(scenes["cups"], shift=s, width=1152)) for s in ((0, 0), (5.5, -2.25)))
    assert a.scale == pytest.approx(640 / 1152)
    camera = measure_motion(a, b).camera
    assert (camera.shift_x, camera.shift_y) == pytest.approx((5.5, -2.25), abs=0.06)


@pytest.mark.parametrize(
    "change", [lambda x: 0.7 * x, lambda x: 1.2 * x, lambda x: x + 8, lambda x: 0.8 * x + 20]
)
@pytest.mark.parametrize("name", NAMES)
def test_light_is_no_motion(name, change, scenes, render, ready):
    frame = render(scenes[name])
    camera = measure_motion(ready(frame), ready(change(frame))).camera
    assert np.hypot(camera.shift_x, camera.shift_y) < 0.02
    assert abs(camera.rotation_deg) < 0.015


@pytest.mark.parametrize("camera", [(0.0, 0.0), (1.4, -0.8)])
@pytest.mark.parametrize("share", [0.06, 0.15, 0.3])
def test_part_and_camera_apart(camera, share, scenes, render, ready):
    part = (6.3, -2.4)
    a = _composed(scenes, render, (0, 0), (0, 0), share)
    b = _composed(scenes, render, camera, part, share)
    found = measure_motion(ready(a), ready(b))
    assert found.camera_valid
    assert (found.camera.shift_x, found.camera.shift_y) == pytest.approx(camera, abs=0.05)
    assert (found.part.shift_x, found.part.shift_y) == pytest.approx(part, abs=0.1)
    # the part was planted in the middle
    assert found.part.centre == pytest.approx((319.5, 179.5), abs=60)
    assert share / 2 < found.moving_share < 2.5 * share + 0.05


def test_large_part_before_a_camera_at_rest(scenes, render, ready):
    # the part fills 60 % of the frame; what stands still around it is the background
    a = _composed(scenes, render, (0, 0), (0, 0), 0.6, back="dog", front="cups")
    b = _composed(scenes, render, (0, 0), (6.3, -2.4), 0.6, back="dog", front="cups")
    found = measure_motion(ready(a), ready(b))
    assert (found.camera.shift_x, found.camera.shift_y) == pytest.approx((0, 0), abs=0.05)
    assert (found.part.shift_x, found.part.shift_y) == pytest.approx((6.3, -2.4), abs=0.06)


def test_a_part_before_nothing_is_no_camera(scenes, render, ready):
    # one textured object on a blank wall: nothing tells what the camera does
    mask = np.zeros((360, 640, 1), np.float32)
    mask[120:240, 260:380] = 1
    masked = render(scenes["dog"]) * mask + 128 * (1 - mask)
    a, b = (ready(np.roll(masked, shift, axis=(0, 1))) for shift in ((0, 0), (3, 5)))
    assert not measure_motion(a, b).camera_valid


@pytest.mark.parametrize(
    "picture", [np.full((360, 640, 3), 90.0), np.zeros((12, 9, 3)), np.full((3, 200, 3), 7.0)]
)
def test_blank_and_tiny_pictures_have_no_motion(picture, ready):
    found = measure_motion(ready(picture), ready(picture))
    assert not found.camera_valid
    assert found.part is None


def test_other_scene_is_no_motion(scenes, render, ready):
    dog, cups = (ready(render(scenes[name])) for name in ("dog", "cups"))
    assert not measure_motion(dog, cups).camera_valid


def test_inputs_are_untouched_and_results_repeat(scenes, render, ready):
    a, b = ready(render(scenes["dog"])), ready(render(scenes["dog"], shift=(2.5, 0)))
    before = [x.copy() for x in (a.small, b.small, a.corners)]
    first, second = measure_motion(a, b), measure_motion(a, b)
    assert first.camera == second.camera
    for x, y in zip(before, (a.small, b.small, a.corners), strict=True):
        np.testing.assert_array_equal(x, y)


def _composed(scenes, render, camera, part, share, back="cups", front="dog"):
    """A background that moves with the camera, and before its middle a rectangle of another scene."""
    background, foreground = render(scenes[back], shift=camera), render(scenes[front], shift=part)
    height, width = background.shape[:2]
    mask = np.zeros((height, width), np.float32)
    h, w = round(height * share**0.5), round(width * share**0.5)
    mask[(height - h) // 2 : (height + h) // 2, (width - w) // 2 : (width + w) // 2] = 1
    mask = cv2.warpAffine(mask, np.float32([[1, 0, part[0]], [0, 1, part[1]]]), (width, height))
    return background + mask[..., None] * (foreground - background)
