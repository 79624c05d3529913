"""Registers formats of labels and recorded boxes, and recorded answers as models."""

from __future__ import annotations

from vidrobust.plugins.formats import (
    boxes,
    coco,
    cvat,
    mot,
    pictures,
    recorded_boxes,
    recorded_classes,
)

FORMATS = (
    *boxes.FORMATS,
    mot.FORMAT,
    *cvat.FORMATS,
    *coco.FORMATS,
    *pictures.FORMATS,
)
KINDS = (recorded_boxes.KIND, recorded_classes.KIND)
