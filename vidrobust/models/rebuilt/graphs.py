"""ONNX graphs changed without training: BlurPool, and batch normalisation by other statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidrobust.models.onnx_runtime import cpu_session
from vidrobust.models.rebuilt.blur import kernel

THROUGH = ("BatchNormalization", "Dropout", "Identity")
ACTIVATIONS = (
    *("Relu", "Clip", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "Mish", "HardSwish"),
    *("Sigmoid", "Tanh", "Softplus"),
)
GATES = ("Sigmoid", "HardSigmoid")


@dataclass(frozen=True)
class BlurredGraph:
    """The layers that are blurred, and those with a stride that stayed as they were."""

    changed: int
    left: int


def blur_graph(network: Any) -> BlurredGraph:
    """Put BlurPool into an ``onnx.ModelProto``, in place, as ``blur.blurred`` does it."""
    graph = network.graph
    version = max((o.version for o in network.opset_import if o.domain in ("", "ai.onnx")), default=1)
    users = _users(graph)
    sizes = _sizes(network)
    weights = {each.name: each for each in graph.initializer}
    found: list[tuple[Any, str, int]] = []
    left, first = 0, True
    for node in graph.node:
        if node.op_type not in ("Conv", "MaxPool"):
            continue
        its_first, first = first, first and node.op_type != "Conv"
        strides = _ints(node, "strides") or [1, 1]
        if max(strides) == 1 or (its_first and node.op_type == "Conv"):
            continue
        end = node.output[0] if node.op_type == "MaxPool" else _end_of(node.output[0], users)
        wide = _width(node, weights, sizes)
        if len(strides) != 2 or not wide or not _settled(node, sizes):
            left += 1
            continue
        found.append((node, end, wide))
    for number, (node, end, wide) in enumerate(found):
        _rewrite(network, node, end, wide, number, version)
    return BlurredGraph(len(found), left)


def _rewrite(network: Any, node: Any, end: str, wide: int, number: int, version: int) -> None:
    from onnx import helper, numpy_helper

    graph, strides = network.graph, _ints(node, "strides")
    for attribute in node.attribute:
        if attribute.name == "strides":
            del attribute.ints[:]
            attribute.ints.extend([1, 1])
    names = {what: f"blur_{number}_{what}" for what in ("dense", "padded", "kernel", "pads")}
    around = [0, 0, 1, 1, 0, 0, 1, 1]
    graph.initializer.append(
        numpy_helper.from_array(np.tile(kernel(), (wide, 1, 1, 1)).reshape(wide, 1, 3, 3), names["kernel"])
    )
    inputs = [names["dense"]]
    options: dict[str, Any] = {"mode": "reflect"}
    if version >= 11:
        graph.initializer.append(numpy_helper.from_array(np.array(around, np.int64), names["pads"]))
        inputs.append(names["pads"])
    else:
        options["pads"] = around
    place = next(at for at, each in enumerate(graph.node) if end in each.output)
    maker = graph.node[place]
    maker.output[list(maker.output).index(end)] = names["dense"]
    pad = helper.make_node("Pad", inputs, [names["padded"]], name=names["padded"], **options)
    blur = helper.make_node(
        "Conv",
        [names["padded"], names["kernel"]],
        [end],
        name=f"blur_{number}",
        group=wide,
        strides=strides,
        kernel_shape=[3, 3],
        pads=[0, 0, 0, 0],
    )
    graph.node.insert(place + 1, pad)
    graph.node.insert(place + 2, blur)
    del graph.value_info[:]  # sizes that were written down are no longer those


def _end_of(value: str, users: dict[str, list[Any]]) -> str:
    last = value
    while True:
        after = users.get(last, [])
        if len(after) == 2:  # x times sigmoid(x): SiLU, or hard swish
            gate = next((n for n in after if n.op_type in GATES), None)
            times = next((n for n in after if n.op_type == "Mul"), None)
            if gate is not None and times is not None and gate.output[0] in times.input:
                return str(times.output[0])
        if len(after) != 1:
            return last
        if after[0].op_type in ACTIVATIONS:
            return str(after[0].output[0])
        if after[0].op_type not in THROUGH:
            return last
        last = str(after[0].output[0])


def _users(graph: Any) -> dict[str, list[Any]]:
    """Value -> nodes that take it; none for an output of the network, so that nothing is put behind it."""
    found: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in dict.fromkeys(node.input):
            found.setdefault(name, []).append(node)
    return found | {each.name: [] for each in graph.output}


def _sizes(network: Any) -> dict[str, list[int]]:
    """Name of a value -> N, C, H, W where they can be inferred; 0 where not known."""
    import onnx

    try:
        network = onnx.shape_inference.infer_shapes(network)
    except Exception:
        return {}
    every = (*network.graph.value_info, *network.graph.input, *network.graph.output)
    found = {each.name: [int(d.dim_value) for d in each.type.tensor_type.shape.dim] for each in every}
    return {name: sizes for name, sizes in found.items() if len(sizes) == 4}


def _width(node: Any, weights: dict[str, Any], sizes: dict[str, list[int]]) -> int:
    if node.op_type == "Conv" and node.input[1] in weights:
        return int(weights[node.input[1]].dims[0])
    return sizes.get(node.output[0], [0, 0])[1]


def _settled(node: Any, sizes: dict[str, list[int]]) -> bool:
    from onnx import helper

    of = {a.name: a for a in node.attribute}
    if len(node.output) > 1 or ("auto_pad" in of and of["auto_pad"].s not in (b"NOTSET", b"VALID")):
        return False
    if not ("ceil_mode" in of and of["ceil_mode"].i):
        return True
    there, made = sizes.get(node.input[0], [0] * 4)[2:], sizes.get(node.output[0], [0] * 4)[2:]
    if 0 in (*there, *made):
        return False
    pads, dilations = _ints(node, "pads") or [0] * 4, _ints(node, "dilations") or [1, 1]
    for axis, (stride, width) in enumerate(
        zip(_ints(node, "strides"), _ints(node, "kernel_shape"), strict=True)
    ):
        reach = (made[axis] - 1) * stride + dilations[axis] * (width - 1) + 1
        pads[axis + 2] += max(reach - there[axis] - pads[axis] - pads[axis + 2], 0)
    kept = [a for a in node.attribute if a.name not in ("ceil_mode", "pads")]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute("pads", pads)])
    return True


def _ints(node: Any, name: str) -> list[int]:
    return next((list(a.ints) for a in node.attribute if a.name == name), [])


def normalise_graph(network: Any, feed: str, inputs: Sequence[np.ndarray]) -> int:
    """Give batch normalisation the statistics of these inputs, in place."""
    from onnx import ValueInfoProto, numpy_helper

    nodes = [node for node in network.graph.node if node.op_type == "BatchNormalization"]
    weights = {each.name: each for each in network.graph.initializer}
    if any(name not in weights for node in nodes for name in node.input[3:5]):
        return 0
    for node in nodes:
        known = {each.name for each in network.graph.output}
        added = node.input[0] not in known
        if added:
            network.graph.output.append(ValueInfoProto(name=node.input[0]))
        maps = _values(network, node.input[0], feed, inputs)
        if added:
            del network.graph.output[-1]
        axes = (0, *range(2, maps.ndim))
        for name, values in zip(node.input[3:5], (maps.mean(axis=axes), maps.var(axis=axes)), strict=True):
            weights[name].CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
    return len(nodes)


def _values(network: Any, name: str, feed: str, inputs: Sequence[np.ndarray]) -> np.ndarray:
    session = cpu_session(network.SerializeToString(), optimised=False)
    return np.concatenate([session.run([name], {feed: batch})[0] for batch in inputs]).astype(np.float64)
