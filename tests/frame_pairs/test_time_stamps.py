"""Time stamps with gaps and repeats, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vidrobust.frame_pairs.transitions import measure_timing


def _timing(times, rate=25.0, index=None):
    times = np.array(times, float)
    return measure_timing(times, np.arange(len(times)) if index is None else np.array(index), rate)


def test_regular():
    found = _timing(np.arange(50) / 25)
    assert (found.dropped, found.duplicated, found.constant, found.frames) == (0, 0, True, 50)
    assert found.interval_s == pytest.approx(0.04)


def test_gaps_and_repeats():
    # frames 10, 20 and 21 of thirty are missing; frame 5 is shown twice, a millisecond apart
    ticks = [t for t in range(30) if t not in (10, 20, 21)]
    found = _timing(sorted([t / 25 for t in ticks] + [5 / 25 + 0.001]))
    assert (found.dropped, found.duplicated) == (3, 1)


def test_frames_left_out_by_choice_are_not_dropped():
    assert _timing(np.arange(0, 40, 2) / 25, index=range(0, 40, 2)).dropped == 0


def test_stamps_rounded_to_milliseconds():
    found = _timing(np.round(np.arange(300) / (30000 / 1001), 3), rate=30000 / 1001)
    assert (found.dropped, found.duplicated, found.constant) == (0, 0, True)


def test_wrong_rate_in_the_header():
    found = _timing(np.arange(50) / 12.5, rate=25)
    assert found.interval_s == pytest.approx(0.08)
    assert found.dropped == 0


def test_a_variable_rate_has_no_dropped_frames_to_count():
    steps = np.random.default_rng(0).uniform(0.02, 0.4, 60)
    found = _timing(np.cumsum(steps))
    assert not found.constant
    assert found.dropped == -1


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_frames(count):
    found = _timing(np.zeros(count))
    assert found.frames == count
    assert np.isnan(found.interval_s)
