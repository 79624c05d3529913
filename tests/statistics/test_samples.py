"""In which order frames are sampled: by hand."""

import numpy as np
import pytest

from vidrobust.stages.causes.pairs import inclusion
from vidrobust.statistics.samples import sized_order, spread_order


def test_the_first_points_are_those_of_van_der_corput():
    # 0, 1/2, 1/4, 3/4, 1/8, 5/8, 3/8, 7/8 of 16 rows
    assert spread_order(16, 8, 0.0).tolist() == [0, 8, 4, 12, 2, 10, 6, 14]


@pytest.mark.parametrize("rows", [1, 2, 7, 97, 240])
def test_all_rows_come_once_and_a_larger_sample_holds_the_smaller(rows):
    whole = spread_order(rows, rows, 0.37)
    assert sorted(whole.tolist()) == list(range(rows))
    for count in (1, rows // 2, rows - 1):
        assert spread_order(rows, count, 0.37).tolist() == whole[:count].tolist()
    assert spread_order(rows, rows + 5, 0.37).tolist() == whole.tolist()


def test_every_row_is_as_likely_as_any_other():
    rng = np.random.default_rng(0)
    orders = [spread_order(50, 8, rng.random()) for _ in range(4000)]
    taken = np.bincount(np.concatenate(orders), minlength=50)
    assert np.abs(taken / 4000 - 8 / 50).max() < 4 * np.sqrt(0.16 * 0.84 / 4000)


@pytest.mark.parametrize("step", [1, 3, 5])
def test_every_so_many_th_of_the_order_is_spread_over_time(step):
    for start in np.random.default_rng(1).random(20):
        order = spread_order(1000, 8 * step, start)
        for level in range(step):
            quarter = order[level::step] * 4 // 1000
            assert np.bincount(quarter, minlength=4).min() >= 1


def test_rows_are_taken_with_the_probability_of_their_size():
    rng = np.random.default_rng(2)
    size = np.array([5.0, 1, 2, 3, 1, 1, 4, 8, 2, 2, 1, 3])
    p = inclusion(size, 4)
    taken = np.zeros(len(size))
    for _ in range(6000):
        taken[sized_order(size, rng)[:4]] += 1
    # sequential Poisson sampling keeps the probabilities closely, not exactly
    assert np.abs(taken / 6000 - p).max() < 0.07
    assert np.corrcoef(taken, p)[0, 1] > 0.98


def test_neighbours_in_time_are_seldom_taken_together():
    rng, together, by_chance = np.random.default_rng(3), 0, 0
    for _ in range(200):
        together += int((np.diff(np.sort(sized_order(np.ones(96), rng)[:12])) == 1).sum())
        by_chance += int((np.diff(np.sort(rng.choice(96, 12, replace=False))) == 1).sum())
    assert together < 0.6 * by_chance
