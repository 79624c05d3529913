"""The ratio of after to before: by hand, by how often its interval covers, and under nulls."""

import numpy as np
import pytest

from vidrobust.statistics.ratios import (
    PairedRatio,
    RatioVerdict,
    Undecided,
    decide,
    paired_ratio,
    ratio_in_clusters,
    ratio_of_sums,
)

CLUSTERS = np.repeat(np.arange(8), 5)
BEFORE, AFTER = [2, 3, 4, 3, 2, 4, 3, 3], [1, 2, 2, 1, 0, 3, 1, 2]


def events(counts):
    """So many events in each cluster of five rows."""
    return np.concatenate([np.arange(5) < count for count in counts]).astype(float)


def test_an_amount_by_hand():
    found = paired_ratio(events(BEFORE), events(AFTER), CLUSTERS, events=False)
    assert (found.before, found.after, found.ratio) == (24 / 40, 12 / 40, 0.5)
    assert (found.n, found.clusters, found.tested) == (40, 8, 8)
    # each cluster has fewer afterwards: two of 2^8 choices of signs are as extreme
    assert found.p == 2 / 256
    # six of the 128 splits are more than a twentieth of them below the seventh-lowest half
    halves = []
    for split in range(1, 128):
        inside = np.array([split >> k & 1 for k in range(8)], bool)
        after, before = np.array(AFTER), np.array(BEFORE)
        ratios = [np.sum(after[h]) / np.sum(before[h]) for h in (inside, ~inside)]
        halves.append(sorted(ratios))
    low, high = np.sort([h[0] for h in halves]), np.sort([h[1] for h in halves])[::-1]
    # the split into all and none holds every ratio, so that of 128 the seventh is the sixth of the others
    assert (found.low, found.high) == pytest.approx((low[5], high[5]))


def test_fewer_than_six_clusters_with_events_tell_nothing():
    five = [3, 3, 3, 3, 3, 0, 0, 0]
    found = paired_ratio(events(five), np.zeros(40), CLUSTERS, events=True)
    assert (found.ratio, found.tested, found.clusters) == (0, 5, 8)
    assert np.isnan([found.low, found.high, found.p]).all()
    assert decide(found) == (RatioVerdict.CANNOT_TELL, Undecided.FEW_CLUSTERS)
    six = paired_ratio(events([*five[:5], 3, 0, 0]), np.zeros(40), CLUSTERS, events=True)
    assert six.p == 2 / 64
    assert decide(six) == (RatioVerdict.HELPS, Undecided.DECIDED)


def test_no_event_left_is_no_certainty():
    found = paired_ratio(events(BEFORE), np.zeros(40), CLUSTERS, events=True)
    assert found.ratio == found.low == 0
    assert 0.05 < found.high < 0.3


def test_nothing_before_has_no_ratio():
    found = paired_ratio(np.zeros(40), events([1] * 8), CLUSTERS, events=True)
    assert np.isnan([found.ratio, found.low, found.high]).all()
    assert (found.after, found.p) == (8 / 40, 2 / 256)
    assert decide(found) == (RatioVerdict.CANNOT_TELL, Undecided.NO_EVENTS)


def test_the_same_few_rows_do_not_show_that_nothing_changes():
    found = paired_ratio(events(BEFORE), events(BEFORE), CLUSTERS, events=True)
    assert (found.ratio, found.p) == (1, 1)
    assert found.low < 0.95
    assert found.low * found.high == pytest.approx(1)
    amounts = paired_ratio(events(BEFORE), events(BEFORE), CLUSTERS, events=False)
    assert (amounts.low, amounts.high) == (1, 1)
    assert decide(amounts) == (RatioVerdict.NO_DIFFERENCE, Undecided.DECIDED)


def test_more_than_before_is_the_same_the_other_way_round():
    fewer = paired_ratio(events(BEFORE), events(AFTER), CLUSTERS, events=True)
    more = paired_ratio(events(AFTER), events(BEFORE), CLUSTERS, events=True)
    assert (more.low, more.high) == pytest.approx((1 / fewer.high, 1 / fewer.low))
    assert (more.ratio, more.p) == (2, fewer.p)
    assert decide(fewer)[0] == RatioVerdict.HELPS
    assert decide(more)[0] == RatioVerdict.HARMS


def test_the_interval_and_the_test_never_contradict():
    rng = np.random.default_rng(3)
    decided = 0
    for _ in range(300):
        count = int(rng.integers(6, 18))
        before = rng.poisson(rng.gamma(0.7, 5, count)).astype(float)
        kept = rng.binomial(before.astype(int), rng.uniform(0.1, 1))
        after = kept + rng.poisson(rng.uniform(0, 2), count)
        rows = rng.uniform(0.8, 1.2)
        low, high, p, _ = ratio_of_sums(before, after.astype(float), rows=rows, events=True)
        if low <= high:
            assert (p <= 0.05) == (not low <= 1 <= high)
            decided += p <= 0.05
    assert 50 < decided < 250


@pytest.mark.parametrize(
    ("rate", "kept"),
    [
        (0.2, 0.3),
        *(pytest.param(*each, marks=pytest.mark.nightly) for each in ((0.2, 0.9), (0.05, 0.2))),
    ],
)
def test_intervals_cover(rate, kept):
    """Clusters have rates of their own, beta distributed; each event stays with the same probability."""
    rng, hits, known = np.random.default_rng(7), 0, 0
    for _ in range(150):
        own = rng.beta(rate / 0.1, (1 - rate) / 0.1, 10)
        before = rng.random((10, 40)) < own[:, None]
        after = before & (rng.random((10, 40)) < kept)
        clusters = np.repeat(np.arange(10), 40)
        found = paired_ratio(before.ravel(), after.ravel(), clusters, events=True)
        known += np.isfinite(found.low)
        hits += found.low <= kept <= found.high
    assert known > 50
    assert hits / known > 0.93


@pytest.mark.parametrize(
    "count", [6, *(pytest.param(count, marks=pytest.mark.nightly) for count in (12, 30))]
)
def test_two_arms_that_are_alike_seldom_differ(count):
    rng, called = np.random.default_rng(8), 0
    for _ in range(200):
        own = rng.beta(1, 6, count)
        a, b = (rng.random((count, 50)) < own[:, None] for _ in range(2))
        found = paired_ratio(a.ravel(), b.ravel(), np.repeat(np.arange(count), 50), events=True)
        called += decide(found)[0] in (RatioVerdict.HELPS, RatioVerdict.HARMS)
    assert called / 200 < 0.08  # binomial, 95 %


def test_rows_that_are_others_afterwards_give_the_same_where_they_are_the_same():
    before, after = events(BEFORE), events(AFTER)
    one = paired_ratio(before, after, CLUSTERS, events=False)
    two = ratio_in_clusters(before, after, np.concatenate([CLUSTERS, CLUSTERS]), events=False)
    assert two == one


def test_more_rows_afterwards_are_more_rows_and_no_more_events():
    before, after = events(BEFORE), np.tile(events(BEFORE), 2)
    found = ratio_in_clusters(before, after, np.concatenate([CLUSTERS] * 3), events=True)
    assert found.ratio == 1
    assert found.p == 1


def test_nothing_measured_and_families_have_their_codes():
    assert paired_ratio(np.empty(0), np.empty(0), np.empty(0), events=True).n == 0
    nothing = ratio_in_clusters(np.empty(0), np.ones(3), np.zeros(3), events=True)
    assert decide(nothing) == (RatioVerdict.CANNOT_TELL, Undecided.NOT_MEASURED)
    found = PairedRatio(0.5, 0.1, 0.2, 0.1, 0.4, 0.02, 100, 10, "item", 10)
    assert decide(found) == decide(found, 0.05) == (RatioVerdict.HELPS, Undecided.DECIDED)
    assert decide(found, 0.06) == (RatioVerdict.CANNOT_TELL, Undecided.FAMILY)
    few = PairedRatio(0.5, 0.1, 0.2, 0.1, 0.4, 0.02, 9, 8, "item", 8)
    assert decide(few)[1] == Undecided.FEW_ROWS
    wide = PairedRatio(0.5, 0.5, 1.0, 0.5, 2.0, 0.6, 100, 10, "item", 8)
    assert decide(wide)[1] == Undecided.INTERVAL
    near = PairedRatio(0.5, 0.48, 0.96, 0.93, 0.98, 0.01, 100, 10, "item", 8)
    assert decide(near)[0] == RatioVerdict.NO_DIFFERENCE
