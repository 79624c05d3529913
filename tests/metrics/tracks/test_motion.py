"""Shifts of boxes on frames that were moved by a known amount, and on a real clip."""

import itertools

import av
import cv2
import numpy as np
import pytest

from vidrobust.metrics.tracks.motion import box_shifts, small_gray


def texture(seed, height, width):
    rough = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    return cv2.GaussianBlur(rough, (0, 0), 2.0)


@pytest.mark.parametrize("step", [3, 24, 60])
def test_a_part_on_a_standing_background(step):
    """A textured part of 120 x 100 px goes ``step`` px to the right before another texture."""
    background, part = texture(0, 360, 640), texture(1, 100, 120)
    frames = []
    for x in (100, 100 + step):
        frame = background.copy()
        frame[130:230, x : x + 120] = part
        frames.append(small_gray(frame))
    shifts = box_shifts(*frames, np.array([[100, 130, 220, 230], [400, 50, 500, 150]]), 1.0)
    np.testing.assert_allclose(shifts, [[step, 0], [0, 0]], atol=0.3)


def test_a_large_frame_is_reported_in_its_own_pixels():
    wide = texture(2, 720, 1400)
    a, b = (small_gray(np.ascontiguousarray(wide[:, x : x + 1280])) for x in (40, 0))
    shifts = box_shifts(a, b, np.array([[400, 200, 800, 500]]), a.shape[1] / 1280)
    np.testing.assert_allclose(shifts, [[40, 0]], atol=0.6)


def test_a_flat_box_has_no_shift():
    flat = np.full((360, 640), 90, np.uint8)
    assert np.isnan(box_shifts(flat, flat, np.array([[100, 100, 200, 200]]), 1.0)).all()
    assert box_shifts(flat, flat, np.empty((0, 4)), 1.0).shape == (0, 2)


def test_the_bottle_that_is_set_down(corpus):
    """From frame 669 to 672 its bottom edge goes from y 216 to 237, read off the pictures (+- 4)."""
    path = corpus / "factory" / "intel_bottle-detection.mp4"
    with av.open(str(path)) as container:
        grays = [
            small_gray(cv2.cvtColor(frame.to_ndarray(format="rgb24"), cv2.COLOR_RGB2GRAY))
            for number, frame in enumerate(container.decode(video=0))
            if 669 <= number <= 672
        ]
    box, standing = np.array([[277.0, 30, 336, 216]]), np.array([[508.0, 106, 572, 318]])
    moved = [box_shifts(a, b, box, 1.0)[0] for a, b in itertools.pairwise(grays)]
    assert abs(sum(shift[1] for shift in moved) - 21) <= 6
    rest = [box_shifts(a, b, standing, 1.0)[0] for a, b in itertools.pairwise(grays)]
    assert np.abs(rest).max() < 0.5


def test_a_crowd_shares_one_flow():
    """Two hundred boxes, of which those on the right half go 5 px to the right, those on the left 3 px down."""
    ground = texture(3, 400, 700)
    a = ground[20:380, 20:660]
    b = np.concatenate([ground[17:377, 20:340], ground[20:380, 335:655]], axis=1)
    corners = [(40 * i, 18 * j) for i in range(16) for j in range(19)]
    boxes = np.array([[x + 6, y + 4, x + 34, y + 18] for x, y in corners])
    shifts = box_shifts(small_gray(np.ascontiguousarray(a)), small_gray(b), boxes, 1.0)
    left, right = boxes[:, 2] < 310, boxes[:, 0] > 340
    inner = (boxes[:, 1] > 20) & (boxes[:, 3] < 340) & (boxes[:, 2] < 625)
    np.testing.assert_allclose(np.nanmedian(shifts[left & inner], axis=0), [0, 3], atol=0.2)
    np.testing.assert_allclose(np.nanmedian(shifts[right & inner], axis=0), [5, 0], atol=0.2)
    assert np.isfinite(shifts[inner]).mean() > 0.8
    near = np.abs(shifts - np.where(left[:, None], [0, 3], [5, 0])).max(axis=1) < 1
    assert near[(left | right) & inner & np.isfinite(shifts[:, 0])].mean() > 0.9
