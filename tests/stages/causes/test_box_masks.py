"""The account of a detector of masks: objects are told apart, and found, by their masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from vidrobust.frames.pixels import to_array
from vidrobust.models.detection.network import FrameBoxes
from vidrobust.predictions import Detections
from vidrobust.shapes.mask import Mask
from vidrobust.shapes.places import Places, shape_array
from vidrobust.stages.causes.boxes import followed, seen_boxes

SIZE = (120, 160)
LOWER = np.tri(50, dtype=bool)


def two_parts(x: int, order: tuple[int, int] = (0, 1), *, masked: bool = True) -> FrameBoxes:
    """Two masks that fill one square, in this order; both of one class."""
    masks = [Mask.of_array(part, x, 30) for part in (LOWER, ~LOWER)]
    box = [float(x), 30.0, x + 50.0, 80.0]
    shapes = shape_array(masks[k] for k in order)
    return Places(np.array([box, box]), shapes if masked else None), np.array([0.9, 0.8]), np.array([0, 0])


def test_two_parts_of_one_box_are_matched_by_their_masks() -> None:
    shifts = np.full((2, 2), [6.0, 0.0])
    objects = followed(two_parts(50), two_parts(56, (1, 0)), shifts, SIZE)
    assert len(objects) == 2
    for each in objects:
        assert each.places.shapes is not None
        first, second = each.places.shapes
        assert first.moved(np.array([6, 0])).common(second) == first.area


@dataclass(eq=False)
class Lower:
    """Finds the lower part of the square, and in a dark picture the upper one instead, in the same box."""

    masked: bool
    name: str = "lower"
    class_names: tuple[str, ...] = ("part",)
    task: Literal["detection"] = "detection"

    def __call__(self, pixels: torch.Tensor) -> Detections:
        dark = [to_array(picture).mean() < 100 for picture in pixels]
        masks = [Mask.of_array(~LOWER if each else LOWER, 50, 30) for each in dark]
        return Detections(
            boxes=np.tile(np.array([[50, 30, 100, 80]], np.float32), (len(masks), 1)),
            scores=np.full(len(masks), 0.9, np.float32),
            labels=np.zeros(len(masks), np.int64),
            frame=np.arange(len(masks)),
            num_frames=len(masks),
            class_names=self.class_names,
            shapes=shape_array(masks) if self.masked else None,
        )


def test_another_mask_in_the_same_box_is_another_object() -> None:
    """By the boxes nothing changes; by the masks one object goes and another one comes."""
    rng = np.random.default_rng(0)
    bright = rng.integers(120, 160, (*SIZE, 3)).astype(np.uint8)
    album = [bright, bright - 60]
    by_boxes, by_masks = (seen_boxes(Lower(masked), album) for masked in (False, True))
    assert by_boxes.z.shape == (2, 1)
    assert by_boxes.states[0] == by_boxes.states[1]
    assert by_masks.z.shape == (2, 2)
    assert by_masks.states[0] != by_masks.states[1]
    assert by_masks.z[0, 0] > 2 > -2 > by_masks.z[1, 0]
    assert by_masks.z[1, 1] > 2 > -2 > by_masks.z[0, 1]
