"""Sign flips and exact tests: counted by hand, against scipy and statsmodels, and silent where nothing differs."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from vidrobust.statistics.significance import (
    FlippedRatio,
    clustered_mcnemar,
    discard_conservative,
    neighbour_inflation,
    sign_flip_p,
    sign_patterns,
    step_down,
)


def test_by_hand():
    assert sign_flip_p(np.array([1.0, 2.0, 3.0])) == 1 / 8
    # sums of +-1 +-2 that reach -1: +3, +1, -1
    assert sign_flip_p(np.array([1.0, -2.0])) == 3 / 4
    assert sign_flip_p(np.array([100.0, 0.0, 0.0])) == 1 / 2  # one value is one toss of a coin
    assert sign_flip_p(np.zeros(4)) == 1
    assert np.isnan(sign_flip_p(np.array([np.nan])))


@pytest.mark.parametrize("n", [9, 30])
def test_agrees_with_scipy(n):
    x = np.random.default_rng(n).standard_t(3, n) + 0.4
    how = {"permutation_type": "samples", "alternative": "greater", "n_resamples": 60_000}
    wanted = stats.permutation_test((x,), np.sum, **how, rng=1).pvalue
    assert sign_flip_p(x) == pytest.approx(wanted, abs=0.006)


def test_is_as_often_small_as_it_says_under_heavy_tails():
    rng = np.random.default_rng(0)
    p = np.array([sign_flip_p(rng.standard_cauchy(12)) for _ in range(600)])
    # binomial sd of .05 over 600 is .009
    assert 0.025 < (p <= 0.05).mean() < 0.075


def test_more_values_of_the_same_kind_never_mean_less_power():
    rng = np.random.default_rng(1)
    found = []
    for n in (12, 24, 48):
        steps = [np.where(rng.random(n) < 0.25, rng.exponential(1, n), -0.02) for _ in range(80)]
        found.append(np.mean([sign_flip_p(x) <= 0.05 for x in steps]))
    assert found[0] <= found[1] <= found[2]
    assert found[2] > 0.9


def test_discarding_keeps_the_level_and_drops_what_is_surely_null():
    summary = discard_conservative(np.array([0.02, 0.5, 0.51, np.nan]))
    assert summary[:2].tolist() == [0.04, 1.0]
    assert np.isnan(summary[2:]).all()
    uniform = discard_conservative(np.random.default_rng(2).random(20_000))
    kept = uniform[np.isfinite(uniform)]
    assert (kept <= 0.05).mean() == pytest.approx(0.05, abs=0.007)


def test_all_patterns_or_a_draw():
    rng = np.random.default_rng(0)
    assert sign_patterns(3, rng).tolist() == [[1, 1, 1], [1, 1, -1], [1, -1, 1], [1, -1, -1]]
    drawn = sign_patterns(40, rng)
    assert drawn.shape == (10_000, 40)
    assert (drawn[0] == 1).all()
    assert set(np.unique(drawn)) == {-1, 1}
    assert abs(drawn[1:].mean()) < 0.02


def test_five_clusters_can_never_tell():
    rng = np.random.default_rng(0)
    assert step_down(np.full((5, 1), 1.0), rng)[0] == 2 / 32
    assert step_down(np.full((6, 1), 1.0), rng)[0] == 2 / 64


def test_one_number_by_hand():
    # sums 3, 2, -1: of eight patterns those with |sum| >= 4 are +++ less nothing: 3 + 2 - 1 = 4, 3 + 2 + 1 = 6
    # and their reverses, so that 4 of 8 reach what was seen
    assert step_down(np.array([[3.0], [2.0], [-1.0]]), np.random.default_rng(0))[0] == 0.5


def test_one_number_is_scipys_permutation_test():
    values = np.random.default_rng(1).normal(0.4, 1.0, 11)
    theirs = stats.permutation_test(
        (values,), lambda v, axis: v.sum(axis=axis), permutation_type="samples", vectorized=True,
        n_resamples=np.inf,
    )  # fmt: skip
    ours = step_down(values[:, None], np.random.default_rng(0))[0]
    assert ours == pytest.approx(theirs.pvalue, abs=1e-12)


def test_numbers_that_say_the_same_count_once_and_others_are_paid_for():
    rng = np.random.default_rng(2)
    values = rng.normal(0.8, 1.0, (10, 1))
    alone = step_down(values, rng)[0]
    assert step_down(np.repeat(values, 5, axis=1) * [1, 2, 3, 4, 5], rng) == pytest.approx(alone)
    beside = step_down(np.hstack([values, rng.normal(0, 1, (10, 9))]), rng)
    assert alone < beside[0] <= 10 * alone
    assert step_down(np.zeros((8, 2)), rng).tolist() == [1.0, 1.0]


def test_a_number_without_values_in_some_clusters_is_judged_on_the_others():
    sums = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    p = step_down(sums, np.random.default_rng(0))
    assert p[0] == 2 / 16
    assert p[1] == 2 / 4


def test_of_ten_equal_numbers_some_is_called_in_one_of_twenty():
    rng = np.random.default_rng(3)
    called = {8: 0, 30: 0}
    for clusters in called:
        for _ in range(200):
            shared = rng.standard_t(2, (clusters, 1))
            values = shared + rng.standard_t(2, (clusters, 10))
            called[clusters] += (step_down(values, rng) <= 0.05).any()
    assert max(called.values()) <= stats.binom.ppf(0.995, 200, 0.05)


def moments(rng, clips, seconds, numbers, memory):
    """(stretches of ``memory``, numbers): sums of what lasts for ``memory`` seconds and begins at any time."""
    n, lasts = int(seconds * 50), int(memory * 50)
    begun = rng.integers(0, lasts, (clips, 1)) + np.arange(n)
    sizes = rng.standard_normal((clips, n // lasts + 2, numbers))
    rows = np.take_along_axis(sizes, (begun // lasts)[..., None], axis=1)
    return rows.reshape(clips * (n // lasts), lasts, numbers).sum(axis=1)


def test_neighbours_share_what_lasts():
    rng = np.random.default_rng(4)
    sums = np.stack([moments(rng, 1, 20, 1, 2.0)[:, 0] for _ in range(4000)])
    seen = sums.sum(axis=1).var() / (10 * sums.var(axis=0).mean())
    assert neighbour_inflation(10, 1, 2.0, 2.0) == pytest.approx(1.45)
    assert seen == pytest.approx(1.45, rel=0.06)
    assert neighbour_inflation(8, 8, 2.4, 2.0) == 1.0
    with pytest.raises(ValueError, match="memory of 0 to 1"):
        neighbour_inflation(8, 4, 1.0, 2.0)


def test_what_lasts_across_stretches_is_called_no_more_often_than_chance():
    rng = np.random.default_rng(5)
    sums = [moments(rng, 1, 20, 10, 2.0) for _ in range(300)]
    inflation = neighbour_inflation(10, 1, 2.0, 2.0)
    called = sum((step_down(one, rng, inflation) <= 0.05).any() for one in sums)
    plain = sum((step_down(one, rng) <= 0.05).any() for one in sums)
    assert called <= stats.binom.ppf(0.995, 300, 0.05) < plain


def test_neighbours_that_all_say_the_same_are_as_rare_as_before():
    rng = np.random.default_rng(6)
    assert step_down(np.ones((6, 1)), rng, 1.4)[0] == 2 / 64
    uneven = np.array([[1.0], [2.0], [0.05], [1.5], [3.0], [1.0], [2.0], [1.0]])
    assert step_down(uneven, rng)[0] < step_down(uneven, rng, 1.2)[0] < 0.05


def test_of_independent_rows_it_is_the_exact_test():
    first, second = np.arange(31) < 9, (np.arange(31) >= 9) & (np.arange(31) < 11)
    expected = mcnemar([[20, 9], [2, 0]], exact=True).pvalue
    assert clustered_mcnemar(first, second, np.arange(31)) == pytest.approx(expected)
    # the same in copies of ten tells no more
    copied = [np.repeat(each, 10) for each in (first, second, np.arange(31))]
    assert clustered_mcnemar(*copied) == pytest.approx(expected)
    many = clustered_mcnemar(np.tile(first, 3), np.tile(second, 3), np.arange(93))
    assert many == pytest.approx(mcnemar([[60, 27], [6, 0]], exact=True).pvalue, abs=5e-4)
    nothing = np.zeros(31, bool)
    assert clustered_mcnemar(nothing, nothing, np.arange(31)) == 1.0


def test_the_ratio_of_three_clusters_by_hand():
    # halves of the splits 1|23, 2|13, 3|12: 1/2 and 2/4, 2/2 and 1/4, 0/2 and 3/4
    found = FlippedRatio.of(np.array([1.0, 2.0, 0.0]), np.array([2.0, 2.0, 2.0]))
    assert found.value == 0.5
    p = {0.5: 1.0, 0.3: 0.75, 0.1: 0.5, 0.8: 0.5, 1.1: 0.25, -1.0: 0.25}
    assert {ratio: found.p(ratio) for ratio in p} == p
    assert found.interval(level=0.4) == (0.25, 0.75)
    assert found.interval(level=0.6) == (0.0, 1.0)
    assert found.interval(level=0.95) == (-np.inf, np.inf)


@pytest.mark.parametrize("count", [7, 11])
def test_each_value_of_a_ratio_is_tested_as_scipy_does(count):
    rng = np.random.default_rng(count)
    y = rng.poisson(5, count) + 1.0
    x = rng.binomial(y.astype(int), 0.4).astype(float)
    found = FlippedRatio.of(x, y)
    low, high = found.interval()
    for ratio in (0.3, 0.5, 1.0, low - 1e-6, low + 1e-6, high - 1e-6, high + 1e-6):
        how = {"permutation_type": "samples", "n_resamples": np.inf}
        wanted = stats.permutation_test((x - ratio * y,), np.sum, **how).pvalue
        assert found.p(ratio) == pytest.approx(wanted)
        assert (wanted > 0.05) == (low <= ratio <= high)


def test_the_interval_of_a_mean_of_many_is_nearly_students():
    x = np.random.default_rng(1).normal(2, 1, 60)
    wanted = stats.t.interval(0.95, 59, x.mean(), stats.sem(x))
    assert FlippedRatio.of(x, np.ones(60)).interval() == pytest.approx(wanted, abs=0.02)


def test_neighbours_that_share_what_lasts_widen_the_interval():
    x = np.random.default_rng(1).normal(2, 1, 12)
    plain, wide = FlippedRatio.of(x, np.ones(12)), FlippedRatio.of(x, np.ones(12), inflation=1.4)
    low, high = plain.interval()
    lower, higher = wide.interval()
    assert lower < low < high < higher
    assert (higher - lower) / (high - low) == pytest.approx(np.sqrt(1.4), rel=0.15)
    # without any inflation the search finds what the halves give
    searched = FlippedRatio.of(x, np.ones(12), inflation=1 + 1e-9).interval()
    assert searched == pytest.approx((low, high), abs=1e-4)
    assert wide.p(2.0) >= plain.p(2.0)
