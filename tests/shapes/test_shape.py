"""Shapes in text, compared with each other, and their flicker by hand."""

import numpy as np
import pytest

from vidrobust.shapes.mask import Mask, Polygon
from vidrobust.shapes.shape import (
    as_mask,
    common,
    flicker,
    of_rings,
    outline,
    read_shape,
    shape_text,
)

SIZE = (40, 60)


def bar(width, x=10, height=4):
    return Mask.of_array(np.ones((height, width), bool), x, 8)


def test_text_and_back():
    mask, turned = bar(5), Polygon.turned(20, 15, 10, 4, 0.4)
    for shape in (mask, turned):
        again = read_shape(shape_text(shape, SIZE))
        assert again is not None
        assert common(again, shape) == pytest.approx(shape.area)
        assert again.area == pytest.approx(shape.area)
    assert shape_text(None, SIZE) == ""
    assert read_shape("") is None
    scaled = read_shape("polygon 0 0 .5 0 .5 .5 0 .5", (60, 40))
    assert scaled.box.tolist() == [0, 0, 30, 20]


@pytest.mark.parametrize("text", ["rle 2 2 :9", "rle 2", "circle 1 2 3", "polygon 1 2 3"])
def test_what_is_no_shape(text):
    with pytest.raises(ValueError):
        read_shape(text)


def test_rings_of_four_convex_corners_are_turned_boxes():
    diamond = np.array([[5.0, 0], [10, 5], [5, 10], [0, 5]])
    assert isinstance(of_rings([diamond]), Polygon)
    assert isinstance(of_rings([diamond[[0, 2, 1, 3]]]), Mask)
    assert isinstance(of_rings([diamond, diamond + 20]), Mask)


def test_a_mask_and_a_box():
    assert common(bar(6), Polygon.of_box(np.array([12, 8, 30, 10]))) == 4 * 2
    assert as_mask(Polygon.of_box(np.array([12.0, 8, 30, 10]))).area == 36


def test_outlines_to_be_drawn():
    """A bar of 5 x 4 pixels from 10, 8; and corners as they are."""
    (ring,) = outline(bar(5))
    assert ring.min(axis=0).tolist() == [10.5, 8.5]
    assert ring.max(axis=0).tolist() == [14.5, 11.5]
    turned = Polygon.turned(20, 15, 10, 4, 0.4)
    np.testing.assert_array_equal(outline(turned)[0], turned.corners)


def test_a_steady_outline_does_not_flicker():
    """At rest, moving, growing and turning steadily."""
    assert flicker(bar(5), bar(5), bar(5)) == 0
    assert flicker(bar(5, 10), bar(5, 17), bar(5, 24)) == 0
    assert flicker(bar(5), bar(7, 9), bar(9, 8)) == 0
    turns = [Polygon.turned(20, 20, 20, 8, angle) for angle in (0.1, 0.12, 0.14)]
    assert flicker(*turns) < 0.001


def test_flicker_by_hand():
    """One column of 4 pixels more on either side in the middle frame alone, of 7: 8 of 28 pixels."""
    assert flicker(bar(5), bar(7, 9), bar(5)) == pytest.approx(8 / 28)
    assert flicker(bar(7, 9), bar(5), bar(7, 9)) == pytest.approx(8 / 20)
    # on one side, the motion of the centre taken out: one column on each side in two frames of half of them
    assert flicker(bar(6), bar(8), bar(6)) == pytest.approx(8 / 32)
    assert np.isnan(flicker(bar(5), Mask(np.empty(0, np.int64)), bar(5)))
    swung = [Polygon.turned(20, 20, 20, 8, angle) for angle in (0, 0.2, 0)]
    # what the turned box has alone, and what it lacks, are alike
    assert flicker(*swung) == pytest.approx(2 * (160 - swung[0].common(swung[1])) / 160, rel=1e-3)
