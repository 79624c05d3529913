"""Intervals against published values, hand counts, and their own coverage in simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vidrobust.statistics import intervals


def test_clopper_pearson_of_published_counts() -> None:
    # Shankar et al. 2019: ResNet-50 on ImageNet-Vid-Robust, 749 and 582 of 1109
    assert intervals.clopper_pearson(749, 1109) == pytest.approx((0.6469, 0.7029), abs=5e-5)
    assert intervals.clopper_pearson(582, 1109) == pytest.approx((0.4949, 0.5545), abs=5e-5)
    assert intervals.clopper_pearson(0, 10)[0] == 0.0
    assert intervals.clopper_pearson(10, 10)[1] == 1.0


def test_mean_of_independent_values_has_the_usual_t_interval() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.1, 40)
    found = intervals.clustered_mean(values, np.arange(40), bounds=(-np.inf, np.inf))
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)
    assert (found.n, found.clusters) == (40, 40)


def test_ten_copies_of_each_value_tell_no_more_than_one() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, 12)
    once = intervals.clustered_mean(values, np.arange(12), bounds=(0, 1))
    copied = intervals.clustered_mean(np.repeat(values, 10), np.repeat(np.arange(12), 10), bounds=(0, 1))
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))
    assert copied.n == 120


def test_rate_of_independent_trials_is_close_to_clopper_pearson() -> None:
    events = np.zeros(200, bool)
    events[:30] = True
    found = intervals.clustered_rate(events, np.arange(200))
    assert (found.low, found.high) == pytest.approx(intervals.clopper_pearson(30, 200), abs=2e-3)


def test_no_event_counts_the_clusters_as_trials() -> None:
    found = intervals.clustered_rate(np.zeros(250, bool), np.repeat(np.arange(10), 25))
    # 1 - 0.025 ** (1 / 10): the exact upper limit for 0 of 10
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025**0.1)


def test_one_cluster_and_no_value_have_no_interval() -> None:
    one = intervals.clustered_rate(np.array([True, False]), np.zeros(2))
    assert one.value == 0.5
    assert np.isnan([one.low, one.high]).all()
    none = intervals.clustered_mean(np.empty(0), np.empty(0), bounds=(0, 1))
    assert np.isnan(none.value)
    assert none.n == 0


def test_the_interval_of_a_rate_covers_the_truth_when_frames_depend() -> None:
    """20 clusters of 25 trials, each cluster with its own rate from Beta(2, 18): mean .1."""
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(20), 25)
    hits = naive = 0
    for _ in range(400):
        events = rng.random(500) < rng.beta(2, 18, 20)[clusters]
        found = intervals.clustered_rate(events, clusters)
        hits += found.low <= 0.1 <= found.high
        low, high = intervals.clopper_pearson(events.sum(), 500)
        naive += low <= 0.1 <= high
    assert hits / 400 > 0.93
    assert naive / 400 < 0.9  # what treating frames as independent would give
