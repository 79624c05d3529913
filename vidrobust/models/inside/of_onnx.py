"""ONNX files: cut before their last layer and before their last softmax, and opened once more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vidrobust.install_hint import pip_install
from vidrobust.models.doctor import installed
from vidrobust.models.engines.runners import OnnxFile
from vidrobust.models.inside.answered import ONLY_TORCH, look, no_logits
from vidrobust.models.inside.head_of_module import over_places
from vidrobust.models.inside.looked import Look
from vidrobust.models.inside.of_module import plain
from vidrobust.models.inside.onnx_cut import Cut, cut_of
from vidrobust.models.network import Network, NetworkClassifier, check_frames
from vidrobust.models.outputs import in_fixed_batches


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
