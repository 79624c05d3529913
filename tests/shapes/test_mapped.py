"""Masks and turned boxes under maps of the whole frame, against OpenCV, NumPy and shapely."""

import cv2
import numpy as np
import pytest
from shapely.affinity import affine_transform
from shapely.geometry import Polygon as Outline
from shapely.geometry import box as frame_of

from vidrobust.perturb.geometric import shifted, turned, zoomed
from vidrobust.shapes.mask import Mask, Polygon

SIZE = (90, 120)


def blob(seed):
    """(H, W) bool: a shape with holes, which also touches the border."""
    rng = np.random.default_rng(seed)
    return cv2.GaussianBlur(rng.random(SIZE), (0, 0), 6) > 0.5


def test_whole_pixels_and_mirrors_are_exact():
    pixels = blob(0)
    mask = Mask.of_picture(pixels)
    moved = mask.mapped(shifted(7, -4), SIZE).array(SIZE)
    expected = np.zeros(SIZE, bool)
    expected[:-4, 7:] = pixels[4:, :-7]
    np.testing.assert_array_equal(moved, expected)
    mirrored = mask.mapped(np.diag([-1.0, 1, 1]), SIZE).array(SIZE)
    np.testing.assert_array_equal(mirrored, pixels[:, ::-1])
    np.testing.assert_array_equal(mask.mapped(np.eye(3), SIZE).array(SIZE), pixels)


@pytest.mark.parametrize("seed", range(3))
def test_any_map_as_opencv_draws_it(seed):
    """The nearest pixel, of a rotation, a size and a tilt at once; on the outline it may be the next one."""
    rng = np.random.default_rng(seed)
    matrix = turned(rng.uniform(-40, 40)) @ zoomed(rng.uniform(0.7, 1.4))
    matrix = matrix @ shifted(*rng.uniform(-20, 20, 2))
    matrix[2, :2] = rng.uniform(-1e-3, 1e-3, 2)
    pixels = blob(seed)
    centre = np.array([[1, 0, (SIZE[1] - 1) / 2], [0, 1, (SIZE[0] - 1) / 2], [0, 0, 1]])
    whole = centre @ matrix @ np.linalg.inv(centre)
    levels = pixels.astype(np.float32)
    drawn = cv2.warpPerspective(levels, whole, SIZE[::-1], flags=cv2.INTER_LINEAR)
    ours = Mask.of_picture(pixels).mapped(matrix, SIZE).array(SIZE)
    sure = (drawn < 0.01) | (drawn > 0.99)
    assert sure.mean() > 0.7
    np.testing.assert_array_equal(ours[sure], drawn[sure] > 0.5)


def test_what_leaves_the_frame_is_gone():
    mask = Mask.of_array(np.ones((10, 10), bool), 2, 2)
    assert mask.mapped(shifted(-40, 0), SIZE).area == 0
    assert mask.mapped(shifted(-7, 0), SIZE).area == 50
    assert Mask(np.empty(0, np.int64)).mapped(turned(5), SIZE).area == 0


def test_turned_boxes_as_shapely_moves_them():
    given = Polygon.turned(30, 40, 50, 20, 0.4)
    matrix = turned(25) @ zoomed(1.3) @ shifted(-12, 9)
    (a, b, x), (c, d, y) = matrix[:2]
    about = affine_transform(Outline(given.corners), [1, 0, 0, 1, -SIZE[1] / 2, -SIZE[0] / 2])
    there = affine_transform(about, [a, b, c, d, x, y])
    there = affine_transform(there, [1, 0, 0, 1, SIZE[1] / 2, SIZE[0] / 2])
    expected = there.intersection(frame_of(0, 0, SIZE[1], SIZE[0]))
    assert 0 < expected.area < there.area  # part of it leaves the frame
    ours = Outline(given.mapped(matrix, SIZE).corners)
    assert ours.symmetric_difference(expected).area < 0.1
