"""Detectors of masks and of turned boxes: planted ones followed, counted by hand, and the same through a meter."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from tests.made_frames import batch_of, boxes_of
from tests.metrics.tracks.planted import box, item
from vidrobust.frame_pairs.transitions import FrameTransitions
from vidrobust.metrics.box_meter import BoxMeter, whole
from vidrobust.metrics.metric import AlongTime
from vidrobust.metrics.tracks.follow import TrackSettings, follow
from vidrobust.metrics.tracks.measures import measure
from vidrobust.shapes.mask import Mask, Polygon
from vidrobust.shapes.shape import shape_array

SETTINGS = TrackSettings()
SIDE = 60


def triangle(x, y, *, upper, extra=0):
    """Half of a square of 60 px about x, y, and so many columns more along its left or upper side."""
    pixels = np.tril(np.ones((SIDE, SIDE), bool), -1)
    if extra:
        pixels = np.concatenate([np.ones((SIDE, extra), bool), pixels], axis=1)
    left = int(x - SIDE / 2) - extra * (not upper)
    return Mask.of_array(pixels.T if upper else pixels, left, int(y - SIDE / 2))


def followed(rows, frames):
    rows = sorted(rows, key=lambda row: row[0][0])
    boxes, shapes = item([row for row, _ in rows], frames), shape_array(s for _, s in rows)
    boxes = dataclasses.replace(boxes, shapes=shapes)
    objects = follow(boxes, SETTINGS)
    return boxes, objects.track, measure(boxes, objects, SETTINGS)


def two_in_one_box(lost=()):
    """Two parts whose boxes are one and the same all the time, whose masks share nothing; they move by 3 px."""
    rows = []
    for f in range(12):
        x = 200 + 3 * f
        rows.append(((f, box(x, 200, SIDE, SIDE), 0.9, 1), triangle(x, 200, upper=False)))
        if f not in lost:
            rows.append(((f, box(x, 200, SIDE, SIDE), 0.8, 1), triangle(x, 200, upper=True)))
    return rows


def test_masks_tell_objects_apart_that_share_a_box():
    """By their boxes the second is a duplicate of the first; by their masks they are two objects."""
    _, track, found = followed(two_in_one_box(), 12)
    assert track.tolist() == [0, 1] * 12
    assert found.along["missed"].sum() == found.along["second_box"].sum() == 0
    assert found.along["mask_jitter"].dropna().tolist() == [0] * 20
    _, bare, _ = followed([(row, None) for row, _ in two_in_one_box()], 12)
    assert bare.tolist() == [0, -1] * 12


def test_a_mask_that_is_lost_under_the_same_box_is_missed():
    """The other part's box lies on the place in frames 5 and 6, its mask does not."""
    _, _, found = followed(two_in_one_box({5, 6}), 12)
    missed = found.along[found.along["missed"] == 1]
    assert (missed["row"].tolist(), missed["track"].tolist()) == ([5, 6], [1, 1])
    bare = followed([(row, None) for row, _ in two_in_one_box({5, 6})], 12)[2]
    assert bare.along["missed"].sum() == 0


def test_mask_jitter_by_hand():
    """Five columns of 60 pixels more in frame 4 alone; the mask has 60 * 59 / 2 pixels, then 300 more."""
    rows = []
    for f in range(8):
        shape = triangle(200, 200, upper=False, extra=5 if f == 4 else 0)
        rows.append(((f, box(200, 200, SIDE, SIDE), 0.9, 1), shape))
    along = followed(rows, 8)[2].along.set_index("row")["mask_jitter"]
    # the shift of the centre, two pixels, puts some of it on the other side
    assert along[4] == pytest.approx(300 / 2070, abs=0.05)
    assert along[[1, 2, 3, 5, 6]].tolist() == [0] * 5
    assert np.isnan([along[0], along[7]]).all()


def crossing(frames):
    """Two slats, 100 x 10 px, turned to one side and to the other about one middle: their boxes are the same."""
    rows = []
    for f in range(frames):
        for angle, score in ((0.7, 0.9), (-0.7, 0.8)):
            shape = Polygon.turned(300 + 4 * f, 200, 100, 10, angle)
            x1, y1, x2, y2 = shape.box.tolist()
            if (f, angle) != (5, -0.7):
                rows.append(((f, (x1, y1, x2, y2), score, 1), shape))
    return rows


def test_turned_boxes_that_cross_are_two_objects():
    _, track, found = followed(crossing(10), 10)
    assert track.max() == 1
    missed = found.along[found.along["missed"] == 1]
    assert (missed["row"].tolist(), missed["track"].tolist()) == ([5], [1])
    assert found.along["mask_jitter"].max() < 1e-3
    bare = followed([(row, None) for row, _ in crossing(10)], 10)
    assert bare[1].max() == 0


def met(rows, frames, *, cut_at=None):
    """Through the meter, in batches of five; cut_at: in two halves that are put together again."""
    meter, found = BoxMeter("clip", "m", AlongTime()), []
    rows = sorted(rows, key=lambda row: row[0][0])
    for start in range(0, frames, 5):
        if start == cut_at:
            found.append(meter.finish())
            meter = BoxMeter("clip", "m", AlongTime())
        now = [(row, shape) for row, shape in rows if start <= row[0] < start + 5]
        index = np.arange(start, min(start + 5, frames))
        pixels = torch.zeros(len(index), 3, 400, 1000, dtype=torch.uint8)
        batch = batch_of(pixels, first=start, item="clip")
        meter.feed(batch, transitions(index), detections(now, start, len(index)))
    found.append(meter.finish())
    return {name: pd.concat([each[name] for each in found], ignore_index=True) for name in found[0]}


def transitions(index):
    reason = np.where(index == 0, "first", "").astype(object)
    still = np.zeros(len(index))
    rest = {"shift": np.zeros((len(index), 2)), "keyframe": np.zeros(len(index), bool)}
    return FrameTransitions(reason=reason, pixel_change=still, **rest)


def detections(rows, start, count):
    return boxes_of(
        [row[1] for row, _ in rows],
        [row[0] - start for row, _ in rows],
        count,
        score=np.array([row[2] for row, _ in rows]),
        label=np.array([row[3] for row, _ in rows]),
        names=("a", "b"),
        shapes=shape_array(shape for _, shape in rows),
    )


@pytest.mark.parametrize("rows", [two_in_one_box({5, 6}), crossing(12)], ids=["masks", "turned"])
def test_through_the_meter_and_in_two_segments(rows):
    """Shapes go into the table and out of it again: an item in two pieces says what it says in one."""
    one = met(rows, 12)
    # the pixels stand still: the motion is that of the boxes
    assert one["object_frames"]["missed"].sum() == sum(1 for _ in range(len(rows), 24))
    assert set(one["detections"]["shape"].str.partition(" ")[0]) <= {"rle", "polygon"}
    halves = met(rows, 12, cut_at=5)
    reasons = pd.DataFrame({"frame": np.arange(12), "reason": ["first", *[""] * 11]})
    again = whole(halves, reasons, (400, 1000), AlongTime())
    for name in ("object_frames", "tracks"):
        pd.testing.assert_frame_equal(again[name], one[name])
    pd.testing.assert_series_equal(again["detections"]["track"], one["detections"]["track"])


def test_at_the_edge_of_the_frame_a_mask_is_cut_off():
    """Half of a square of 60 px lies outside; its mask of 60 x 60 becomes 30 x 60."""
    square = Mask.of_array(np.ones((SIDE, SIDE), bool), -30, 100)
    found = met([((0, (-30.0, 100, 30, 160), 0.9, 1), square)], 2)["detections"]
    assert found[["x1", "x2"]].to_numpy().tolist() == [[0, 30]]
    kind, height, width, _ = found["shape"].iloc[0].split(" ", 3)
    assert (kind, height, width) == ("rle", "400", "1000")
