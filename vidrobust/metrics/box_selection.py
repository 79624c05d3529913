"""Which of a detector's boxes are looked at: of some classes, outside of some zones, within the frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.metrics.tracks.zones import Zone, in_zones
from vidrobust.predictions import Detections
from vidrobust.shapes.places import Places


def chosen(found: Detections, only: Collection[str], ignored: Sequence[Zone]) -> Detections:
    """The boxes of these classes, all where none is named, whose middle lies in none of the zones."""
    found = of_classes(found, only)
    return found.take(~in_zones(found.boxes, ignored)) if ignored else found


def labels_of(class_names: Sequence[str], only: Collection[str]) -> list[int]:
    """The labels of these classes, all where none is named; SettingsError for one that the detector has not."""
    unknown = [name for name in only if name not in class_names]
    if unknown:
        some = ", ".join(class_names[:10])
        raise SettingsError(f"only: the detector has no class {unknown[0]!r}; its classes are {some} ...")
    return [label for label, name in enumerate(class_names) if not only or name in only]


def of_classes(found: Detections, only: Collection[str]) -> Detections:
    """The boxes of these classes, by their names; all where none is named."""
    if not only:
        return found
    return found.take(np.isin(found.labels, labels_of(found.class_names, only)))


def within_frame(found: Detections, size: tuple[int, int]) -> Detections:
    """The boxes cut off at the edges of a frame (H, W), as production does; those wholly outside are left out."""
    within = Places(found.boxes, found.shapes).clipped(size)
    boxes = within.boxes.astype(np.float32)
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return dataclasses.replace(found, boxes=boxes, shapes=within.shapes).take(inside)
