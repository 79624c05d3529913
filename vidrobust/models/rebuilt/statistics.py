"""Batch normalisation by the statistics of the footage instead of those of the training pictures.

Schneider et al. 2020, "Improving robustness against common corruptions by covariate shift adaptation", with no
weight on the old statistics.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

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

    feed  name of the network's input; inputs: what it takes, batches of it. From the first node to the last, for
    what one node is given depends on those before it.
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
