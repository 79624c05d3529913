"""Logits and features before the head of a classifier.

A torch module is watched at its head, an ONNX file is cut before its last layer and softmax.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch
from scipy import special

from vidrobust.install_hint import installed, pip_install
from vidrobust.models.modules import head_of, over_places, watched
from vidrobust.models.network import Network, NetworkClassifier, check_frames, scores
from vidrobust.models.onnx_runtime import OnnxFile, cpu_session
from vidrobust.models.predict import predict
from vidrobust.models.reading import as_rows, find_scores, in_fixed_batches
from vidrobust.predictions import Classifications, Classifier

LACKS = ("logits", "features")  # What a model may not be able to say
TURNS = 4  # Quarter turns of a picture, none among them
# Largest difference of probabilities that is rounding.
SAME = 1e-4
ONLY_ANSWERS = "the model gives its answer and nothing else"

# Nodes of ONNX that may stand between the last layer and the output.
_PASSED = {
    *(
        "Softmax",
        "LogSoftmax",
        "Sigmoid",
        "Identity",
        "Flatten",
        "Reshape",
        "Squeeze",
        "Unsqueeze",
        "Cast",
    ),
    *("Transpose", "Dropout", "Slice", "Clip", "Relu", "QuantizeLinear", "DequantizeLinear"),
    *("QLinearSoftmax", "QLinearGlobalAveragePool", "QLinearAveragePool", "QLinearAdd"),
    *("GlobalAveragePool", "AveragePool", "ReduceMean", "Add", "Sub", "Mul", "Div"),
}
_LAYERS = {
    "Gemm",
    "MatMul",
    "QGemm",
    "QLinearMatMul",
    "MatMulInteger",
    "Conv",
    "QLinearConv",
    "ConvInteger",
}

# (N, 3, h, w) uint8 of the network's size -> its scores (N, K), its logits and its features, or None.
Answered = Callable[[torch.Tensor], tuple[np.ndarray, np.ndarray | None, np.ndarray | None]]


@dataclass(frozen=True, kw_only=True)
class Readout:
    """What a network says about N frames."""

    answer: np.ndarray  # (N,) int64, the class it gives
    surest: np.ndarray  # (N,) float64, the largest probability of its answer
    logits: np.ndarray | None = None  # (N, K) float64 before the softmax, or None
    # (N, D) float32 that go into its head, averaged over places, or None
    features: np.ndarray | None = None
    # (N, 4, D) float32, those of the picture turned by 0, 90, 180 and 270 degrees, or None
    turned: np.ndarray | None = None


_FIELDS = tuple(each.name for each in fields(Readout))


def joined(parts: list[Readout]) -> Readout:
    found: dict[str, Any] = {}
    for name in _FIELDS:
        each = [getattr(part, name) for part in parts]
        found[name] = None if any(one is None for one in each) else np.concatenate(each)
    return Readout(**found)


def rows_of(readout: Readout, rows: np.ndarray) -> Readout:
    found: dict[str, Any] = {
        name: None if (values := getattr(readout, name)) is None else values[rows]
        for name in _FIELDS
    }
    return Readout(**found)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How a network is asked, and what it cannot say (``LACKS``) with reasons."""

    frames: Callable[[torch.Tensor], Readout]
    lacks: Mapping[str, str] = field(default_factory=dict)
    head: str = ""


def probe_of(model: Classifier) -> Probe:
    """Return how a classifier is asked for what it says beside its answer, by what kind of network it is."""
    if not isinstance(model, NetworkClassifier):
        return _callable_probe(model)
    network = model.network.as_loaded or model.network
    kind, _ = find_scores(
        scores(network, check_frames()), network.declared.output, f"model {network.name}"
    )
    if network.module is not None:
        return _module_probe(model, network, network.module, kind)
    if network.onnx is not None:
        return _onnx_probe(model, network, network.onnx, kind)
    lacks = {"features": "it is an exported program, whose layers cannot be reached"}
    return _network_probe(model, network, _plain(network, kind), lacks | _no_logits(kind))


def _network_probe(
    model: NetworkClassifier,
    network: Network,
    answered: Answered,
    lacks: Mapping[str, str],
    head: str = "",
) -> Probe:
    def frames(pixels: torch.Tensor) -> Readout:
        with torch.inference_mode():
            cut = network.preprocess.cut(pixels).to(network.device)
        rows, logits, features = answered(cut)
        said = model.reading(rows, f"model {model.name}")
        return Readout(
            answer=said.labels,
            surest=said.probabilities.max(axis=1).astype(np.float64),
            logits=None if logits is None else logits.astype(np.float64),
            features=features,
            turned=None if features is None else _turned(answered, cut, features),
        )

    return Probe(frames=frames, lacks=lacks, head=head)


def _turned(answered: Answered, cut: torch.Tensor, features: np.ndarray) -> np.ndarray:
    """(N, 4, D): features of the pictures in four quarter turns, resized where they are not square."""
    found = [features]
    for turn in range(1, TURNS):
        turned = answered(_as_large(torch.rot90(cut, turn, (2, 3)), cut))[2]
        assert turned is not None, "features of a picture, and none of the same turned"
        found.append(turned)
    return np.stack(found, axis=1)


def _as_large(pictures: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    if pictures.shape == other.shape:
        return pictures.contiguous()
    size = list(other.shape[-2:])
    resized = torch.nn.functional.interpolate(
        pictures.float(), size=size, mode="bilinear", antialias=True
    )
    return resized.round().clamp(0, 255).to(torch.uint8)


def _no_logits(kind: str) -> dict[str, str]:
    if kind == "logits":
        return {}
    if kind == "probabilities":
        return {
            "logits": "the softmax is inside the network, and of probabilities the energy is always the same"
        }
    return {"logits": f"energy is that of the logits of a softmax; the network gives {kind}"}


def _plain(network: Network, kind: str) -> Answered:
    @torch.inference_mode()
    def answered(cut: torch.Tensor) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        rows = in_fixed_batches(
            lambda part: as_rows(network.run(part), f"model {network.name}"),
            network.preprocess.normalise(cut),
            network.fixed_batch,
        )
        return rows, rows if kind == "logits" else None, None

    return answered


def _module_probe(
    model: NetworkClassifier, network: Network, module: torch.nn.Module, kind: str
) -> Probe:
    """Where the softmax is inside the module, its head's outputs are the logits."""
    where = f"model {network.name}"
    with torch.inference_mode():
        few = network.preprocess(check_frames().to(network.device))
        rows = as_rows(network.run(few), where)
    name = head_of(module, lambda: network.run(few), rows.shape[1])
    softmax_inside = (
        bool(name) and kind == "probabilities" and _softmax_behind(network, module, name, few, rows)
    )
    lacks = {} if softmax_inside else _no_logits(kind)
    if not name:
        lacks["features"] = (
            f"no layer of it gives its {rows.shape[1]} scores, and none is fully connected"
        )

    def watching(cut: torch.Tensor) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        with torch.inference_mode(), watched(module, name) as seen:
            rows = as_rows(network.run(network.preprocess.normalise(cut)), where)
            features = seen.features(len(cut))
        logits = rows if kind == "logits" else seen.scores(len(cut)) if softmax_inside else None
        return rows, logits, features

    answered = watching if name else _plain(network, kind)
    return _network_probe(
        model, network, answered, lacks, f"what goes into its layer {name}" if name else ""
    )


def _softmax_behind(
    network: Network, module: torch.nn.Module, name: str, few: torch.Tensor, rows: np.ndarray
) -> bool:
    with torch.inference_mode(), watched(module, name) as seen:
        network.run(few)
    own = special.softmax(seen.scores(len(few)), axis=1)
    return own.shape == rows.shape and bool(np.abs(own - rows).max() < SAME)


def _callable_probe(model: Classifier) -> Probe:
    module = getattr(model, "module", None)
    if not isinstance(module, torch.nn.Module):
        return Probe(
            frames=functools.partial(_answer, model), lacks=dict.fromkeys(LACKS, ONLY_ANSWERS)
        )
    few = check_frames()
    name = head_of(module, lambda: model(few), len(model.class_names))
    if not name:
        return Probe(
            frames=functools.partial(_answer, model), lacks=dict.fromkeys(LACKS, ONLY_ANSWERS)
        )
    softmax = _watched_answer(model, module, name, few)[2] is not None
    lacks = {}
    if not softmax:
        lacks["logits"] = "its answer is not the softmax of what its last layer gives"

    def frames(pixels: torch.Tensor) -> Readout:
        said, features, logits = _watched_answer(model, module, name, pixels)
        turned = [features]
        for turn in range(1, TURNS):
            turned.append(
                _watched_answer(
                    model, module, name, torch.rot90(pixels, turn, (2, 3)).contiguous()
                )[1]
            )
        return Readout(
            answer=said.labels,
            surest=said.probabilities.max(axis=1).astype(np.float64),
            logits=logits if softmax else None,
            features=features,
            turned=np.stack(turned, axis=1),
        )

    return Probe(frames=frames, lacks=lacks, head=f"what goes into its layer {name}")


def _watched_answer(
    model: Classifier, module: torch.nn.Module, name: str, pixels: torch.Tensor
) -> tuple[Classifications, np.ndarray, np.ndarray | None]:
    """The answer, the layer's input, and its output if the answer is the softmax of that."""
    with watched(module, name) as seen:
        said = model(pixels)
    features, logits = seen.features(len(pixels)), seen.scores(len(pixels))
    own = special.softmax(logits, axis=1)
    same = own.shape == said.probabilities.shape and bool(
        np.abs(own - said.probabilities).max(initial=0) < SAME
    )
    return said, features, logits if same else None


def _answer(model: Classifier, pixels: torch.Tensor) -> Readout:
    said = predict(model, pixels)
    return Readout(answer=said.labels, surest=said.probabilities.max(axis=1).astype(np.float64))


@dataclass(frozen=True)
class GraphCut:
    """Names of values: what goes into the last layer and into the last softmax; "" where there is none."""

    features: str
    logits: str = ""
    layer: str = ""
    why: str = ""


def cut_of(graph: Any, output: str) -> GraphCut:
    """Return the cut of an ONNX graph whose scores are the value ``output``."""
    made_by = {name: node for node in graph.node for name in node.output}
    constant = {each.name for each in graph.initializer}
    constant |= {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    at, logits = output, ""
    while at in made_by:
        node = made_by[at]
        given = [
            name
            for name in node.input
            if name and name not in constant and not _fixed(name, constant, made_by)
        ]
        if node.op_type in _LAYERS:
            return GraphCut(
                given[0] if given else "", logits, f"{node.op_type} {node.name}".strip()
            )
        if node.op_type not in _PASSED or len(given) != 1:
            return GraphCut(
                "", logits, why=f"its scores come out of {node.op_type}, not out of a last layer"
            )
        if node.op_type == "Softmax" and not logits:
            logits = given[0]
        at = given[0]
    return GraphCut("", logits, why="no layer stands before its scores")


def _fixed(name: str, constant: set[str], made_by: dict[str, Any], depth: int = 8) -> bool:
    if name in constant:
        return True
    node = made_by.get(name)
    if node is None or depth == 0 or not node.input:
        return False
    return all(_fixed(each, constant, made_by, depth - 1) for each in node.input if each)


@dataclass(frozen=True)
class CutSession:
    """A session that gives the values ``names``: the scores first, then what lies inside."""

    session: Any
    cut: GraphCut
    names: list[str]
    file: OnnxFile

    def rows(self, inputs: torch.Tensor) -> list[np.ndarray]:
        return [
            _rows(v)
            for v in self.session.run(self.names, {self.file.input: self.file.array(inputs)})
        ]


def _onnx_probe(model: NetworkClassifier, network: Network, file: OnnxFile, kind: str) -> Probe:
    opened = _opened(file)
    if isinstance(opened, str):
        lacks = {"features": opened, **_no_logits(kind)}
        return _network_probe(model, network, _plain(network, kind), lacks)
    cut = opened.cut
    lacks = {} if cut.features else {"features": cut.why}
    if not cut.logits:
        lacks |= _no_logits(kind)
    few = network.preprocess(check_frames())
    few = few[torch.arange(network.fixed_batch or len(few)) % len(few)]
    ends = np.cumsum([rows.shape[1] for rows in opened.rows(few)])[:-1]

    def answered(pictures: torch.Tensor) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        inputs = network.preprocess.normalise(pictures)
        every = in_fixed_batches(
            lambda part: np.concatenate(opened.rows(part), axis=1), inputs, network.fixed_batch
        )
        parts = dict(zip(opened.names, np.split(every, ends, axis=1), strict=True))
        rows = parts[file.output]
        return rows, rows if kind == "logits" else parts.get(cut.logits), parts.get(cut.features)

    return _network_probe(
        model,
        network,
        answered,
        lacks,
        f"what goes into its last layer, {cut.layer}" if cut.layer else "",
    )


def _opened(file: OnnxFile) -> CutSession | str:
    if not installed("onnx"):
        return f"the file is cut with the package onnx, which is missing: {pip_install('onnx')}"
    import onnx

    try:
        network = onnx.load(str(file.path))
        cut = cut_of(network.graph, file.output)
        inside = [
            name
            for name in dict.fromkeys((cut.logits, cut.features))
            if name and name != file.output
        ]
        there = {each.name for each in network.graph.output}
        network.graph.output.extend(
            onnx.ValueInfoProto(name=name) for name in inside if name not in there
        )
        session = cpu_session(network.SerializeToString())
    except Exception as error:
        first = str(error).strip().splitlines()[:1] or [""]
        return f"the file cannot be cut ({type(error).__name__}: {first[0][:120]})"
    return CutSession(session, cut, [file.output, *inside], file)


def _rows(values: Any) -> np.ndarray:
    """(N, D) float32 of any value of the graph, averaged over places."""
    return np.asarray(
        over_places(torch.from_numpy(np.asarray(values, np.float32))).flatten(1).numpy()
    )
