"""Kappa against statsmodels, and its interval against leaving clusters out one at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa as reference
from statsmodels.stats.inter_rater import to_table

from vidrobust.report.kappa import cohens_kappa, of_neighbours


def made_labels(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 4, 200)
    b = np.where(rng.random(200) < 0.7, a, rng.integers(0, 4, 200))
    return a, b, np.repeat(np.arange(10), 20)


def by_statsmodels(a: np.ndarray, b: np.ndarray) -> float:
    return float(reference(to_table(np.column_stack([a, b]))[0], return_results=False))


def test_kappa_is_that_of_statsmodels() -> None:
    a, b, clusters = made_labels(0)
    assert cohens_kappa(a, b, clusters).value == pytest.approx(by_statsmodels(a, b), abs=1e-12)


def test_the_interval_is_the_jackknife_over_clusters() -> None:
    a, b, clusters = made_labels(1)
    left = np.array([by_statsmodels(a[clusters != c], b[clusters != c]) for c in range(10)])
    half = stats.t.ppf(0.975, 9) * np.sqrt(9 / 10 * ((left - left.mean()) ** 2).sum())
    found = cohens_kappa(a, b, clusters)
    assert found.high - found.low == pytest.approx(2 * half, rel=1e-9)
    assert (found.n, found.clusters) == (200, 10)


def test_where_it_cannot_be_told() -> None:
    same = np.zeros(5, int)
    assert np.isnan(cohens_kappa(same, same, np.arange(5)).value)  # chance alone agrees always
    assert np.isnan(cohens_kappa(np.array([0, 1, 0]), np.array([0, 1, 1]), np.zeros(3)).low)  # one cluster
    assert cohens_kappa(same[:0], same[:0], same[:0]).n == 0


def test_only_usable_neighbours_count() -> None:
    # labels 0 0 1 1 | 0 1 with a cut between frames 3 and 4: pairs (0,0) (0,1) (1,1) and (0,1)
    frames = pd.DataFrame(
        {"item": "a", "frame": range(6), "time_s": np.arange(6.0), "label": [0, 0, 1, 1, 0, 1]}
    )
    pairs = pd.DataFrame(
        {"item": "a", "frame_a": range(5), "frame_b": range(1, 6), "kind": "adjacent", "excluded": ""}
    )
    pairs.loc[3, "excluded"] = "scene_cut"
    found = of_neighbours(pairs, frames)
    # agreement 2 of 4; chance (3/4)(1/4) + (1/4)(3/4) = 6/16; kappa (8/16 - 6/16) / (10/16) = 0.2
    assert found.value == pytest.approx(0.2)
    assert found.n == 4
