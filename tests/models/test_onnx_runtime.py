"""External data of ONNX files is read inside the folder and refused outside it."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.models.made_sidecar import sidecar
from vidrobust.errors import InputError
from vidrobust.models.info import identity
from vidrobust.models.load import load_model
from vidrobust.models.onnx_runtime import external_files

WEIGHT = np.random.default_rng(0).normal(size=(192, 3)).astype(np.float32)


def write(folder, location, *, inside_if=False):
    """A network whose matrix lies in ``location``, directly or in the branch of an If."""
    (folder / "weights.bin").write_bytes(WEIGHT.tobytes())
    (folder / "net.toml").write_text(sidecar())
    tensor = numpy_helper.from_array(WEIGHT, "weight")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", 3, 8, 8])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 3])
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["scores"]),
    ]
    initial = [tensor]
    if inside_if:
        constant = helper.make_node("Constant", [], ["weight"], value=tensor)
        out = helper.make_tensor_value_info("weight", 1, [192, 3])
        branch = helper.make_graph([constant], "branch", [], [out])
        yes = numpy_helper.from_array(np.array(True), "yes")
        both = {"then_branch": branch, "else_branch": branch}
        nodes.insert(0, helper.make_node("If", ["yes"], ["weight"], **both))
        initial = [yes]
    graph = helper.make_graph(nodes, "net", [pixels], [scores], initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_weights_beside_it_are_found_and_count(tmp_path):
    path = write(tmp_path, "weights.bin")
    assert external_files(path) == [tmp_path / "weights.bin"]
    first = identity(load_model(f"onnx:{path}"))
    (tmp_path / "weights.bin").write_bytes((WEIGHT * 2).tobytes())
    second = identity(load_model(f"onnx:{path}"))
    assert {key for key in first if first[key] != second[key]} == {"weights"}


@pytest.mark.parametrize("inside_if", [False, True])
@pytest.mark.parametrize("how", ["up", "absolute", "link"])
def test_weights_elsewhere_are_refused(tmp_path, how, inside_if):
    (tmp_path / "secret").write_bytes(WEIGHT.tobytes())
    folder = tmp_path / "nets"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    location = {"up": "../secret", "absolute": str(tmp_path / "secret"), "link": "link"}[how]
    path = write(folder, location, inside_if=inside_if)
    with pytest.raises(InputError, match=r"outside its own folder, and is refused"):
        load_model(f"onnx:{path}")


def test_real_networks_read_nothing_else(models):
    """Against the package onnx, which lists the tensors that lie elsewhere."""
    for path in sorted(models.glob("*.onnx")):
        network = onnx.load(path, load_external_data=False)
        places = [tensor.data_location for tensor in network.graph.initializer]
        assert len(external_files(path)) == places.count(TensorProto.EXTERNAL) == 0
