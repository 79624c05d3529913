"""Distances against SciPy and against Ledoit and Wolf's sums, written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import distance

from vidrobust.plugins.unknown import footage as distances
from vidrobust.plugins.unknown.footage import Mahalanobis, Neighbours, groups_of, shrunk_covariance


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


def test_answers_of_ten_frames_have_a_mean_of_their_own() -> None:
    answer = np.array([3] * 10 + [5] * 9 + [7] * 12 + [8])
    assert groups_of(answer).tolist() == [1] * 10 + [0] * 9 + [2] * 12 + [0]
    assert groups_of(np.array([4] * 10)).tolist() == [0] * 10


def test_mahalanobis_is_the_distance_to_the_nearest_mean() -> None:
    rng = np.random.default_rng(1)
    answer = np.repeat([0, 1], 60)
    known = rng.standard_normal((120, 4)) * [1, 2, 3, 4] + 5.0 * answer[:, None]
    asked = rng.standard_normal((9, 4)) * 6
    means = np.stack([known[answer == k].mean(axis=0) for k in (0, 1)])
    inverse = np.linalg.inv(shrunk_covariance(known - means[answer]))
    expected = distance.cdist(asked, means, "mahalanobis", VI=inverse).min(axis=1)
    assert Mahalanobis.fitted(known, answer)(asked) == pytest.approx(expected)


def test_shrinkage_as_ledoit_and_wolf_write_it() -> None:
    """b2 as the mean over frames of the squared distance of x x' from S, a sum of matrices, not the short form."""
    x = np.random.default_rng(2).standard_normal((30, 8)) * np.arange(1, 9)
    x -= x.mean(axis=0)
    n, d = x.shape
    sample = sum(np.outer(row, row) for row in x) / n
    mean = np.trace(sample) / d
    off = np.sum((sample - mean * np.eye(d)) ** 2) / d
    between = sum(np.sum((np.outer(row, row) - sample) ** 2) for row in x) / d / n**2
    share = min(between, off) / off
    expected = share * mean * np.eye(d) + (1 - share) * sample
    assert shrunk_covariance(x) == pytest.approx(expected)


def test_more_features_than_frames_can_be_inverted() -> None:
    x = np.random.default_rng(3).standard_normal((12, 50))
    found = Mahalanobis.fitted(x, np.zeros(12, int))(x)
    assert np.isfinite(found).all()
    assert (found > 0).all()
