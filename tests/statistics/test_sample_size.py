"""The footage asked for gives the interval asked for, in simulation."""

from __future__ import annotations

import numpy as np
import pytest

from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import clustered_rate
from vidrobust.statistics.sample_size import clusters_for_rate, footage_for_rate, narrower


@pytest.mark.parametrize(("rate", "half_width", "correlation"), [(0.02, 0.005, 0.05), (0.2, 0.05, 0.1)])
def test_so_many_clips_give_an_interval_of_that_width(
    rate: float, half_width: float, correlation: float
) -> None:
    clips = clusters_for_rate(rate, half_width, correlation=correlation, per_cluster=100)
    rng = np.random.default_rng(0)
    a, b = (share * (1 - correlation) / correlation for share in (rate, 1 - rate))
    labels = np.repeat(np.arange(clips), 100)
    widths = []
    for _ in range(60):
        found = clustered_rate(rng.random(100 * clips) < rng.beta(a, b, clips)[labels], labels)
        widths.append((found.high - found.low) / 2)
    assert np.mean(widths) == pytest.approx(half_width, rel=0.15)


def test_independent_trials_need_what_the_textbook_says() -> None:
    # 1.96^2 x .5 x .5 / .05^2 = 384.2
    assert clusters_for_rate(0.5, 0.05, correlation=0.0, per_cluster=1) == pytest.approx(385, abs=3)


def test_footage_at_hand_is_scaled_up_and_said() -> None:
    rng = np.random.default_rng(1)
    label = np.repeat(np.arange(20), 240)
    events = rng.random(len(label)) < rng.beta(1, 49, 20)[label]
    clusters = Clusters(label, "item")
    found = footage_for_rate(events, clusters, observed_s=200.0, rate=0.02, half_width=0.005)
    assert found.seconds == pytest.approx(found.clusters * 10.0)
    assert found.sentence().startswith("To see 2 % ± 0.5 % you need about ")
    assert f"{found.clusters} clips like these" in found.sentence()
    wide = footage_for_rate(events, clusters, observed_s=200.0, rate=0.02, half_width=0.5)
    assert "is enough" in wide.sentence()


def test_footage_without_an_event_asks_for_its_upper_limit() -> None:
    clusters = Clusters(np.repeat(np.arange(10), 25), "stretch", 1.0)
    found = footage_for_rate(np.zeros(250, bool), clusters, observed_s=10.0)
    assert found.rate == pytest.approx(clustered_rate(np.zeros(250, bool), clusters).high)
    assert found.seconds > 10.0


def test_what_cannot_be_asked() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        clusters_for_rate(0.02, 0.0, correlation=0.1, per_cluster=10)
    with pytest.raises(ValueError, match="at least one trial"):
        footage_for_rate(np.empty(0, bool), Clusters(np.empty(0, np.int64), "item"), observed_s=0.0)


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
