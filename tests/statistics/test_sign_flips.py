"""Sign flips: counted by hand, against an independent permutation test, and silent where nothing differs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vidrobust.statistics.significance import fewest_clusters, neighbour_inflation, sign_patterns, step_down


def test_all_patterns_or_a_draw() -> None:
    rng = np.random.default_rng(0)
    assert sign_patterns(3, rng).tolist() == [[1, 1, 1], [1, 1, -1], [1, -1, 1], [1, -1, -1]]
    drawn = sign_patterns(40, rng)
    assert drawn.shape == (4096, 40)
    assert (drawn[0] == 1).all()
    assert set(np.unique(drawn)) == {-1, 1}
    assert abs(drawn[1:].mean()) < 0.02


def test_five_clusters_can_never_tell() -> None:
    assert fewest_clusters() == 6
    rng = np.random.default_rng(0)
    assert step_down(np.full((5, 1), 1.0), rng)[0] == 2 / 32
    assert step_down(np.full((6, 1), 1.0), rng)[0] == 2 / 64


def test_one_number_by_hand() -> None:
    # sums 3, 2, -1: of eight patterns those with |sum| >= 4 are +++ less nothing: 3 + 2 - 1 = 4, 3 + 2 + 1 = 6
    # and their reverses, so that 4 of 8 reach what was seen
    assert step_down(np.array([[3.0], [2.0], [-1.0]]), np.random.default_rng(0))[0] == 0.5


def test_one_number_is_scipys_permutation_test() -> None:
    values = np.random.default_rng(1).normal(0.4, 1.0, 11)
    theirs = stats.permutation_test(
        (values,), lambda v, axis: v.sum(axis=axis), permutation_type="samples", vectorized=True,
        n_resamples=np.inf,
    )  # fmt: skip
    ours = step_down(values[:, None], np.random.default_rng(0))[0]
    assert ours == pytest.approx(theirs.pvalue, abs=1e-12)


def test_numbers_that_say_the_same_count_once_and_others_are_paid_for() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(0.8, 1.0, (10, 1))
    alone = step_down(values, rng)[0]
    assert step_down(np.repeat(values, 5, axis=1) * [1, 2, 3, 4, 5], rng) == pytest.approx(alone)
    beside = step_down(np.hstack([values, rng.normal(0, 1, (10, 9))]), rng)
    assert alone < beside[0] <= 10 * alone
    assert step_down(np.zeros((8, 2)), rng).tolist() == [1.0, 1.0]


def test_a_number_without_values_in_some_clusters_is_judged_on_the_others() -> None:
    sums = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    p = step_down(sums, np.random.default_rng(0))
    assert p[0] == 2 / 16
    assert p[1] == 2 / 4


def test_of_ten_equal_numbers_some_is_called_in_one_of_twenty() -> None:
    rng = np.random.default_rng(3)
    called = {8: 0, 30: 0}
    for clusters in called:
        for _ in range(200):
            shared = rng.standard_t(2, (clusters, 1))
            called[clusters] += (step_down(shared + rng.standard_t(2, (clusters, 10)), rng) <= 0.05).any()
    assert max(called.values()) <= stats.binom.ppf(0.995, 200, 0.05)


def moments(rng: np.random.Generator, clips: int, seconds: float, numbers: int, memory: float) -> np.ndarray:
    """(stretches of ``memory``, numbers): sums of what lasts for ``memory`` seconds and begins at any time."""
    n, lasts = int(seconds * 50), int(memory * 50)
    begun = rng.integers(0, lasts, (clips, 1)) + np.arange(n)
    sizes = rng.standard_normal((clips, n // lasts + 2, numbers))
    rows = np.take_along_axis(sizes, (begun // lasts)[..., None], axis=1)
    return rows.reshape(clips * (n // lasts), lasts, numbers).sum(axis=1)


def test_neighbours_share_what_lasts() -> None:
    rng = np.random.default_rng(4)
    sums = np.stack([moments(rng, 1, 20, 1, 2.0)[:, 0] for _ in range(4000)])
    seen = sums.sum(axis=1).var() / (10 * sums.var(axis=0).mean())
    assert neighbour_inflation(10, 1, 2.0, 2.0) == pytest.approx(1.45) == pytest.approx(seen, rel=0.06)
    assert neighbour_inflation(8, 8, 2.4, 2.0) == 1.0
    with pytest.raises(ValueError, match="memory of 0 to 1"):
        neighbour_inflation(8, 4, 1.0, 2.0)


def test_what_lasts_across_stretches_is_called_no_more_often_than_chance() -> None:
    rng = np.random.default_rng(5)
    sums = [moments(rng, 1, 20, 10, 2.0) for _ in range(300)]
    inflation = neighbour_inflation(10, 1, 2.0, 2.0)
    called = sum((step_down(one, rng, inflation) <= 0.05).any() for one in sums)
    plain = sum((step_down(one, rng) <= 0.05).any() for one in sums)
    assert called <= stats.binom.ppf(0.995, 300, 0.05) < plain


def test_neighbours_that_all_say_the_same_are_as_rare_as_before() -> None:
    rng = np.random.default_rng(6)
    assert step_down(np.ones((6, 1)), rng, 1.4)[0] == 2 / 64
    uneven = np.array([[1.0], [2.0], [0.05], [1.5], [3.0], [1.0], [2.0], [1.0]])
    assert step_down(uneven, rng)[0] < step_down(uneven, rng, 1.2)[0] < 0.05
