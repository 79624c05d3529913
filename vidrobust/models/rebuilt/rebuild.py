"""A loaded classifier with BlurPool, or normalised by footage; or why that cannot be."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from vidrobust.install_hint import pip_install
from vidrobust.models.doctor import installed
from vidrobust.models.load import load_as_it_is
from vidrobust.models.modules import full_precision
from vidrobust.models.network import Network, NetworkClassifier, check_frames, scores
from vidrobust.models.predict import Model
from vidrobust.models.rebuilt.blur import kernel
from vidrobust.models.rebuilt.blur_module import blurred
from vidrobust.models.seen_over import SeenOver
from vidrobust.text.phrases import plural

# BlurPool into an ONNX graph: the same rewriting as of torch modules, node by node.

THROUGH = ("BatchNormalization", "Dropout", "Identity")
ACTIVATIONS = (
    *("Relu", "Clip", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "Mish", "HardSwish"),
    *("Sigmoid", "Tanh", "Softplus"),
)
GATES = ("Sigmoid", "HardSigmoid")


@dataclass(frozen=True)
class BlurredGraph:
    """changed: how many convolutions and pools are blurred; left: with a stride, and as they were."""

    changed: int
    left: int


def blur_graph(network: Any) -> BlurredGraph:
    """BlurPool into an ``onnx.ModelProto``, in place, as ``blur_module.blurred`` does it.

    Left is what pads itself ("auto_pad"), for its padding depends on the stride, and what rounds its size up
    where sizes are not known.
    """
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
    """The value behind normalisation and activation, where the one before goes nowhere else."""
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
    """Value -> the nodes that take it; of an output of the network none, for nothing may come between."""
    found: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in dict.fromkeys(node.input):
            found.setdefault(name, []).append(node)
    return found | {each.name: [] for each in graph.output}


def _sizes(network: Any) -> dict[str, list[int]]:
    """Name of a value -> its N, C, H, W, as far as they can be inferred; 0 where not known."""
    import onnx

    try:
        network = onnx.shape_inference.infer_shapes(network)
    except Exception:
        return {}
    every = (*network.graph.value_info, *network.graph.input, *network.graph.output)
    found = {each.name: [int(d.dim_value) for d in each.type.tensor_type.shape.dim] for each in every}
    return {name: sizes for name, sizes in found.items() if len(sizes) == 4}


def _width(node: Any, weights: dict[str, Any], sizes: dict[str, list[int]]) -> int:
    """The channels that a node makes; 0 where that is not known."""
    if node.op_type == "Conv" and node.input[1] in weights:
        return int(weights[node.input[1]].dims[0])
    return sizes.get(node.output[0], [0, 0])[1]


def _settled(node: Any, sizes: dict[str, list[int]]) -> bool:
    """Whether its padding stands in it; where it rounded its size up, it is padded as far as it reached."""
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


# Batch normalisation by the statistics of the footage instead of those of the training pictures.
#
# Schneider et al. 2020, "Improving robustness against common corruptions by covariate shift adaptation", with no
# weight on the old statistics.

CHUNK = 32
_NORM = nn.modules.batchnorm._BatchNorm


def norms_of(module: nn.Module) -> list[nn.Module]:
    """The layers that normalise by statistics of their training."""
    return [m for m in module.modules() if isinstance(m, _NORM) and m.track_running_stats]


def normalised_by(module: nn.Module, inputs: Sequence[torch.Tensor]) -> nn.Module:
    """A copy in eval mode whose batch normalisation has the mean and the variance of these inputs.

    inputs  batches (N, 3, h, w) float32, each of which counts equally
    """
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


def normalise_graph(network: Any, feed: str, inputs: Sequence[np.ndarray]) -> int:
    """The same in an ``onnx.ModelProto``, in place; how many nodes, 0 where normalisation was folded away.

    feed  name of the network's input; inputs: what it takes, batches of it. From the first node to the last,
    for what one node is given depends on those before it.
    """
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
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        network.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.concatenate([session.run([name], {feed: batch})[0] for batch in inputs]).astype(np.float64)


NO_MODULE = "not possible: an exported program cannot be changed; give its torch module or an ONNX file"
NO_NETWORK = (
    "not possible: only the answers of this model are at hand, not its network; give that as torchvision:NAME, "
    "timm:NAME, onnx:FILE or package.module:factory that returns (module, Preprocess)"
)


Answering = NetworkClassifier | SeenOver


@dataclass(frozen=True)
class Rebuilt:
    """A classifier that was changed, or None; and what was done, or why it could not be.

    as_it_is  the same in the engine of the changed one, to compare times
    """

    model: Answering | None
    note: str
    as_it_is: Answering | None = None

    def seen_over(self, outer: SeenOver) -> Rebuilt:
        """The same under the operating points or the class map of a classifier around the network."""
        made, own = (
            None if one is None else dataclasses.replace(outer, classifier=one)
            for one in (self.model, self.as_it_is)
        )
        return Rebuilt(made, self.note, own)


def with_blur(model: Model, device: str) -> Rebuilt:
    """BlurPool into its strided convolutions and max pools (Zhang 2019), the weights as they are."""
    if isinstance(model, SeenOver):
        return with_blur(model.classifier, device).seen_over(model)
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
            counted = blur_graph(graph)
            changed, left, run = counted.changed, counted.left, _of_graph(network, graph)
        made = _with(own, run) if changed else None
    except Exception as error:  # code that cannot be traced, graphs with other sizes
        return Rebuilt(None, f"not possible: the network cannot be rewritten ({_first_line(error)})")
    if made is None:
        why = "no convolution or max pool after the first one has a stride"
        return Rebuilt(None, f"not possible: {why}" if not left else f"not possible: {_left(left)}")
    note = f"blur before sampling in {plural(changed, 'layer')}, weights as they are"
    return Rebuilt(made, f"{note}; {_left(left)}" if left else note, own)


def with_statistics(model: Model, device: str, frames: Sequence[torch.Tensor]) -> Rebuilt:
    """Its batch normalisation with the mean and the variance of this footage.

    frames  batches (N, 3, H, W) uint8 of the footage
    """
    if isinstance(model, SeenOver):
        return with_statistics(model.classifier, device, frames).seen_over(model)
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
        return Rebuilt(None, f"not possible: the network cannot be rewritten ({_first_line(error)})")
    return Rebuilt(
        made, f"statistics of {plural(number, 'frame')} of this footage in {plural(layers, 'layer')}", own
    )


def _as_it_is(model: Model, device: str) -> NetworkClassifier | Rebuilt:
    """The classifier in the engine that it was loaded in."""
    if not isinstance(model, NetworkClassifier):
        return Rebuilt(None, NO_NETWORK)
    own = model.as_loaded() or model
    if own.network.module is None and own.network.onnx is None:
        loaded = load_as_it_is(model.info.spec, device=device)
        if isinstance(
            loaded, NetworkClassifier
        ):  # its answers are read as the model's are, class map and all
            own = dataclasses.replace(model, network=loaded.network)
    if own.network.module is None and own.network.onnx is None:
        return Rebuilt(None, NO_MODULE)
    if own.network.module is None and not installed("onnx"):
        return Rebuilt(None, f"not possible: graphs are changed with the package onnx: {pip_install('onnx')}")
    return own


def _with(own: NetworkClassifier, run: Callable[[torch.Tensor], object]) -> NetworkClassifier:
    """The classifier that runs so, after a batch of frames has shown that its rows are as wide."""
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
    import onnxruntime

    file = network.onnx
    assert file is not None, "a graph comes from a file"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda inputs: session.run([file.output], {file.input: file.array(inputs.cpu())})[0]


def _left(number: int) -> str:
    return f"{plural(number, 'layer')} with a stride cannot be changed"


def _first_line(error: Exception) -> str:
    first = str(error).strip().splitlines()[:1] or [""]
    return f"{type(error).__name__}: {first[0][:120]}"
