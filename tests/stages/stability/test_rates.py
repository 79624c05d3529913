"""The stability table against counts done by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.metrics.test_class_meter import PLAIN, made_predictions, measure
from vidrobust.metrics.catalogue import metrics_of
from vidrobust.stages.stability import rates as stability
from vidrobust.statistics.intervals import clustered_mean

METRICS = metrics_of("classification", (1, 3))


def row_of(table: pd.DataFrame, metric: str, item: str) -> pd.Series:
    (place,) = np.flatnonzero((table["metric"] == metric) & (table["item"] == item))
    return table.iloc[place]


def test_hand_counted_clip() -> None:
    """Six frames: bolt bolt nut bolt | cut | nut nut."""
    labels = [0, 0, 1, 0, 1, 1]
    p = np.full((6, 3), 0.1, np.float32)
    p[np.arange(6), labels] = 0.8
    found = measure(p, ["first", "", "", "", "scene_cut", ""], [])
    table = stability.summarise(found, METRICS)
    rate = row_of(table, "flip_rate", "")
    assert (rate["value"], rate["n"]) == (0.5, 4)  # 2 flips in the 4 pairs that are not excluded
    mean = row_of(table, "total_variation", "clip")
    assert mean["value"] == pytest.approx(0.35, abs=1e-6)
    revert = row_of(table, "revert_flip_rate", "clip")
    assert (revert["value"], revert["n"]) == (0.25, 4)  # frame 2, of the 4 frames that end a usable pair
    jitter = row_of(table, "jitter", "")
    assert (jitter["value"], jitter["n"]) == (pytest.approx((0.35 + 0.7) / 2, abs=1e-6), 2)
    # anchors at 0 and 5; over the cut: (0, 1) bolt bolt and (0, 3) bolt bolt remain, and (5, 4) nut nut
    one, three = row_of(table, "anchor_flip_rate_1", ""), row_of(table, "anchor_flip_rate_3", "")
    assert (one["value"], one["n"], three["value"], three["n"]) == (0.0, 2, 0.0, 1)


def test_five_items_are_the_clusters_of_the_whole() -> None:
    clips = [measure(made_predictions(12, seed=number), PLAIN, []) for number in range(5)]
    joined = {
        name: pd.concat([clip[name].assign(item=f"clip{k}") for k, clip in enumerate(clips)])
        for name in clips[0]
    }
    row = row_of(stability.summarise(joined, METRICS), "total_variation", "")
    assert (row["cluster"], row["clusters"], row["n"]) == ("item", 5, 55)
    means = [c["pairs"][c["pairs"]["kind"] == "adjacent"]["total_variation"].mean() for c in clips]
    assert row["value"] == pytest.approx(np.mean(means))
    # equal sizes: the interval is that of the five means
    expected = clustered_mean(np.array(means), np.arange(5), bounds=(0.0, 1.0))
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_rows_by_class_are_of_the_first_frames_and_sum_up_small_classes() -> None:
    """Forty frames bolt, then nut and washer in turn: 40 pairs start with bolt, ten each with the others."""
    labels = [0] * 40 + [1, 2] * 10 + [1]
    p = np.full((len(labels), 3), 0.1, np.float32)
    p[np.arange(len(labels)), labels] = 0.8
    table = stability.summarise_by_class(measure(p, ["first"] + [""] * 60, [25]), METRICS)
    flips = table[table["metric"] == "flip_rate"].set_index("group")
    assert flips["n"].to_dict() == {"bolt": 40, "other classes": 20}
    assert flips["value"].to_dict() == {"bolt": pytest.approx(1 / 40), "other classes": 1.0}


def test_nothing_measured_is_an_empty_table() -> None:
    found = measure(made_predictions(1), ["first"], [])
    assert not len(stability.summarise(found, METRICS))
    assert not len(stability.summarise_by_class(found, METRICS))
