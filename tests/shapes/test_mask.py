"""Masks as spans, against arrays of pixels and against pycocotools."""

import numpy as np
import pytest

from vidrobust.shapes.mask import Mask, packed, unpacked

coco = pytest.importorskip("pycocotools.mask")
SIZE = (40, 60)


def blobs(seed):
    """(40, 60) bool of a few discs; of seed 0 empty, of seed 1 full."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(SIZE)
    found = np.full(SIZE, seed == 1)
    for _ in range(seed % 5):
        cx, cy, r = rng.uniform((0, 0, 2), (60, 40, 12))
        found |= (x - cx) ** 2 + (y - cy) ** 2 < r**2
    return found


@pytest.mark.parametrize("seed", range(10))
def test_run_lengths_are_those_of_pycocotools(seed):
    picture = blobs(seed)
    mask = Mask.of_picture(picture)
    expected = coco.encode(np.asfortranarray(picture.astype(np.uint8)))["counts"].decode()
    assert packed(mask.counts(SIZE).tolist()) == expected
    np.testing.assert_array_equal(Mask.of_counts(unpacked(expected), SIZE[0]).edges, mask.edges)
    np.testing.assert_array_equal(mask.array(SIZE), picture)
    assert mask.area == picture.sum()


@pytest.mark.parametrize("seed", range(2, 8))
def test_moved_clipped_and_compared_as_arrays_are(seed):
    one, two = blobs(seed), blobs(seed + 20)
    assert Mask.of_picture(one).common(Mask.of_picture(two)) == (one & two).sum()
    for x, y in ((3, -5), (-20, 8), (70, 0), (0, -45)):
        moved = np.zeros((200, 220), bool)
        moved[80 + y : 120 + y, 80 + x : 140 + x] = one
        expected = moved[80:120, 80:140]
        mask = Mask.of_picture(one).moved(np.array([x, y]))
        assert mask.common(Mask.of_picture(two)) == (expected & two).sum()
        np.testing.assert_array_equal(mask.clipped(SIZE).array(SIZE), expected)


def test_box_and_centre():
    picture = np.zeros(SIZE, bool)
    picture[10:20, 5:9] = True
    mask = Mask.of_picture(picture)
    assert mask.box.tolist() == [5, 10, 9, 20]
    assert mask.centre.tolist() == [7, 15]
    assert np.isnan(Mask.of_picture(np.zeros(SIZE, bool)).centre).all()


def test_rings_hold_the_pixels_whose_middle_lies_inside():
    """A rectangle from 5.4 to 9.6 and 10 to 12.5 has the middles 5.5 to 8.5 (9.5 too) and 10.5, 11.5, not 12.5."""
    ring = np.array([[5.4, 10], [9.6, 10], [9.6, 12.5], [5.4, 12.5]])
    mask = Mask.of_rings([ring])
    assert (mask.box.tolist(), mask.area) == ([5, 10, 10, 12], 10)
    np.testing.assert_array_equal(Mask.of_rings([ring, ring + 1, ring[::-1]]).area, 10 + 10 - 4)
    assert Mask.of_rings([ring[:2]]).area == 0


def test_a_ring_that_is_not_convex_against_pycocotools():
    """A star; pycocotools draws rings a little otherwise along their edges."""
    angle = np.arange(10) * np.pi / 5
    radius = np.where(np.arange(10) % 2, 6.0, 19.0)
    ring = np.column_stack([30 + radius * np.cos(angle), 20 + radius * np.sin(angle)])
    counts = coco.frPyObjects([ring.ravel().tolist()], *SIZE)[0]["counts"].decode()
    expected, mine = Mask.of_counts(unpacked(counts), SIZE[0]), Mask.of_rings([ring])
    both = mine.common(expected)
    assert both / (mine.area + expected.area - both) > 0.93


def test_run_lengths_that_break_off():
    with pytest.raises(ValueError, match="break off"):
        unpacked("5T")
    with pytest.raises(ValueError, match="no letter of them"):
        unpacked("5 3")
