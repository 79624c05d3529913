"""Keyframes tested by moving them to other places."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vidrobust.stages.causes.naming import excess_at, keyframe_tests, place_test


def test_the_excess_is_beyond_the_pairs_beside() -> None:
    excess = excess_at(np.array([1.0, 2.0, 9.0, np.nan, 1.0]))
    assert np.allclose(excess, [-1, 2 - 5, 9 - 2, np.nan, np.nan], equal_nan=True)


def test_one_keyframe_that_sticks_out_beats_every_other_place() -> None:
    change = np.random.default_rng(0).gamma(2, size=200)
    change[120] = 200
    # of 200 places only the true one reaches it
    assert place_test(change, np.arange(200) == 120) == pytest.approx(1 / 200)


def test_keyframes_without_effect_are_found_in_few_clips() -> None:
    rng = np.random.default_rng(0)
    found = [place_test(rng.gamma(0.5, size=120), np.arange(120) % 40 == 20) for _ in range(400)]
    assert np.mean(np.array(found) < 0.05) < 0.08


def test_a_small_excess_is_not_above_the_share_asked_about() -> None:
    change = np.ones(200)
    change[120] = 5
    assert place_test(change, np.arange(200) == 120) > 0.5
    assert place_test(change, np.arange(200) == 120, share=0.01) == pytest.approx(1 / 200)


def test_no_keyframes_no_answer() -> None:
    assert np.isnan(place_test(np.ones(50), np.zeros(50, bool)))


def test_clips_are_combined_per_model() -> None:
    change = np.random.default_rng(0).gamma(2, size=100)
    change[50] = 100
    rows = pd.DataFrame(
        {
            "model": "m",
            "item": "a",
            "frame_a": np.arange(100),
            "total_variation": np.sqrt(change) / 20,
            "excluded": "",
            "keyframe": np.arange(100) == 50,
        }
    )
    one = keyframe_tests(rows)["m"]
    assert one == pytest.approx(1 / 100)
    assert keyframe_tests(pd.concat([rows, rows.assign(item="b")]))["m"] < one
    assert keyframe_tests(rows.assign(keyframe=False)) == {}
