"""A loaded classifier with BlurPool, or normalised by footage; or why that cannot be."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vidrobust.install_hint import pip_install
from vidrobust.models.doctor import installed
from vidrobust.models.load import load_as_it_is
from vidrobust.models.modules import full_precision
from vidrobust.models.network import Network, NetworkClassifier, check_frames, scores
from vidrobust.models.predict import Model
from vidrobust.models.rebuilt.blur_module import blurred
from vidrobust.models.rebuilt.blur_onnx import blur_graph
from vidrobust.models.rebuilt.statistics import normalise_graph, normalised_by, norms_of
from vidrobust.models.seen_over import SeenOver
from vidrobust.text.phrases import plural

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
