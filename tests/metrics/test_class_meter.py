"""The raw tables of a classifier along time, against counts done by hand and a plain loop over all frames."""

import itertools

import numpy as np
import pandas as pd
import pytest

from tests.made_frames import batch_of, texture
from vidrobust.frame_pairs.transitions import FrameTransitions
from vidrobust.metrics.catalogue import metrics_of
from vidrobust.metrics.class_differences import total_variation
from vidrobust.metrics.class_meter import ALL_CLASSES, REST, TOP, ClassMeter
from vidrobust.metrics.metric import AlongTime
from vidrobust.predictions import Classifications

NAMES = ("bolt", "nut", "washer")
# an anchor every 5 frames
SETTINGS = AlongTime(frame_rate=25.0, anchor_deltas=(1, 3), anchor_every_s=0.2)


def made_predictions(count, seed=0, classes=3):
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 0.4, (count, classes)), axis=0)
    p = np.exp(walk) / np.exp(walk).sum(axis=1, keepdims=True)
    return p.astype(np.float32)


def transitions_of(reasons, start, stop):
    count = len(reasons)
    return FrameTransitions(
        reason=np.array(reasons, object)[start:stop],
        pixel_change=(np.arange(count) * 0.5)[start:stop],
        shift=np.zeros((count, 2))[start:stop],
        keyframe=(np.arange(count) % 4 == 0)[start:stop],
    )


def measure(p, reasons, splits, names=NAMES):
    """The tables of one clip whose frames come in batches that are split at these frames."""
    meter = ClassMeter("clip", "net", SETTINGS, metrics_of("classification"))
    frames = [texture(0, 30, 32)] * len(p)
    for start, stop in itertools.pairwise([0, *splits, len(p)]):
        batch = batch_of(frames[start:stop], first=start)
        answers = Classifications(p[start:stop], names)
        meter.feed(batch, transitions_of(reasons, start, stop), answers)
    return meter.finish()


PLAIN = ["first"] + [""] * 11


def hand_counted():
    """Six frames: bolt bolt nut bolt | cut | nut nut."""
    return measure(sure_of([0, 0, 1, 0, 1, 1]), ["first", "", "", "", "scene_cut", ""], [])


def sure_of(labels):
    """Probabilities of .8 for these labels and .1 for the two others."""
    p = np.full((len(labels), 3), 0.1, np.float32)
    p[np.arange(len(labels)), labels] = 0.8
    return p


def test_hand_counted_clip():
    found = hand_counted()
    pairs, triples = found["pairs"], found["triples"]
    adjacent = pairs[pairs["kind"] == "adjacent"]
    assert adjacent["label_flip"].tolist() == [False, True, True, True, False]
    assert adjacent["excluded"].tolist() == ["", "", "", "scene_cut", ""]
    # a flip moves .7 from one class to another
    assert adjacent["total_variation"].tolist() == pytest.approx([0, 0.7, 0.7, 0.7, 0], abs=1e-6)
    assert adjacent["delta_ms"].tolist() == pytest.approx([40.0] * 5)
    assert adjacent["time_s"].tolist() == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    # bolt nut bolt: one revert flip, at frame 2; the first frame and the cut end no pair
    revert_flips = [np.nan, 0, 1, 0, np.nan, 0]
    assert triples["revert_flip"].tolist() == pytest.approx(revert_flips, nan_ok=True)
    # second differences: (0,0,1): a quarter of 2 * .7; (0,1,0): a quarter of 4 * .7; none across the cut
    jitter = [np.nan, 0.35, 0.7, np.nan, np.nan, np.nan]
    assert triples["jitter"].tolist() == pytest.approx(jitter, nan_ok=True, abs=1e-6)


def test_frames_table():
    p = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [1.0, 0.0, 0.0]], np.float32)
    frames = measure(p, ["first", "", ""], [])["frames"]
    assert frames["label_name"].tolist() == ["bolt", "washer", "bolt"]
    assert frames["second_label"].tolist() == [1, 1, 1]
    assert frames["margin"].tolist() == pytest.approx([0.25, 0.5, 1.0])
    # .5 log2 2 + 2 * .25 log2 4 = 1.5 bits; a certain prediction has none
    assert frames["entropy"].tolist()[::2] == pytest.approx([1.5, 0.0])
    assert frames["keyframe"].tolist() == [True, False, False]
    assert set(frames["track"]) == {0}


def test_probabilities_of_few_classes_are_kept_whole():
    p = made_predictions(4)
    table = measure(p, PLAIN[:4], [2])["probabilities"]
    wide = table.pivot(index="frame", columns="label", values="probability")
    np.testing.assert_allclose(wide.to_numpy(), p, atol=1e-7)
    assert [NAMES[k] for k in table["label"]] == table["label_name"].tolist()


def test_of_many_classes_the_leading_ones_are_kept_and_the_sum_of_the_rest():
    p = made_predictions(4, classes=ALL_CLASSES + 1)
    names = tuple(f"class {k}" for k in range(ALL_CLASSES + 1))
    table = measure(p, PLAIN[:4], [1], names)["probabilities"]
    assert len(table) == 4 * (TOP + 1)
    for frame, rows in table.groupby("frame"):
        summary = rows[rows["label"] != REST]
        np.testing.assert_allclose(summary["probability"], np.sort(p[frame])[::-1][:TOP], atol=1e-7)
        np.testing.assert_allclose(p[frame][summary["label"]], summary["probability"], atol=1e-7)
        (rest,) = rows.loc[rows["label"] == REST, "probability"]
        assert rest == pytest.approx(1 - summary["probability"].sum(), abs=1e-6)
        assert rows["label_name"].iloc[-1] == "rest"


def test_anchor_pairs_by_a_plain_loop():
    p = made_predictions(12)
    pairs = measure(p, PLAIN, [])["pairs"]
    got = pairs[pairs["kind"] == "anchor"]
    ends = [(a, a + d) for a in (0, 5, 10) for d in (-3, -1, 1, 3)]
    expected = {(a, b) for a, b in ends if 0 <= b < 12}
    assert set(zip(got["frame_a"], got["frame_b"], strict=True)) == expected
    assert len(got) == len(expected)
    for row in got.itertuples():
        (moved,) = total_variation(p[[row.frame_a]], p[[row.frame_b]])
        assert row.total_variation == pytest.approx(moved, abs=1e-9)
        assert row.delta_ms == pytest.approx(40.0 * (row.frame_b - row.frame_a))
        assert row.delta_frames == row.frame_b - row.frame_a


@pytest.mark.parametrize("splits", [[1], [2, 3, 4], [5, 11], list(range(1, 200))])
def test_batches_may_be_split_anywhere(splits):
    p = made_predictions(200, seed=4)
    reasons = [*PLAIN[:7], "scene_cut", *PLAIN[8:], *[""] * 188]
    whole, split = measure(p, reasons, []), measure(p, reasons, splits)
    order = ["kind", "frame_a", "frame_b"]
    for name in whole:
        a, b = whole[name], split[name]
        if name == "pairs":
            a, b = (table.sort_values(order).reset_index(drop=True) for table in (a, b))
        pd.testing.assert_frame_equal(a, b)


def test_pairs_over_a_cut_are_excluded_also_between_anchors():
    reasons = [*PLAIN[:7], "scene_cut", *PLAIN[8:]]
    pairs = measure(made_predictions(12), reasons, [6])["pairs"]
    ends = pairs[["frame_a", "frame_b"]]
    crossing = (ends.min(axis=1) < 7) & (ends.max(axis=1) >= 7)
    assert set(pairs.loc[crossing, "excluded"]) == {"scene_cut"}
    assert set(pairs.loc[~crossing, "excluded"]) == {""}


def test_one_frame_has_no_pairs():
    found = measure(made_predictions(1), ["first"], [])
    assert (len(found["frames"]), len(found["pairs"]), len(found["triples"])) == (1, 0, 1)
    assert found["triples"][["jitter", "revert_flip"]].isna().all(axis=None)


def test_operating_points_decide_labels_and_margins():
    """Nut wins from .3 on: (.6, .3), (.7, .2), (.6, .31) are nut, bolt, nut."""
    p = np.array([[0.6, 0.3, 0.1], [0.7, 0.2, 0.1], [0.6, 0.31, 0.09]], np.float32)
    meter = ClassMeter("clip", "net", SETTINGS, metrics_of("classification"))
    predictions = Classifications(p, NAMES, thresholds=((1, 0.3),))
    batch = batch_of([texture(0, 30, 32)] * 3)
    meter.feed(batch, transitions_of(["first", "", ""], 0, 3), predictions)
    found = meter.finish()
    assert found["frames"]["label_name"].tolist() == ["nut", "bolt", "nut"]
    # twice the way to the operating point, that of the bolt the lesser of this and of its lead over the washer
    assert found["frames"]["margin"].tolist() == pytest.approx([0.0, 0.2, 0.02], abs=1e-6)
    adjacent = found["pairs"][found["pairs"]["kind"] == "adjacent"]
    assert adjacent["label_flip"].tolist() == [True, True]


def test_of_answers_that_name_some_classes_only_labels_are_compared():
    meter = ClassMeter("clip", "camera", SETTINGS, metrics_of("classification"))
    predictions = Classifications(made_predictions(4), NAMES, partial=True)
    batch = batch_of([texture(0, 30, 32)] * 4)
    meter.feed(batch, transitions_of(["first", "", "", ""], 0, 4), predictions)
    found = meter.finish()
    labels = predictions.labels
    adjacent = found["pairs"][found["pairs"]["kind"] == "adjacent"]
    assert adjacent["label_flip"].tolist() == (labels[1:] != labels[:-1]).tolist()
    distances = ["total_variation", "top1_probability_change", "jensen_shannon", "top5_distance"]
    empty = {"pairs": distances, "frames": ["entropy"], "triples": ["jitter"]}
    assert all(found[name][columns].isna().all(axis=None) for name, columns in empty.items())
