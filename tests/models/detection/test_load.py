"""Detectors through ``load_model``: exported files of a library's own networks, torchvision's, sidecars."""

import warnings

import numpy as np
import pytest
import torch
import torchvision

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.detection.network import checked_detector
from vidrobust.models.detection.suppress import MIN_SCORE
from vidrobust.models.info import ModelInfo
from vidrobust.models.load import classifiers_of, load_model, load_models
from vidrobust.models.modules import ModuleDetector, lower_threshold
from vidrobust.predictions import Detections

onnx = pytest.importorskip("onnx")


def of_module(module):
    """A detector of a torch module of three classes, which its own transform feeds."""
    how = {"engine": "torch", "device": "cpu", "precision": "float32"}
    info, cpu = ModelInfo(spec="m", preprocessing="inside", **how), torch.device("cpu")
    return ModuleDetector(name="m", class_names=tuple("abc"), info=info, module=module, device=cpu)


def constant_network(path, outputs, size=(64, 96), **metadata):
    """An ONNX file of input (1, 3, *size) that answers the same whatever it sees."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, values, constants = [], [], []
    for name, array in outputs.items():
        constants.append(numpy_helper.from_array(array, f"c_{name}"))
        nodes.append(helper.make_node("Identity", [f"c_{name}"], [name]))
        kind = TensorProto.INT64 if array.dtype == np.int64 else TensorProto.FLOAT
        values.append(helper.make_tensor_value_info(name, kind, array.shape))
    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *size])
    model = helper.make_model(
        helper.make_graph(nodes, "g", [given], values, constants),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    helper.set_model_props(model, metadata)
    onnx.save(model, str(path))
    return path


def test_an_ultralytics_export_needs_no_sidecar(tmp_path):
    """Two boxes of IoU .81 and one class: beyond .7 the lesser goes. The frame is put in the middle."""
    out = np.zeros((1, 6, 12), np.float32)
    out[0, :, 0] = [40, 30, 20, 10, 0.1, 0.9]
    out[0, :, 1] = [42, 30, 20, 10, 0.1, 0.8]
    out[0, :, 2] = [48, 32, 96, 48, 0.6, 0.1]
    about = {"names": "{0: 'bolt', 1: 'nut'}", "imgsz": "[64, 96]", "task": "detect"}
    path = constant_network(tmp_path / "v8.onnx", {"output0": out}, **about)
    model = load_model(f"onnx:{path}", device="cpu")
    assert (model.task, model.class_names) == ("detection", ("bolt", "nut"))
    found = model(torch.zeros(3, 3, 96, 192, dtype=torch.uint8))
    assert isinstance(found, Detections)
    assert found.num_frames == 3
    np.testing.assert_array_equal(found.frame, [0, 0, 1, 1, 2, 2])
    # half as large, 48 of 64 rows, 8 of them above: x / .5, (y - 8) / .5
    np.testing.assert_allclose(found.boxes[:2], [[60, 34, 100, 54], [0, 0, 192, 96]], atol=1e-4)
    np.testing.assert_array_equal(found.labels[:2], [1, 0])


FIRST, LESS = [0, 0, 48, 32], [0, 0, 1, 1]
"""Two boxes of class 1, of which the second has next to no score."""
EXPORTS = {
    "plain": {
        "boxes": np.array([FIRST, LESS], np.float32),
        "scores": np.array([0.7, 0.01], np.float32),
        "labels": np.array([1, 1]),
    },
    "yolov7-end2end": {"output": np.array([[0, *FIRST, 1, 0.7], [0, *LESS, 1, 0.01]], np.float32)},
}


@pytest.mark.parametrize("head", EXPORTS)
def test_exports_of_a_list_of_boxes(tmp_path, head):
    """They have as many rows as boxes."""
    path = constant_network(tmp_path / "e.onnx", EXPORTS[head])
    (tmp_path / "e.toml").write_text(
        f'task = "detection"\nhead = "{head}"\nsize = [64, 96]\nresize = "stretch"\nmean = [0, 0, 0]\n'
        'std = [255, 255, 255]\nchannels = "RGB"\nclasses = ["a", "b"]\n'
    )
    found = load_model(f"onnx:{path}", device="cpu")(torch.zeros(2, 3, 128, 96, dtype=torch.uint8))
    assert isinstance(found, Detections)
    np.testing.assert_allclose(found.boxes, [[0, 0, 48, 64]] * 2)
    assert (found.labels.tolist(), found.frame.tolist()) == ([1, 1], [0, 1])


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('head = "yolo9000"', "head: expected one of yolox, fastestdet"),
        ('head = "efficientdet"', "got 'efficientdet'; export another .* say head = \"plain\""),
        ('resize = "crop"', 'resize: expected "stretch" or "letterbox'),
        ("nms = 2.0", r"nms: expected an IoU in \(0, 1\]"),
        ("min_scor = 0.1", "unknown key 'min_scor'; did you mean 'min_score'"),
        ("size = [1, 2, 3]", "size: expected px"),
    ],
)
def test_a_wrong_sidecar_is_reported(tmp_path, line, says):
    path = constant_network(tmp_path / "x.onnx", {"output": np.zeros((1, 126, 7), np.float32)})
    lines = {
        "head": 'head = "yolox"',
        "size": "size = [64, 96]",
        "resize": 'resize = "letterbox, top left, pad value 114"',
        "rest": 'task = "detection"\nmean = [0, 0, 0]\nstd = [1, 1, 1]\nchannels = "BGR"',
    }
    lines[line.partition(" ")[0]] = line
    (tmp_path / "x.toml").write_text("\n".join(lines.values()))
    with pytest.raises(SettingsError, match=says):
        load_model(f"onnx:{path}", device="cpu")


def test_missing_keys_are_reported_with_a_template(tmp_path):
    path = constant_network(tmp_path / "x.onnx", {"output": np.zeros((1, 126, 7), np.float32)})
    (tmp_path / "x.toml").write_text('task = "detection"\nhead = "yolox"\n')
    said = "missing size, resize, mean, std, channels; a detector's entry reads"
    with pytest.raises(SettingsError, match=said):
        load_model(f"onnx:{path}", device="cpu")


def test_outputs_that_are_not_numbers(tmp_path):
    answers = np.full((1, 126, 7), np.nan, np.float32)
    path = constant_network(tmp_path / "x.onnx", {"output": answers})
    (tmp_path / "x.toml").write_text(
        'task = "detection"\nhead = "yolox"\nsize = [64, 96]\nresize = "stretch"\nmean = [0, 0, 0]\n'
        'std = [1, 1, 1]\nchannels = "BGR"\n'
    )
    with pytest.raises(InputError, match="NaN or infinite"):
        load_model(f"onnx:{path}", device="cpu")


@pytest.mark.parametrize(
    ("alone", "steady"),
    [
        ([(20, 0.9), (0, 0.9), (40, 0.5)], True),
        ([(0, 0.9), (22, 0.9), (40, 0.5)], False),
        ([(0, 0.9), (20, 0.7), (40, 0.5)], False),
        ([(0, 0.9), (40, 0.5)], False),
    ],
    ids=["equal scores swap", "another place", "another score", "one box less"],
)
def test_a_frame_alone_must_give_the_boxes_that_it_has_in_a_batch(alone, steady):
    def boxes_of(pixels):
        count, found = len(pixels), alone if len(pixels) == 1 else [(0, 0.9), (20, 0.9), (40, 0.5)]
        every = [(row, *each) for row in range(count) for each in found]
        return Detections(
            boxes=np.array([[x, 0, x + 10, 10] for _, x, _ in every], np.float32),
            scores=np.array([score for _, _, score in every], np.float32),
            labels=np.zeros(len(every), np.int64),
            frame=np.array([row for row, _, _ in every]),
            num_frames=count,
            class_names=("part",),
        )

    detector = FunctionDetector(boxes_of)
    if steady:
        assert checked_detector(detector) is detector
    else:
        with pytest.raises(InputError, match="boxes change when a frame comes alone"):
            checked_detector(detector)


class FunctionDetector:
    task, name, version, class_names = "detection", "mine", "1", ("part",)

    def __init__(self, function):
        self.function = function

    def __call__(self, pixels):
        return self.function(pixels)


def test_classifiers_alone(models):
    with pytest.raises(SettingsError, match="is for detection; expected a classifier"):
        classifiers_of(load_models([f"onnx:{models / 'FastestDet'}.onnx"], device="cpu"))


@pytest.mark.parametrize(
    "name",
    [
        "ssdlite320_mobilenet_v3_large",
        pytest.param("fasterrcnn_mobilenet_v3_large_320_fpn", marks=pytest.mark.nightly),
    ],
)
def test_torchvision_with_local_weights_equals_torchvision(tmp_path, name, bottles):
    """A network drawn at random, saved and loaded: the same boxes as torchvision gives in its own words."""
    torch.manual_seed(7)
    module = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=4)
    torch.save(module.state_dict(), tmp_path / "own.pth")
    with warnings.catch_warnings():
        spec = f"torchvision:{name},weights={tmp_path / 'own.pth'},num_classes=4"
        model = load_model(spec, device="cpu")
    frame = bottles[1:2]
    found = model(frame)
    assert isinstance(found, Detections)
    module.eval()
    holder = getattr(module, "roi_heads", module)
    holder.score_thresh = min(holder.score_thresh, MIN_SCORE)
    with torch.inference_mode():
        expected = module([frame[0] / 255])[0]
    assert len(found.scores) == len(expected["scores"]) > 0
    np.testing.assert_allclose(found.boxes, expected["boxes"].numpy(), atol=1e-4)
    np.testing.assert_allclose(found.scores, expected["scores"].numpy(), atol=1e-6)


@pytest.mark.parametrize(
    "name", [pytest.param("retinanet_resnet50_fpn", marks=pytest.mark.nightly), "fcos_resnet50_fpn"]
)
def test_one_stage_detectors_of_torchvision_say_what_it_says(name, bottles):
    """Drawn at random, with scores about .5: boxes from the lowered threshold on, the surest first."""
    torch.manual_seed(7)
    module = getattr(torchvision.models.detection, name)(
        weights=None, weights_backbone=None, num_classes=3, min_size=96, max_size=128
    ).eval()
    module.head.classification_head.cls_logits.bias.data.zero_()
    lower_threshold(module)
    assert module.score_thresh <= MIN_SCORE
    small = torch.nn.functional.interpolate(bottles[1:2], (120, 160))
    found = of_module(module)(small)
    with torch.inference_mode():
        expected = module([small[0] / 255])[0]
    order = np.argsort(-expected["scores"].numpy(), kind="stable")
    assert len(found.scores) == len(order) > 20
    np.testing.assert_allclose(found.boxes, expected["boxes"].numpy()[order], atol=1e-4)
    np.testing.assert_allclose(found.scores, expected["scores"].numpy()[order])
    np.testing.assert_array_equal(found.labels, expected["labels"].numpy()[order])
    assert found.shapes is None


@pytest.mark.parametrize(("precision", "engine"), [("bfloat16", "torch"), ("int8", "openvino")])
def test_a_detector_has_no_other_precision(precision, engine):
    """It would be computed in float32 as before, and the comparison of both would say that they are equal."""
    with pytest.raises(SettingsError, match=f"precision {precision} is for classifiers"):
        load_model(f"line-detector,precision={precision},engine={engine}")
