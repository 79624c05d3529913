"""Ranks within blocks: by hand, and by how often they call what is not there."""

import numpy as np
import pytest
from scipy import stats

from vidrobust.statistics.permutations import rise_across, rise_within


def test_two_blocks_by_hand():
    # ranks about their mean: -1 0 1 in both; products 2 and 1 (-1 1 0 against -1 0 1), variance 2 2 / 2 of each
    x, y = np.array([1.0, 2, 3, 1, 2, 3]), np.array([0.1, 0.2, 0.3, 70, 90, 80])
    block = np.array([0, 0, 0, 1, 1, 1])
    assert rise_within(x, y, block) == pytest.approx(stats.norm.sf(3 / 2))


def test_ties_by_all_orders():
    rng = np.random.default_rng(0)
    x, block = np.tile([1.0, 2, 3, 4], 6), np.repeat(np.arange(6), 4)
    y = np.round(rng.random(24), 1)
    y += 0.08 * x

    def in_blocks(arranged, values):
        return np.concatenate([arranged(values[block == k]) for k in range(6)])

    a, b = (in_blocks(stats.rankdata, values) - 2.5 for values in (x, np.round(y, 1)))
    sums = [in_blocks(rng.permutation, a) @ b for _ in range(5_000)]
    share = np.mean(sums >= a @ b - 1e-9)
    assert rise_within(x, np.round(y, 1), block) == pytest.approx(share, abs=0.02)


def test_one_block_is_spearman():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 200))
    spearman = stats.spearmanr(x, y).statistic
    assert rise_within(x, y, np.zeros(200)) == pytest.approx(stats.norm.sf(spearman * np.sqrt(199)))


def test_of_blocks_of_one_row_nothing_follows():
    assert rise_within(np.arange(5), np.arange(5), np.arange(5)) == 1.0


def test_without_an_effect_it_is_sure_as_seldom_as_said():
    rng = np.random.default_rng(2)
    block, x = np.repeat(np.arange(6), 5), np.tile(np.arange(5.0), 6)
    level = np.exp(rng.normal(0, 1.5, (400, 6)))[:, block]
    sure = [rise_within(x, y, block) < 0.025 for y in level * rng.lognormal(0, 1, (400, 30))]
    assert 0.005 <= np.mean(sure) <= 0.04


def test_units_in_two_blocks_by_hand():
    # products -1 0 1 times -1 0 1 over their deviation sqrt(2 2 / 2) in both blocks: 1 0 1 and 0 -1 ... of units
    x, y = np.array([1.0, 2, 3, 1, 2, 3]), np.array([0.1, 0.2, 0.3, 70, 90, 80])
    block, unit = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 2, 0, 1])
    # over sqrt 2: unit 0 has 1 + 0, unit 1 has 0 + 0, unit 2 has 1 + 1
    assert rise_across(x, y, block, unit) == pytest.approx(stats.t.sf(3 / np.sqrt(5), 2))


def test_units_that_are_moved_with_ease_in_every_block_are_no_rise():
    rng = np.random.default_rng(3)
    block, unit = np.repeat(np.arange(20), 30), np.tile(np.arange(30), 20)
    x = ((unit + 3 * block) % 5).astype(float)
    ease = np.exp(rng.normal(0, 1.5, (250, 30)))[:, unit]
    drawn = ease * rng.lognormal(0, 0.3, (250, 600))
    sure = [rise_across(x, y, block, unit) < 0.025 for y in drawn]
    assert 0.005 <= np.mean(sure) <= 0.04
