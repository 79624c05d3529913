"""``FILE.pt``: equal to Ultralytics' own predictions; other .pt files are refused with the way out.

What needs the library is skipped where it is missing: it is AGPL-3.0 and no requirement of the tests either.
"""

import os
import sys
import types
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.install_hint import installed
from vidrobust.models.load import load_model
from vidrobust.models.spec import parse_spec
from vidrobust.plugins import ultralytics_models

MISSING = "ultralytics is not installed"
pytestmark = pytest.mark.filterwarnings("default")
SIZE = 160
SIMPLE = {"onnx": {"simplify": False, "opset": 17}, "torchscript": {}}
NAMES = {0: "bolt", 1: "nut", 2: "washer"}


def needs_library(test):
    """Mark a test of the library itself."""
    absent = installed("ultralytics") is None
    return pytest.mark.nightly(pytest.mark.skipif(absent, reason=MISSING)(test))


@pytest.fixture(scope="module", autouse=True)
def own_settings(tmp_path_factory):
    """The library keeps its settings in a folder of the user."""
    os.environ.setdefault("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("yolo")))
    os.environ.setdefault("YOLO_OFFLINE", "true")


def pictures(count=3, size=(187, 333)):
    """(N, H, W, 3) uint8 RGB: smooth noise; of sides that no stride divides."""
    rough = np.random.default_rng(5).integers(0, 256, (count, 12, 20, 3)).astype(np.uint8)
    return np.stack([cv2.resize(r, size[::-1], interpolation=cv2.INTER_CUBIC) for r in rough])


def tensor(frames):
    return torch.from_numpy(frames).permute(0, 3, 1, 2)


def drawn(name, path, names=NAMES):
    """A network of drawn weights whose scores spread, with the statistics of noise."""
    from ultralytics import YOLO

    torch.manual_seed(3)
    model = YOLO(f"{name}.yaml", verbose=False)
    config = dict(model.model.yaml, nc=len(names), verbose=False)
    model.model = type(model.model)(config, nc=len(names), verbose=False)
    net = model.model
    net.task, net.names = model.task, names
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
            module.reset_running_stats()
    pixels = torch.nn.functional.interpolate(tensor(pictures()).float() / 255, (96, 160))
    net.train()
    with torch.no_grad():
        net(pixels)
        net.eval()
        head = net.model[-1]
        for branch in [*getattr(head, "cv3", []), *(getattr(head, "one2one_cv3", None) or [])]:
            few_above(net, branch[-1], pixels)
    model.ckpt = {"train_args": {"imgsz": SIZE, "task": model.task}}
    model.save(str(path))


def few_above(net, layer, pixels):
    """Weights and bias of a layer of class scores for which one in 200 anchors has a score of .1 or more."""
    seen = []
    layer.bias.zero_()
    hook = layer.register_forward_hook(lambda _, __, got: seen.append(got))
    net(pixels)
    hook.remove()
    best = seen[-1].amax(dim=1).flatten()
    gain = 1 / best.std()
    layer.weight.mul_(gain)
    layer.bias.fill_(-2.2 - gain * best.quantile(0.995))


def library(path, frames, **arguments):
    """The library's own answer, as its documentation calls it: pictures as OpenCV reads them."""
    from ultralytics import YOLO

    bgr = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]
    return YOLO(str(path)).predict(bgr, verbose=False, **arguments)


@needs_library
@pytest.mark.parametrize("name", ["yolo11n", "yolo26n", "yolo11n-seg", "yolo11n-obb"])
def test_boxes_are_those_of_the_library(name, tmp_path):
    path, frames = tmp_path / "net.pt", pictures()
    drawn(name, path)
    model = load_model(str(path), device="cpu")
    assert (model.name, model.class_names) == ("net", tuple(NAMES.values()))
    assert f"letterbox to {SIZE} px, rectangular" in model.info.preprocessing
    compared = 0
    for row in range(len(frames)):  # alone: in a batch drawn weights amplify rounding
        (result,) = library(path, frames[row : row + 1], conf=0.05)
        found, expected = model(tensor(frames[row : row + 1])), result.boxes or result.obb
        assert len(expected) == len(found.scores)
        np.testing.assert_allclose(found.boxes, expected.xyxy.numpy(), atol=1e-3)
        np.testing.assert_allclose(found.scores, expected.conf.numpy(), atol=1e-4)
        np.testing.assert_array_equal(found.labels, expected.cls.numpy())
        assert (found.shapes is not None) == (name.endswith(("-seg", "-obb"))) or not len(expected)
        compared += len(expected)
    assert compared > 10


@needs_library
def test_defaults_of_the_library_are_the_boxes_above_its_threshold(tmp_path):
    path, frames = tmp_path / "net.pt", pictures()
    drawn("yolo11n", path)
    found = load_model(f"ultralytics:{path}", device="cpu")(tensor(frames))
    sure = load_model(f"{path},conf=0.25", device="cpu")(tensor(frames))
    for row, result in enumerate(library(path, frames)):
        mine = (found.frame == row) & (found.scores > 0.25)
        np.testing.assert_allclose(found.boxes[mine], result.boxes.xyxy.numpy(), atol=1e-3)
        np.testing.assert_array_equal(sure.boxes[sure.frame == row], found.boxes[mine])
    assert len(sure.scores) > 0


@needs_library
def test_masks_and_turned_boxes(tmp_path):
    """Masks against the library's own scaling of its masks to the frame; corners against its corners."""
    from ultralytics.utils import ops

    frames, seg, obb = pictures(), tmp_path / "seg.pt", tmp_path / "obb.pt"
    drawn("yolo11n-seg", seg)
    drawn("yolo11n-obb", obb)
    found = load_model(str(seg), device="cpu")(tensor(frames))
    shapes, off, area = list(found.shapes), 0, 0
    for result in library(seg, frames, conf=0.05):
        masks = ops.scale_masks(result.masks.data[None].float(), result.orig_shape)
        large = masks[0].numpy() >= 0.5
        for mask in large:
            shape = shapes.pop(0)
            ours = np.zeros(mask.shape, bool) if shape is None else shape.array(mask.shape)
            off, area = off + int((ours != mask).sum()), area + int(mask.sum())
    assert area > 1000
    assert off <= 0.005 * area  # torch and OpenCV round a bilinear mean otherwise
    turned = load_model(str(obb), device="cpu")(tensor(frames[:1]))
    corners = library(obb, frames[:1], conf=0.05)[0].obb.xyxyxyxy.numpy()
    for shape, expected in zip(turned.shapes, corners, strict=True):
        apart = np.linalg.norm(shape.corners[:, None] - expected[None].astype(np.float64), axis=2)
        assert apart.min(axis=1).max() < 2e-3  # px; corners are kept to .001


@needs_library
def test_classes_are_those_of_the_library(tmp_path):
    path, frames = tmp_path / "net.pt", pictures()
    drawn("yolo11n-cls", path)
    model = load_model(str(path), device="cpu")
    found = model(tensor(frames))
    expected = np.array([result.probs.data.numpy() for result in library(path, frames)])
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-4)
    assert model(tensor(frames[:0])).class_names == tuple(NAMES.values())
    assert model.info.weights_sha256


@needs_library
def test_torchscript_of_the_library(tmp_path):
    """Its own answer to the .torchscript, which it fits into the same square."""
    from ultralytics import YOLO

    path, frames = tmp_path / "net.pt", pictures()
    drawn("yolo11n", path)
    script = Path(YOLO(str(path)).export(format="torchscript", imgsz=SIZE))
    found = load_model(str(script), device="cpu")(tensor(frames))
    compared = 0
    for row in range(len(frames)):
        (result,) = library(script, frames[row : row + 1], conf=0.05, imgsz=SIZE)
        mine = (found.frame == row) & (found.scores > 0.05)
        assert mine.sum() == len(result.boxes)
        inside = np.clip(found.boxes[mine], 0, [333, 187, 333, 187])  # as the library cuts boxes
        # boxes of equal scores swap
        apart = np.abs(inside[:, None] - result.boxes.xyxy.numpy()).max(axis=2)
        assert max(apart.min(axis=0).max(), apart.min(axis=1).max()) < 0.05
        compared += int(mine.sum())
    assert compared > 10


@needs_library
@pytest.mark.parametrize("name", ["yolo11n", "yolo26n", "yolo11n-seg", "yolo11n-obb"])
@pytest.mark.parametrize("ending", ["onnx", "torchscript"])
def test_exports_of_one_class(name, ending, tmp_path):
    """As many boxes of the same scores as the library finds in its export; the file says all itself."""
    from ultralytics import YOLO

    path, frames = tmp_path / "net.pt", pictures(1)
    drawn(name, path, {0: "scratch"})
    exported = YOLO(str(path)).export(format=ending, imgsz=SIZE, **SIMPLE[ending])
    model = load_model(str(exported), device="cpu")
    found = model(tensor(frames))
    (result,) = library(exported, frames, conf=0.05, imgsz=SIZE, retina_masks=True)
    expected = np.sort((result.boxes or result.obb).conf.numpy())
    assert model.class_names == ("scratch",)
    assert len(expected) > 0
    if name == "yolo11n-seg":  # boxes without a mask, which the library leaves out
        found = found.take(np.array([shape is not None for shape in found.shapes]))
    np.testing.assert_allclose(np.sort(found.scores), expected, atol=1e-3)


@needs_library
@pytest.mark.parametrize("ending", ["onnx", "torchscript"])
def test_exported_classifiers(ending, tmp_path):
    from ultralytics import YOLO

    path, frames = tmp_path / "net.pt", pictures()
    drawn("yolo11n-cls", path)
    exported = YOLO(str(path)).export(format=ending, imgsz=SIZE, **SIMPLE[ending])
    model = load_model(str(exported), device="cpu")
    expected = [
        result.probs.data.numpy()
        for row in range(len(frames))
        for result in library(exported, frames[row : row + 1], imgsz=SIZE)
    ]
    assert model.class_names == tuple(NAMES.values())
    # the library resizes in Pillow, which differs by one level of 255
    np.testing.assert_allclose(model(tensor(frames)).probabilities, expected, atol=5e-3)


@needs_library
def test_an_object_from_python_is_the_file(tmp_path):
    from ultralytics import YOLO

    from vidrobust.api.models_given import models_of

    path, frames = tmp_path / "net.pt", pictures()
    drawn("yolo11n", path)
    found = load_model(str(path), device="cpu")(tensor(frames))
    _, made = models_of(YOLO(str(path)), device="cpu")
    again = made[0](tensor(frames))
    np.testing.assert_allclose(again.boxes, found.boxes, atol=1e-3)
    assert made[0].name == "net"


@needs_library
def test_tasks_of_no_plugin_are_named(tmp_path):
    from ultralytics import YOLO

    YOLO("yolo11n-pose.yaml", verbose=False).save(str(tmp_path / "net.pt"))
    with pytest.raises(SettingsError, match="pose"):
        load_model(str(tmp_path / "net.pt"), device="cpu")


@needs_library
@pytest.mark.slow
def test_trained_on_the_simulated_line(tmp_path):
    """A network trained for a minute: something is detected, and the boxes are those of the library."""
    from ultralytics import YOLO

    from datasets.line_sim.fit import station_samples
    from vidrobust.plugins.line.parts import BOXES

    samples = station_samples(0, scenes=6, seed=1)
    frames = samples.large.permute(0, 2, 3, 1).numpy()
    height, width = frames.shape[1:3]
    for number, (frame, boxes) in enumerate(zip(frames, samples.boxes, strict=True)):
        for folder in ("images", "labels"):
            (tmp_path / folder).mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), frame[..., ::-1])
        lines = [
            f"{int(k)} {(a + c) / 2 / width} {(b + d) / 2 / height} {(c - a) / width} {(d - b) / height}"
            for a, b, c, d, k in boxes
        ]
        (tmp_path / "labels" / f"{number}.txt").write_text("\n".join(lines))
    data = tmp_path / "data.yaml"
    names = f"names: {dict(enumerate(BOXES))}"
    data.write_text(f"path: {tmp_path}\ntrain: images\nval: images\n{names}\n")
    model = YOLO("yolo11n.yaml", verbose=False)
    given = {"imgsz": 128, "batch": 8, "nbs": 8, "workers": 0, "device": "cpu", "plots": False}
    given |= {"mosaic": 0.0, "warmup_epochs": 0, "optimizer": "AdamW", "lr0": 2e-3, "val": False}
    model.train(data=str(data), epochs=100, project=str(tmp_path / "runs"), verbose=False, **given)
    path = next(tmp_path.glob("runs/**/last.pt"))
    found = load_model(str(path), device="cpu")(tensor(frames[:8]))
    assert found.class_names == BOXES
    results = library(path, frames[:8], conf=0.05)
    for row, result in enumerate(results):
        mine = found.frame == row
        np.testing.assert_allclose(found.boxes[mine], result.boxes.xyxy.numpy(), atol=1e-3)
        np.testing.assert_allclose(found.scores[mine], result.boxes.conf.numpy(), atol=1e-4)
        np.testing.assert_array_equal(found.labels[mine], result.boxes.cls.numpy())
    assert (found.scores > 0.25).sum() >= 4


def saved(content, path):
    torch.save(content, path)
    return str(path)


def test_other_files_are_refused_before_their_code_is_run(tmp_path, monkeypatch):
    """Weights alone, TorchScript, a network of YOLOv5's own code, no file of torch, and none at all."""
    path = tmp_path / "net.pt"
    with pytest.raises(SettingsError, match=r"torchvision:NAME,weights=FILE"):
        load_model(saved({"weight": torch.zeros(3)}, path))
    torch.jit.save(torch.jit.trace(torch.nn.Identity(), torch.zeros(1)), str(path))
    with pytest.raises(SettingsError, match="TorchScript"):
        load_model(str(path))
    yolov5 = types.ModuleType("models.yolo")

    class Model:
        def __reduce__(self):
            return (Model, ())

    Model.__module__, Model.__qualname__ = "models.yolo", "Model"
    yolov5.Model = Model
    for name, module in (("models", types.ModuleType("models")), ("models.yolo", yolov5)):
        monkeypatch.setitem(sys.modules, name, module)
    with pytest.raises(SettingsError, match=r"onnx:FILE"):
        load_model(saved({"model": Model()}, path))
    path.write_bytes(b"no network")
    with pytest.raises(InputError):
        load_model(str(path))
    with pytest.raises(SettingsError, match="no such file"):
        load_model(str(tmp_path / "yolo11n.pt"))


def test_without_the_library_the_way_out_is_named(tmp_path, monkeypatch):
    path = tmp_path / "net.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x02cultralytics.nn.tasks\nDetectionModel\n.")
    monkeypatch.setattr(ultralytics_models, "installed", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install ultralytics.*format=onnx"):
        load_model(str(path))


@pytest.mark.parametrize("text", ["a/best.pt", "ultralytics:a/best.pt", "C:\\nets\\best.PT"])
def test_forms(text):
    spec = parse_spec(f"{text},conf=0.3,imgsz=320")
    assert (spec.kind, spec.target) == ("ultralytics", text.removeprefix("ultralytics:"))
    assert spec.options == {"conf": "0.3", "imgsz": "320"}
    assert parse_spec("pt2:a.pt2").kind == "pt2"
