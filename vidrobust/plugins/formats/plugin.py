"""Registers formats of labels and recorded boxes."""

from __future__ import annotations

from vidrobust.plugins.formats import boxes, coco, cvat, mot, pictures

FORMATS = (
    *boxes.FORMATS,
    mot.FORMAT,
    *cvat.FORMATS,
    *coco.FORMATS,
    *pictures.FORMATS,
)
