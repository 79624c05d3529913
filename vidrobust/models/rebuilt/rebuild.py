"""A classifier with BlurPool or normalised by footage; or why that cannot be."""

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
from vidrobust.models.adapted import AdaptedClassifier
from vidrobust.models.load import load_as_it_is
from vidrobust.models.modules import full_precision
from vidrobust.models.network import Network, NetworkClassifier, check_frames, scores
from vidrobust.models.onnx_runtime import cpu_session
from vidrobust.models.predict import Model
from vidrobust.models.rebuilt.blur import blurred
from vidrobust.models.rebuilt.graphs import blur_graph, normalise_graph
from vidrobust.text.phrases import plural

NO_MODULE = "not possible: an exported program cannot be changed; give its torch module or an ONNX file"
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
        return Rebuilt(None, f"not possible: the network cannot be rewritten ({_first_line(error)})")
    return Rebuilt(
        made, f"statistics of {plural(number, 'frame')} of this footage in {plural(layers, 'layer')}", own
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
        return Rebuilt(None, f"not possible: graphs are changed with the package onnx: {pip_install('onnx')}")
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
