"""Registration against displacements that are known because they were made without it."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from scipy import ndimage

from vidrobust.frame_pairs import registration
from vidrobust.frame_pairs.registration import (
    Doubled,
    affine_field,
    camera_motion,
    inside,
    moves_alone,
    own_motion,
    register,
    size_px,
    warp,
    warp_at,
)
from vidrobust.frame_pairs.transitions import Unregistered

H, W = 150, 200


def texture(seed=0, height=H, width=W):
    """A random picture with detail at several sizes, (height, width, 3) uint8, levels 30 to 225."""
    rng = np.random.default_rng(seed)
    layers = [ndimage.gaussian_filter(rng.normal(size=(height, width)), s) for s in (1.5, 4, 12)]
    luma = sum(layer / layer.std() for layer in layers)
    tint = [ndimage.gaussian_filter(rng.normal(size=(height, width)), 8) for _ in range(3)]
    planes = [luma + t / t.std() for t in tint]
    picture = np.clip(127 + 25 * np.stack(planes, axis=2), 30, 225)
    return np.rint(picture).astype(np.uint8)


def cut(big, x, y):
    """The view whose upper left corner is at (x, y)."""
    return np.ascontiguousarray(big[y : y + H, x : x + W])


def resampled(picture, linear, shift_xy):
    """The picture under x' = c + linear (x - c) + shift, by scipy's cubic splines: another implementation."""
    back = np.linalg.inv(linear)
    centre = np.array([(W - 1) / 2, (H - 1) / 2])
    offset = centre - back @ (centre + np.array(shift_xy))
    swap = np.array([[0, 1], [1, 0]])  # scipy counts y, x
    channels, turn = picture.astype(float).transpose(2, 0, 1), swap @ back @ swap
    how = {"offset": offset[::-1], "order": 3, "mode": "mirror"}
    planes = [ndimage.affine_transform(channel, turn, **how) for channel in channels]
    return np.clip(np.rint(np.stack(planes, axis=2)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shift", [(0, 0), (3, 0), (-2, 5), (11, -7)])
def test_a_whole_pixel_shift_of_the_view_is_found(shift):
    # the picture moves by +shift when the window moves by -shift: no interpolation anywhere
    big = texture(1, H + 40, W + 40)
    a, b = cut(big, 20, 20), cut(big, 20 - shift[0], 20 - shift[1])
    found = register(a, b)
    assert found.failed is found.affine_failed is None
    assert found.shift == pytest.approx(shift, abs=0.03)
    assert found.common > 0.9
    assert found.likeness > 0.95  # a strip of b was outside a


@pytest.mark.parametrize("shift", [(0.4, 0.0), (-1.3, 2.6)])
def test_a_fraction_of_a_pixel_is_found(shift):
    a = texture(2)
    found = register(a, resampled(a, np.eye(2), shift))
    assert found.shift == pytest.approx(shift, abs=0.05)


@pytest.mark.parametrize(("degrees", "zoom"), [(1.5, 1.0), (0.0, 1.02), (-0.8, 0.985)])
def test_rotation_and_zoom_are_found(degrees, zoom):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    linear = zoom * np.array([[c, -s], [s, c]])
    a = texture(3)
    found = register(a, resampled(a, linear, (0.0, 0.0)))
    # affine leads from b back to a: the inverse of what was done
    assert found.affine[:, :2] == pytest.approx(np.linalg.inv(linear), abs=6e-4)
    assert found.shift == pytest.approx((0, 0), abs=0.06)


def test_an_object_that_moves_does_not_move_the_camera():
    background, part = texture(4), texture(5)[:50, :60]
    a, b = background.copy(), background.copy()
    a[50:100, 60:120] = part
    b[52:102, 66:126] = part
    found = register(a, b)
    assert found.shift == pytest.approx((0, 0), abs=0.02)
    inner = found.flow[60:94, 74:118]
    assert np.median(inner.reshape(-1, 2), axis=0) == pytest.approx((-6, -2), abs=0.1)
    at_rest = affine_field(found.affine, H, W)
    own = own_motion(found, found.affine, at_rest, 0.3).any(axis=2)
    assert own[60:94, 74:118].mean() > 0.95
    assert own[:40].mean() < 0.05
    # what the part uncovered, 6 px at its left and 2 px above, was not seen in a
    assert found.visible[60:94, 61:64].mean() < 0.25
    assert found.visible[:40].mean() > 0.99


@pytest.mark.parametrize(
    ("level", "size", "shift", "alone"),
    [
        (60, (80, 60), (3, 2), True),  # a part before a plain wall
        (None, (80, 60), (3, 2), False),  # the same before one with a pattern
        (60, (W, 130), (3, 2), False),  # it reaches three sides: the camera
        (60, (80, 60), (0, 0), False),  # nothing moves
    ],
)
def test_before_an_empty_background_nobody_knows_what_moves(level, size, shift, alone):
    background = texture(4) if level is None else np.full((H, W, 3), level, np.uint8)
    noise = np.random.default_rng(0).normal(0, 1.5, (2, H, W, 3))
    big, (width, height) = texture(5, H + 10, W + 10), size
    x, y = (W - width) // 2, 20
    frames = []
    for number, (dx, dy) in enumerate([(0, 0), shift]):
        frame = background.copy()
        frame[y : y + height, x : x + width] = big[dy : dy + height, dx : dx + width]
        if width < W:
            frame = background.copy()
            frame[y + dy : y + dy + height, x + dx : x + dx + width] = big[:height, :width]
        frames.append(np.clip(np.rint(frame + noise[number]), 0, 255).astype(np.uint8))
    assert moves_alone(register(*frames)) == alone


def test_points_on_dirt_do_not_hold_a_camera_that_all_else_shows(monkeypatch):
    camera = SimpleNamespace(matrix_back=np.eye(2, 3).copy)
    at_rest = SimpleNamespace(camera_valid=True, camera=camera)
    monkeypatch.setattr(registration, "measure_motion", lambda a, b: at_rest)
    big, dirt = texture(11, H + 20, W + 20), np.ones((H, W, 1))
    rng = np.random.default_rng(3)
    for y, x in zip(rng.integers(6, H - 6, 40), rng.integers(6, W - 6, 40), strict=True):
        dirt[y - 2 : y + 3, x - 2 : x + 3] = 0.6
    a, b = (np.rint(cut(big, *at) * dirt).astype(np.uint8) for at in ((10, 10), (6, 9)))
    moved = affine_field(camera_motion(a, b, register(a, b), by_pixels=False), H, W)
    assert moved.mean(axis=(0, 1)) == pytest.approx((-4, -1), abs=0.15)
    # a part that fills most of the picture, and leaves a background at rest
    a, b = cut(big, 10, 10), cut(big, 6, 9)
    a[:40], b[:40] = texture(4)[:40], texture(4)[:40]
    assert not affine_field(camera_motion(a, b, register(a, b), by_pixels=False), H, W).any()


@pytest.mark.parametrize("gain", [0.6, 1.3])
def test_light_is_not_taken_for_motion(gain):
    a = np.clip(texture(6), 30, 190)
    b = np.rint(a * gain).astype(np.uint8)
    found = register(a, b)
    assert found.shift == pytest.approx((0, 0), abs=0.01)
    own = own_motion(found, found.affine, affine_field(found.affine, H, W), 0.3)
    assert size_px(own) < 0.05


def test_flat_frames_say_so():
    flat = np.full((H, W, 3), 90, np.uint8)
    assert register(flat, flat).failed is Unregistered.NO_TEXTURE


def test_another_scene_says_so():
    assert register(texture(7), texture(8)).failed is Unregistered.OTHER_SCENE


def test_a_tiny_frame_says_so():
    small = texture(9)[:20, :20]
    assert register(small, small).failed is Unregistered.SMALL_FRAME


def test_frames_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="register"):
        register(texture(0), texture(0)[:-2])


def test_inputs_are_left_alone():
    a, b = texture(10), texture(10)[:, ::-1].copy()
    kept = a.copy(), b.copy()
    register(a, b)
    assert np.array_equal(a, kept[0])
    assert np.array_equal(b, kept[1])


def test_warp_by_whole_pixels_copies():
    a = texture(11)
    moved = warp(a, np.broadcast_to(np.float32([-4.0, 3.0]), (H, W, 2)))
    assert np.array_equal(moved[: H - 3, 4:], a[3:, : W - 4])
    assert np.array_equal(warp(a, np.zeros((H, W, 2), np.float32)), a)


def test_warp_is_nearer_to_the_truth_than_cubic():
    # a sine of period 5 px, whose value between the pixels is known
    x = np.arange(W, dtype=np.float64)
    wave = np.broadcast_to(np.sin(2 * np.pi * x / 5), (H, W)).astype(np.float32)
    truth = np.sin(2 * np.pi * (x + 0.3125) / 5)
    moved_by = np.zeros((H, W, 2), np.float32)
    moved_by[..., 0] = 0.3125

    def error(interpolation):
        made = warp(wave, moved_by, interpolation=interpolation)[H // 2]
        return float(np.abs(made - truth)[10:-10].max())

    assert error(cv2.INTER_LANCZOS4) < 0.01
    assert error(cv2.INTER_LANCZOS4) < error(cv2.INTER_CUBIC) < error(cv2.INTER_LINEAR)


@pytest.mark.parametrize("period", [4, 5, 6, 8])
def test_doubled_has_waves_within_a_fiftieth_of_their_height(period):
    x = np.arange(W, dtype=np.float64)
    wave = np.broadcast_to(np.sin(2 * np.pi * x / period), (H, W)).astype(np.float32)
    for shift in np.arange(1, 8) / 8:
        moved_by = np.zeros((H, W, 2), np.float32)
        moved_by[..., 0] = shift
        made = Doubled(wave).warped(moved_by)[H // 2]
        assert np.abs(made - np.sin(2 * np.pi * (x + shift) / period))[10:-10].max() < 1 / 50


@pytest.mark.parametrize("shift", [(0.5, 0.0), (0.0, -0.5), (-3.5, 2.5), (4.0, -2.0)])
@pytest.mark.parametrize("channels", [1, 3])
def test_doubled_has_the_halves_that_opencv_has_up_to_the_mirrored_border(shift, channels):
    frame = np.random.default_rng(4).random((60, 90, channels)).astype(np.float32) * 255
    frame = frame[..., 0] if channels == 1 else frame
    field = np.broadcast_to(np.float32(shift), (60, 90, 2)).copy()
    np.testing.assert_allclose(Doubled(frame).warped(field), warp(frame, field), atol=0.01)


def test_size_is_the_root_mean_square_length():
    # 3-4-5: a field of length 5 on half of the frame has rms sqrt(25 / 2)
    field = np.zeros((2, 4, 2), np.float32)
    field[0] = (3, 4)
    assert size_px(field) == pytest.approx(np.sqrt(12.5))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("share", [0.0, 0.01, 1.0])
def test_single_pixels_are_sampled_as_in_the_whole_picture(channels, share):
    rng = np.random.default_rng(3)
    frame = (rng.random((90, 130, channels)) * 255).astype(np.float32)
    frame = frame[..., 0] if channels == 1 else frame
    field = rng.normal(0, 5, (90, 130, 2)).astype(np.float32)
    where = rng.random((90, 130)) < share
    found = warp_at(frame, field, where)
    assert found.shape == (where.sum(), *frame.shape[2:])
    np.testing.assert_array_equal(found, warp(frame, field)[where])


def test_inside_is_within_half_a_pixel_of_the_border():
    flow = np.zeros((3, 4, 2), np.float32)
    assert inside(flow).all()
    flow[..., 0] = 1.0
    assert inside(flow)[:, :-1].all()
    assert not inside(flow)[:, -1].any()
    flow[..., 0] = 0.4
    assert inside(flow).all()
