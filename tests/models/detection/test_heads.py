"""Heads against hand counts and against the exporting libraries' own post-processing."""

import numpy as np
import pytest
import torch

from vidrobust.errors import SettingsError
from vidrobust.models.detection.candidates import HeadSettings
from vidrobust.models.detection.heads import HEADS, ultralytics_entry

INPUT = HeadSettings(size=(64, 96))


def test_yolox_by_hand():
    """64 x 96 px: 8 x 12 + 4 x 6 + 2 x 3 = 126 cells. Cell 100 is the 5th of stride 16: x 4, y 0."""
    out = np.zeros((126, 7))
    out[100] = [0.5, 0.25, np.log(2), np.log(3), 0.8, 0.1, 0.5]
    found = HEADS["yolox"].decode({"output": out}, INPUT)
    # centre (4.5 * 16, .25 * 16), sides 32 and 48
    np.testing.assert_allclose(found.boxes[100], [72 - 16, 4 - 24, 72 + 16, 4 + 24])
    assert found.scores[100] == pytest.approx(0.4)
    assert (found.labels[100], found.num_classes) == (1, 2)


def test_yolox_of_another_size_is_refused():
    said = r"expected outputs \(126, 5 \+ classes\) .* of 96x64 px"
    with pytest.raises(SettingsError, match=said):
        HEADS["yolox"].decode({"output": np.zeros((3549, 85))}, INPUT)


def test_fastestdet_by_hand():
    out = np.zeros((7, 2, 3))
    out[:, 1, 2] = [0.5, np.arctanh(0.5), np.arctanh(-0.25), 0.0, np.log(3), 0.2, 0.9]
    found = HEADS["fastestdet"].decode({"758": out}, INPUT)
    # cell y 1, x 2 of 2 x 3: centre ((2 + .5) / 3 * 96, (1 - .25) / 2 * 64), sides .5 * 96, .75 * 64
    np.testing.assert_allclose(found.boxes[5], [80 - 24, 24 - 24, 80 + 24, 24 + 24])
    assert found.scores[5] == pytest.approx(0.5**0.6 * 0.9**0.4)
    assert found.labels[5] == 1


def test_yolov8_by_hand():
    """(4 + 3 classes, 8 boxes)."""
    out = np.zeros((7, 8))
    out[:, 3] = [40, 30, 20, 10, 0.1, 0.7, 0.2]
    found = HEADS["yolov8"].decode({"output0": out}, INPUT)
    np.testing.assert_allclose(found.boxes[3], [30, 25, 50, 35])
    assert (found.scores[3], found.labels[3], found.num_classes) == (0.7, 1, 3)


def test_yolov8_end_to_end_by_hand():
    out = np.zeros((300, 6))
    out[0] = [1, 2, 30, 40, 0.9, 5]
    found = HEADS["yolov8"].decode({"output0": out}, INPUT)
    np.testing.assert_allclose(found.boxes[0], [1, 2, 30, 40])
    assert (found.scores[0], found.labels[0], found.scores[1]) == (0.9, 5, 0.0)


def test_yolov8_metadata():
    """As an export writes it: text of Python literals."""
    notes = {"names": "{0: 'bolt', 1: 'nut'}", "imgsz": "[320, 640]", "task": "detect"}
    found = ultralytics_entry({**notes, "stride": "32"})
    assert (found["classes"], found["head"]) == (["bolt", "nut"], "yolov8")
    assert found["size"] == [320, 640]
    assert ultralytics_entry({"author": "somebody"}) == {}
    about = {"names": "{0: 'bolt'}", "imgsz": "[1, 1]"}
    assert ultralytics_entry({**about, "task": "segment"})["head"] == "yolov8-seg"
    assert ultralytics_entry({**about, "task": "obb"})["head"] == "yolov8-obb"
    square, wide = ({**about, "task": "classify", "imgsz": size} for size in ([64, 64], [64, 96]))
    assert ultralytics_entry(square)["task"] == "classification"
    assert [ultralytics_entry(e)["resize"] for e in (square, wide)] == ["shorter side", "stretch"]
    with pytest.raises(SettingsError, match="task 'pose'; expected 'classify', 'detect'"):
        ultralytics_entry({**about, "task": "pose"})


def test_plain_and_ssd_by_hand():
    plain = {"boxes": np.array([[1.0, 2, 3, 4]]), "scores": np.array([0.6])}
    found = HEADS["plain"].decode({**plain, "labels": np.array([3])}, INPUT)
    assert found.boxes.tolist() == [[1, 2, 3, 4]]
    assert (found.scores.tolist(), found.labels.tolist()) == ([0.6], [3])
    many = {"boxes": np.array([[0.0, 0, 0.5, 1]]), "scores": np.array([[0.9, 0.3, 0.6]])}
    found = HEADS["ssd"].decode(many, HeadSettings(size=(64, 96), background=0))
    assert found.boxes.tolist() == [[0, 0, 48, 64]] * 2
    assert dict(zip(found.labels.tolist(), found.scores.tolist(), strict=True)) == {1: 0.3, 2: 0.6}


def test_orders_scales_and_names():
    order = {"box_order": "yxyx", "box_scale": "relative"}
    summary = HeadSettings(size=(64, 96), outputs={"boxes": "b"}, **order)
    out = {
        "b": np.array([[0.25, 0.5, 0.5, 1.0]]),
        "scores": np.array([1.0]),
        "labels": np.array([0]),
    }
    assert HEADS["plain"].decode(out, summary).boxes.tolist() == [[48, 16, 96, 32]]
    said = "none of the outputs b, scores, labels is called boxes"
    with pytest.raises(SettingsError, match=said):
        HEADS["plain"].decode(out, INPUT)


def above(found, least):
    rows = np.flatnonzero(found.scores > least)
    rows = rows[np.argsort(-found.scores[rows], kind="stable")]
    return found.boxes[rows], found.scores[rows], found.labels[rows]


@pytest.mark.parametrize("kind", ["detr", "rtdetr"])
def test_as_transformers_reads_its_own_networks(kind):
    """Outputs of a network that transformers builds, through its post-processing and through ours."""
    pytest.importorskip("transformers")
    from transformers import DetrImageProcessor, RTDetrImageProcessor
    from transformers.models.detr.modeling_detr import DetrObjectDetectionOutput
    from transformers.models.rt_detr.modeling_rt_detr import RTDetrObjectDetectionOutput

    torch.manual_seed(3)
    boxes = torch.rand(1, 20, 4) * 0.4 + 0.1
    if kind == "detr":
        count, output, processor = 6, DetrObjectDetectionOutput, DetrImageProcessor()
    else:
        count, output, processor = 5, RTDetrObjectDetectionOutput, RTDetrImageProcessor()
    logits = torch.randn(1, 20, count) * 3
    outputs = output(logits=logits, pred_boxes=boxes)
    how = {"threshold": 0.3, "target_sizes": [(64, 96)]}
    (found,) = processor.post_process_object_detection(outputs, **how)
    given = {"logits": logits[0].numpy(), "pred_boxes": boxes[0].numpy()}
    mine = above(HEADS[kind].decode(given, INPUT), 0.3)
    order = np.argsort(-found["scores"].numpy(), kind="stable")
    assert len(order) >= 5
    np.testing.assert_allclose(mine[0], found["boxes"].numpy()[order], atol=1e-4)
    np.testing.assert_allclose(mine[1], found["scores"].numpy()[order], atol=1e-6)
    np.testing.assert_array_equal(mine[2], found["labels"].numpy()[order])


def test_yolov5_by_hand():
    """3 boxes in each of 126 cells; .8 objectness times .5 of class 1."""
    out = np.zeros((378, 8))
    out[200] = [40, 30, 20, 10, 0.8, 0.1, 0.5, 0.2]
    found = HEADS["yolov5"].decode({"output": out}, INPUT)
    np.testing.assert_allclose(found.boxes[200], [30, 25, 50, 35])
    assert found.scores[200] == pytest.approx(0.4)
    assert (found.labels[200], found.num_classes) == (1, 3)


def test_yolov7_end_to_end_by_hand():
    row = np.array([[0, 1.0, 2, 30, 40, 5, 0.9]])
    found = HEADS["yolov7-end2end"].decode({"output": row}, INPUT)
    assert found.boxes.tolist() == [[1, 2, 30, 40]]
    assert (found.scores.tolist(), found.labels.tolist()) == ([0.9], [5])


@pytest.mark.parametrize(
    ("decode", "shape", "right"),
    [
        (HEADS["yolov8"].decode, (378, 85), "yolov5"),
        (HEADS["yolov8"].decode, (126, 85), "yolox"),
        (HEADS["yolox"].decode, (84, 126), "yolov8"),
        (HEADS["yolox"].decode, (378, 85), "yolov5"),
        (HEADS["yolov5"].decode, (84, 126), "yolov8"),
        (HEADS["yolov5"].decode, (126, 85), "yolox"),
        (HEADS["fastestdet"].decode, (378, 85), "yolov5"),
        (HEADS["yolov8"].decode, (85, 4, 6), "fastestdet"),
    ],
)
def test_a_layout_of_another_head_is_refused_by_name(decode, shape, right):
    with pytest.raises(SettingsError, match=f'this is the layout of head = "{right}"'):
        decode({"output": np.zeros(shape)}, INPUT)


def test_boxes_of_queries_must_be_four_numbers():
    with pytest.raises(SettingsError, match="expected logits"):
        HEADS["detr"].decode({"logits": np.zeros((10, 5)), "pred_boxes": np.zeros((10, 5))}, INPUT)
    wrong = {"boxes": np.zeros((3, 5)), "scores": np.zeros(3), "labels": np.zeros(3)}
    with pytest.raises(SettingsError, match="expected boxes"):
        HEADS["plain"].decode(wrong, INPUT)
