"""Comparison of two runs: what is planted is found, what is equal is same, and chance says nothing."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vidrobust.errors import InputError
from vidrobust.repeatability.compare import (
    churn,
    compare_metric,
    paired_difference,
    verdict,
)

KEYS = ("item", "frame")


def run(rng: np.random.Generator, rate: float, *, clips: int = 12, frames: int = 200) -> pd.DataFrame:
    """Flips of clips whose rates differ: Beta with mean ``rate`` and correlation .02."""
    own = rng.beta(rate * 49, (1 - rate) * 49, clips)
    item = np.repeat([f"clip{k}" for k in range(clips)], frames)
    frame = np.tile(np.arange(frames), clips)
    return pd.DataFrame(
        {
            "item": item,
            "frame": frame,
            "time_s": frame / 25,
            "flip": rng.random(len(item)) < np.repeat(own, frames),
        }
    )


def test_two_equal_runs_are_the_same() -> None:
    a = run(np.random.default_rng(0), 0.05)
    found = compare_metric(a, a.copy(), keys=KEYS, column="flip")
    assert (found.difference, found.low, found.high, found.verdict) == (0.0, 0.0, 0.0, "same")
    assert (found.n, found.clusters, found.cluster) == (2400, 12, "item")


def test_equal_rows_of_other_footage_are_a_sample() -> None:
    # nothing flips in three parts: on the same pictures that is a fact, on others it says little
    a = pd.DataFrame({"item": ["a", "b", "c"], "frame": 0, "time_s": 0.0, "flip": False})
    other = compare_metric(a, a.copy(), keys=KEYS, column="flip", same_footage=False)
    assert (other.difference, other.verdict) == (0.0, "cannot tell")
    assert -other.low == other.high > 0.3
    many = pd.concat([a.assign(item=a["item"] + str(k)) for k in range(300)])
    found = compare_metric(many, many.copy(), keys=KEYS, column="flip", same_footage=False)
    assert found.verdict == "same"


def test_two_points_more_are_found() -> None:
    rng = np.random.default_rng(1)
    a = run(rng, 0.05)
    b = a.assign(flip=a["flip"] | (rng.random(len(a)) < 0.02))
    found = compare_metric(a, b, keys=KEYS, column="flip")
    assert found.verdict == "worse"
    assert found.low < 0.02 * 0.95 < found.high
    assert compare_metric(b, a, keys=KEYS, column="flip").verdict == "better"
    assert compare_metric(a, b, keys=KEYS, column="flip", worse="lower").verdict == "better"


def test_inside_the_margin_is_the_same_though_the_sign_is_sure() -> None:
    assert verdict(0.001, 0.009, margin=0.01, worse="higher") == "same"
    assert verdict(0.001, 0.011, margin=0.01, worse="higher") == "worse"
    assert verdict(-0.011, -0.001, margin=0.01, worse="higher") == "better"
    assert verdict(-0.001, 0.011, margin=0.01, worse="higher") == "cannot tell"
    assert verdict(math.nan, math.nan, margin=0.01, worse="higher") == "cannot tell"


def test_chance_is_called_better_or_worse_no_more_than_one_time_in_twenty() -> None:
    """A/A: the frames of one run are dealt out to two runs, in 200 ways."""
    rng = np.random.default_rng(2)
    called = 0
    for _ in range(200):
        rates = np.repeat(rng.beta(0.5, 9.5, 10), 200)
        a, b = (rng.random(2000) < rates for _ in range(2))
        found = paired_difference(a, b, np.repeat(np.arange(10), 200))
        called += verdict(found.low, found.high, margin=0.0, worse="higher") in ("better", "worse")
    assert called <= stats.binom.ppf(0.99, 200, 0.05)


def test_rows_that_only_one_run_has_are_counted_and_left_out() -> None:
    a = run(np.random.default_rng(3), 0.1, clips=6)
    found = compare_metric(a.iloc[10:], a.iloc[:-30], keys=KEYS, column="flip")
    assert (found.n, found.only_a, found.only_b) == (1160, 30, 10)
    none = compare_metric(a[a["item"] == "clip0"], a[a["item"] == "clip1"], keys=KEYS, column="flip")
    assert (none.n, none.verdict) == (0, "cannot tell")
    with pytest.raises(InputError, match="several rows of the same item, frame"):
        compare_metric(pd.concat([a, a]), a, keys=KEYS, column="flip")
    with pytest.raises(InputError, match="run B has no column flip"):
        compare_metric(a, a.drop(columns="flip"), keys=KEYS, column="flip")


def test_parts_are_paired_over_stations() -> None:
    rows = [
        (f"cam{s}/p{p}.{k}", f"p{p}", k, s, p * 0.1 + 0.05 * s)
        for s in (1, 2)
        for p in range(6)
        for k in range(3)
    ]
    table = pd.DataFrame(rows, columns=["item", "part", "pass", "station", "score"])
    a, b = (table[table["station"] == s] for s in (1, 2))
    found = compare_metric(a, b, keys=("part", "pass"), column="score", part="part")
    assert found.difference == pytest.approx(0.05)
    assert (found.n, found.clusters, found.cluster) == (18, 6, "part")


def test_churn_is_the_share_of_labels_that_differ() -> None:
    found = churn(np.array([1, 2, 3, 3]), np.array([1, 2, 2, 3]), np.arange(4))
    assert (found.value, found.n) == (0.25, 4)
