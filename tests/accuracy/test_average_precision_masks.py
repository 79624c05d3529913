"""Average precision of masks, where known and found boxes have them, against pycocotools."""

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.made_coco import judged_by_pycocotools
from vidrobust.accuracy.average_precision import FramesOfBoxes
from vidrobust.shapes.mask import Mask
from vidrobust.shapes.shape import read_shape, shape_text

SIZE = (60, 80)
BOX = ["x1", "y1", "x2", "y2"]


def ellipses(seed, frames=12):
    """Known leaning ellipses of two classes, and found ones about them that lean otherwise."""
    rng = np.random.default_rng(seed)
    known, found = [], []
    for frame in range(frames):
        for label in rng.integers(0, 2, 3):
            at, axes = rng.uniform(15, 45, 2), (rng.uniform(12, 20), rng.uniform(4, 7))
            angle = rng.uniform(0, 180)
            known.append(row(frame, int(label), at, axes, angle, 1.0))
            if rng.uniform() < 0.85:
                lean = angle + rng.normal(0, 12)
                place, score = at + rng.normal(0, 1, 2), float(rng.uniform())
                found.append(row(frame, int(label), place, axes, lean, score))
    return pd.DataFrame(known), pd.DataFrame(found)


def row(frame, label, at, axes, angle, score):
    picture = np.zeros(SIZE, np.uint8)
    cv2.ellipse(picture, ((at[0], at[1]), (2 * axes[0], 2 * axes[1]), angle), 1, -1)
    mask = Mask.of_picture(picture > 0)
    sides = dict(zip(BOX, mask.box.tolist(), strict=True))
    shape = shape_text(mask, SIZE)
    return {"frame": frame, "label": label, **sides, "score": score, "shape": shape}


def judged_by_coco(known, found):
    """AP and AP50 of pycocotools, by masks."""
    size = {"height": SIZE[0], "width": SIZE[1]}
    images = [{"id": int(frame), **size} for frame in sorted(set(known["frame"]))]
    categories = [{"id": int(label)} for label in sorted(set(known["label"]))]
    marks, results = (
        [annotation(k, each) for k, each in enumerate(table.to_dict("records"), 1)]
        for table in (known, found)
    )
    content = {"images": images, "categories": categories, "annotations": marks}
    return tuple(judged_by_pycocotools(content, results, "segm").stats[:2])


def annotation(number, each):
    shape = read_shape(each["shape"])
    of = {"id": number, "image_id": int(each["frame"]), "category_id": int(each["label"])}
    outline = {"size": list(SIZE), "counts": each["shape"].split(" ", 3)[3]}
    of |= {"area": shape.area, "iscrowd": 0, "score": each["score"]}
    return {**of, "segmentation": outline}


@pytest.mark.parametrize("seed", range(3))
def test_masks_as_pycocotools_judges_them(seed):
    known, found = ellipses(seed)
    mine = FramesOfBoxes(known, found).precision(range(12))
    theirs = judged_by_coco(known, found)
    assert (mine.ap, mine.ap50) == pytest.approx(theirs, abs=1e-9)
    by_boxes = FramesOfBoxes(known.drop(columns="shape"), found).precision(range(12))
    assert abs(by_boxes.ap - mine.ap) > 0.02


def test_boxes_are_compared_where_one_side_says_nothing_of_masks():
    known, found = ellipses(0)
    without = [table.drop(columns="shape") for table in (known, found)]
    by_boxes = FramesOfBoxes(*without).precision(range(12))
    assert FramesOfBoxes(known, found.drop(columns="shape")).precision(range(12)) == by_boxes
    assert FramesOfBoxes(known.assign(shape=""), found).precision(range(12)) == by_boxes
