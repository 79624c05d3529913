"""HEADS: every head that a sidecar may name. A new one is a file with a ``decode`` and a line here."""

from __future__ import annotations

from vidrobust.models.detection import (
    detr,
    efficientdet,
    fastestdet,
    nanodet,
    rtmdet,
    ssd,
    yolov5,
    yolov8,
    yolov8_shapes,
    yolox,
)
from vidrobust.models.detection.candidates import Head

HEADS: dict[str, Head] = {
    "yolox": Head(decode=yolox.decode, nms=0.45, whole="down"),
    "fastestdet": Head(decode=fastestdet.decode, nms=0.45),
    "yolov8": Head(decode=yolov8.decode, nms=0.7, place="centre"),
    "yolov8-seg": Head(decode=yolov8_shapes.decode_masks, nms=0.7, place="centre"),
    "yolov8-obb": Head(decode=yolov8_shapes.decode_turned, nms=0.7, place="centre"),
    "yolov5": Head(decode=yolov5.decode, nms=0.45, place="centre"),
    "yolov7": Head(decode=yolov5.decode, nms=0.45, place="centre"),
    "yolov7-end2end": Head(decode=yolov5.decode_end_to_end, nms=None, place="centre", alone=True),
    "nanodet": Head(decode=nanodet.decode, nms=0.6),
    "picodet": Head(decode=nanodet.decode_picodet, nms=0.5),
    "rtmdet": Head(decode=rtmdet.decode, nms=0.65),
    "mmdet": Head(decode=rtmdet.decode_end_to_end, nms=None, alone=True),
    "efficientdet": Head(decode=efficientdet.decode, nms=0.5, antialias=True),
    "detr": Head(decode=detr.decode, nms=None, antialias=True),
    "rtdetr": Head(decode=detr.decode_rt, nms=None, antialias=True),
    "ssd": Head(decode=ssd.decode, nms=0.45, antialias=True),
    "plain": Head(decode=ssd.decode_plain, nms=None, antialias=True, alone=True),
}
