"""Verdict words: only where the whole interval lies in one band."""

from __future__ import annotations

import re

import pytest

from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.detection import DETECTION
from vidrobust.stages.stability.overall import LIMITS, stability

NAN = float("nan")
FLIPS = CLASSIFICATION.metrics[0]


@pytest.mark.parametrize(
    ("rate", "low", "high", "word", "kind"),
    [
        (0.0, 0.0, 0.0005, "steady", "good"),
        (0.004, 0.002, 0.008, "flickering", "middle"),
        (0.3, 0.17, 0.46, "unstable", "bad"),
        (0.0, 0.0, 0.3, "cannot tell", "unknown"),
        (0.004, 0.0005, 0.008, "cannot tell", "unknown"),
        (0.02, 0.005, 0.05, "flickering or worse", "middle"),
        (0.1, NAN, NAN, "cannot tell", "unknown"),
    ],
)
def test_the_word_follows_the_interval(rate: float, low: float, high: float, word: str, kind: str) -> None:
    found = stability(rate, low, high, 100, FLIPS)
    assert (found.word, found.kind) == (word, kind)
    assert found.why
    assert not found.why.endswith(".")


def test_nothing_compared_is_no_verdict() -> None:
    found = stability(NAN, NAN, NAN, 0, FLIPS)
    assert (found.word, found.kind) == ("not measured", "unknown")


def test_boxes_are_judged_by_the_same_limits_in_their_own_words() -> None:
    uncovered = next(metric for metric in DETECTION.metrics if metric.name == "uncovered_rate")
    found = stability(0.02, 0.005, 0.05, 100, uncovered)
    assert (found.word, found.kind) == ("flickering or worse", "middle")
    assert found.why != stability(0.02, 0.005, 0.05, 100, FLIPS).why


def test_the_limits_are_stated() -> None:
    assert re.findall(r"1 in \d+", LIMITS) == ["1 in 1000", "1 in 100"]
