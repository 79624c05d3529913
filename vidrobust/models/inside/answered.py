"""From what a network answers to a picture of its own size, a Look at whole frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from vidrobust.models.inside.looked import TURNS, Look, Looked
from vidrobust.models.network import Network, NetworkClassifier

# ODIN: the largest probability at a high temperature, after a small step that makes the answer surer.
#
# Liang, Li & Srikant, ICLR 2018 (1706.02690), with their temperature of 1000 and their step of 0.0014 of the range
# of the pixels, which was chosen on other data than yours; neither is tuned here.

TEMPERATURE = 1000.0
STEP = 0.0014
"""Of the range 0..1 of the pixels: a third of a grey level of 255."""


def odin(
    logits: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor, std: Sequence[float]
) -> np.ndarray:
    """(N,) float64: the largest probability of softmax(z / T) after the step.

    logits  (N, 3, H, W) float32, normalised -> (N, K), differentiable
    std     of the normalisation, in grey levels of 255: the step is of the pixels, before that
    """
    scale = 255.0 * STEP / torch.tensor(list(std), device=inputs.device).view(1, 3, 1, 1)
    with torch.inference_mode(False), torch.enable_grad():
        own = inputs.clone().requires_grad_(True)
        scores = logits(own) / TEMPERATURE
        surest = torch.log_softmax(scores, dim=1).amax(dim=1).sum()
        (slope,) = torch.autograd.grad(surest, own)
        moved = (own + scale * slope.sign()).detach()
    with torch.inference_mode():
        after = logits(moved).double() / TEMPERATURE
        return np.asarray(torch.softmax(after, dim=1).amax(dim=1).cpu().numpy())


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
