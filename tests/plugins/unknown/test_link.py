"""Verdicts on the AUROC, and the one sentence: what it says, and where it stays silent."""

from __future__ import annotations

import numpy as np
import pytest

from vidrobust.plugins.unknown.outside import (
    CANNOT_TELL,
    LINK,
    MARGIN,
    NO_LINK,
    NO_MORE,
    REVERSED,
    OutsideShare,
    calibrated,
    link_verdict,
    links,
    outside,
)
from vidrobust.plugins.unknown.settings import ERROR, FLIP
from vidrobust.plugins.unknown.study import SCORES, ScoreResult, sentence
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import Interval


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.51, 0.7, LINK),
        (0.2, 0.45, REVERSED),
        (0.45, 0.58, NO_LINK),
        (0.4, 0.7, CANNOT_TELL),
        (np.nan, np.nan, CANNOT_TELL),
    ],
)
def test_verdicts(low: float, high: float, word: str) -> None:
    assert link_verdict(Interval(0.55, low, high, 100, 8, "item"))[0] == word


CLIPS = Clusters(np.arange(20).repeat(40), "item")


def world(
    seed: int, slope: float, own: float
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Flips by the margin; by the score only as far as ``own``. The score goes with the margin by ``slope``."""
    rng = np.random.default_rng(seed)
    margin = rng.random(len(CLIPS.label))
    score = -slope * margin + rng.standard_normal(len(margin)) * 0.3
    flip = rng.random(len(margin)) < 1 / (1 + np.exp(6 * margin - 1 - own * score))
    return score, margin, {FLIP: flip.astype(float)}


def test_a_link_that_the_margin_explains_is_none_at_equal_margin() -> None:
    alone, given = links(*world(0, 1.0, 0.0), CLIPS)
    assert (alone.given, given.given) == ("", MARGIN)
    assert alone.verdict == LINK
    assert given.verdict in (NO_LINK, CANNOT_TELL)
    assert given.auroc.low < 0.5 < given.auroc.high


def test_a_link_beside_the_margin_stays() -> None:
    assert [link.verdict for link in links(*world(1, 1.0, 4.0), CLIPS)] == [LINK, LINK]


def test_few_events_cannot_tell_and_unknown_frames_do_not_count() -> None:
    score, margin, _events = world(2, 1.0, 0.0)
    happens = np.full(len(score), np.nan)
    happens[:200], happens[:4] = 0.0, 1.0
    found = links(score, margin, {ERROR: happens}, CLIPS)[0]
    assert (found.verdict, found.events, found.auroc.n) == (CANNOT_TELL, 4, 200)
    assert found.why == "it happens at 4 frames, and 10 are needed"


def studied(further: float, seed: int = 0) -> ScoreResult:
    rng = np.random.default_rng(seed)
    known = calibrated(rng.standard_normal(800), CLIPS, 0.05)
    score, margin, events = world(seed, 1.0, 4.0)
    found = outside(score + further, known, CLIPS)
    return ScoreResult(
        SCORES[0], "", score, known, found, tuple(links(score, margin, events, CLIPS))
    )


def test_the_sentence_says_what_lies_outside_and_that_it_is_unstable_there() -> None:
    said = sentence(studied(9.0), 0.05)
    assert said.startswith("100 % [")
    assert "of the footage lies outside what it was trained for" in said
    assert "the less known a frame, the more often it changes its answer (AUROC" in said
    assert "also among frames of equal margin" in said


def test_the_sentence_is_silent_on_instability_where_nothing_lies_outside() -> None:
    found = studied(-9.0)
    assert isinstance(found.outside, OutsideShare)
    assert found.outside.verdict == NO_MORE
    said = sentence(found, 0.05)
    assert said.startswith("no more of the footage lies outside")
    assert "AUROC" not in said


def test_without_any_score_nothing_can_be_said() -> None:
    assert sentence(None, 0.05).endswith("no score can be had")
