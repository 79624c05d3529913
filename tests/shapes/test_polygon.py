"""Turned boxes, against shapely."""

import numpy as np
import pytest

from vidrobust.shapes.mask import Polygon

shapely = pytest.importorskip("shapely")


def drawn(seed):
    rng = np.random.default_rng(seed)
    both = rng.uniform((-10, -10, 2, 2, 0), (10, 10, 40, 40, 6.3), (2, 5))
    return tuple(Polygon.turned(*of) for of in both)


@pytest.mark.parametrize("seed", range(30))
def test_areas_in_common_are_those_of_shapely(seed):
    one, two = drawn(seed)
    a, b = (shapely.Polygon(each.corners) for each in (one, two))
    assert one.common(two) == pytest.approx(a.intersection(b).area, abs=1e-8)
    assert one.area == pytest.approx(a.area)
    np.testing.assert_allclose(one.centre, [a.centroid.x, a.centroid.y], atol=1e-8)
    inside = a.intersection(shapely.box(0, 0, 15, 12))
    assert one.clipped((12, 15)).area == pytest.approx(inside.area, abs=0.02)


def test_turned_by_hand():
    """10 x 2 px, turned by a quarter: 2 x 10."""
    np.testing.assert_allclose(Polygon.turned(5, 5, 10, 2, np.pi / 2).box, [4, 0, 6, 10])
    same = Polygon.turned(5, 5, 10, 2, 0.3)
    assert same.common(same) == pytest.approx(20, abs=0.01)
    assert same.common(same.moved(np.array([100, 0]))) == 0
    assert len(same.moved(np.array([100.0, 0])).clipped((20, 20)).corners) == 0


def test_squares_turned_by_an_eighth_by_hand():
    """Two squares of side 2, one turned by 45 degrees: an octagon of 8 (sqrt(2) - 1)."""
    one, other = (Polygon.turned(0, 0, 2, 2, angle) for angle in (0, np.pi / 4))
    assert one.common(other) == pytest.approx(8 * (np.sqrt(2) - 1), abs=0.005)
