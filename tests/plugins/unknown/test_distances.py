"""Distances against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import distance

from vidrobust.plugins.unknown import footage as distances
from vidrobust.plugins.unknown.footage import Neighbours


def test_the_kth_nearest_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    known, asked = rng.standard_normal((40, 6)), rng.standard_normal((7, 6))
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (asked, known)]
    expected = np.sort(distance.cdist(*unit), axis=1)[:, distances.NEIGHBOURS - 1]
    assert Neighbours.fitted(known)(asked) == pytest.approx(expected)


def test_fewer_known_frames_than_neighbours() -> None:
    assert Neighbours.fitted(np.array([[1.0, 0.0]]))(np.array([[0.0, 2.0]])) == pytest.approx(
        [np.sqrt(2)]
    )
