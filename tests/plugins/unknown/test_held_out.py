"""Folds, thresholds and false alarms: by hand, and the rate that a further clip keeps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vidrobust.plugins.unknown.outside import (
    calibrated,
    effective,
    folds_of,
    held_out_scores,
    threshold,
)
from vidrobust.statistics.clusters import Clusters


def clips(count: int, frames: int) -> Clusters:
    return Clusters(np.repeat(np.arange(count), frames), "item")


def test_the_threshold_by_hand() -> None:
    """Of 19 values one in 20 may lie beyond: the largest. Of 18 there are too few, of 39 it is the second."""
    assert threshold(np.arange(19.0), 0.05) == 18.0
    assert threshold(np.arange(18.0), 0.05) == math.inf
    assert threshold(np.arange(39.0)[::-1], 0.05) == 37.0


def test_stretches_stay_together_and_clips_are_dealt_out() -> None:
    stretches = Clusters(np.arange(10), "stretch", 1.0)
    assert folds_of(stretches).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert folds_of(clips(7, 1)).tolist() == [0, 1, 2, 3, 4, 0, 1]


def test_no_frame_is_scored_by_a_fit_that_has_seen_its_clip_or_its_second() -> None:
    seen: list[tuple[set[int], set[int]]] = []

    def scored(fit: np.ndarray, rows: np.ndarray) -> np.ndarray:
        seen.append((set(fit.tolist()), set(rows.tolist())))
        return np.zeros(len(rows))

    time_s = np.arange(40) * 0.5
    stretches = Clusters(np.arange(40) // 4, "stretch", 2.0)
    held_out_scores(scored, stretches, np.full(40, "a"), time_s)
    assert sorted(row for _, rows in seen for row in rows) == list(range(40))
    for fit, rows in seen:
        assert all(abs(time_s[f] - time_s[r]) >= 1.0 for f in fit for r in rows)


def test_what_one_clip_has_is_scored_by_the_others() -> None:
    """Scores are the mean of the fit: of clips 0, 1 and 2, each its own number, the mean of the other two."""
    values = np.repeat([0.0, 3.0, 9.0], 2)
    found = held_out_scores(
        lambda fit, rows: np.full(len(rows), values[fit].mean()),
        clips(3, 2),
        np.repeat(list("abc"), 2),
        np.arange(6.0),
    )
    assert found.tolist() == [6.0, 6.0, 4.5, 4.5, 1.5, 1.5]


def test_one_cluster_gives_no_score() -> None:
    one = clips(1, 30)
    found = held_out_scores(
        lambda fit, rows: np.zeros(len(rows)), one, np.full(30, "a"), np.arange(30.0)
    )
    assert np.isnan(found).all()
    assert calibrated(found, one, 0.05).threshold == math.inf


def test_a_further_clip_keeps_the_rate_and_the_interval_says_so() -> None:
    """Clips with levels of their own: the share of a new clip beyond the threshold is 10 %, as was asked for."""
    rng, found, covered = np.random.default_rng(0), [], 0
    for _ in range(60):
        scores = rng.standard_normal(13).repeat(30) + rng.standard_normal(390)
        level = calibrated(scores[:360], clips(12, 30), 0.1)
        found.append(float((scores[360:] > level.threshold).mean()))
        covered += level.false_alarms.low <= 0.1 <= level.false_alarms.high
    assert np.mean(found) == pytest.approx(0.1, abs=0.06)
    assert covered >= 52


def test_effective_frames() -> None:
    """Independent frames count in full; where a clip is above as a whole or not at all, clips count."""
    rng = np.random.default_rng(1)
    assert effective(rng.random(4000) < 0.3, clips(400, 10)) == pytest.approx(4000, rel=0.25)
    whole = (np.arange(20) < 6).repeat(10)
    assert effective(whole, clips(20, 10)) == pytest.approx(20, rel=0.06)
