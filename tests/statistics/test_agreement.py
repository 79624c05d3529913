"""Kappas against statsmodels and published figures; intervals against their own coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa as reference
from statsmodels.stats.inter_rater import to_table

from vidrobust.statistics.agreement import cohens_kappa, fleiss_kappa

FLEISS_1971 = """444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 144444 124444 222333 144444
224445 333335 111455 111112 224444 133555 555555 244444 224555 114444 144445 222224 111155 224444 133333 555555"""
"""Thirty patients, the diagnoses of six psychiatrists: Fleiss 1971, table 1."""
TEXTBOOK = """0 0 0 0 14; 0 2 6 4 2; 0 0 3 5 6; 0 3 9 2 0; 2 2 8 1 1;
7 7 0 0 0; 3 2 6 3 0; 2 5 3 2 2; 6 5 2 1 0; 0 2 2 3 7"""
"""Ten subjects, fourteen raters, five classes: counts."""


def counted(ratings: np.ndarray, classes: int) -> np.ndarray:
    return np.stack([np.bincount(row, minlength=classes) for row in ratings])


def made_labels(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 4, 200)
    b = np.where(rng.random(200) < 0.7, a, rng.integers(0, 4, 200))
    return a, b, np.repeat(np.arange(10), 20)


def by_statsmodels(a: np.ndarray, b: np.ndarray) -> float:
    return float(reference(to_table(np.column_stack([a, b]))[0], return_results=False))


def test_cohens_kappa_is_that_of_statsmodels() -> None:
    a, b, clusters = made_labels(0)
    assert cohens_kappa(a, b, clusters).value == pytest.approx(by_statsmodels(a, b), abs=1e-12)


def test_fleiss_kappa_is_the_published_one() -> None:
    ratings = np.array([[int(c) - 1 for c in word] for word in FLEISS_1971.split()])
    assert fleiss_kappa(counted(ratings, 5)).value == pytest.approx(0.4302445, abs=5e-8)
    counts = np.array([[int(c) for c in row.split()] for row in TEXTBOOK.split(";")])
    assert fleiss_kappa(counts).value == pytest.approx(0.210, abs=5e-4)


def test_fleiss_kappa_of_uneven_ratings_counts_parts_by_them() -> None:
    # parts AAB (3 ratings) and BB (2): agreeing pairs 1/3 x 3 + 1 x 2 = 3 of 5; chance (2/5)^2 + (3/5)^2 = 13/25
    found = fleiss_kappa(np.array([[2, 1], [0, 2]]))
    assert found.value == pytest.approx((3 / 5 - 13 / 25) / (12 / 25))


def test_the_interval_is_the_jackknife_of_the_log_of_disagreement_over_clusters() -> None:
    a, b, clusters = made_labels(1)
    left = np.log([1 - by_statsmodels(a[clusters != c], b[clusters != c]) for c in range(10)])
    factor = np.exp(stats.t.ppf(0.975, 9) * np.sqrt(9 / 10 * ((left - left.mean()) ** 2).sum()))
    found, whole = cohens_kappa(a, b, clusters), by_statsmodels(a, b)
    assert found.low == pytest.approx(1 - (1 - whole) * factor, rel=1e-9)
    assert found.high == pytest.approx(1 - (1 - whole) / factor, rel=1e-9)
    assert (found.n, found.clusters) == (200, 10)


def test_one_part_that_disagrees_may_stand_for_more() -> None:
    a = np.repeat([0, 1], 10)
    b = a.copy()
    b[0] = 1
    found = cohens_kappa(a, b, np.arange(20))
    low, high = stats.beta.ppf(0.025, 1, 20), stats.beta.ppf(0.975, 2, 19)  # Clopper & Pearson of 1 in 20
    assert found.value == pytest.approx(0.9)
    assert (found.low, found.high) == pytest.approx((1 - 0.1 * 20 * high, 1 - 0.1 * 20 * low))


def test_full_agreement_leaves_room_for_what_was_not_seen() -> None:
    found = cohens_kappa(np.repeat([0, 1], 15), np.repeat([0, 1], 15), np.arange(30))
    assert (found.value, found.high) == (1.0, 1.0)
    # one of 30 parts disagreeing with probability 1 - .025^(1/30) = .1157; chance 1/2
    assert found.low == pytest.approx(1 - 0.1157 / 0.5, abs=1e-4)


def test_where_it_cannot_be_reported() -> None:
    same = np.zeros(5, int)
    assert np.isnan(cohens_kappa(same, same, np.arange(5)).value)  # chance alone agrees always
    assert np.isnan(cohens_kappa(np.array([0, 1, 0]), np.array([0, 1, 1]), np.zeros(3)).low)  # one cluster
    assert cohens_kappa(same[:0], same[:0], same[:0]).n == 0
    assert fleiss_kappa(np.empty((0, 2))).n == 0
    with pytest.raises(ValueError, match="at least two ratings"):
        fleiss_kappa(np.array([[1, 0]]))


def test_the_interval_covers_the_kappa_of_many_parts() -> None:
    """40 parts, each bad with probability .3, three raters err on one in twenty."""
    rng = np.random.default_rng(4)

    def drawn(parts: int) -> np.ndarray:
        bad = rng.random(parts) < 0.3
        seen = bad[:, None] ^ (rng.random((parts, 3)) < 0.05)
        return np.column_stack([(~seen).sum(axis=1), seen.sum(axis=1)])

    truth = fleiss_kappa(drawn(400_000), np.arange(400_000) % 2).value
    held = 0
    for _ in range(400):
        found = fleiss_kappa(drawn(40))
        held += found.low <= truth <= found.high
    assert 0.93 <= held / 400 <= 0.98
