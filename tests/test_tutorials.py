"""Every command of the tutorials runs, on small made inputs."""

import re
import shlex
import shutil
from glob import glob
from pathlib import Path

import numpy as np
import pytest

from tests.made_frames import film, flickering
from vidrobust.cli import app

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.nightly
TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"
FEW = ("--pairs", "2", "--frames", "2", "--perturbation", "brightness", "--resamples", "99")
MORE = {"study": FEW}
"""What makes a command end soon."""
SIDECAR = """size = [48, 64]
resize = "stretch"
crop = 1.0
interpolation = "bilinear"
mean = [0.0, 0.0, 0.0]
std = [255.0, 255.0, 255.0]
channels = "RGB"
output = "logits"
classes = ["good", "scratched"]
"""


def commands(tutorial):
    """The commands in a tutorial's blocks."""
    text = (TUTORIALS / f"{tutorial}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for language, block in blocks if not language for line in block.splitlines()]
    return [line for line in lines if line.startswith("vidrobust ")]


def clip(path, seed, frames=16):
    film(path, flickering(seed, 90, 160, frames), crf="18")


def network(path, nodes, output, constants, batch):
    """A model of pictures (batch, 3, 48, 64)."""
    made = onnx.helper
    graph = made.make_graph(
        nodes,
        "g",
        [made.make_tensor_value_info("images", onnx.TensorProto.FLOAT, [batch, 3, 48, 64])],
        [made.make_tensor_value_info("output0", onnx.TensorProto.FLOAT, output)],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return made.make_model(graph, opset_imports=[made.make_opsetid("", 17)], ir_version=9)


def classifier(path):
    """Gives *good* for bright pictures and *scratched* for dark ones."""
    node = onnx.helper.make_node
    nodes = [
        node("GlobalAveragePool", ["images"], ["mean"]),
        node("Flatten", ["mean"], ["flat"]),
        node("Gemm", ["flat", "w", "b"], ["output0"]),
    ]
    constants = {
        "w": np.array([[10.0, -10.0]] * 3, np.float32),
        "b": np.array([-15.0, 15.0], np.float32),
    }
    onnx.save(network(path, nodes, ["n", 2], constants, "n"), str(path))
    path.with_suffix(".toml").write_text(SIDECAR)


def detector(path, score):
    """Finds two boxes, one of them with a score that follows the picture's brightness; an Ultralytics export."""
    node = onnx.helper.make_node
    nodes = [
        node("ReduceMean", ["images"], ["mean"], keepdims=0),
        node("Mul", ["mean", "slope"], ["moved"]),
        node("Add", ["moved", "boxes"], ["output0"]),
    ]
    boxes, slope = np.zeros((1, 6, 12), np.float32), np.zeros((1, 6, 12), np.float32)
    boxes[0, :, 0] = [20, 15, 20, 10, 0.9, 0.1]
    boxes[0, :, 1] = [45, 35, 16, 12, 0.0, score - 0.5]
    slope[0, 5, 1] = 1.0
    model = network(path, nodes, [1, 6, 12], {"boxes": boxes, "slope": slope}, 1)
    notes = {"names": "{0: 'cup', 1: 'bowl'}", "imgsz": "[48, 64]", "task": "detect"}
    onnx.helper.set_model_props(model, notes)
    onnx.save(model, str(path))


def run(command):
    """The exit code of a command as a shell in the current folder would run it."""
    words = [word for part in shlex.split(command)[1:] for word in (sorted(glob(part)) or [part])]
    try:
        app.main([*words, *MORE.get(words[0], ())])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The inputs that the tutorials name, as the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDROBUST_CACHE", str(tmp_path / "cache"))
    for k, name in enumerate(("line3/a", "line3/b", "recordings/a", "recordings/b", "cups")):
        clip(tmp_path / f"{name}.mp4", k)
    classifier(tmp_path / "parts.onnx")
    for name, score in (("yolox_nano", 0.6), ("a", 0.6), ("b", 0.55)):
        detector(tmp_path / f"{name}.onnx", score)
    return tmp_path


def test_your_own_footage(folder):
    *first, compare = commands("own-footage")
    assert [run(command) for command in first] == [0, 0, 0]
    assert (folder / "reports/line3/report.html").is_file()
    for name in ("old", "new"):
        shutil.copytree(folder / "reports/line3", folder / "reports" / name)
    assert run(compare) == 0


def test_line_engineers(folder):
    study, remedies, gate = commands("line-engineers")
    assert [run(study), run(remedies)] == [0, 0]
    assert run(gate) in (0, 1)


def test_detectors(folder):
    stability, show, video, tracks, two, remedies = commands("detectors")
    assert [run(each) for each in (stability, show, video, tracks, two)] == [0] * 5
    assert (folder / "cups-boxes.mp4").is_file()
    assert run(remedies) == 0


def test_the_demo(folder):
    """On a run of another clip: that of the demo takes minutes."""
    assert run("vidrobust stability line3/a.mp4 --model onnx:parts.onnx --out reports/demo") == 0
    assert [run(command) for command in commands("demo")] == [0]
    assert "class" in (folder / "rule.py").read_text(encoding="utf-8")


def test_the_action_of_a_build_server(folder):
    """The step of the workflow, on the footage of the tutorials."""
    page = (TUTORIALS.parent / "methods" / "repeatability.md").read_text(encoding="utf-8")
    (step,) = re.findall(r"^- run: (vidrobust .*)$", page, flags=re.MULTILINE)
    assert run(step.replace("footage/", "line3").replace("net.onnx", "parts.onnx")) in (0, 1, 2)
    assert "flip_rate.high" in (folder / "gates.xml").read_text(encoding="utf-8")
    assert (folder / "run" / "report.html").is_file()
