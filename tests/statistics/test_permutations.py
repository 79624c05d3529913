"""Rearrangements and ranks within blocks: by hand, and by how often they call what is not there."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from vidrobust.statistics import permutations as module
from vidrobust.statistics.permutations import differing_cells, rise_across, rise_within
from vidrobust.statistics.significance import holm


def p_of(events: np.ndarray, cell: np.ndarray, clip: np.ndarray, *, alone: bool = False) -> float:
    """Of things of ten rows each with so many events; all rows of a clip at one moment, or each at its own."""
    thing = np.repeat(np.arange(len(events)), 10)
    event = np.tile(np.arange(10), len(events)) < events[thing]
    moment = np.arange(len(thing)) if alone else clip[thing]
    return differing_cells(event, cell[thing], thing, moment, clip[thing], np.random.default_rng(0))


def test_against_all_rearrangements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six units of ten trials in two cells: the statistic of each of the 720 orders written out plainly."""
    events, cell = np.array([9, 6, 7, 2, 3, 6]), np.array([0, 0, 0, 1, 1, 1])
    rate = events.sum() / 60

    def plain(order: tuple[int, ...]) -> float:
        sums = [
            sum(events[k] for k, c in zip(order, cell, strict=True) if c == one) for one in (0, 1)
        ]
        return sum((s - 30 * rate) ** 2 / (30 * rate * (1 - rate)) for s in sums)

    seen = plain((0, 1, 2, 3, 4, 5))
    exact = np.mean([plain(o) >= seen - 1e-9 for o in itertools.permutations(range(6))])
    # 22 and 11 of 33, or 9 + 7 + 6 with the other 6: twice for the mirror
    assert exact == pytest.approx(4 / 20)
    monkeypatch.setattr(module, "CELL_DRAWS", 4000)
    found = p_of(events, cell, np.zeros(6, int))
    assert found == pytest.approx(exact, abs=0.025)


def test_what_differs_between_clips_is_no_difference_between_cells() -> None:
    """A bad clip with objects in cell 0, and a good one with objects in cell 1, each alike throughout."""
    clip = np.repeat([0, 1], 10)
    cell = clip.copy()
    cell[[0, 10]] = 1, 0
    events = np.where(clip == 0, 8, 1)
    assert p_of(events, cell, clip) == 1.0
    assert p_of(events, cell, np.zeros(20, int)) < 0.01


def test_clips_of_one_thing_are_rearranged_among_each_other() -> None:
    cell = np.arange(20) % 2
    assert p_of(np.where(cell == 0, 8, 1), cell, np.arange(20), alone=True) < 0.01


def test_a_moment_that_strikes_all_alike_shows_nothing() -> None:
    """Ten things, all in cell 0 and lost at moment 0, all in cell 1 and seen at moment 1."""
    thing, moment = np.tile(np.arange(10), 2), np.repeat([0, 1], 10)
    clip = np.zeros(20, int)
    assert (
        differing_cells(moment == 0, moment, thing, moment, clip, np.random.default_rng(0)) == 1.0
    )
    # half go the other way: now the cell can be told from the moment
    apart = np.where(thing < 5, moment, 1 - moment)
    assert differing_cells(apart == 0, apart, thing, moment, clip, np.random.default_rng(0)) < 0.01


def test_one_cell_asks_nothing_and_no_event_shows_nothing() -> None:
    some = np.arange(8)
    assert np.isnan(p_of(some, 0 * some, 0 * some))
    assert p_of(0 * some, some % 2, 0 * some) == 1.0


def test_holm_by_hand() -> None:
    assert holm(np.array([0.03, np.nan, 0.01, 0.04])) == pytest.approx(
        [0.06, np.nan, 0.03, 0.06], nan_ok=True
    )
    assert np.isnan(holm(np.array([np.nan]))).all()


def test_two_blocks_by_hand() -> None:
    # ranks about their mean: -1 0 1 in both; products 2 and 1 (-1 1 0 against -1 0 1), variance 2 2 / 2 of each
    x, y = np.array([1.0, 2, 3, 1, 2, 3]), np.array([0.1, 0.2, 0.3, 70, 90, 80])
    block = np.array([0, 0, 0, 1, 1, 1])
    assert rise_within(x, y, block) == pytest.approx(stats.norm.sf(3 / 2))


def test_ties_by_all_orders() -> None:
    rng = np.random.default_rng(0)
    x, y, block = (
        np.tile([1.0, 2, 3, 4], 6),
        np.round(rng.random(24), 1),
        np.repeat(np.arange(6), 4),
    )
    y += 0.08 * x
    a, b = (
        np.concatenate([stats.rankdata(v[block == k]) - 2.5 for k in range(6)])
        for v in (x, np.round(y, 1))
    )
    sums = [
        np.concatenate([rng.permutation(a[block == k]) for k in range(6)]) @ b
        for _ in range(20_000)
    ]
    assert rise_within(x, np.round(y, 1), block) == pytest.approx(
        np.mean(sums >= a @ b - 1e-9), abs=0.015
    )


def test_one_block_is_spearman() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 200))
    spearman = stats.spearmanr(x, y).statistic
    assert rise_within(x, y, np.zeros(200)) == pytest.approx(stats.norm.sf(spearman * np.sqrt(199)))


def test_of_blocks_of_one_row_nothing_follows() -> None:
    assert rise_within(np.arange(5), np.arange(5), np.arange(5)) == 1.0


def test_without_an_effect_it_is_sure_as_seldom_as_said() -> None:
    rng = np.random.default_rng(2)
    block, x = np.repeat(np.arange(6), 5), np.tile(np.arange(5.0), 6)
    level = np.exp(rng.normal(0, 1.5, (1000, 6)))[:, block]
    sure = [rise_within(x, y, block) < 0.025 for y in level * rng.lognormal(0, 1, (1000, 30))]
    assert 0.005 <= np.mean(sure) <= 0.04


def test_units_in_two_blocks_by_hand() -> None:
    # products -1 0 1 times -1 0 1 over their deviation sqrt(2 2 / 2) in both blocks: 1 0 1 and 0 -1 ... of units
    x, y = np.array([1.0, 2, 3, 1, 2, 3]), np.array([0.1, 0.2, 0.3, 70, 90, 80])
    block, unit = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 2, 0, 1])
    # over sqrt 2: unit 0 has 1 + 0, unit 1 has 0 + 0, unit 2 has 1 + 1
    assert rise_across(x, y, block, unit) == pytest.approx(stats.t.sf(3 / np.sqrt(5), 2))


def test_units_that_are_moved_with_ease_in_every_block_are_no_rise() -> None:
    rng = np.random.default_rng(3)
    block, unit = np.repeat(np.arange(20), 30), np.tile(np.arange(30), 20)
    x = ((unit + 3 * block) % 5).astype(float)
    ease = np.exp(rng.normal(0, 1.5, (600, 30)))[:, unit]
    sure = [
        rise_across(x, y, block, unit) < 0.025 for y in ease * rng.lognormal(0, 0.3, (600, 600))
    ]
    assert 0.005 <= np.mean(sure) <= 0.04
