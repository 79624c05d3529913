"""The ratio of after to before: by hand, by how often its interval covers, and under nulls."""

from __future__ import annotations

import numpy as np
import pytest

from vidrobust.statistics.ratios import paired_ratio, ratio_in_clusters
from vidrobust.statistics.standard_errors import t_quantile, t_upper_tail

CLUSTERS = np.repeat(np.arange(4), 5)


def events(counts: list[int]) -> np.ndarray:
    """So many events in each of four clusters of five rows."""
    return np.concatenate([np.arange(5) < count for count in counts]).astype(float)


def test_an_amount_by_hand() -> None:
    # before 2, 3, 4, 3 and after 1, 2, 2, 1: ratio 6 / 12; after - R before is 0, .5, 0, -.5 a cluster
    before, after = events([2, 3, 4, 3]), events([1, 2, 2, 1])
    found = paired_ratio(before, after, CLUSTERS, events=False)
    error = np.sqrt((0.5**2 + 0.5**2) * (4 / 20) ** 2 / 3 / 4) / (6 / 20)
    half = t_quantile(0.975, 3) * error
    assert (found.before, found.after, found.ratio) == (12 / 20, 6 / 20, 0.5)
    assert [found.low, found.high] == pytest.approx([0.5 * np.exp(-half), 0.5 * np.exp(half)])
    # the differences of the clusters are -1, -1, -2, -2: their mean over its error is Student's t
    differences = np.array([-1, -1, -2, -2])
    t = differences.mean() / (differences.std(ddof=1) / 2)
    assert found.p == pytest.approx(float(2 * t_upper_tail(abs(t), 3)))


def test_no_event_left_is_no_certainty() -> None:
    found = paired_ratio(events([2, 3, 4, 3]), np.zeros(20), CLUSTERS, events=True)
    assert found.ratio == found.low == 0
    assert 0.05 < found.high < 0.6


def test_nothing_before_has_no_ratio() -> None:
    found = paired_ratio(np.zeros(20), events([1, 0, 0, 0]), CLUSTERS, events=True)
    assert np.isnan([found.ratio, found.low, found.high]).all()
    assert found.after == 1 / 20


def test_one_cluster_has_no_p() -> None:
    assert np.isnan(paired_ratio(np.ones(9), np.zeros(9), np.zeros(9), events=True).p)


def test_the_same_rows_make_no_difference() -> None:
    found = paired_ratio(events([2, 3, 4, 3]), events([2, 3, 4, 3]), CLUSTERS, events=False)
    assert (found.ratio, found.low, found.high, found.p) == (1, 1, 1, 1)


@pytest.mark.parametrize(("rate", "kept"), [(0.2, 0.3), (0.2, 0.9), (0.05, 0.2)])
def test_intervals_cover(rate: float, kept: float) -> None:
    """Clusters have rates of their own, beta distributed; each event stays with the same probability."""
    rng, hits, known = np.random.default_rng(7), 0, 0
    for _ in range(150):
        own = rng.beta(rate / 0.1, (1 - rate) / 0.1, 10)
        before = rng.random((10, 40)) < own[:, None]
        after = before & (rng.random((10, 40)) < kept)
        found = paired_ratio(before.ravel(), after.ravel(), np.repeat(np.arange(10), 40), events=True)
        known += np.isfinite(found.ratio)
        hits += found.low <= kept <= found.high
    assert hits / known > 0.93


@pytest.mark.parametrize("count", [5, 12])
def test_two_arms_that_are_alike_seldom_differ(count: int) -> None:
    rng, called = np.random.default_rng(8), 0
    for _ in range(200):
        own = rng.beta(1, 6, count)
        a, b = (rng.random((count, 50)) < own[:, None] for _ in range(2))
        found = paired_ratio(a.ravel(), b.ravel(), np.repeat(np.arange(count), 50), events=True)
        called += found.p < 0.05 and not found.low <= 1 <= found.high
    assert called / 200 < 0.08


def test_rows_that_are_others_afterwards_give_the_same_where_they_are_the_same() -> None:
    before, after = events([2, 3, 4, 3]), events([1, 2, 2, 1])
    one = paired_ratio(before, after, CLUSTERS, events=False)
    two = ratio_in_clusters(before, after, np.concatenate([CLUSTERS, CLUSTERS]), events=False)
    assert [two.ratio, two.low, two.high, two.p] == pytest.approx([one.ratio, one.low, one.high, one.p])


def test_more_rows_afterwards_are_more_rows_and_no_more_events() -> None:
    before, after = events([2, 3, 4, 3]), np.tile(events([2, 3, 4, 3]), 2)
    clusters = np.concatenate([CLUSTERS, CLUSTERS, CLUSTERS])
    assert ratio_in_clusters(before, after, clusters, events=True).ratio == 1


def test_no_rows_at_all() -> None:
    assert paired_ratio(np.empty(0), np.empty(0), np.empty(0), events=True).n == 0
    assert np.isnan(ratio_in_clusters(np.empty(0), np.ones(3), np.zeros(3), events=True).ratio)
