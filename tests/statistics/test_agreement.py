"""Kappas against statsmodels and published figures; intervals against their own coverage."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa as reference
from statsmodels.stats.inter_rater import to_table

from vidrobust.statistics.intervals import cohens_kappa


def made_labels(seed):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 4, 200)
    b = np.where(rng.random(200) < 0.7, a, rng.integers(0, 4, 200))
    return a, b, np.repeat(np.arange(10), 20)


def by_statsmodels(a, b):
    return float(reference(to_table(np.column_stack([a, b]))[0], return_results=False))


def test_cohens_kappa_is_that_of_statsmodels():
    a, b, clusters = made_labels(0)
    assert cohens_kappa(a, b, clusters).value == pytest.approx(by_statsmodels(a, b), abs=1e-12)


def test_the_interval_is_the_jackknife_of_the_log_of_disagreement_over_clusters():
    a, b, clusters = made_labels(1)
    left = np.log([1 - by_statsmodels(a[clusters != c], b[clusters != c]) for c in range(10)])
    factor = np.exp(stats.t.ppf(0.975, 9) * np.sqrt(9 / 10 * ((left - left.mean()) ** 2).sum()))
    found, whole = cohens_kappa(a, b, clusters), by_statsmodels(a, b)
    assert found.low == pytest.approx(1 - (1 - whole) * factor, rel=1e-9)
    assert found.high == pytest.approx(1 - (1 - whole) / factor, rel=1e-9)
    assert (found.n, found.clusters) == (200, 10)


def test_one_part_that_disagrees_may_stand_for_more():
    a = np.repeat([0, 1], 10)
    b = a.copy()
    b[0] = 1
    found = cohens_kappa(a, b, np.arange(20))
    # Clopper & Pearson of 1 in 20
    low, high = (stats.beta.ppf(0.025, 1, 20), stats.beta.ppf(0.975, 2, 19))
    assert found.value == pytest.approx(0.9)
    assert (found.low, found.high) == pytest.approx((1 - 0.1 * 20 * high, 1 - 0.1 * 20 * low))


def test_full_agreement_leaves_room_for_what_was_not_seen():
    found = cohens_kappa(np.repeat([0, 1], 15), np.repeat([0, 1], 15), np.arange(30))
    assert (found.value, found.high) == (1.0, 1.0)
    # one of 30 parts disagreeing with probability 1 - .025^(1/30) = .1157; chance 1/2
    assert found.low == pytest.approx(1 - 0.1157 / 0.5, abs=1e-4)


def test_where_it_cannot_be_reported():
    same = np.zeros(5, int)
    assert np.isnan(cohens_kappa(same, same, np.arange(5)).value)  # chance alone agrees always
    # one cluster
    assert np.isnan(cohens_kappa(np.array([0, 1, 0]), np.array([0, 1, 1]), np.zeros(3)).low)
    assert cohens_kappa(same[:0], same[:0], same[:0]).n == 0
