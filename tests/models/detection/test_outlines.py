"""Masks and turned boxes of networks, against the exporting libraries' own words."""

import numpy as np
import pytest
import torch
import torchvision

from tests.models.detection.test_load import constant_network, of_module
from vidrobust.errors import SettingsError
from vidrobust.models.detection.candidates import HeadSettings, MaskParts
from vidrobust.models.detection.heads import HEADS
from vidrobust.models.detection.suppress import (
    MIN_SCORE,
    keep_turned,
    likeness,
    mask_of,
    turned_box,
)
from vidrobust.models.load import load_model
from vidrobust.models.preprocess import BoxPreprocess
from vidrobust.predictions import Detections
from vidrobust.shapes.mask import Mask, Polygon

INPUT = HeadSettings(size=(64, 96))


def test_mask_rcnn_of_torchvision_says_what_torchvision_says(bottles):
    """Weights drawn at random; masks are the pixels of .5 or more, box by box."""
    torch.manual_seed(7)
    how = {"weights": None, "weights_backbone": None, "num_classes": 3, "min_size": 96}
    how |= {"max_size": 128, "box_score_thresh": MIN_SCORE}
    module = torchvision.models.detection.maskrcnn_resnet50_fpn(**how).eval()
    small = torch.nn.functional.interpolate(bottles[1:2], (120, 160))
    found = of_module(module)(small)
    with torch.inference_mode():
        expected = module([small[0] / 255])[0]
    order = np.argsort(-expected["scores"].numpy(), kind="stable")
    masks = expected["masks"].numpy()[order, 0] >= 0.5
    assert len(masks) == len(found.scores) > 20
    np.testing.assert_allclose(found.boxes, expected["boxes"].numpy()[order], atol=1e-4)
    for shape, mask in zip(found.shapes, masks, strict=True):
        assert (shape is None) == (not mask.any())
        if shape is not None:
            np.testing.assert_array_equal(shape.array((120, 160)), mask)
    assert sum(shape is not None for shape in found.shapes) > 5


def prototypes_and_boxes(frame):
    """Six masks of four prototypes of 16 x 24 px, over an input of 64 x 96 px."""
    rng = np.random.default_rng(3)
    rough = torch.from_numpy(rng.normal(size=(4, 16, 24)))
    prototypes = torch.nn.functional.avg_pool2d(rough, 3, 1, 1).numpy()
    parts = MaskParts(rng.normal(size=(6, 4)), prototypes, (64, 96))
    how = {"resize": "letterbox", "place": "centre", "mean": (0, 0, 0), "std": (1, 1, 1)}
    fit = BoxPreprocess(size=(64, 96), channels="RGB", **how).fit(*frame)
    boxes = (np.sort(rng.uniform(0, 1, (6, 2, 2)), axis=1) * [frame[1], frame[0]]).reshape(6, 4)
    return parts, fit, boxes


def within(sums, box):
    """Where sums (H, W) are above 0, inside of a box."""
    y, x = np.indices(sums.shape)
    return (sums.numpy() > 0) & (x >= box[0]) & (x < box[2]) & (y >= box[1]) & (y < box[3])


def drawn(parts, row, box, fit, frame):
    mask = mask_of(parts, row, box, fit, frame)
    return np.zeros(frame, bool) if mask is None else mask.array(frame)


@pytest.mark.parametrize("frame", [(128, 192), (160, 160)])
def test_masks_of_prototypes_as_ultralytics_makes_them(frame):
    """As its code says: sums of prototypes, padding cut off, bilinear to the frame, cut to the box, above 0."""
    parts, fit, boxes = prototypes_and_boxes(frame)
    left = (24 - frame[1] * 16 / frame[0]) / 2  # of the prototypes; a whole pixel for these frames
    for row, box in enumerate(boxes):
        sums = torch.from_numpy(np.tensordot(parts.weights[row], parts.prototypes, 1))[None, None]
        whole = torch.nn.functional.interpolate(
            sums[..., round(left) : round(24 - left)], frame, mode="bilinear", align_corners=False
        )[0, 0]
        np.testing.assert_array_equal(drawn(parts, row, box, fit, frame), within(whole, box))


def test_masks_of_prototypes_where_the_padding_is_no_whole_pixel():
    """Against torch's sampling of a picture at given places."""
    frame = (48, 31)
    parts, fit, boxes = prototypes_and_boxes(frame)
    middles = (np.arange(side) + 0.5 for side in frame)
    y, x = (each * fit.scale[1 - k] + fit.offset[1 - k] for k, each in enumerate(middles))
    first, last = 7, 17  # prototype pixels that are of the picture: 6.75 to 17
    x = np.clip(x, 4 * (first + 0.5), 4 * (last - 0.5))
    grid = np.stack(np.meshgrid(2 * x / 96 - 1, 2 * y / 64 - 1), axis=-1)
    for row, box in enumerate(boxes):
        sums = torch.from_numpy(np.tensordot(parts.weights[row], parts.prototypes, 1))[None, None]
        there = torch.from_numpy(grid)[None]
        how = {"padding_mode": "border", "align_corners": False}
        whole = torch.nn.functional.grid_sample(sums, there, **how)
        np.testing.assert_array_equal(drawn(parts, row, box, fit, frame), within(whole[0, 0], box))


def test_yolov8_seg_by_hand():
    """(4 + 2 classes + 3 weights, 10 boxes), prototypes (3, 16, 24)."""
    out = np.zeros((9, 10))
    out[:, 4] = [40, 30, 20, 10, 0.2, 0.7, 1, -2, 3]
    prototypes = np.random.default_rng(0).normal(size=(3, 16, 24))
    found = HEADS["yolov8-seg"].decode({"output0": out, "output1": prototypes}, INPUT)
    np.testing.assert_allclose(found.boxes[4], [30, 25, 50, 35])
    assert (found.scores[4], found.labels[4], found.num_classes) == (0.7, 1, 2)
    np.testing.assert_array_equal(found.masks.weights[4], [1, -2, 3])
    ended = np.zeros((300, 9))
    ended[0] = [1, 2, 30, 40, 0.9, 1, 1, -2, 3]
    found = HEADS["yolov8-seg"].decode({"output0": ended, "output1": prototypes}, INPUT)
    assert (found.boxes[0].tolist(), found.scores[0], found.labels[0]) == ([1, 2, 30, 40], 0.9, 1)
    with pytest.raises(SettingsError, match="head yolov8-seg: expected"):
        HEADS["yolov8-seg"].decode({"output0": out}, INPUT)


def test_yolov8_obb_by_hand():
    """(4 + 2 classes + 1 angle, 10 boxes): 20 x 10 px, turned by a quarter."""
    out = np.zeros((7, 10))
    out[:, 4] = [40, 30, 20, 10, 0.2, 0.7, np.pi / 2]
    found = HEADS["yolov8-obb"].decode({"output0": out}, INPUT)
    np.testing.assert_allclose(found.boxes[4], [35, 20, 45, 40])
    assert (found.scores[4], found.labels[4], found.num_classes) == (0.7, 1, 2)
    ended = np.zeros((300, 7))
    ended[0] = [40, 30, 20, 10, 0.9, 1, np.pi / 2]
    found = HEADS["yolov8-obb"].decode({"output0": ended}, INPUT)
    np.testing.assert_allclose(found.boxes[0], [35, 20, 45, 40])
    with pytest.raises(SettingsError, match="head yolov8-obb: expected"):
        HEADS["yolov8-obb"].decode({"output0": np.zeros((5, 10))}, INPUT)


def test_probabilistic_iou_by_hand():
    """Two boxes of 12 px side 6 px apart: variances 12, distance 36 / (4 * 24) of Bhattacharyya."""
    pair = np.array([[0.0, 0, 12, 12, 0], [6, 0, 12, 12, 1.1]])
    expected = 1 - np.sqrt(1 - np.exp(-36 / (4 * 24)))
    near = likeness(pair)
    assert near[0, 1] == pytest.approx(expected, abs=1e-5)
    assert near[1, 0] == pytest.approx(expected, abs=1e-5)
    assert np.diag(near) == pytest.approx(1, abs=1e-3)
    # one that goes itself takes the next along: 0 takes 1, 1 takes 2, and 3 is of another class
    chain = np.array([[left, 0, 60, 60, 0] for left in (0.0, 5.0, 10.0, 0.0)])
    most = float(likeness(chain)[0, 1]) - 0.01
    assert likeness(chain)[0, 2] < most
    assert keep_turned(chain, np.array([1, 1, 1, 2]), most).tolist() == [0, 3]


def test_a_turned_box_in_a_stretched_input():
    """The input is twice as high: a square on its corner becomes a flat diamond of the frame."""
    scale = {"mean": (0, 0, 0), "std": (1, 1, 1), "channels": "RGB"}
    fit = BoxPreprocess(size=(64, 96), resize="stretch", **scale).fit(32, 96)
    shape = turned_box(np.array([40.0, 30, 10, 10, np.pi / 4]), fit)
    half = 10 / np.sqrt(2)
    expected = [40 - half, 15 - half / 2, 40 + half, 15 + half / 2]
    np.testing.assert_allclose(shape.box, expected, atol=1e-3)


@pytest.mark.parametrize("task", ["segment", "obb"])
def test_ultralytics_exports_need_no_sidecar(tmp_path, task):
    """Frames of 192 x 128 px are twice the input; of two boxes on one place the lesser goes."""
    out = np.zeros((1, 7, 12), np.float32)
    out[0, :, 0] = [40, 30, 20, 10, 0.1, 0.9, 1.0]
    out[0, :, 1] = [41, 30, 20, 10, 0.1, 0.8, 1.0]
    outputs = {"output0": out}
    if task == "segment":
        prototypes = np.full((1, 1, 16, 24), -1, np.float32)
        prototypes[..., :10] = 1.0  # the left 40 px of the input
        outputs["output1"] = prototypes
    notes = {"names": "{0: 'bolt', 1: 'nut'}", "imgsz": "[64, 96]", "task": task}
    path = constant_network(tmp_path / "n.onnx", outputs, **notes)
    found = load_model(f"onnx:{path}", device="cpu")(torch.zeros(2, 3, 128, 192, dtype=torch.uint8))
    assert isinstance(found, Detections)
    assert found.frame.tolist() == [0, 1]
    shape = found.shapes[0]
    if task == "segment":
        assert isinstance(shape, Mask)
        assert shape.box.tolist() == [60, 50, 80, 70]
    else:
        assert isinstance(shape, Polygon)
        assert shape.common(Polygon.turned(80, 60, 40, 20, 1.0)) == pytest.approx(800, rel=1e-3)
