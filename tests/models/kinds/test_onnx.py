"""Small ONNX networks made by hand: batch sizes, layouts, outputs, precision, and what is refused."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from scipy.special import softmax

from tests.models.made_sidecar import sidecar
from vidrobust.errors import InputError, SettingsError
from vidrobust.models.describe import described
from vidrobust.models.info import file_sha256, model_info
from vidrobust.models.load import load_model
from vidrobust.models.preprocess import Preprocess

SIDE = 8
SIDECAR = sidecar(SIDE, 1.0, [100.0, 110.0, 120.0], [50.0, 60.0, 70.0])
PREPROCESS = Preprocess(size=SIDE, mean=(100, 110, 120), std=(50, 60, 70))
WEIGHT = np.random.default_rng(0).normal(size=(3 * SIDE * SIDE, 3)).astype(np.float32) / 10


def make(
    path, *, batch="N", last=False, softmax=False, half=False, extra_output=False, weight=WEIGHT
):
    """Pixels, flattened, times a matrix; written with its sidecar. Returns the spec."""
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    shape = [batch, SIDE, SIDE, 3] if last else [batch, 3, SIDE, SIDE]
    turned = helper.make_node("Transpose", ["pixels"], ["first"], perm=[0, 3, 1, 2])
    nodes = [turned] if last else []
    nodes += [
        helper.make_node("Flatten", ["first" if last else "pixels"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["product" if softmax else "scores"]),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["product"], ["scores"], axis=1))
    outputs = [helper.make_tensor_value_info("scores", kind, [batch, weight.shape[1]])]
    if extra_output:
        outputs.append(helper.make_tensor_value_info("flat", kind, [batch, weight.shape[0]]))
    constant = numpy_helper.from_array(weight.astype(np.float16 if half else np.float32), "weight")
    inputs = [helper.make_tensor_value_info("pixels", kind, shape)]
    graph = helper.make_graph(nodes, "small", inputs, outputs, [constant])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    path.with_suffix(".toml").write_text(SIDECAR)
    return f"onnx:{path}"


def expected(pixels):
    """The same product and softmax by NumPy, on pixels preprocessed by themselves."""
    inputs = PREPROCESS(pixels).contiguous().numpy().reshape(len(pixels), -1)
    return softmax(inputs.astype(np.float64) @ WEIGHT, axis=1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch": 1},
        {"batch": 2},
        {"batch": 4},
        {"last": True},
        {"last": True, "batch": 3},
        {"softmax": True},
        {"softmax": True, "batch": 1},
        {"half": True},
    ],
    ids=str,
)
def test_against_numpy(tmp_path, noise, options):
    model = load_model(make(tmp_path / "net.onnx", **options))
    got = model(noise).probabilities
    assert np.abs(got - expected(noise)).max() < (5e-3 if "half" in options else 1e-5)
    info = model_info(model)
    assert info.precision == ("float16" if "half" in options else "float32")
    assert any("no softmax added" in note for note in info.notes) == ("softmax" in options)
    assert any("fixed batch size" in note for note in info.notes) == ("batch" in options)
    assert (model.name, info.weights_sha256) == ("net", file_sha256(tmp_path / "net.onnx"))


def test_one_of_several_outputs_is_named(tmp_path, noise):
    spec = make(tmp_path / "net.onnx", extra_output=True)
    said = r"outputs are scores, flat: which is the class scores\? Say output_name"
    with pytest.raises(SettingsError, match=said):
        load_model(spec)
    (tmp_path / "net.toml").write_text(SIDECAR + 'output_name = "scores"\n')
    assert np.abs(load_model(spec)(noise).probabilities - expected(noise)).max() < 1e-5
    (tmp_path / "net.toml").write_text(SIDECAR + 'output_name = "logits"\n')
    with pytest.raises(SettingsError, match="none is called 'logits'"):
        load_model(spec)


def test_names_threads_and_another_sidecar(tmp_path, noise):
    spec = make(tmp_path / "net.onnx")
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    (tmp_path / "other.toml").write_text(SIDECAR + 'name = "line 4"\nclasses = "names.txt"\n')
    model = load_model(f"{spec},threads=1,sidecar={tmp_path / 'other.toml'}")
    assert (model.name, model.class_names) == ("line 4", ("a", "b", "c"))
    assert np.abs(model(noise).probabilities - expected(noise)).max() < 1e-5
    given = load_model(f"{spec},classes={tmp_path / 'names.txt'}")
    assert given.class_names == ("a", "b", "c")


def test_sidecar_of_another_size_is_refused(tmp_path):
    spec = make(tmp_path / "net.onnx")
    (tmp_path / "net.toml").write_text(SIDECAR.replace("size = 8", "size = 16"))
    said = r"its input is \['N', 3, 8, 8\], but the sidecar makes \(N, 3, 16, 16\)"
    with pytest.raises(SettingsError, match=said):
        load_model(spec)


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(SettingsError, match=r"gone\.onnx: no such file"):
        load_model(f"onnx:{tmp_path / 'gone.onnx'}")
    with pytest.raises(SettingsError, match="is a directory, not a file"):
        load_model(f"onnx:{tmp_path}")
    spec = make(tmp_path / "net.onnx")
    whole = (tmp_path / "net.onnx").read_bytes()
    for content in (
        whole[:200],
        b"",
        b"\xff" * 40,
        b"\x3a\x7f",
        b"not a network",
        b"\x3a\x02\x0a\x7f",
    ):
        (tmp_path / "net.onnx").write_bytes(content)
        with pytest.raises(InputError, match=r"net\.onnx:? cannot be read as an ONNX network"):
            load_model(spec)


def test_one_output_is_two_classes_as_declared(tmp_path, noise):
    """The sigmoid by hand; the threshold lies between the smallest and the largest of the five."""
    spec = make(tmp_path / "net.onnx", weight=WEIGHT[:, :1])
    flat = PREPROCESS(noise).contiguous().numpy().reshape(len(noise), -1)
    z = flat.astype(np.float64) @ WEIGHT[:, 0]
    p = 1 / (1 + np.exp(-z))
    point = float(np.sort(p)[2:4].mean())
    model = load_model(f"{spec},output=logit,threshold={point}")
    found = model(noise)
    assert np.abs(found.probabilities[:, 1] - p).max() < 1e-5
    assert found.labels.tolist() == (p >= point).astype(int).tolist()
    assert 0 < found.labels.sum() < 5
    sidecar = tmp_path / "net.toml"
    own = 'output = "score"\nthreshold = 0.1\nscale = 3.0\nclasses = ["good", "bad"]\n'
    sidecar.write_text(SIDECAR + own)
    scored = load_model(spec)(noise)
    assert scored.class_names == ("good", "bad")
    assert scored.labels.tolist() == (z >= 0.1).astype(int).tolist()
    assert np.allclose(scored.margins, np.minimum(np.abs(z - 0.1) / 3, 1), atol=1e-4)


def test_one_output_and_a_detector_without_a_task(tmp_path, models):
    with pytest.raises(SettingsError, match=r"has one output; say output = .logit"):
        load_model(make(tmp_path / "net.onnx", weight=WEIGHT[:, :1]))
    sidecar = tmp_path / "yolo.toml"
    sidecar.write_text(SIDECAR.replace("size = 8", "size = 416"))
    said = r"got \(1, 3549, 85\): looks like a detector.*classifiers only"
    with pytest.raises(SettingsError, match=said):
        load_model(f"onnx:{models / 'yolox_nano.onnx'},sidecar={sidecar}")


def test_outputs_that_are_text_are_left_out_with_a_remark(tmp_path, noise):
    spec = make(tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    nodes = [
        helper.make_node("ArgMax", ["scores"], ["k"], axis=1, keepdims=0),
        helper.make_node(
            *("LabelEncoder", ["k"], ["names"]),
            domain="ai.onnx.ml",
            keys_int64s=[0, 1, 2],
            values_strings=["a", "b", "c"],
        ),
    ]
    model.graph.node.extend(nodes)
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 2))
    scores = model.graph.output.pop()
    model.graph.output.append(helper.make_tensor_value_info("names", TensorProto.STRING, ["N"]))
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(SettingsError, match=r"its outputs are text \(names\)"):
        load_model(spec)
    with pytest.raises(InputError, match="its outputs are text"):
        described(tmp_path / "net.onnx")
    model.graph.output.append(scores)
    onnx.save(model, tmp_path / "net.onnx")
    read = load_model(spec)
    assert np.abs(read(noise).probabilities - expected(noise)).max() < 1e-5
    assert "outputs that are text are not read: names" in model_info(read).notes
    assert "output_name" not in described(tmp_path / "net.onnx")
