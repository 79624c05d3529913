"""Boxes from a file, for a black box or a camera with its own network."""

from __future__ import annotations

from vidrobust.models.detection.recorded import recorded_detector
from vidrobust.models.spec import Form, ModelKind

KIND = ModelKind(
    scheme="detections",
    load=recorded_detector,
    options=("model", "classes", "categories", "first"),
    forms=(
        Form(
            spec="detections:FILE",
            what="boxes from CSV, Parquet, COCO, MOT, KITTI, DOTA or Ultralytics results instead of a detector",
            example="detections:boxes.csv",
        ),
    ),
)
