"""Whether cells differ: all rearrangements counted by hand, silent under the null, found where planted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vidrobust.statistics import differing_cells as module
from vidrobust.statistics.differing_cells import differing_cells, holm


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
    found = differing_cells(events, np.full(6, 10), cell, np.zeros(6, int), np.random.default_rng(0))
    assert found == pytest.approx(exact, abs=0.025)


def test_what_differs_between_clips_is_no_difference_between_cells() -> None:
    """A bad clip with objects in cell 0, and a good one with objects in cell 1, each alike throughout."""
    clip = np.repeat([0, 1], 10)
    cell = clip.copy()
    cell[[0, 10]] = 1, 0
    events = np.where(clip == 0, 8, 1)
    rng = np.random.default_rng(0)
    assert differing_cells(events, np.full(20, 10), cell, clip, rng) == 1.0
    assert differing_cells(events, np.full(20, 10), cell, np.zeros(20, int), rng) < 0.01


def test_clips_of_one_unit_are_rearranged_among_each_other() -> None:
    cell = np.arange(20) % 2
    events, rng = np.where(cell == 0, 8, 1), np.random.default_rng(0)
    assert differing_cells(events, np.full(20, 10), cell, np.arange(20), rng) < 0.01


def test_one_cell_asks_nothing_and_no_event_shows_nothing() -> None:
    rng, ones = np.random.default_rng(0), np.ones(8, int)
    assert np.isnan(differing_cells(ones, ones, 0 * ones, 0 * ones, rng))
    assert differing_cells(0 * ones, ones, np.arange(8) % 2, 0 * ones, rng) == 1.0


def test_holm_by_hand() -> None:
    assert holm(np.array([0.03, np.nan, 0.01, 0.04])) == pytest.approx(
        [0.06, np.nan, 0.03, 0.06], nan_ok=True
    )
    assert np.isnan(holm(np.array([np.nan]))).all()
