"""Whether cells differ: all rearrangements counted by hand, silent under the null, found where planted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vidrobust.statistics import differing_cells as module
from vidrobust.statistics.permutations import differing_cells
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
        sums = [sum(events[k] for k, c in zip(order, cell, strict=True) if c == one) for one in (0, 1)]
        return sum((s - 30 * rate) ** 2 / (30 * rate * (1 - rate)) for s in sums)

    seen = plain((0, 1, 2, 3, 4, 5))
    exact = np.mean([plain(o) >= seen - 1e-9 for o in itertools.permutations(range(6))])
    assert exact == pytest.approx(
        4 / 20
    )  # 22 and 11 of 33, or 9 + 7 + 6 with the other 6: twice for the mirror
    monkeypatch.setattr(module, "DRAWS", 4000)
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
    assert differing_cells(moment == 0, moment, thing, moment, clip, np.random.default_rng(0)) == 1.0
    apart = np.where(
        thing < 5, moment, 1 - moment
    )  # half go the other way: now the cell can be told from the moment
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
