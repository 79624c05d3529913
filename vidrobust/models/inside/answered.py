"""From what a network answers to a picture of its own size, a Look at whole frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from vidrobust.models.inside.looked import TURNS, Look, Looked
from vidrobust.models.inside.odin import odin
from vidrobust.models.network import Network, NetworkClassifier

Answered = Callable[[torch.Tensor], tuple[np.ndarray, np.ndarray | None, np.ndarray | None]]
"""(N, 3, h, w) uint8 of the network's size -> its scores (N, K), its logits and its features, or None."""

SAME = 1e-4
"""Largest difference of probabilities that is rounding."""
ONLY_TORCH = "it needs gradients, which torch models alone give"
ONLY_ANSWERS = "the model gives its answer and nothing else"


def look(
    model: NetworkClassifier, network: Network, answered: Answered, lacks: Mapping[str, str], head: str = ""
) -> Look:
    """The Look of a network; ODIN's score is added unless ``lacks`` says why it cannot be had."""

    def frames(pixels: torch.Tensor) -> Looked:
        with torch.inference_mode():
            cut = network.preprocess.cut(pixels).to(network.device)
        rows, logits, features = answered(cut)
        said = model.reading(rows, f"model {model.name}")
        return Looked(
            answer=said.labels,
            surest=said.probabilities.max(axis=1).astype(np.float64),
            logits=None if logits is None else logits.astype(np.float64),
            features=features,
            turned=None if features is None else _turned(answered, cut, features),
            odin=None if "odin" in lacks else _odin(network, cut),
        )

    return Look(frames=frames, lacks=lacks, head=head)


def no_logits(kind: str) -> dict[str, str]:
    """Why there is no energy, for scores of this kind (``models/outputs.py``); empty for logits."""
    if kind == "logits":
        return {}
    if kind == "probabilities":
        return {
            "logits": "the softmax is inside the network, and of probabilities the energy is always the same"
        }
    return {"logits": f"energy is that of the logits of a softmax; the network gives {kind}"}


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
    resized = torch.nn.functional.interpolate(pictures.float(), size=size, mode="bilinear", antialias=True)
    return resized.round().clamp(0, 255).to(torch.uint8)


def _odin(network: Network, cut: torch.Tensor) -> np.ndarray:
    def logits(inputs: torch.Tensor) -> torch.Tensor:
        found = network.run(inputs)
        assert isinstance(found, torch.Tensor), "a torch module gives tensors"
        return found.flatten(1).float()

    return odin(logits, network.preprocess.normalise(cut), network.preprocess.std)
