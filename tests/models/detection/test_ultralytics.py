"""The heads of Ultralytics' networks, and how pictures go in, against the library's own answers.

``answers/ultralytics.npz`` was made by ``answers/make_ultralytics.py`` with ultralytics 8.4.190, torch 2.13 and
onnxruntime 1.32: networks of drawn weights, exported to ONNX; their raw outputs for one picture of 160 x 120 px in
an input of 160 x 96, and the ``Results`` of the library at a confidence of .05, an IoU of .7 and 300 boxes. YOLOv5
is that of github.com/ultralytics/yolov5 at 5081342f, with its own suppression at an IoU of .45.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import box_convert, nms

from tests.models.detection.test_load import constant_network
from vidrobust.models.load import load_model
from vidrobust.models.preprocess import BoxPreprocess
from vidrobust.predictions import Detections

pytest.importorskip("onnxruntime")
SAID = np.load(Path(__file__).parent / "answers" / "ultralytics.npz")
SIZE = (96, 160)
SIDECAR = """task = "detection"
head = "yolov5"
size = [96, 160]
resize = "letterbox, centre, pad value 114"
mean = [0.0, 0.0, 0.0]
std = [255.0, 255.0, 255.0]
channels = "RGB"
classes = ["bolt", "nut", "washer"]
"""
PIXELS = torch.from_numpy(SAID["frame"].copy()).permute(2, 0, 1)[None]


def found_in(name, folder):
    """What is made here of a network's raw outputs and the metadata of its export."""
    own = {key.removeprefix(f"{name}/"): SAID[key] for key in SAID if key.startswith(f"{name}/")}
    outputs = {key: own[key] for key in ("output0", "output1") if key in own}
    about = {key: str(own[key]) for key in ("names", "imgsz", "task") if key in own}
    path = constant_network(folder / f"{name}.onnx", outputs, SIZE, **about)
    if not about:  # exports of YOLOv5 do not say how pictures go in
        path.with_suffix(".toml").write_text(SIDECAR)
    found = load_model(f"onnx:{path}", device="cpu")(PIXELS)
    assert isinstance(found, Detections)
    assert found.class_names == ("bolt", "nut", "washer")
    return found


def suppressed(name):
    """Boxes of .05 or more that the library did not report."""
    out = SAID[f"{name}/output0"][0]
    if name == "yolov5n":
        scores = (out[:, 4:5] * out[:, 5:]).max(axis=1)
    else:
        scores = out[:, 4] if out.shape[1] == 6 else out[4:7].max(axis=0)
    return int((scores >= 0.05).sum()) - len(SAID[f"{name}/scores"])


@pytest.mark.parametrize("name", ["yolov8n", "yolo11n", "yolo26n", "yolov5n"])
def test_boxes(name, tmp_path):
    """As many boxes in the same order; the library reckons in float32 and cuts boxes off at the frame."""
    found = found_in(name, tmp_path)
    same_boxes(name, found)
    assert suppressed(name) > 20 or name == "yolo26n"  # whose own head leaves none to suppress


@pytest.mark.parametrize("name", ["yolov8n", "yolo11n"])
def test_a_detector_of_one_class(name, tmp_path):
    """The library's outputs for its first class alone, and torchvision's suppression of its boxes."""
    out = SAID[f"{name}/output0"][:, :5]
    about = {"names": "{0: 'bolt'}", "imgsz": str(list(SIZE)), "task": "detect"}
    path = constant_network(tmp_path / "one.onnx", {"output0": out}, SIZE, **about)
    found = load_model(str(path), device="cpu")(PIXELS)
    rows = torch.from_numpy(out[0, :, out[0, 4] >= 0.05].copy())
    if rows.shape[0] == 5:
        rows = rows.T
    corners = box_convert(rows[:, :4], "cxcywh", "xyxy")
    kept = nms(corners, rows[:, 4], 0.7)[:300]
    assert found.class_names == ("bolt",)
    assert len(kept) > 20
    np.testing.assert_allclose(found.scores, rows[kept, 4], atol=1e-6)
    path.with_suffix(".toml").write_text(SIDECAR.replace("yolov5", "yolov8"))
    (tmp_path / "names.txt").write_text("scratch\n")
    named = load_model(f"onnx:{path},classes={tmp_path / 'names.txt'}", device="cpu")
    assert named.class_names == ("scratch",)


def same_boxes(name, found):
    assert len(found.scores) == len(SAID[f"{name}/scores"]) > 50
    np.testing.assert_allclose(found.scores, SAID[f"{name}/scores"], atol=1e-6)
    np.testing.assert_array_equal(found.labels, SAID[f"{name}/labels"])
    within = np.clip(found.boxes, 0, [160, 120] * 2)
    np.testing.assert_allclose(within, SAID[f"{name}/boxes"], atol=1e-4)


def test_turned_boxes(tmp_path):
    found = found_in("yolov8n-obb", tmp_path)
    assert len(found.scores) == len(SAID["yolov8n-obb/scores"]) > 20
    assert suppressed("yolov8n-obb") > 20
    np.testing.assert_allclose(found.scores, SAID["yolov8n-obb/scores"], atol=1e-6)
    np.testing.assert_array_equal(found.labels, SAID["yolov8n-obb/labels"])
    assert found.shapes is not None
    for shape, corners in zip(found.shapes, SAID["yolov8n-obb/corners"], strict=True):
        apart = np.linalg.norm(shape.corners[:, None] - corners[None].astype(np.float64), axis=2)
        assert apart.min(axis=1).max() < 2e-3  # px; corners are kept to .001


def test_masks(tmp_path):
    """The library's masks in px of the frame (``retina_masks``), pixel by pixel.

    It reports no box whose mask is empty, which here is a box without a shape.
    """
    found = found_in("yolov8n-seg", tmp_path)
    shown = found.take(np.array([shape is not None for shape in found.shapes]))
    same_boxes("yolov8n-seg", shown)
    count = len(shown.scores)
    bits = np.unpackbits(SAID["yolov8n-seg/masks"])[: count * 120 * 160]
    masks = bits.reshape(count, 120, 160).astype(bool)
    ours = np.stack([shape.array((120, 160)) for shape in shown.shapes])
    assert masks.sum() > 100_000
    assert (ours != masks).sum() <= 5  # none where it was made; sums of prototypes about 0


def test_pictures_go_in_alike():
    """Letterbox, bilinear: to one level of 255, which fixed-point arithmetic rounds otherwise."""
    how = {"resize": "letterbox", "place": "centre", "channels": "RGB"}
    preprocess = BoxPreprocess(size=SIZE, mean=(0, 0, 0), std=(1, 1, 1), **how)
    ours = preprocess(PIXELS)[0].numpy()
    off = np.abs(ours - SAID["given"].astype(np.float64))
    assert off.max() <= 1.01
