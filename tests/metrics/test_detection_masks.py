"""Clean against perturbed frames of a detector of masks: these are compared, where the perturbation puts them."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.made_frames import batch_of, boxes_of
from vidrobust.frames.pixels import to_array
from vidrobust.metrics.detection import move
from vidrobust.models.predict import joined
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.draws import from_seed, one_per_frame
from vidrobust.predictions import Detections
from vidrobust.shapes.mask import Mask
from vidrobust.shapes.shape import shape_array
from vidrobust.stages.sensitivity.unit import Draws, study_frames

GREYS = (250, 170)
"""Of two parts, which together fill a square: their boxes are one and the same."""


def scene(count=2):
    pixels = np.full((count, 120, 160, 3), 60, np.uint8)
    lower = np.tri(50, dtype=bool)
    for f in range(count):
        pixels[f, 35:85, 50 + 2 * f : 100 + 2 * f][lower] = GREYS[0]
        pixels[f, 35:85, 50 + 2 * f : 100 + 2 * f][~lower] = GREYS[1]
    return batch_of(pixels, item="parts")


@dataclass(eq=False)
class Parts:
    """Finds both parts by their grey; ``swaps``: in a brighter picture it draws each mask on the other part."""

    masked: bool = True
    swaps: bool = False
    name: str = "parts"
    class_names: tuple[str, ...] = ("part",)
    task: str = "detection"

    def __call__(self, pixels):
        rows = []
        for f, picture in enumerate(pixels):
            grey = to_array(picture)[..., 1].astype(int)
            bright = grey[5:30, 10:150].mean() > 75
            masks = [Mask.of_picture(grey > 210), Mask.of_picture((grey > 115) & (grey <= 210))]
            if bright and self.swaps:
                masks = [masks[0], masks[0]]
            rows += [(f, mask) for mask in masks if mask.area]
        shapes = shape_array(mask for _, mask in rows)
        boxes, frames = [mask.box for _, mask in rows], [frame for frame, _ in rows]
        of = {"names": self.class_names, "shapes": shapes if self.masked else None}
        return boxes_of(boxes, frames, len(pixels), **of)


def mean_of(found):
    return found.groupby("metric")["value"].mean()


@pytest.mark.parametrize("name", ["translation", "rotation", "horizontal_flip", "shear"])
def test_masks_that_go_with_the_picture_are_unchanged(name):
    """By its masks hardly anything has moved, however the picture turns; a box about a turned part has grown."""
    perturbation = PERTURBATIONS[name]
    by_masks = mean_of(study_frames(scene(), [Parts()], [perturbation], Draws(content="c")))
    assert by_masks["lost"] == by_masks["new"] == by_masks["tide_missed"] == 0
    assert by_masks["moved"] < 0.04
    assert by_masks["box_change"] == pytest.approx(by_masks["moved"])


def test_a_mask_on_the_wrong_part_is_seen_by_masks_alone():
    lighter = {"apply": lambda p, s, g: (p.int() + 30).clamp(0, 255).byte()}
    bright = replace(PERTURBATIONS["brightness"], **lighter)
    found = {
        masked: mean_of(
            study_frames(scene(), [Parts(masked, swaps=True)], [bright], Draws(content="c"))
        )
        for masked in (False, True)
    }
    assert found[False]["lost"] == 0
    assert found[False]["moved"] < 0.1
    assert found[True]["lost"] == pytest.approx(0.5)
    assert found[True]["tide_missed"] == pytest.approx(0.5)


def test_boxes_alone_are_moved_as_before_and_what_leaves_is_left_out():
    """A shift of 90 px over the border: the part that leaves has neither box nor mask."""
    found = Parts()(scene(2).pixels)
    shift = PERTURBATIONS["translation"]
    alone = Detections(**{**vars(found), "shapes": None})
    for strength in (16.0, 90.0, 200.0):
        kept, boxes = (
            move(each, shift, strength, one_per_frame(from_seed(2), 2), (120, 160))
            for each in (found, alone)
        )
        inside = [shape.area for shape in kept.shapes]
        assert min(inside, default=1) > 0
        expected = boxes.boxes[: len(kept.boxes)] if inside else kept.boxes
        np.testing.assert_array_equal(kept.boxes, expected)
    assert len(move(found, shift, 200.0, one_per_frame(from_seed(2), 2), (120, 160)).scores) == 0


def test_a_batch_without_boxes_costs_the_others_no_masks():
    found = Parts()(scene(1).pixels)
    nothing = boxes_of([], [], 3)
    both = joined([nothing, found])
    assert both.shapes is not None
    assert both.frame.tolist() == [3, 3]
