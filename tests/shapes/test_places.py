"""Boxes with shapes in them: overlaps, moving, clipping."""

import numpy as np
import pytest

from vidrobust.metrics.box_differences import areas, ious, match, same_place
from vidrobust.shapes.mask import Mask, Polygon
from vidrobust.shapes.shape import Places, mask_array, shape_array


def upper_and_lower():
    """The two triangles of one square: boxes are the same, and nothing is in common."""
    inside = np.tril(np.ones((20, 20), bool), -1)
    masks = [Mask.of_array(inside, 10, 10), Mask.of_array(inside.T, 10, 10)]
    return Places(np.tile([10.0, 10, 30, 30], (2, 1)), shape_array(masks))


def test_masks_decide_what_overlaps():
    both = upper_and_lower()
    assert areas(both).tolist() == [190, 190]
    i, j, iou = ious(both, both)
    assert [(a, b) for a, b, c in zip(i, j, iou, strict=True) if c > 0] == [(0, 0), (1, 1)]
    assert ious(both.boxes, both.boxes)[2].tolist() == [1, 1, 1, 1]
    here, there, _ = match(both, both.take(np.array([1, 0])), np.zeros(2), np.zeros(2))
    assert list(zip(here, there, strict=True)) == [(0, 1), (1, 0)]
    one, other = (both.take(np.array([place])) for place in (0, 1))
    assert len(same_place(one, other, np.zeros(1), np.zeros(1))[0]) == 0


def test_a_box_without_a_shape_counts_whole():
    shapes = shape_array([upper_and_lower().shapes[0], None])
    mixed = Places(np.tile([10.0, 10, 30, 30], (2, 1)), shapes)
    assert ious(mixed, mixed)[2].tolist() == pytest.approx([1, 190 / 400, 190 / 400, 1])


def test_moved_and_clipped():
    places = Places(np.array([[0.0, 0, 10, 10]]), shape_array([Polygon.turned(5, 5, 10, 10, 0)]))
    moved = places.moved(np.array([-4.0, 2])).clipped((40, 60))
    assert moved.boxes.tolist() == [[0, 2, 6, 12]]
    assert areas(moved).tolist() == [60]
    assert areas(places).tolist() == [100]
    assert places.at(np.array([[20.0, 20, 40, 40]])).shapes[0].centre.tolist() == [30, 30]


def test_masks_of_probabilities():
    given = np.zeros((2, 1, 8, 8), np.float32)
    given[0, 0, 2:4, 3:6] = 0.5
    one, none = mask_array(given, 0.5)
    assert (one.box.tolist(), none) == ([3, 2, 6, 4], None)
