"""How unknown pictures are to a classifier, by ``pytorch-ood`` (Kirchheim et al., CVPR workshops 2022).

Every score is higher where a picture is less known. A torch module gives logits, the features before its head, and
gradients. An ONNX file gives logits or probabilities alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.install_hint import installed, pip_install
from vidrobust.models.modules import full_precision, read_state
from vidrobust.models.network import Network, NetworkClassifier, check_frames
from vidrobust.models.predict import predict
from vidrobust.models.reading import Reading, as_rows
from vidrobust.predictions import Classifier

# Step of ODIN in shares of the range of pixels, and its temperature: Liang et al. 2018, section 4
ODIN_STEP, ODIN_TEMPERATURE = 0.0014, 1000.0
# Nearest known pictures whose distance is the score: of hundreds of pictures, not of a training set
NEIGHBOURS = 5
TURNS = 4  # quarter turns of a picture that the rotation head tells apart, none among them
ROTATION = ".rotation.pt"  # suffix of the head's file beside the weights
LEADING = (
    "neighbours",
    "energy",
    "odin",
    "rotation",
    "max_softmax",
)  # the first that can be had leads


@dataclass
class ScoreReader:
    """Asks one classifier how unknown pictures are; ``lacks`` says why a score cannot be had."""

    model: Classifier
    network: Network | None = None
    head: torch.nn.Module | None = None  # the layer of the module that gives the class scores
    rotation: torch.nn.Linear | None = None
    gives_logits: bool = False
    lacks: dict[str, str] = field(default_factory=dict)

    def __call__(self, pixels: torch.Tensor) -> dict[str, np.ndarray]:
        """Return the scores (N,) float64 of pixels (N, 3, H, W) uint8, and ``features`` (N, D) where it has any."""
        from pytorch_ood.detector import ODIN, EnergyBased

        found = {"max_softmax": -predict(self.model, pixels).probabilities.max(axis=1)}
        network = self.network
        if network is None:
            return found
        cut = network.preprocess.cut(pixels).to(network.device)
        inputs = network.preprocess.normalise(cut)
        if self.gives_logits:
            logits = torch.from_numpy(as_rows(network.run(inputs), f"model {network.name}"))
            found["energy"] = EnergyBased.score(logits.double()).numpy()
        if network.module is not None and "odin" not in self.lacks:
            std = [value / 255 for value in network.preprocess.std]
            odin = ODIN(network.module, None, ODIN_STEP, ODIN_TEMPERATURE, std)
            with full_precision(network.device):
                found["odin"] = odin.predict(inputs).double().cpu().numpy()
        if self.head is not None:
            found["features"] = self._features(inputs)
        if self.rotation is not None:
            found["rotation"] = self._turned(cut)
        return found

    def _features(self, inputs: torch.Tensor) -> np.ndarray:
        assert self.network is not None
        assert self.head is not None
        with torch.inference_mode(), entering(self.head) as seen:
            self.network.run(inputs)
        return seen[-1].float().cpu().numpy()

    def _turned(self, cut: torch.Tensor) -> np.ndarray:
        """Mean -log probability of the right quarter turn (Golan & El-Yaniv 2018; Hendrycks et al. 2019)."""
        assert self.network is not None
        assert self.rotation is not None
        losses = []
        for turn in range(TURNS):
            turned = torch.rot90(cut, turn, (2, 3)).contiguous()
            features = torch.from_numpy(self._features(self.network.preprocess.normalise(turned)))
            with torch.inference_mode():
                losses.append(-self.rotation(features).log_softmax(dim=1)[:, turn])
        return torch.stack(losses).mean(dim=0).double().numpy()


def reader_of(model: Classifier) -> ScoreReader:
    """Return what asks a classifier for scores; SettingsError without ``pytorch-ood``."""
    if not installed("pytorch-ood"):
        raise SettingsError(f"unknown: needs the package pytorch-ood: {pip_install('ood')}")
    if not isinstance(model, NetworkClassifier):
        only = "the model gives probabilities and nothing else"
        return ScoreReader(model, lacks=dict.fromkeys(LEADING[:-1], only))
    network = model.network.as_loaded or model.network
    kind = model.reading.scores if isinstance(model.reading, Reading) else ""
    reader = ScoreReader(model, network, gives_logits=kind == "logits")
    if not reader.gives_logits:
        of = "the softmax is inside the network" if kind == "probabilities" else f"it gives {kind}"
        reader.lacks |= {"energy": f"needs logits, and {of}", "odin": f"needs logits, and {of}"}
    if network.module is None:
        reader.lacks |= {
            "odin": "needs gradients, which an exported network does not give; load the torch module",
            "neighbours": "needs the features before the head, which an exported network does not give",
            "rotation": "needs the features before the head, which an exported network does not give",
        }
        return reader
    reader.head = head_of(network)
    if reader.head is None:
        reader.lacks["neighbours"] = (
            "no layer of the module gives its class scores, and none is linear"
        )
    reader.rotation = rotation_head(network.weights)
    if reader.rotation is None:
        reader.lacks["rotation"] = (
            "needs a rotation head beside the weights; the recipe rotation of adapt trains one"
        )
    return reader


def rotation_head(weights: str) -> torch.nn.Linear | None:
    """Return the linear layer from features to quarter turns beside a file of weights, or None.

    ``chosen.pt`` has it in ``chosen.rotation.pt``: ``weight`` (4, D) and ``bias`` (4,) of a ``torch.nn.Linear``.
    """
    file = Path(weights).with_suffix(ROTATION)
    if not file.is_file():
        return None
    state = read_state(file)
    head = torch.nn.Linear(state["weight"].shape[1], TURNS)
    head.load_state_dict(state)
    return head.eval()


def head_of(network: Network) -> torch.nn.Module | None:
    """Return the last layer that gives as many numbers as there are classes, else the last linear one, else None."""
    assert network.module is not None
    called: list[torch.nn.Module] = []
    layers = [
        m for m in network.module.modules() if isinstance(m, torch.nn.Linear | torch.nn.Conv2d)
    ]
    hooks = [layer.register_forward_hook(lambda m, *_: called.append(m)) for layer in layers]
    with torch.inference_mode():
        rows = as_rows(network.run(network.preprocess(check_frames())), network.name)
    for hook in hooks:
        hook.remove()
    wide = (getattr(m, "out_features", getattr(m, "out_channels", 0)) for m in called)
    fitting = [m for m, out in zip(called, wide, strict=True) if out == rows.shape[1]]
    linear = [m for m in called if isinstance(m, torch.nn.Linear)]
    return (fitting or linear or [None])[-1]


@contextlib.contextmanager
def entering(layer: torch.nn.Module) -> Iterator[list[torch.Tensor]]:
    """Keep what goes into a layer, (N, D); maps (N, D, h, w) and tokens (N, T, D) are averaged."""
    seen: list[torch.Tensor] = []

    def note(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        values = given[0]
        if values.ndim > 2:
            values = values.mean(dim=(2, 3) if values.ndim == 4 else 1)
        seen.append(values)

    hook = layer.register_forward_pre_hook(note)
    try:
        yield seen
    finally:
        hook.remove()


def distances(fitted: np.ndarray, asked: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the distance of features (N, D) to the 5th nearest fitted ones, all of unit length (Sun et al. 2022)."""
    from pytorch_ood.detector import KNN

    known = torch.from_numpy(fitted)
    knn = KNN(None, k=min(NEIGHBOURS, len(known)))
    knn.fit_features(known, torch.zeros(len(known), dtype=torch.int64))
    return [knn.predict_features(torch.from_numpy(one)).double().numpy() for one in asked]
