"""Rules on a detector's boxes where it gives masks, or numbers its objects: these go along with their boxes."""

import dataclasses

import numpy as np

from tests.metrics.tracks.test_masks import SETTINGS, followed, two_in_one_box
from vidrobust.shapes.mask import Mask
from vidrobust.stages.remedies.box_rows import BoxStudy, TimedBoxes, agreement, box_rows, play_boxes
from vidrobust.stages.remedies.catalogue import box_rule


def pulsing():
    """A square that moves by 2 px a frame and is two columns wider in every third frame; lost in frame 7."""
    rows = []
    for f in range(12):
        if f != 7:
            mask = Mask.of_array(np.ones((20, 20 + 2 * (f % 3 == 0)), bool), 100 + 2 * f, 50)
            rows.append(((f, tuple(mask.box.tolist()), 0.9, 1), mask))
    return rows


def test_a_mask_is_shown_where_its_box_is():
    boxes = dataclasses.replace(followed(pulsing(), 12)[0], given=np.arange(11))
    shown = play_boxes(box_rule("max-gap-3", SETTINGS), boxes)
    assert shown.frame.tolist() == list(range(12))
    middles = np.array([shape.box[:2] + shape.box[2:] for shape in shown.shapes]) / 2
    np.testing.assert_allclose(middles, (shown.boxes[:, :2] + shown.boxes[:, 2:]) / 2, atol=0.51)
    assert shown.given[7] == 6  # that of the box that is shown on


def test_the_jitter_of_masks_is_a_row_where_there_are_masks():
    boxes = followed(pulsing(), 12)[0]
    time_s = np.arange(12) / 25
    bare = dataclasses.replace(boxes, shapes=None)
    timed = (TimedBoxes("a", "", each, time_s, SETTINGS) for each in (boxes, bare))
    rows = (box_rows(BoxStudy("m", [each])) for each in timed)
    with_masks, without = ({row["metric"] for row in of} for of in rows)
    assert with_masks - without == {"mask_jitter"}


def test_boxes_agree_where_their_masks_do():
    boxes = followed(two_in_one_box(), 12)[0]
    assert agreement([boxes], [boxes]) == 1
    assert boxes.shapes is not None
    upper = boxes.rows(np.arange(len(boxes.frame)) % 2 == 1)
    lower = boxes.rows(np.arange(len(boxes.frame)) % 2 == 0)
    assert agreement([upper], [lower]) == 0
    boxes = [dataclasses.replace(each, shapes=None) for each in (upper, lower)]
    assert agreement(boxes[:1], boxes[1:]) == 1
