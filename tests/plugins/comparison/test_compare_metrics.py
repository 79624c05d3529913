"""Comparison of two runs: what is planted is found, what is equal is same, and chance says nothing."""

import itertools
import math
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vidrobust.errors import InputError
from vidrobust.plugins.comparison.compare_metrics import (
    ENOUGH,
    Compared,
    Paired,
    compare_metrics,
    margin_of,
    paired_rows,
    rows_along_tracks,
    verdict,
)
from vidrobust.statistics.levels import ALPHA
from vidrobust.statistics.ratios import Undecided

KEYS = ("item", "frame")


def compared(a, b, **how):
    """The comparison of the column flip alone."""
    margin = how.pop("margin", 0.2)
    rows = paired_rows(a, b, **{"keys": KEYS, "column": "flip", **how})
    return compare_metrics({"flip_rate": rows}, margin=margin)["flip_rate"]


def run(rng, rate, *, clips=15, frames=200):
    """Flips of clips whose rates differ: Beta with mean ``rate`` and correlation .02."""
    own = rng.beta(rate * 49, (1 - rate) * 49, clips)
    item = np.repeat([f"clip{k}" for k in range(clips)], frames)
    frame = np.tile(np.arange(frames), clips)
    flip = rng.random(len(item)) < np.repeat(own, frames)
    return pd.DataFrame({"item": item, "frame": frame, "time_s": frame / 25, "flip": flip})


def test_two_equal_runs_are_the_same():
    a = run(np.random.default_rng(0), 0.05)
    found = compared(a, a.copy())
    assert (found.difference, found.low, found.high, found.verdict) == (0.0, 0.0, 0.0, "same")
    assert (found.n, found.clusters, found.cluster, found.on_these_clips) == (3000, 15, "item", "")
    one = a[a["item"] == "clip0"]
    alone = compared(one, one.copy())
    assert (alone.verdict, alone.cluster) == ("same", "stretch")


def test_what_never_happened_says_nothing_of_other_footage():
    # neither run flips in one clip: of that clip a fact, of others nothing
    rng = np.random.default_rng(0)
    a = run(rng, 0.05, clips=1).assign(flip=False, moved=rng.random(200))
    b = a.assign(moved=rng.random(200))
    for rows, here in ((200, "same"), (9, "cannot tell")):
        metrics = {
            n: paired_rows(a[:rows], b[:rows], keys=KEYS, column=n) for n in ("flip", "moved")
        }
        found = compare_metrics(metrics)["flip"]
        assert (found.verdict, found.on_these_clips, found.n) == ("cannot tell", here, rows)
    # a run beside itself is the same, whatever happened
    assert compared(a, a.copy()).verdict == "same"


def test_equal_rows_of_other_footage_are_a_sample():
    # nothing flips in three parts: on the same pictures that is a fact, on others it says little
    a = pd.DataFrame({"item": ["a", "b", "c"], "frame": 0, "time_s": 0.0, "flip": False})
    other = compared(a, a.copy(), same_footage=False)
    assert (other.difference, other.verdict) == (0.0, "cannot tell")
    assert -other.low == other.high > 0.3


def test_two_points_more_are_found():
    rng = np.random.default_rng(1)
    a = run(rng, 0.05)
    b = a.assign(flip=a["flip"] | (rng.random(len(a)) < 0.02))
    found = compared(a, b)
    assert found.verdict == "worse"
    some = a["item"].isin([f"clip{k}" for k in range(12)])
    more = (b["flip"].astype(int) - a["flip"])[some].groupby(a["item"]).sum().to_numpy()
    signs = itertools.product((1, -1), repeat=12)
    reached = [abs(np.dot(each, more)) >= more.sum() for each in signs]
    assert compared(a[some], b[some]).p == np.mean(reached) <= 0.005
    assert found.low < 0.02 * 0.95 < found.high
    assert compared(b, a).verdict == "better"
    assert compared(a, b, worse="lower").verdict == "better"


def test_below_fourteen_clips_a_verdict_speaks_of_these_clips_alone():
    rng = np.random.default_rng(4)
    a = run(rng, 0.02, clips=5, frames=250)
    b = a.assign(flip=a["flip"] | (rng.random(len(a)) < 0.2))
    found = compared(a, b)
    assert (found.verdict, found.on_these_clips) == ("cannot tell", "worse")
    assert found.cluster == "stretch"
    more, worse = (pd.concat([t, t.assign(item=t["item"] + "'")]) for t in (a, b))
    found = compared(more, worse)
    assert (found.verdict, found.on_these_clips, found.cluster) == ("cannot tell", "worse", "item")
    thrice = compared(*(pd.concat([t, t.assign(item=t["item"] + "''")]) for t in (more, worse)))
    assert (thrice.clusters, thrice.verdict, thrice.on_these_clips) == (20, "worse", "")


def test_of_fourteen_clips_one_is_of_a_kind_that_is_one_in_five():
    assert ENOUGH == 14
    assert 0.8**ENOUGH < ALPHA < 0.8 ** (ENOUGH - 1)


def test_one_clip_in_five_that_is_bad_gives_no_false_verdict_where_none_of_them_is_seen():
    """No difference in the mean: one clip in five is 20 points worse, the others 5 better."""
    rng = np.random.default_rng(0)
    for clips in (6, 10, 13):
        a = run(rng, 0.3, clips=clips)
        # none of the bad ones is among them
        b = a.assign(flip=a["flip"] & (rng.random(len(a)) > 0.17))
        assert (compared(a, b).verdict, compared(a, b).on_these_clips) == ("cannot tell", "better")


def test_what_cannot_be_is_not_in_the_interval():
    # A never flips, so that B less A is not below 0; only two of six clips flip at all in B
    a = run(np.random.default_rng(0), 0.05, clips=6).assign(flip=False)
    b = a.assign(flip=a["item"].isin(["clip0", "clip1"]) & (a["frame"] % 3 == 0))
    found = compared(a, b)
    assert found.difference == pytest.approx(2 / 6 * 67 / 200)
    assert (found.low, found.verdict) == (0.0, "cannot tell")
    assert compared(b, a).high == 0.0
    assert compared(a, b, same_footage=False).low < 0


def test_the_margin_is_relative_to_the_rate():
    assert margin_of(0.04, 0.06, 0.2) == pytest.approx(0.01)
    assert margin_of(0.94, 0.96, 0.2) == pytest.approx(0.01)  # 5 % wrong
    assert margin_of(0.0, 0.0, 0.2) == 1e-4
    assert margin_of(3.0, 5.0, 0.2, (0.0, math.inf)) == pytest.approx(0.8)
    assert margin_of(-3.0, -5.0, 0.2, (-math.inf, math.inf)) == pytest.approx(0.8)
    # a rate of .3 % that doubles is not the same, though it is a third of a point
    a = run(np.random.default_rng(0), 0.05, frames=2000)
    a = a.assign(flip=a["frame"] % 333 == 5)
    b = a.assign(flip=a["frame"] % 167 == 5)
    assert compared(a, b).verdict == "worse"
    assert compared(a, b, margin=1.0).verdict == "same"


def test_inside_the_margin_is_the_same_though_the_sign_is_sure():
    assert verdict(0.001, 0.009, margin=0.01, worse="higher") == "same"
    assert verdict(0.001, 0.011, margin=0.01, worse="higher") == "worse"
    assert verdict(0.001, 0.011, margin=0.01, worse="higher", p=0.06) == "cannot tell"
    assert verdict(-0.011, -0.001, margin=0.01, worse="higher") == "better"
    assert verdict(-0.001, 0.011, margin=0.01, worse="higher") == "cannot tell"
    assert verdict(math.nan, math.nan, margin=0.01, worse="higher") == "cannot tell"


def test_of_ten_metrics_chance_calls_some_no_more_than_one_time_in_twenty():
    """A/A in 100 ways: ten metrics of ten clips, each of which suits one of two equal runs."""
    rng = np.random.default_rng(2)
    clip = np.repeat([f"clip{k}" for k in range(10)], 4).astype(object)
    place = pd.DataFrame({"item": clip, "time_s": 0.0, "part": ""})
    called = alone = 0
    for number in range(100):
        suits = np.repeat(rng.normal(0, 0.03, (10, 10)), 4, axis=0)
        noise = rng.normal(0, 0.02, (2, *suits.shape))
        a, b = np.clip(0.3 + np.stack([-suits, suits]) + noise, 0, 1)
        rows = {f"m{k}": Paired(a[:, k], b[:, k], clip, False, place) for k in range(10)}
        found = compare_metrics(rows, seed=number, margin=1e-6)
        called += any(each.on_these_clips in ("better", "worse") for each in found.values())
        alone += any(each.low > 0 or each.high < 0 for each in found.values())
    assert called <= stats.binom.ppf(0.99, 100, 0.05)
    assert alone > 25  # what every interval by itself would call


def test_rows_that_only_one_run_has_are_counted_and_left_out():
    a = run(np.random.default_rng(3), 0.1, clips=6)
    found = compared(a.iloc[10:], a.iloc[:-30])
    assert (found.n, found.only_a, found.only_b) == (1160, 30, 10)
    none = compared(a[a["item"] == "clip0"], a[a["item"] == "clip1"])
    assert (none.n, none.verdict) == (0, "cannot tell")
    with pytest.raises(InputError, match="several rows of the same item, frame"):
        compared(pd.concat([a, a]), a)
    with pytest.raises(InputError, match="run B has no column flip"):
        compared(a, a.drop(columns="flip"))


def test_parts_are_paired_over_stations():
    every = product((1, 2), range(6), range(3))
    rows = [(f"cam{s}/p{p}.{k}", f"p{p}", k, s, p * 0.1 + 0.05 * s) for s, p, k in every]
    table = pd.DataFrame(rows, columns=["item", "part", "pass", "station", "score"])
    a, b = (table[table["station"] == s] for s in (1, 2))
    found = compared(a, b, keys=("part", "pass"), column="score", part="part")
    assert found.difference == pytest.approx(0.05)
    assert (found.n, found.clusters, found.cluster) == (18, 6, "part")


def tracks(rng, rate, *, clips=15, objects=3):
    """Frames of objects, of which a share is without a box; so many objects a frame."""
    frame = np.tile(np.repeat(np.arange(100), objects), clips)
    item = np.repeat([f"clip{k}" for k in range(clips)], 100 * objects)
    missed = rng.random(len(item)) < rate
    return pd.DataFrame({"item": item, "part": "", "time_s": frame / 25, "missed": missed})


def along_tracks(a, b):
    how = {"column": "missed", "worse": "higher", "bounds": (0.0, 1.0), "part": None}
    return compare_metrics({"uncovered_rate": rows_along_tracks(a, b, **how)})["uncovered_rate"]


def test_rows_along_tracks_are_rates_of_all_rows_and_not_of_seconds():
    rng = np.random.default_rng(7)
    # B follows a second object in half of the clips: more rows, no more misses a row
    a, b = tracks(rng, 0.1, objects=1), tracks(rng, 0.1, objects=1)
    more = tracks(rng, 0.1, objects=2)
    b = pd.concat([b[b["item"] < "clip5"], more[more["item"] >= "clip5"]])
    found = along_tracks(a, b)
    assert (found.a, found.b) == (a["missed"].mean(), b["missed"].mean())
    assert found.difference == pytest.approx(found.b - found.a)
    assert found.low < 0 < found.high
    assert found.n == len(a)
    assert along_tracks(a, tracks(rng, 0.3)).verdict == "worse"
    assert (along_tracks(a, a.copy()).verdict, along_tracks(a, a.copy()).low) == ("same", 0.0)


def test_the_reasons_of_not_telling():
    rng = np.random.default_rng(9)
    a, b = run(rng, 0.05), run(rng, 0.05)
    short = compared(a[a["frame"] < 120], b[b["frame"] < 120])
    assert short.why in (Undecided.INTERVAL, Undecided.DECIDED)
    one = compared(a[a["item"] == "clip0"], b[b["item"] == "clip0"])  # 8 s: four stretches of 2 s
    assert (one.verdict, one.why, one.clusters) == ("cannot tell", Undecided.FEW_CLUSTERS, 4)
    assert math.isnan(one.low)
    nine = compared(a[:9], b[:9])
    assert nine.why == Undecided.FEW_ROWS
    ten = a["item"].isin([f"clip{k}" for k in range(10)])
    worse = a.assign(flip=a["flip"] | (rng.random(len(a)) < 0.1))
    assert compared(a[ten], worse[ten]).why == Undecided.FEW_CLIPS
    assert compared(a[:0], b).why == Undecided.NOT_MEASURED


def test_more_footage_that_would_settle_it_by_hand():
    # half width .04: to leave out 0 with a difference of .01 takes (.04 / .01)^2, to lie within .03 (.04 / .02)^2
    found = Compared(0.1, 0.11, 0.01, -0.03, 0.05, 0.03, "cannot tell", 100, 15, "item")
    assert found.times == pytest.approx(4)
    assert math.isnan(replace(found, verdict="same").times)
    assert math.isnan(replace(found, low=math.nan, high=math.nan).times)


def test_without_other_metrics_interval_and_test_never_contradict():
    rng = np.random.default_rng(10)
    for clips in (6, 9, 20):
        for _ in range(15):
            a = run(rng, 0.1, clips=clips, frames=60)
            found = compared(a, run(rng, 0.17, clips=clips, frames=60))
            assert (found.p <= ALPHA) == (not found.low <= 0 <= found.high)
