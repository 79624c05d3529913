"""Sidecars guessed from the graphs of ONNX files, and the study that runs on them."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.pipeline.conftest import run
from vidrobust.errors import InputError, SettingsError
from vidrobust.models.describe import described, read_graph, write_description
from vidrobust.models.sidecar import find_entry, read_entry, read_sidecar


def network(path, *nodes, shape=("N", 3, 96, 96), outputs=(("scores", ("N", 7)),), weights=()):
    """Write a graph of (operation, inputs, output) nodes."""
    made = [helper.make_node(kind, inputs, [output]) for kind, inputs, output in nodes]
    graph = helper.make_graph(
        made,
        "net",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, sides) for name, sides in outputs],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def dense(classes, *more):
    """Mean over the picture, then a matrix: (N, 3, H, W) -> (N, classes)."""
    weights = {"w": np.ones((3, classes))}
    nodes = [("GlobalAveragePool", ["pixels"], "mean"), ("Flatten", ["mean"], "flat")]
    return [*nodes, ("MatMul", ["flat", "w"], "raw"), *more], list(weights.items())


@pytest.mark.parametrize(
    ("last", "output"),
    [("Softmax", "probabilities"), ("Sigmoid", "multilabel"), ("Identity", "logits")],
)
def test_the_last_operation_says_what_the_scores_are(tmp_path, last, output):
    nodes, weights = dense(7, (last, ["raw"], "scores"))
    path = network(tmp_path / "net.onnx", *nodes, weights=weights)
    text = described(path)
    assert f'output = "{output}"' in text
    assert "# 7 names" not in text.split("classes.txt")[0]
    assert '# classes = "classes.txt"  # 7 names, one a line' in text
    assert "size = 96  # px" in text


def test_sides_channels_last_and_normalisation_are_read_off(tmp_path):
    nodes = [("Div", ["pixels", "s"], "x"), ("Transpose", ["x"], "t"), ("Flatten", ["t"], "scores")]
    path = network(tmp_path / "net.onnx", *nodes, shape=("N", 64, 96, 3), weights=[("s", 255.0)])
    graph = read_graph(path)
    assert (graph.height, graph.width, graph.normalises) == (64, 96, True)
    text = described(path)
    assert "size = [64, 96]" in text
    assert 'resize = "stretch, torch"' in text
    assert "mean = [0.0, 0.0, 0.0]  # the network scales its pixels itself" in text
    assert "crop =" not in text


def test_what_the_file_leaves_open_is_called_a_guess(tmp_path):
    nodes, weights = dense(1000, ("Identity", ["raw"], "scores"))
    path = network(
        tmp_path / "net.onnx",
        *nodes,
        shape=("N", 3, "H", "W"),
        outputs=[("scores", ["N", "K"])],
        weights=weights,
    )
    text = described(path)
    assert "size = 224  # a guess: the file leaves it open" in text
    assert 'classes = "imagenet"' in text  # counted by running it once


@pytest.mark.parametrize(
    ("shape", "head"),
    [
        ([1, 84, 189], "yolov8"),
        ([1, 189, 85], "yolox"),  # 12 x 12 + 6 x 6 + 3 x 3 cells
        ([1, 567, 85], "yolov5"),  # three anchors a cell
        ([1, 85, 6, 6], "fastestdet"),
    ],
)
def test_a_detector_is_told_by_its_shape(tmp_path, shape, head):
    path = network(
        tmp_path / "net.onnx", ("Identity", ["pixels"], "boxes"), outputs=[("boxes", shape)]
    )
    write_description(path)
    assert read_entry(find_entry(path)[1], path).head == head


def test_what_is_no_picture_is_refused(tmp_path):
    path = network(tmp_path / "net.onnx", ("Identity", ["pixels"], "scores"), shape=("N", 12))
    with pytest.raises(InputError, match=r"its input is \[None, 12\], expected pictures"):
        described(path)
    (tmp_path / "no.onnx").write_bytes(b"not a network")
    with pytest.raises(InputError, match="cannot be read as an ONNX network"):
        described(tmp_path / "no.onnx")


def test_a_description_is_never_written_over(models, tmp_path):
    with pytest.raises(SettingsError, match=r"models\.toml describes it already, and is left"):
        write_description(models / "squeezenet1_1_227.onnx")


@pytest.mark.parametrize("file", ["squeezenet1_1_227.onnx", "mobilenet_v1_0.25_128.onnx"])
def test_the_values_that_a_graph_tells_are_those_of_the_real_table(models, tmp_path, file):
    copy = tmp_path / file
    copy.write_bytes((models / file).read_bytes())
    write_description(copy)
    guessed, real = read_sidecar(copy), read_sidecar(models / file)
    assert guessed.preprocess.shape == real.preprocess.shape
    assert len(guessed.class_names or ()) == 1000


def test_a_network_without_description_is_studied_in_two_commands(
    models, public_clips, tmp_path, capsys
):
    copy = tmp_path / "net.onnx"
    copy.write_bytes((models / "mobilenet_v1_0.25_128.onnx").read_bytes())
    asked = (
        "stability",
        str(public_clips / "hevc.mp4"),
        f"--model={copy}",
        f"--out={tmp_path / 'run'}",
    )
    assert run(*asked) == 2
    said = capsys.readouterr().err
    assert "models --describe" in said
    assert "size = 128" in said
    assert run("models", "--describe", str(copy)) == 0
    assert run(*asked, "--quiet") == 0
