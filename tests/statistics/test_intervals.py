"""Intervals against published values, hand counts, and their own coverage in simulation."""

import numpy as np
import pytest
from scipy import optimize, stats

from vidrobust.statistics import intervals
from vidrobust.statistics.clusters import independent_clusters


def test_clopper_pearson_of_published_counts():
    # Shankar et al. 2019: ResNet-50 on ImageNet-Vid-Robust, 749 and 582 of 1109
    assert intervals.clopper_pearson(749, 1109) == pytest.approx((0.6469, 0.7029), abs=5e-5)
    assert intervals.clopper_pearson(582, 1109) == pytest.approx((0.4949, 0.5545), abs=5e-5)
    assert intervals.clopper_pearson(0, 10)[0] == 0.0
    assert intervals.clopper_pearson(10, 10)[1] == 1.0


def test_mean_of_independent_values_has_the_usual_t_interval():
    values = np.random.default_rng(0).normal(0.5, 0.1, 40)
    values = np.concatenate([values, 1 - values])  # symmetric: nothing to correct
    found = intervals.clustered_mean(values, np.arange(80), bounds=(-np.inf, np.inf))
    expected = stats.t.interval(0.95, 79, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)
    assert (found.n, found.clusters) == (80, 80)


def test_skewed_clusters_lengthen_the_upper_end_as_hall_says():
    values = np.array([0.0, 0.0, 0.01, 0.01, 0.02, 0.03, 0.05, 0.3])
    found = intervals.clustered_mean(values, np.arange(8), bounds=(-np.inf, np.inf))
    # Hall 1992: T + g T^2 / 3 + g^2 T^3 / 27 + g / 6 is t distributed, g = skewness / sqrt(n); its root in T
    g = stats.skew(values, bias=False) / np.sqrt(8)
    t = stats.t.ppf(0.975, 7)
    root = optimize.brentq(lambda x: x + g * x**2 / 3 + g**2 * x**3 / 27 + g / 6 + t, -50, 0)
    assert found.high == pytest.approx(values.mean() - root * stats.sem(values))
    assert found.low == pytest.approx(values.mean() - t * stats.sem(values))


def test_all_values_on_a_bound_still_leave_room_for_others():
    groups = np.repeat(np.arange(5), 120)
    found = intervals.clustered_mean(np.zeros(600), groups, bounds=(0.0, 15.0))
    assert (found.value, found.low) == (0.0, 0.0)
    rate = intervals.clustered_rate(np.zeros(600, bool), groups)
    assert found.high == pytest.approx(15 * rate.high)


def test_ten_copies_of_each_value_tell_no_more_than_one():
    values = np.random.default_rng(1).normal(0.5, 0.1, 12)
    once = intervals.clustered_mean(values, np.arange(12), bounds=(0, 1))
    tenfold = (np.repeat(each, 10) for each in (values, np.arange(12)))
    copied = intervals.clustered_mean(*tenfold, bounds=(0, 1))
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))
    assert copied.n == 120


def test_rate_of_independent_trials_is_close_to_clopper_pearson():
    events = np.zeros(200, bool)
    events[:30] = True
    found = intervals.clustered_rate(events, np.arange(200))
    assert (found.low, found.high) == pytest.approx(intervals.clopper_pearson(30, 200), abs=6e-3)


def test_one_cluster_has_a_wide_rate_and_no_interval_of_a_mean():
    time_s = np.arange(20) / 25
    clusters = independent_clusters(np.full(20, "a"), time_s)
    one = intervals.clustered_rate(time_s < 0.1, clusters)
    assert one.value == pytest.approx(0.15)
    assert one.low < 0.05 < 0.5 < one.high
    assert (one.clusters, one.cluster) == (1, "stretch")
    assert np.isnan(intervals.clustered_mean(time_s, clusters, bounds=(0, 1)).low)


def test_no_value_has_no_interval():
    none = intervals.clustered_mean(np.empty(0), np.empty(0), bounds=(0, 1))
    assert np.isnan(none.value)
    assert none.n == 0
    assert np.isnan(intervals.clustered_rate(np.empty(0, bool), np.empty(0)).high)


def test_the_share_seen_lies_within_its_interval_whatever_the_sizes():
    # one long clip that flips often, nine short ones that do not
    sizes = np.array([5000, *[40] * 9])
    clusters = np.repeat(np.arange(10), sizes)
    events = (clusters == 0) & (np.arange(len(clusters)) % 3 == 0)
    found = intervals.clustered_rate(events, clusters)
    assert found.low <= found.value <= found.high


def test_the_interval_of_a_rate_covers_the_truth_when_frames_depend():
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


def test_the_interval_of_a_mean_covers_the_truth_when_clips_are_skewed():
    """10 clips whose means are exponential about .02, 25 frames each: Student's t covers 89 %."""
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(10), 25)
    hits = plain = 0
    for _ in range(400):
        means = rng.exponential(0.02, 10)
        values = means[clusters] * rng.exponential(1.0, 250)
        found = intervals.clustered_mean(values, clusters, bounds=(0, 1))
        hits += found.low <= 0.02 <= found.high
        by_clip = values.reshape(10, 25).mean(axis=1)
        low, high = stats.t.interval(0.95, 9, by_clip.mean(), stats.sem(by_clip))
        plain += low <= 0.02 <= high
    assert hits / 400 > 0.93
    assert plain / 400 < 0.92


def test_the_upper_limit_without_an_event_never_rises_with_another_clip():
    """Ten stretches of four clips would give 4.8 %, five clips give 8.4 %."""
    highs = []
    for clips in range(1, 9):
        item, time_s = np.repeat(np.arange(clips), 125), np.tile(np.arange(125) / 25, clips)
        groups = independent_clusters(item, time_s)
        found = intervals.clustered_rate(np.zeros(len(item), bool), groups)
        highs.append(found.high)
        assert found.cluster == ("stretch" if clips < 5 else "item")
    assert (np.diff(highs) < 0).all()
    groups = independent_clusters(np.zeros(250), np.arange(250) / 25)
    everything = intervals.clustered_rate(np.ones(250, bool), groups)
    nothing = intervals.clustered_rate(np.zeros(250, bool), groups)
    assert everything.low == pytest.approx(1 - nothing.high)


def test_shares_that_are_all_or_nothing_are_a_rate():
    events, clusters = np.array([1, 0, 1, 1, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 2, 2, 3, 3])
    rate = intervals.clustered_rate(events > 0, clusters)
    assert intervals.clustered_share(events.astype(float), clusters) == rate


def test_a_mean_of_shares_is_as_sure_as_the_rate_of_as_many_events():
    """Three clips of anchors whose neighbours are right in part, beside whether the anchors are right."""
    rng = np.random.default_rng(0)
    clip = np.repeat(np.arange(3), 6)
    right = rng.random(18) < np.array([0.95, 0.8, 0.6])[clip]
    near = np.clip(right * 0.9 + rng.uniform(0, 0.1, 18), 0, 1)
    rate, share = intervals.clustered_rate(right, clip), intervals.clustered_share(near, clip)
    assert share.low < share.value < share.high
    assert share.high < 1
    assert 0.8 < (share.high - share.low) / (rate.high - rate.low) < 1.25
    old = intervals.clustered_mean(near, clip, bounds=(0.0, 1.0))
    assert old.high - old.low > 1.2 * (share.high - share.low)  # Student's t of three clips


def test_the_interval_of_shares_covers_the_truth_when_frames_depend():
    rng, inside = np.random.default_rng(0), 0
    for _ in range(200):
        clip = np.repeat(np.arange(8), 6)
        own = rng.beta(4, 2, 8)[clip]
        shares = rng.binomial(20, own) / 20
        found = intervals.clustered_share(shares, clip)
        inside += found.low <= 4 / 6 <= found.high
    assert inside >= 186
