"""The stability table against counts done by hand, and verdict words where the interval lies in one band."""

import re

import numpy as np
import pandas as pd
import pytest

from tests.metrics.test_class_meter import PLAIN, hand_counted, made_predictions, measure, sure_of
from vidrobust.metrics.catalogue import metrics_of
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.detection import DETECTION
from vidrobust.stages.stability import rates
from vidrobust.stages.stability.rates import LIMITS, stability
from vidrobust.statistics.intervals import clustered_mean

METRICS = metrics_of("classification", (1, 3))


def row_of(table, metric, item):
    (place,) = np.flatnonzero((table["metric"] == metric) & (table["item"] == item))
    return table.iloc[place]


def test_hand_counted_clip():
    table = rates.summarise(hand_counted(), METRICS)
    rate = row_of(table, "flip_rate", "")
    assert (rate["value"], rate["n"]) == (0.5, 4)  # 2 flips in the 4 pairs that are not excluded
    mean = row_of(table, "total_variation", "clip")
    assert mean["value"] == pytest.approx(0.35, abs=1e-6)
    revert = row_of(table, "revert_flip_rate", "clip")
    # frame 2, of the 4 frames that end a usable pair
    assert (revert["value"], revert["n"]) == (0.25, 4)
    jitter = row_of(table, "jitter", "")
    assert (jitter["value"], jitter["n"]) == (pytest.approx((0.35 + 0.7) / 2, abs=1e-6), 2)
    # anchors at 0 and 5; over the cut: (0, 1) bolt bolt and (0, 3) bolt bolt remain, and (5, 4) nut nut
    one, three = row_of(table, "anchor_flip_rate_1", ""), row_of(table, "anchor_flip_rate_3", "")
    assert (one["value"], one["n"], three["value"], three["n"]) == (0.0, 2, 0.0, 1)


def test_five_items_are_the_clusters_of_the_whole():
    clips = [measure(made_predictions(12, seed=number), PLAIN, []) for number in range(5)]
    named = [{n: t.assign(item=f"clip{k}") for n, t in of.items()} for k, of in enumerate(clips)]
    joined = {name: pd.concat([tables[name] for tables in named]) for name in clips[0]}
    row = row_of(rates.summarise(joined, METRICS), "total_variation", "")
    assert (row["cluster"], row["clusters"], row["n"]) == ("item", 5, 55)
    means = [c["pairs"][c["pairs"]["kind"] == "adjacent"]["total_variation"].mean() for c in clips]
    assert row["value"] == pytest.approx(np.mean(means))
    # equal sizes: the interval is that of the five means
    expected = clustered_mean(np.array(means), np.arange(5), bounds=(0.0, 1.0))
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_rows_by_class_are_of_the_first_frames_and_sum_up_small_classes():
    """Forty frames bolt, then nut and washer in turn: 40 pairs start with bolt, ten each with the others."""
    p = sure_of([0] * 40 + [1, 2] * 10 + [1])
    table = rates.summarise_by_class(measure(p, ["first"] + [""] * 60, [25]), METRICS)
    flips = table[table["metric"] == "flip_rate"].set_index("group")
    assert flips["n"].to_dict() == {"bolt": 40, "other classes": 20}
    assert flips["value"].to_dict() == {"bolt": pytest.approx(1 / 40), "other classes": 1.0}


def test_nothing_measured_is_an_empty_table():
    found = measure(made_predictions(1), ["first"], [])
    assert not len(rates.summarise(found, METRICS))
    assert not len(rates.summarise_by_class(found, METRICS))


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
def test_the_word_follows_the_interval(rate, low, high, word, kind):
    found = stability(rate, low, high, 100, FLIPS)
    assert (found.word, found.kind) == (word, kind)
    assert found.why
    assert not found.why.endswith(".")


def test_nothing_compared_is_no_verdict():
    found = stability(NAN, NAN, NAN, 0, FLIPS)
    assert (found.word, found.kind) == ("not measured", "unknown")


def test_boxes_are_judged_by_the_same_limits_in_their_own_words():
    uncovered = next(metric for metric in DETECTION.metrics if metric.name == "uncovered_rate")
    found = stability(0.02, 0.005, 0.05, 100, uncovered)
    assert (found.word, found.kind) == ("flickering or worse", "middle")
    assert found.why != stability(0.02, 0.005, 0.05, 100, FLIPS).why


def test_the_limits_are_stated():
    assert re.findall(r"1 in \d+", LIMITS) == ["1 in 1000", "1 in 100"]
