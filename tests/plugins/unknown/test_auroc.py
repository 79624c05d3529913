"""The area under the ROC curve, by hand and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vidrobust.plugins.unknown.auroc import auroc, auroc_given, clustered_auroc


def test_by_hand_with_a_tie() -> None:
    score = np.array([1.0, 2.0, 2.0, 3.0])
    event = np.array([False, False, True, True])
    assert auroc(score, event) == pytest.approx((1 + 0.5 + 1 + 1) / 4)


def test_equals_mann_whitney() -> None:
    rng = np.random.default_rng(0)
    score, event = rng.integers(0, 12, 200).astype(float), rng.random(200) < 0.3
    u = stats.mannwhitneyu(score[event], score[~event]).statistic
    assert auroc(score, event) == pytest.approx(u / event.sum() / (~event).sum())


def test_strata_by_hand() -> None:
    """Only rows of one stratum are compared: 2 of 2 in the first, 0 of 1 in the second, none in the third."""
    score = np.array([5.0, 1.0, 2.0, 3.0, 9.0, 7.0])
    event = np.array([True, False, False, True, False, True])
    stratum = np.array([0, 0, 0, 1, 1, 2])
    assert auroc(score, event, stratum) == pytest.approx(2 / 3)


def test_nothing_to_compare_is_not_a_number() -> None:
    assert np.isnan(auroc(np.array([1.0, 2.0]), np.array([True, True])))


def _doubt(
    rng: np.random.Generator, n: int, own: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A margin that decides both the score and the event; ``own``: what the score knows besides."""
    margin = rng.random(n) ** 2
    hidden = rng.standard_normal(n)
    score = np.exp(-3 * margin) + 0.3 * rng.standard_normal(n) + own * hidden
    event = rng.random(n) < 1 / (1 + np.exp(8 * margin - 1 - 2 * own * hidden))
    return score, event, margin


def test_given_the_margin_nothing_is_left_where_the_margin_says_it_all() -> None:
    score, event, margin = _doubt(np.random.default_rng(1), 6000, 0.0)
    assert auroc(score, event) > 0.7
    assert auroc_given(score, event, margin) == pytest.approx(0.5, abs=0.025)


def test_given_the_margin_what_the_score_knows_besides_stays() -> None:
    score, event, margin = _doubt(np.random.default_rng(2), 6000, 0.5)
    assert auroc_given(score, event, margin) > 0.65


def test_the_interval_covers_under_the_null() -> None:
    """Ten clips, each with a level of its own for score and event: 0.5 lies inside in about 95 of 100."""
    rng, covered = np.random.default_rng(3), 0
    clip = np.repeat(np.arange(10), 30)
    for _ in range(60):
        score = rng.standard_normal(10)[clip] + rng.standard_normal(300)
        event = rng.random(300) < (0.15 + 0.5 * rng.random(10))[clip]
        found = clustered_auroc(score, event, clip)
        covered += found.low <= 0.5 <= found.high
    assert covered >= 52


def test_no_interval_where_all_events_lie_in_one_clip() -> None:
    clip = np.repeat(np.arange(4), 10)
    found = clustered_auroc(np.arange(40.0), np.arange(40) < 5, clip)
    assert found.value == 0.0
    assert np.isnan(found.low)
