"""A planted detector through the meter: boxes in, tables out, and what the metrics make of them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from tests.made_frames import batch_of, boxes_of
from vidrobust.frame_pairs.transitions import PairWatcher
from vidrobust.metrics.catalogue import metrics_of
from vidrobust.metrics.detection import DETECTION, move
from vidrobust.metrics.metric import AlongTime
from vidrobust.metrics.tracks.follow import TrackSettings
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import seeded
from vidrobust.stages.stability.rates import summarise, summarise_by

NAMES = ("bolt", "nut")


OF_TRACKS = ("object_frames", "tracks", "detections", "judged_steps", "judged_tracks")
COUNT = 40


def footage():
    """(40, 3, 120, 200): a textured part of 30 x 30 px that goes 4 px a frame before a texture at rest."""
    rng = np.random.default_rng(0)
    ground = np.kron(rng.integers(90, 130, (30, 50)), np.ones((4, 4), int))
    part = np.kron(rng.integers(0, 256, (10, 10)), np.ones((3, 3), int))
    frames = np.stack([ground] * COUNT)
    for t in range(COUNT):
        frames[t, 50:80, 5 + 4 * t : 35 + 4 * t] = part
    return torch.from_numpy(np.repeat(frames[:, None], 3, axis=1).astype(np.uint8))


def boxes(missed=(), renamed=()):
    """One box that lies on the part in every frame but those missed."""
    frame = np.array([t for t in range(COUNT) if t not in missed], np.int64)
    x = 5.0 + 4 * frame
    sides = np.stack([x, np.full(len(x), 50.0), x + 30, np.full(len(x), 80.0)], axis=1)
    return boxes_of(sides, frame, COUNT, label=np.isin(frame, renamed), names=NAMES)


def raw_tables(found, batches=(16, 16, 8), along=None):
    pixels, watcher = footage(), PairWatcher()
    meter = DETECTION.meter("clip", "planted", along or AlongTime(), DETECTION.metrics)
    start = 0
    for size in batches:
        rows = slice(start, start + size)
        time_s = np.arange(start, start + size) / 25
        batch = batch_of(pixels[rows], first=start + 100, item="clip", time_s=time_s)
        mine = (found.frame >= start) & (found.frame < start + size)
        meter.feed(
            batch,
            watcher.feed(batch),
            dataclasses.replace(found.take(mine), frame=found.frame[mine] - start, num_frames=size),
        )
        start += size
    return meter.finish()


def describe(raw):
    table = summarise(raw, metrics_of("detection"))
    return table[table["item"] == ""].set_index("metric")["value"]


def test_a_perfect_detector_costs_nothing():
    found = describe(raw_tables(boxes()))
    assert found["fragments_per_track"] == 1
    for name in found.index.drop(["fragments_per_track", "moved", "box_change"]):
        assert found[name] < 1e-9, name
    assert found["moved"] == found["box_change"]  # nothing is lost
    assert found["moved"] < 0.02  # where the pixels are measured to go, to a fraction of a pixel


def test_planted_faults_come_out():
    """3 of 40 frames missed in two gaps; 2 flips in 36 steps, away and back."""
    raw = raw_tables(boxes(missed=(10, 20, 21), renamed=(30,)))
    found = describe(raw)
    assert found["dropout_rate"] == found["uncovered_rate"] == pytest.approx(3 / 40)
    assert found["vanished_rate"] == found["appeared_rate"] == found["second_box_rate"] == 0
    assert found["fragments_per_track"] == 3
    assert found["flip_rate"] == pytest.approx(2 / 36)
    assert found["revert_flip_rate"] == pytest.approx(1 / 36)
    # before frames 10 and 20; 36 pairs start from a box
    assert found["lost"] == pytest.approx(2 / 36)
    assert raw["tracks"]["label_name"].tolist() == ["bolt"]
    missed = raw["object_frames"].query("missed == 1")["frame"]
    assert sorted(missed) == [110, 120, 121]


def test_the_pixels_tell_the_shift():
    shift = raw_tables(boxes())["detections"][["shift_x", "shift_y"]].dropna()
    assert len(shift) == COUNT - 1
    np.testing.assert_allclose(shift, np.tile([4.0, 0.0], (len(shift), 1)), atol=0.3)


def test_batches_do_not_matter():
    found = boxes(missed=(10,), renamed=(30,))
    one, other = raw_tables(found, (40,)), raw_tables(found, (1, 15, 17, 7))
    for name, table in one.items():
        pd.testing.assert_frame_equal(table, other[name])


def test_a_loss_for_good_is_reported_by_object_by_minute_and_in_frames():
    """Lost in mid-picture from frame 20 on: 20 frames found, 20 that follow before the end."""
    found = describe(raw_tables(boxes(missed=tuple(range(20, COUNT)))))
    assert found["vanished_rate"] == 1
    assert found["vanished_per_minute"] == pytest.approx(60 * 25 / COUNT)
    assert found["dropout_rate"] == 0
    # 20 px a side at 4 px a frame: the place is mid-picture until the part reaches the border, 18 frames on
    assert found["uncovered_rate"] == pytest.approx(20 / 40, abs=0.03)


def test_boxes_are_cut_off_at_the_frame():
    found = boxes()
    beyond = found.boxes.copy()
    beyond[:, :2] -= 60
    table = raw_tables(dataclasses.replace(found, boxes=beyond))["detections"]
    assert table["x1"].min() == table["y1"].min() == 0


def test_only_some_classes():
    only = dataclasses.replace(AlongTime(), tracks=TrackSettings(only=("nut",)))
    table = raw_tables(boxes(renamed=(3, 4)), along=only)["detections"]
    assert table["label_name"].tolist() == ["nut", "nut"]


def test_no_boxes_in_any_frame():
    raw = raw_tables(boxes(missed=tuple(range(COUNT))))
    assert len(raw["detections"]) == len(raw["tracks"]) == 0
    assert len(raw["box_counts"]) == COUNT
    assert describe(raw)["count_jitter"] == 0


def test_groups():
    raw = raw_tables(boxes(missed=(10,)))
    table = summarise_by(raw, metrics_of("detection"), DETECTION.groups)
    of = table[table["metric"] == "dropout_rate"].set_index("by")
    assert of["group"].to_dict() == {"class": "bolt", "size": "small"}
    assert of["value"].tolist() == [1 / 40] * 2


def test_boxes_move_with_the_picture():
    """What a translation does to the pixels of a square it does to its box; a box that leaves is left out."""
    shift = find("translation")
    pixels = torch.zeros(2, 3, 100, 100, dtype=torch.uint8)
    pixels[:, :, 40:60, 40:60] = 255
    three = [[40, 40, 60, 60], [0, 40, 1, 41], [40, 40, 60, 60]]
    found = boxes_of(three, [0, 0, 1], 2, names=NAMES)
    strength = shift.strengths[-1]
    generators = [seeded("content", t, 0, shift.key, 0) for t in range(2)]
    changed = shift.apply(pixels, strength, generators)
    generators = [seeded("content", t, 0, shift.key, 0) for t in range(2)]
    moved = move(found, shift, strength, generators, (100, 100))
    for t in range(2):
        y, x = np.nonzero(changed[t, 0].numpy() > 127)
        box = moved.boxes[moved.frame == t][0]
        np.testing.assert_allclose(box, [x.min(), y.min(), x.max() + 1, y.max() + 1], atol=1.0)


def test_differences_of_a_clean_and_a_changed_frame():
    before, after = boxes(), boxes(missed=(3,), renamed=(5,))
    values = {m.column: m.difference(before, after) for m in DETECTION.metrics if m.difference}
    assert np.flatnonzero(values["lost"]).tolist() == [3]
    assert np.flatnonzero(values["renamed"]).tolist() == [5]
    assert values["new"].sum() == 0
    assert np.isnan(values["moved"][3])
    # alone in its frame: lost and renamed count 1, the rest lies where it was
    assert np.flatnonzero(values["box_change"] == 1).tolist() == [3, 5]
    assert values["box_change"].sum() == 2
    nothing = boxes(missed=tuple(range(COUNT)))
    of_nothing = [m.difference(nothing, after) for m in DETECTION.metrics if m.difference]
    assert np.isnan(of_nothing).all()


def test_tracks_of_two_models_are_no_pairs():
    """Numbers of tracks mean nothing to another model: what is reported of tracks says so."""
    for metric in DETECTION.metrics:
        assert metric.of_tracks == (metric.table in OF_TRACKS), metric.name
