"""Means and ratios over clips and seeds: by hand, against the paired ratio, and in worlds whose truth is known."""

import numpy as np
import pytest

from vidrobust.plugins.finetune.compare import crossed_rates
from vidrobust.plugins.finetune.judge import CountedRows
from vidrobust.statistics.ratios import paired_ratio


def crossed_ratio(before, after, clusters, *, events):
    """Of repetitions (S, n) on the same n rows."""
    sides = [[CountedRows(row.astype(float), clusters) for row in each] for each in (before, after)]
    return crossed_rates(sides[0], sides[1], "", events=events)


def test_one_seed_is_the_paired_ratio():
    rng = np.random.default_rng(3)
    before, after = rng.random((1, 60)), rng.random((1, 60))
    clusters = np.repeat(np.arange(10), 6)
    ours = crossed_ratio(before, after, clusters, events=False)
    known = paired_ratio(before[0], after[0], clusters, events=False)
    for name in ("before", "after", "ratio", "low", "high", "p"):
        assert getattr(ours, name) == pytest.approx(getattr(known, name)), name


def test_seeds_that_differ_widen_the_interval_and_alike_seeds_do_not_narrow_it():
    rng = np.random.default_rng(4)
    clusters, before = np.repeat(np.arange(20), 10), np.ones((3, 200))
    row = rng.random(200)
    alike = crossed_ratio(before, np.tile(row, (3, 1)), clusters, events=False)
    single = crossed_ratio(before[:1], row[None], clusters, events=False)
    assert alike.high - alike.low == pytest.approx(single.high - single.low, rel=1e-6)
    apart = crossed_ratio(before, row * np.array([[0.7], [1.0], [1.3]]), clusters, events=False)
    assert apart.high - apart.low > 3 * (alike.high - alike.low)


def test_no_event_left_is_no_certainty():
    before, clusters = np.tile(np.arange(100) % 10 == 0, (3, 1)), np.repeat(np.arange(10), 10)
    found = crossed_ratio(before, np.zeros((3, 100)), clusters, events=True)
    assert found.ratio == found.low == 0
    assert 0.1 < found.high < 1
    assert found.p == 2 / 2**10


def test_the_interval_holds_the_true_ratio_where_clips_and_seeds_differ():
    rng, inside, draws = np.random.default_rng(5), 0, 80
    clusters = np.repeat(np.arange(12), 40)
    for _ in range(draws):
        clip = rng.gamma(8, 1 / 8, 12)[clusters]
        seed = np.exp(rng.normal(-0.02, 0.2, (4, 1)))
        before = np.tile(rng.random(480) < 0.25 * clip, (4, 1))
        after = rng.random((4, 480)) < 0.125 * clip * seed
        found = crossed_ratio(before, after, clusters, events=True)
        inside += found.low <= 0.5 <= found.high
    assert 0.9 * draws <= inside


@pytest.mark.parametrize(("events", "sure"), [(6, False), (400, True)])
def test_the_same_few_events_are_no_proof_that_nothing_changes(events, sure):
    """An event in each of six clips that both have may be the same by chance; four hundred are not."""
    clusters = np.repeat(np.arange(6), 200)
    values = np.zeros((3, len(clusters)))
    values[:, np.linspace(0, len(clusters) - 1, events).astype(int)] = 1
    found = crossed_ratio(values, values, clusters, events=True)
    assert found.ratio == 1
    assert found.low < 1 < found.high
    assert (found.low > 0.9 and found.high < 1 / 0.9) == sure


def test_seeds_that_differ_are_not_called_for_the_luck_of_one_training():
    """Two arms that are alike: all clusters of a repetition share what its training came to."""
    rng, called, draws = np.random.default_rng(11), 0, 80
    clusters = np.repeat(np.arange(12), 40)
    for _ in range(draws):
        chances = [0.25 * np.exp(rng.normal(-0.02, 0.2, (3, 1))) for _ in range(2)]
        sides = [rng.random((3, 480)) < chance for chance in chances]
        found = crossed_ratio(*sides, clusters, events=True)
        assert (found.p <= 0.05) == (not found.low <= 1 <= found.high)
        called += found.p <= 0.05
    assert called / draws < 0.08


def test_rows_of_their_own_are_the_paired_rows_where_these_are_the_same():
    rng = np.random.default_rng(6)
    before, after = rng.random((3, 80)) < 0.4, rng.random((3, 80)) < 0.2
    clusters = np.repeat(np.arange(8), 10)
    paired = crossed_ratio(before, after, clusters, events=True)
    order = rng.permutation(80)  # rows in any order, and no row stands for another
    mixed = crossed_rates(
        [CountedRows(row[order].astype(float), clusters[order]) for row in before],
        [CountedRows(row.astype(float), clusters) for row in after],
        "",
        events=True,
    )
    for name in ("before", "after", "ratio", "low", "high", "p", "n", "clusters"):
        assert getattr(mixed, name) == pytest.approx(getattr(paired, name)), name


def test_rates_of_unlike_rows_by_hand_and_in_worlds_whose_truth_is_known():
    one = crossed_rates(
        [CountedRows(np.array([1.0, 0, 1, 0]), np.array([0, 0, 1, 1]))],
        [CountedRows(np.array([1.0, 0, 0, 0, 0, 0]), np.array([0, 0, 0, 1, 1, 1]))],
        "",
        events=True,
    )
    assert (one.before, one.after, one.ratio) == (0.5, pytest.approx(1 / 6), pytest.approx(1 / 3))
    rng, inside, draws = np.random.default_rng(7), 0, 80
    for _ in range(draws):
        clip = rng.gamma(8, 1 / 8, 12)
        sides = []
        for rate in (0.25, 0.125):
            seeds = []
            for _ in range(4):
                code = np.repeat(np.arange(12), rng.integers(20, 60, 12))  # objects of any number
                hits = rng.random(len(code)) < rate * clip[code] * np.exp(rng.normal(-0.02, 0.2))
                seeds.append(CountedRows(hits.astype(float), code))
            sides.append(seeds)
        found = crossed_rates(sides[0], sides[1], "", events=True)
        inside += found.low <= 0.5 <= found.high
    assert 0.9 * draws <= inside


def test_a_repetition_without_rows_says_nothing():
    nothing = CountedRows(np.empty(0), np.empty(0, int))
    some = CountedRows(np.ones(4), np.array([0, 0, 1, 1]))
    found = crossed_rates([some, some], [some, nothing], "", events=True)
    assert np.isnan([found.after, found.ratio, found.low, found.p]).all()
