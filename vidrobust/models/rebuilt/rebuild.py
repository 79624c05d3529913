"""A classifier, as a module or an ONNX graph, with BlurPool or normalised by footage; or why that cannot be."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from vidrobust.install_hint import installed, pip_install
from vidrobust.models.load import AdaptedClassifier, load_as_it_is
from vidrobust.models.modules import full_precision
from vidrobust.models.network import Network, NetworkClassifier, check_frames, scores
from vidrobust.models.onnx_runtime import cpu_session
from vidrobust.models.predict import Model
from vidrobust.models.rebuilt.blur import blurred, kernel
from vidrobust.text.phrases import plural

THROUGH = ("BatchNormalization", "Dropout", "Identity")
ACTIVATIONS = (
    *("Relu", "Clip", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "Mish", "HardSwish"),
    *("Sigmoid", "Tanh", "Softplus"),
)
GATES = ("Sigmoid", "HardSigmoid")


def blur_graph(network: Any) -> tuple[int, int]:
    """Put BlurPool into an ``onnx.ModelProto``, in place, as ``blur.blurred`` does it.

    Returns how many layers are blurred, and how many with a stride stayed as they were.
    """
    graph = network.graph
    version = max(
        (o.version for o in network.opset_import if o.domain in ("", "ai.onnx")), default=1
    )
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
    return len(found), left


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
        numpy_helper.from_array(
            np.tile(kernel(), (wide, 1, 1, 1)).reshape(wide, 1, 3, 3), names["kernel"]
        )
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
    found = {
        each.name: [int(d.dim_value) for d in each.type.tensor_type.shape.dim] for each in every
    }
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
        for name, values in zip(
            node.input[3:5], (maps.mean(axis=axes), maps.var(axis=axes)), strict=True
        ):
            weights[name].CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
    return len(nodes)


def _values(network: Any, name: str, feed: str, inputs: Sequence[np.ndarray]) -> np.ndarray:
    session = cpu_session(network.SerializeToString(), optimised=False)
    return np.concatenate([session.run([name], {feed: batch})[0] for batch in inputs]).astype(
        np.float64
    )


NO_MODULE = (
    "not possible: an exported program cannot be changed; give its torch module or an ONNX file"
)
NO_NETWORK = (
    "not possible: only the answers of this model are at hand, not its network; give that as torchvision:NAME, "
    "timm:NAME, onnx:FILE or package.module:factory that returns (module, Preprocess)"
)
_NORM = nn.modules.batchnorm._BatchNorm

Answering = NetworkClassifier | AdaptedClassifier


@dataclass(frozen=True)
class Rebuilt:
    """A changed classifier, or None; and what was done, or why not.

    ``as_it_is`` is the original in the same engine, to compare times.
    """

    model: Answering | None
    note: str
    as_it_is: Answering | None = None

    def adapted_by(self, outer: AdaptedClassifier) -> Rebuilt:
        """Return the same under the outer classifier's operating points or class map."""
        made, own = (
            None if one is None else dataclasses.replace(outer, classifier=one)
            for one in (self.model, self.as_it_is)
        )
        return Rebuilt(made, self.note, own)


def with_blur(model: Model, device: str) -> Rebuilt:
    """Put BlurPool into strided convolutions and max pools (Zhang 2019); weights stay."""
    if isinstance(model, AdaptedClassifier):
        return with_blur(model.classifier, device).adapted_by(model)
    own = _as_it_is(model, device)
    if isinstance(own, Rebuilt):
        return own
    network = own.network
    try:
        if network.module is not None:
            found = blurred(network.module)
            changed, left, run = found.changed, found.left, _of_module(network, found.module)
        else:
            graph = _graph(network)
            changed, left = blur_graph(graph)
            run = _of_graph(network, graph)
        made = _with(own, run) if changed else None
    except Exception as error:  # code that cannot be traced, graphs with other sizes
        return Rebuilt(
            None, f"not possible: the network cannot be rewritten ({_first_line(error)})"
        )
    if made is None:
        why = "no convolution or max pool after the first one has a stride"
        return Rebuilt(None, f"not possible: {why}" if not left else f"not possible: {_left(left)}")
    note = f"blur before sampling in {plural(changed, 'layer')}, weights as they are"
    return Rebuilt(made, f"{note}; {_left(left)}" if left else note, own)


def with_statistics(model: Model, device: str, frames: Sequence[torch.Tensor]) -> Rebuilt:
    if isinstance(model, AdaptedClassifier):
        return with_statistics(model.classifier, device, frames).adapted_by(model)
    own = _as_it_is(model, device)
    if isinstance(own, Rebuilt):
        return own
    network = own.network
    if network.module is not None and not norms_of(network.module):
        return Rebuilt(None, "not possible: the network has no batch normalisation")
    number = sum(len(batch) for batch in frames)
    try:
        with torch.inference_mode():
            inputs = [network.preprocess(batch.to(network.device)) for batch in frames]
        if network.module is not None:
            layers = len(norms_of(network.module))
            run = _of_module(network, normalised_by(network.module, inputs))
        else:
            graph, file = _graph(network), network.onnx
            assert file is not None, "a graph comes from a file"
            layers = normalise_graph(graph, file.input, [file.array(each.cpu()) for each in inputs])
            if not layers:
                return Rebuilt(
                    None,
                    "not possible: batch normalisation was folded into the convolutions of this file; export it "
                    "in training mode, or give the torch module",
                )
            run = _of_graph(network, graph)
        made = _with(own, run)
    except Exception as error:
        return Rebuilt(
            None, f"not possible: the network cannot be rewritten ({_first_line(error)})"
        )
    return Rebuilt(
        made,
        f"statistics of {plural(number, 'frame')} of this footage in {plural(layers, 'layer')}",
        own,
    )


def norms_of(module: nn.Module) -> list[nn.Module]:
    return [m for m in module.modules() if isinstance(m, _NORM) and m.track_running_stats]


def normalised_by(module: nn.Module, inputs: Sequence[torch.Tensor]) -> nn.Module:
    """Return a copy in eval mode whose batch normalisation has the statistics of these inputs."""
    made = copy.deepcopy(module).eval()
    norms = norms_of(made)
    for norm in norms:
        norm.reset_running_stats()  # type: ignore[operator]
        norm.momentum = None  # type: ignore[assignment]
        norm.train()
    with torch.inference_mode():
        for batch in inputs:
            made(batch)
    return made.eval()


def _as_it_is(model: Model, device: str) -> NetworkClassifier | Rebuilt:
    if not isinstance(model, NetworkClassifier):
        return Rebuilt(None, NO_NETWORK)
    own = model.as_loaded() or model
    if own.network.module is None and own.network.onnx is None:
        loaded = load_as_it_is(model.info.spec, device=device)
        if isinstance(loaded, NetworkClassifier):
            # its answers are read as the model's are, class map and all
            own = dataclasses.replace(model, network=loaded.network)
    if own.network.module is None and own.network.onnx is None:
        return Rebuilt(None, NO_MODULE)
    if own.network.module is None and not installed("onnx"):
        return Rebuilt(
            None, f"not possible: graphs are changed with the package onnx: {pip_install('onnx')}"
        )
    return own


def _with(own: NetworkClassifier, run: Callable[[torch.Tensor], object]) -> NetworkClassifier:
    network = dataclasses.replace(own.network, run=run, as_loaded=None)
    wide = scores(own.network, check_frames()).shape
    found = scores(network, check_frames())
    if found.shape != wide or not np.isfinite(found).all():
        raise ValueError(f"it gives rows of {found.shape} in place of {wide}, or no numbers")
    return dataclasses.replace(own, network=network)


def _of_module(network: Network, module: torch.nn.Module) -> Callable[[torch.Tensor], object]:
    def run(inputs: torch.Tensor) -> object:
        with full_precision(network.device):
            return module(inputs)

    return run


def _graph(network: Network) -> Any:
    import onnx

    assert network.onnx is not None, "there is a file"
    return onnx.load(str(network.onnx.path))


def _of_graph(network: Network, graph: Any) -> Callable[[torch.Tensor], object]:
    file = network.onnx
    assert file is not None, "a graph comes from a file"
    session = cpu_session(graph.SerializeToString())
    return lambda inputs: session.run([file.output], {file.input: file.array(inputs.cpu())})[0]


def _left(number: int) -> str:
    return f"{plural(number, 'layer')} with a stride cannot be changed"


def _first_line(error: Exception) -> str:
    first = str(error).strip().splitlines()[:1] or [""]
    return f"{type(error).__name__}: {first[0][:120]}"
