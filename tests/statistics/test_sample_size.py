"""What more values of the same clusters buy, by hand and in simulation."""

from __future__ import annotations

import numpy as np
import pytest

from vidrobust.statistics.sample_size import narrower


def test_a_larger_sample_within_clusters_by_hand() -> None:
    # two clusters of two: (0, 2) and (4, 6). within 2, between 16, so apart (16 - 2) / 2 = 7
    found = narrower(np.array([0.0, 2, 4, 6]), np.array([0, 0, 1, 1]), 4)
    assert found == pytest.approx(np.sqrt((7 + 2 / 8) / (7 + 2 / 2)))


def test_what_a_larger_sample_buys_is_what_it_buys() -> None:
    rng = np.random.default_rng(0)

    def means(each: int) -> np.ndarray:
        own = rng.normal(0, 0.5, (3000, 8, 1)) + rng.normal(0, 1, (3000, 8, each))
        return own.mean(axis=(1, 2))

    lines = [
        narrower(
            (rng.normal(0, 0.5, (8, 1)) + rng.normal(0, 1, (8, 5))).ravel(), np.repeat(np.arange(8), 5), 4
        )
        for _ in range(400)
    ]
    assert np.median(lines) == pytest.approx(means(20).std() / means(5).std(), abs=0.05)


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert np.isnan(narrower(np.arange(4.0), np.arange(4), 4))
    assert np.isnan(narrower(np.ones(4), np.array([0, 0, 1, 1]), 4))
    assert np.isnan(narrower(np.arange(4.0), np.zeros(4, int), 4))
