"""look_of: how a classifier is asked for what it says beside its answer, by what kind of network it is."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import special

from vidrobust.install_hint import pip_install
from vidrobust.models.doctor import installed
from vidrobust.models.engines.runners import OnnxFile
from vidrobust.models.inside.answered import ONLY_ANSWERS, ONLY_TORCH, SAME, Answered, look, no_logits
from vidrobust.models.inside.head_of_module import head_of, over_places, watched
from vidrobust.models.inside.looked import LACKS, TURNS, Look, Looked
from vidrobust.models.network import Network, NetworkClassifier, check_frames, scores
from vidrobust.models.predict import predict
from vidrobust.models.reading import as_rows, find_scores, in_fixed_batches
from vidrobust.predictions import Classifications, Classifier

# Torch modules: watched at their head.


def module_look(model: NetworkClassifier, network: Network, module: torch.nn.Module, kind: str) -> Look:
    """kind  of its scores, as ``models/outputs.py`` calls it.

    Where the softmax is inside the module, what comes out of its head are the logits.
    """
    where = f"model {network.name}"
    with torch.inference_mode():
        few = network.preprocess(check_frames().to(network.device))
        rows = as_rows(network.run(few), where)
    name = head_of(module, lambda: network.run(few), rows.shape[1])
    softmax_inside = (
        bool(name) and kind == "probabilities" and _softmax_behind(network, module, name, few, rows)
    )
    lacks = {} if softmax_inside else no_logits(kind)
    if not name:
        lacks["features"] = f"no layer of it gives its {rows.shape[1]} scores, and none is fully connected"
    if kind != "logits":
        lacks["odin"] = lacks.get("logits", "its softmax is inside the network")

    def watching(cut: torch.Tensor) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        with torch.inference_mode(), watched(module, name) as seen:
            rows = as_rows(network.run(network.preprocess.normalise(cut)), where)
            features = seen.features(len(cut))
        logits = rows if kind == "logits" else seen.scores(len(cut)) if softmax_inside else None
        return rows, logits, features

    answered = watching if name else plain(network, kind)
    return look(model, network, answered, lacks, f"what goes into its layer {name}" if name else "")


def plain(network: Network, kind: str) -> Answered:
    """Its scores alone."""

    def answered(cut: torch.Tensor) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        rows = network_rows(network, network.preprocess.normalise(cut))
        return rows, rows if kind == "logits" else None, None

    return answered


def network_rows(network: Network, inputs: torch.Tensor) -> np.ndarray:
    """(N, K) float32 of normalised inputs, in batches of the size that it takes."""
    with torch.inference_mode():
        return in_fixed_batches(
            lambda part: as_rows(network.run(part), f"model {network.name}"), inputs, network.fixed_batch
        )


def _softmax_behind(
    network: Network, module: torch.nn.Module, name: str, few: torch.Tensor, rows: np.ndarray
) -> bool:
    """Whether its answer is the softmax of what comes out of this layer."""
    with torch.inference_mode(), watched(module, name) as seen:
        network.run(few)
    own = special.softmax(seen.scores(len(few)), axis=1)
    return own.shape == rows.shape and bool(np.abs(own - rows).max() < SAME)


# ONNX files: cut before their last layer and before their last softmax, and opened once more.

# Where an ONNX network can be cut: what goes into its last layer, and what goes into its last softmax.

PASSED = {
    *("Softmax", "LogSoftmax", "Sigmoid", "Identity", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Cast"),
    *(
        "Transpose",
        "Dropout",
        "Slice",
        "Clip",
        "Relu",
        "QuantizeLinear",
        "DequantizeLinear",
        "QLinearSoftmax",
    ),
    *("GlobalAveragePool", "AveragePool", "ReduceMean", "QLinearGlobalAveragePool", "QLinearAveragePool"),
    *("Add", "Sub", "Mul", "Div", "QLinearAdd"),
}
"""Nodes that may stand between the last layer and the output."""
LAYERS = {"Gemm", "MatMul", "QGemm", "QLinearMatMul", "MatMulInteger", "Conv", "QLinearConv", "ConvInteger"}


@dataclass(frozen=True)
class Cut:
    """Names of values: features go into the last layer, logits into the last softmax ("" where there is none).

    why  what stands where no layer was found, in words; then features is ""
    """

    features: str
    logits: str = ""
    layer: str = ""
    why: str = ""


def cut_of(graph: Any, output: str) -> Cut:
    """The cut of an ONNX graph whose scores are the value ``output``."""
    made_by = {name: node for node in graph.node for name in node.output}
    constant = {each.name for each in graph.initializer}
    constant |= {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    at, logits = output, ""
    while at in made_by:
        node = made_by[at]
        given = _variable(node.input, constant, made_by)
        if node.op_type in LAYERS:
            return Cut(given[0] if given else "", logits, f"{node.op_type} {node.name}".strip())
        if node.op_type not in PASSED or len(given) != 1:
            return Cut("", logits, why=f"its scores come out of {node.op_type}, not out of a last layer")
        if node.op_type == "Softmax" and not logits:
            logits = given[0]
        at = given[0]
    return Cut("", logits, why="no layer stands before its scores")


def _variable(names: Any, constant: set[str], made_by: dict[str, Any]) -> list[str]:
    """The inputs of a node that depend on the picture."""
    return [name for name in names if name and name not in constant and not _fixed(name, constant, made_by)]


def _fixed(name: str, constant: set[str], made_by: dict[str, Any], depth: int = 8) -> bool:
    """Whether a value is made of constants alone, as weights that are taken out of int8 on the way."""
    if name in constant:
        return True
    node = made_by.get(name)
    if node is None or depth == 0 or not node.input:
        return False
    return all(_fixed(each, constant, made_by, depth - 1) for each in node.input if each)


@dataclass(frozen=True)
class Opened:
    """A session that gives the values ``names``, each so wide: the scores first, then what lies inside."""

    session: Any
    cut: Cut
    names: list[str]
    file: OnnxFile

    def rows(self, inputs: torch.Tensor) -> list[np.ndarray]:
        """Of each value (N, D) float32."""
        return [_rows(v) for v in self.session.run(self.names, {self.file.input: self.file.array(inputs)})]


def onnx_look(model: NetworkClassifier, network: Network, file: OnnxFile, kind: str) -> Look:
    """kind  of its scores, as ``models/outputs.py`` calls it. Without the package onnx it has its scores alone."""
    opened = _opened(file)
    if isinstance(opened, str):
        lacks = {"odin": ONLY_TORCH, "features": opened, **no_logits(kind)}
        return look(model, network, plain(network, kind), lacks)
    cut = opened.cut
    lacks = {"odin": ONLY_TORCH} | ({} if cut.features else {"features": cut.why})
    if not cut.logits:
        lacks |= no_logits(kind)
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

    return look(
        model, network, answered, lacks, f"what goes into its last layer, {cut.layer}" if cut.layer else ""
    )


def _opened(file: OnnxFile) -> Opened | str:
    """The file with what lies inside as further outputs, or why it cannot be had."""
    if not installed("onnx"):
        return f"the file is cut with the package onnx, which is missing: {pip_install('onnx')}"
    import onnx
    import onnxruntime

    try:
        network = onnx.load(str(file.path))
        cut = cut_of(network.graph, file.output)
        inside = [name for name in dict.fromkeys((cut.logits, cut.features)) if name and name != file.output]
        there = {each.name for each in network.graph.output}
        network.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inside if name not in there)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(
            network.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        first = str(error).strip().splitlines()[:1] or [""]
        return f"the file cannot be cut ({type(error).__name__}: {first[0][:120]})"
    return Opened(session, cut, [file.output, *inside], file)


def _rows(values: Any) -> np.ndarray:
    """(N, D) float32 of any value of the graph, averaged over places; maps have their channels first."""
    return np.asarray(over_places(torch.from_numpy(np.asarray(values, np.float32))).flatten(1).numpy())


# Models that are called with whole frames: their answer, and what lies inside the module they say they call.


def callable_look(model: Classifier) -> Look:
    """Its answer alone, or more where its attribute ``module`` is a torch module that it calls.

    There a quarter turn is one of the whole frame, before whatever cuts and resizes it.
    """
    module = getattr(model, "module", None)
    if not isinstance(module, torch.nn.Module):
        return Look(frames=functools.partial(_answer, model), lacks=dict.fromkeys(LACKS, ONLY_ANSWERS))
    few = check_frames()
    name = head_of(module, lambda: model(few), len(model.class_names))
    if not name:
        return Look(frames=functools.partial(_answer, model), lacks=dict.fromkeys(LACKS, ONLY_ANSWERS))
    softmax = watched_answer(model, module, name, few)[2] is not None
    lacks = {"odin": "what it does with frames before its module has no gradient"}
    if not softmax:
        lacks["logits"] = "its answer is not the softmax of what its last layer gives"

    def frames(pixels: torch.Tensor) -> Looked:
        said, features, logits = watched_answer(model, module, name, pixels)
        turned = [features]
        for turn in range(1, TURNS):
            turned.append(
                watched_answer(model, module, name, torch.rot90(pixels, turn, (2, 3)).contiguous())[1]
            )
        return Looked(
            answer=said.labels,
            surest=said.probabilities.max(axis=1).astype(np.float64),
            logits=logits if softmax else None,
            features=features,
            turned=np.stack(turned, axis=1),
        )

    return Look(frames=frames, lacks=lacks, head=f"what goes into its layer {name}")


def watched_answer(
    model: Classifier, module: torch.nn.Module, name: str, pixels: torch.Tensor
) -> tuple[Classifications, np.ndarray, np.ndarray | None]:
    """The answer, what went into the layer, and what came out of it where the answer is the softmax of that."""
    with watched(module, name) as seen:
        said = model(pixels)
    features, logits = seen.features(len(pixels)), seen.scores(len(pixels))
    own = special.softmax(logits, axis=1)
    same = own.shape == said.probabilities.shape and bool(
        np.abs(own - said.probabilities).max(initial=0) < SAME
    )
    return said, features, logits if same else None


def _answer(model: Classifier, pixels: torch.Tensor) -> Looked:
    said = predict(model, pixels)
    return Looked(answer=said.labels, surest=said.probabilities.max(axis=1).astype(np.float64))


def look_of(model: Classifier) -> Look:
    """The Look of a classifier.

    A torch module is watched at its head; an ONNX file is cut before its last layer, and before its last
    softmax; of any other callable there is the answer alone, and more where it has a ``module``. A network
    that an engine computes is asked as it was loaded.
    """
    if not isinstance(model, NetworkClassifier):
        return callable_look(model)
    network = model.network.as_loaded or model.network
    kind, _ = find_scores(scores(network, check_frames()), network.declared.output, f"model {network.name}")
    if network.module is not None:
        return module_look(model, network, network.module, kind)
    if network.onnx is not None:
        return onnx_look(model, network, network.onnx, kind)
    lacks = {"features": "it is an exported program, whose layers cannot be reached", "odin": ONLY_TORCH}
    return look(model, network, plain(network, kind), lacks | no_logits(kind))
