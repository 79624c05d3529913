"""The stability tables against counts done by hand and against a plain loop over all frames."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from tests.made_frames import batch_of, texture
from vidrobust.differences.classes import total_variation
from vidrobust.differences.pairs import Links
from vidrobust.predictions import Classifications
from vidrobust.studies import stability

NAMES = ("bolt", "nut", "washer")
SETTINGS = stability.StabilitySettings(anchor_deltas=(1, 3), anchor_every_s=0.2)  # an anchor every 5 frames


def made_predictions(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 0.4, (count, 3)), axis=0)
    p = np.exp(walk) / np.exp(walk).sum(axis=1, keepdims=True)
    return p.astype(np.float32)


def links_of(reasons: list[str]) -> Links:
    count = len(reasons)
    return Links(
        reason=np.array(reasons, object), pixel_change=np.arange(count) * 0.5, shift=np.zeros((count, 2))
    )


def measure(p: np.ndarray, reasons: list[str], splits: list[int]) -> stability.StabilityTables:
    meter = stability.StabilityMeter("clip", 25.0, SETTINGS)
    frames = [texture(0, 30, 32)] * len(p)
    edges = [0, *splits, len(p)]
    for start, stop in itertools.pairwise(edges):
        links = links_of(reasons)
        part = Links(
            reason=links.reason[start:stop],
            pixel_change=links.pixel_change[start:stop],
            shift=links.shift[start:stop],
        )
        meter.feed(
            batch_of(frames[start:stop], first=start), part, {"net": Classifications(p[start:stop], NAMES)}
        )
    return meter.finish()


PLAIN = ["first"] + [""] * 11


def test_hand_counted_clip() -> None:
    """Six frames: bolt bolt nut bolt | cut | nut nut."""
    labels = [0, 0, 1, 0, 1, 1]
    p = np.full((6, 3), 0.1, np.float32)
    p[np.arange(6), labels] = 0.8
    found = measure(p, ["first", "", "", "", "scene_cut", ""], [])
    adjacent = found.pairs[found.pairs["kind"] == "adjacent"]
    assert adjacent["label_flip"].tolist() == [False, True, True, True, False]
    assert adjacent["excluded"].tolist() == ["", "", "", "scene_cut", ""]
    # a flip moves .7 from one class to another
    assert adjacent["total_variation"].tolist() == pytest.approx([0, 0.7, 0.7, 0.7, 0], abs=1e-6)
    assert adjacent["delta_ms"].tolist() == pytest.approx([40.0] * 5)
    # bolt nut bolt: one revert flip, at frame 2
    assert found.triples["revert_flip"].tolist() == [False, False, True, False, False, False]
    # second differences: (0,0,1): a quarter of 2 * .7; (0,1,0): a quarter of 4 * .7; none across the cut
    assert found.triples["jitter"].tolist() == pytest.approx(
        [np.nan, 0.35, 0.7, np.nan, np.nan, np.nan], nan_ok=True, abs=1e-6
    )
    table = stability.summarise(found.pairs, found.triples, found.frames)
    rate = table[(table["metric"] == "label_flip") & (table["item"] == "")].iloc[0]
    assert (rate["value"], rate["n"]) == (0.5, 4)  # 2 flips in the 4 pairs that are not excluded
    mean = table[(table["metric"] == "total_variation") & (table["item"] == "clip")].iloc[0]
    assert mean["value"] == pytest.approx(0.35, abs=1e-6)


def test_frames_table() -> None:
    p = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [1.0, 0.0, 0.0]], np.float32)
    frames = measure(p, ["first", "", ""], []).frames
    assert frames["label_name"].tolist() == ["bolt", "washer", "bolt"]
    assert frames["second_label"].tolist() == [1, 1, 1]
    assert frames["margin"].tolist() == pytest.approx([0.25, 0.5, 1.0])
    # .5 log2 2 + 2 * .25 log2 4 = 1.5 bits; a certain prediction has none
    assert frames["entropy"].tolist()[::2] == pytest.approx([1.5, 0.0])


def test_anchor_pairs_by_a_plain_loop() -> None:
    p = made_predictions(12)
    found = measure(p, PLAIN, [])
    got = found.pairs[found.pairs["kind"] == "anchor"]
    expected = {(a, a + s * d) for a in (0, 5, 10) for d in (1, 3) for s in (1, -1) if 0 <= a + s * d < 12}
    assert set(zip(got["frame_a"], got["frame_b"], strict=True)) == expected
    assert len(got) == len(expected)
    for row in got.itertuples():
        assert row.total_variation == pytest.approx(
            total_variation(p[[row.frame_a]], p[[row.frame_b]])[0], abs=1e-9
        )
        assert row.delta_ms == pytest.approx(40.0 * (row.frame_b - row.frame_a))


@pytest.mark.parametrize("splits", [[1], [2, 3, 4], [5, 11], list(range(1, 12))])
def test_batches_may_be_split_anywhere(splits: list[int]) -> None:
    p = made_predictions(12, seed=4)
    reasons = [*PLAIN[:7], "scene_cut", *PLAIN[8:]]
    whole, split = measure(p, reasons, []), measure(p, reasons, splits)
    order = ["kind", "frame_a", "frame_b"]
    pd.testing.assert_frame_equal(
        whole.pairs.sort_values(order).reset_index(drop=True),
        split.pairs.sort_values(order).reset_index(drop=True),
    )
    pd.testing.assert_frame_equal(whole.frames, split.frames)
    pd.testing.assert_frame_equal(whole.triples, split.triples)


def test_pairs_over_a_cut_are_excluded_also_between_anchors() -> None:
    reasons = [*PLAIN[:7], "scene_cut", *PLAIN[8:]]
    pairs = measure(made_predictions(12), reasons, [6]).pairs
    crossing = (pairs[["frame_a", "frame_b"]].min(axis=1) < 7) & (
        pairs[["frame_a", "frame_b"]].max(axis=1) >= 7
    )
    assert set(pairs.loc[crossing, "excluded"]) == {"scene_cut"}
    assert set(pairs.loc[~crossing, "excluded"]) == {""}


def test_five_items_are_the_clusters_of_the_whole() -> None:
    pairs, triples, frames = [], [], []
    for number in range(5):
        found = measure(made_predictions(12, seed=number), PLAIN, [])
        for many, table in ((pairs, found.pairs), (triples, found.triples), (frames, found.frames)):
            many.append(table.assign(item=f"clip{number}"))
    joined = [pd.concat(many, ignore_index=True) for many in (pairs, triples, frames)]
    table = stability.summarise(*joined)
    row = table[(table["metric"] == "total_variation") & (table["item"] == "")].iloc[0]
    assert (row["cluster"], row["clusters"], row["n"]) == ("item", 5, 55)
    means = [t[t["kind"] == "adjacent"]["total_variation"].mean() for t in pairs]
    assert row["value"] == pytest.approx(np.mean(means))
    # equal sizes: the interval is the t interval of the five means
    half = 2.776445 * np.std(means, ddof=1) / np.sqrt(5)
    assert (row["low"], row["high"]) == pytest.approx(
        (np.mean(means) - half, np.mean(means) + half), abs=1e-6
    )
