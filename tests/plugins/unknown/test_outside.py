"""The share outside: a published difference of rates, a null that stays silent, and footage that is far away."""

from __future__ import annotations

import numpy as np
import pytest

from vidrobust.plugins.unknown.outside import (
    CANNOT_TELL,
    MORE,
    NO_MORE,
    OutsideShare,
    calibrated,
    difference,
    outside,
)
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import Interval


def wilson(hits: int, n: int) -> Interval:
    z, p = 1.959964, hits / n
    middle, half = p + z * z / 2 / n, z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n)
    return Interval(p, (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n), n, n)


def test_the_difference_is_newcombes() -> None:
    """56 of 70 less 48 of 80: .0524 to .3339 (Newcombe 1998, table II, method 10, first column)."""
    found = difference(wilson(56, 70), wilson(48, 80))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def made(rng: np.random.Generator, clips: int, further: float) -> tuple[np.ndarray, Clusters]:
    scores = (
        (0.5 * rng.standard_normal(clips)).repeat(25) + rng.standard_normal(clips * 25) + further
    )
    return scores, Clusters(np.arange(clips).repeat(25), "item")


def judged(seed: int, further: float, clips: int = 12) -> OutsideShare:
    rng = np.random.default_rng(seed)
    known, clusters = made(rng, clips, 0.0)
    footage, own = made(rng, clips, further)
    return outside(footage, calibrated(known, clusters, 0.05), own)


def test_known_footage_against_other_known_footage_stays_silent() -> None:
    found = [judged(seed, 0.0) for seed in range(40)]
    assert sum(each.verdict == MORE for each in found) <= 2
    assert np.mean([each.share.value for each in found]) == pytest.approx(0.05, abs=0.02)
    assert any(each.verdict == NO_MORE for each in found)


def test_footage_far_away_is_outside() -> None:
    found = [judged(seed, 3.0) for seed in range(10)]
    assert all(each.verdict == MORE for each in found)
    assert np.mean([each.share.value for each in found]) > 0.7


def test_too_little_known_footage_cannot_tell() -> None:
    found = judged(0, 9.0, clips=3)
    assert found.verdict == CANNOT_TELL
    assert found.why == "known footage of 3 clips is too little, at least 4 are needed"


def test_too_few_known_frames_for_the_rate() -> None:
    known, clusters = np.arange(15.0), Clusters(np.arange(5).repeat(3), "item")
    found = outside(
        np.full(30, 99.0), calibrated(known, clusters, 0.05), Clusters(np.arange(30), "item")
    )
    assert found.verdict == CANNOT_TELL
    assert found.why.startswith("15 known frames are too few")


def test_stretches_of_one_clip_never_call_other_footage_outside() -> None:
    rng = np.random.default_rng(0)
    known = calibrated(
        rng.standard_normal(300), Clusters(np.arange(10).repeat(30), "stretch", 1.0), 0.05
    )
    own = Clusters(np.arange(12).repeat(25), "item")
    far = outside(rng.standard_normal(300) + 9, known, own)
    assert far.verdict == CANNOT_TELL
    assert far.why.startswith(
        "known footage of fewer than 5 clips does not show how a further clip"
    )
    assert outside(rng.standard_normal(300) - 9, known, own).verdict == NO_MORE
