"""YOLOX-nano and FastestDet against plain onnxruntime and decoding written down here, one frame at a time."""

import cv2
import numpy as np
import pytest
import torch

from vidrobust.errors import SettingsError
from vidrobust.models.load import load_model
from vidrobust.predictions import Detections

ort = pytest.importorskip("onnxruntime")


def iou(a, b):
    side = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    inter = max(side[0], 0) * max(side[1], 0)
    return inter / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inter)


def greedy(boxes, least):
    """(score, label, box) of one frame, suppressed class by class, best first."""
    kept = []
    for one in sorted((b for b in boxes if b[0] >= least), key=lambda b: -b[0]):
        if all(one[1] != other[1] or iou(one[2], other[2]) <= 0.45 for other in kept):
            kept.append(one)
    return kept


def plain_yolox(session, rgb):
    """Megvii's YOLOX: top left letterbox of 416, grids of 8, 16 and 32 px."""
    height, width = rgb.shape[:2]
    ratio = min(416 / height, 416 / width)
    small = cv2.resize(rgb[..., ::-1], (int(width * ratio), int(height * ratio)))
    canvas = np.full((416, 416, 3), 114, np.float32)
    canvas[: small.shape[0], : small.shape[1]] = small
    out = session.run(None, {"images": canvas.transpose(2, 0, 1)[None]})[0][0].astype(float)
    found, row = [], 0
    for stride in (8, 16, 32):
        for y in range(416 // stride):
            for x in range(416 // stride):
                o = out[row]
                row += 1
                label = int(o[5:].argmax())
                cx, cy, w, h = (o[0] + x) * stride, (o[1] + y) * stride, *(np.exp(o[2:4]) * stride)
                box = np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]) / ratio
                found.append((o[4] * o[5 + label], label, box))
    return found


def plain_fastestdet(session, rgb):
    """dog-qiuqiu's FastestDet: stretched to 352, one box in each of 22 x 22 cells."""
    height, width = rgb.shape[:2]
    picture = cv2.resize(rgb[..., ::-1], (352, 352)).astype(np.float32) / 255
    out = session.run(None, {"input.1": picture.transpose(2, 0, 1)[None]})[0][0].astype(float)
    found = []
    for y in range(22):
        for x in range(22):
            o = out[:, y, x]
            label = int(o[5:].argmax())
            cx, cy = (np.tanh(o[1]) + x) / 22, (np.tanh(o[2]) + y) / 22
            w, h = 1 / (1 + np.exp(-o[3])), 1 / (1 + np.exp(-o[4]))
            corners = np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
            box = corners * (width, height, width, height)
            found.append((o[0] ** 0.6 * o[5 + label] ** 0.4, label, box))
    return found


@pytest.mark.parametrize(
    ("file", "plain"), [("yolox_nano", plain_yolox), ("FastestDet", plain_fastestdet)]
)
@pytest.mark.parametrize("clip", ["bottles", "cars"])
def test_equals_plain_onnxruntime(models, request, clip, file, plain):
    pixels = request.getfixturevalue(clip)
    session = ort.InferenceSession(str(models / f"{file}.onnx"))
    found = load_model(f"onnx:{models / file}.onnx", device="cpu")(pixels)
    assert isinstance(found, Detections)
    compared = 0
    for row, frame in enumerate(pixels.permute(0, 2, 3, 1).numpy()):
        expected = greedy(plain(session, frame), 0.05)
        mine = found.frame == row
        assert found.labels[mine].tolist() == [one[1] for one in expected]
        np.testing.assert_allclose(found.scores[mine], [one[0] for one in expected], atol=1e-4)
        places = np.array([one[2] for one in expected]).reshape(-1, 4)
        np.testing.assert_allclose(found.boxes[mine], places, atol=1e-4, rtol=0)
        compared += len(expected)
    assert compared >= 10


def test_bottles_stand_where_they_are_seen(models, bottles):
    """Frame 0 shows three bottles; their sides were read off the picture, to 8 px."""
    seen = np.array([[57, 109, 123, 316], [286, 109, 344, 316], [508, 106, 572, 318]])
    for file, away in (("yolox_nano", 4), ("FastestDet", 16)):
        model = load_model(f"onnx:{models / file}.onnx", device="cpu")
        found = model(bottles[:1])
        sure = found.scores >= 0.5
        boxes = found.boxes[sure][np.argsort(found.boxes[sure, 0])]
        assert {model.class_names[k] for k in found.labels[sure]} == {"bottle"}
        assert np.abs(boxes - seen).max() < away


def test_no_frames(models):
    model = load_model(f"onnx:{models / 'yolox_nano'}.onnx", device="cpu")
    found = model(torch.zeros(0, 3, 40, 60, dtype=torch.uint8))
    assert found.num_frames == 0
    assert len(found.boxes) == 0


def test_names_must_fit(models, tmp_path):
    (tmp_path / "names.txt").write_text("a\nb\n")
    spec = f"onnx:{models / 'yolox_nano'}.onnx,classes={tmp_path / 'names.txt'}"
    with pytest.raises(SettingsError, match="has 80 classes, but 2 names"):
        load_model(spec, device="cpu")
