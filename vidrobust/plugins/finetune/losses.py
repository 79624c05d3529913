"""What recipes add to the cross entropy of a batch, and a second head that is trained beside the classes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from vidrobust.errors import SettingsError
from vidrobust.models.rotation import TURNS, RotationHead, class_layer, inputs_of, rotated
from vidrobust.plugins.finetune.network import TrainableClassifier, TrainableNetwork

# Standard deviation of the noise of a copy, levels of 255, and the weight of its divergence. Zheng et al. train for
# days with smaller weights; in some hundred steps those change nothing.
NOISE, STABILITY = 10.0, 1.0
CONSISTENCY = 12.0  # weight of the divergence of three pictures (Hendrycks et al. 2020, section 3)
ROTATION = 0.5  # weight of the rotations (Hendrycks et al. 2019, section 4)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Pictures and next pictures (B, 3, h, w) uint8, and log probabilities (B, K) of the pictures."""

    network: TrainableClassifier
    module: nn.Module
    pictures: torch.Tensor
    following: torch.Tensor
    logs: torch.Tensor

    def logs_of(self, pictures: torch.Tensor) -> torch.Tensor:
        """Log probabilities (N, K) of other pictures (N, 3, h, w)."""
        return self.network.logits(self.module, pictures).log_softmax(dim=1)


Term = Callable[[Batch], torch.Tensor]


def jensen_shannon(*logs: torch.Tensor) -> torch.Tensor:
    """Mean divergence of log distributions (B, K) from their mean, natural logarithm."""
    mean = torch.stack([side.exp() for side in logs]).mean(dim=0).clamp(1e-7, 1).log()
    parts = [functional.kl_div(mean, side, reduction="batchmean", log_target=True) for side in logs]
    return torch.stack(parts).mean()


def next_frame(batch: Batch) -> torch.Tensor:
    """Jensen-Shannon divergence from the answers to the next frames."""
    return jensen_shannon(batch.logs, batch.logs_of(batch.following))


def stability(batch: Batch) -> torch.Tensor:
    """Kullback-Leibler divergence of a noisy copy's answers from those to the picture (Zheng et al. 2016)."""
    noisy = batch.pictures + NOISE * torch.randn(batch.pictures.shape)
    after = batch.logs_of(noisy.clamp(0, 255))
    return STABILITY * functional.kl_div(after, batch.logs, reduction="batchmean", log_target=True)


def augmix_jsd(batch: Batch) -> torch.Tensor:
    """Jensen-Shannon divergence of a picture and two of its AugMix copies (Hendrycks et al. 2020)."""
    from torchvision.transforms import v2

    mix = v2.AugMix()
    copies = [batch.logs_of(torch.stack([mix(one) for one in batch.pictures])) for _ in range(2)]
    return CONSISTENCY * jensen_shannon(batch.logs, *copies)


HEAD = "rotation_head"


def with_rotation_head(network: TrainableNetwork) -> nn.Module:
    """A copy with a second head, which takes what the layer of class scores takes."""
    assert isinstance(network, TrainableClassifier), "detectors have no such recipe"
    blank = torch.zeros(1, 3, *network.preprocess.shape, dtype=torch.uint8)
    inputs = network.preprocess.normalise(blank.to(network.device))
    layer, width = class_layer(network.module, inputs, len(network.class_names))
    if not layer:
        raise SettingsError(
            "--recipe rotation: this network has no layer that gives its class scores"
        )
    module = copy.deepcopy(network.module)
    head = nn.Linear(width, TURNS, device=network.device)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    # below the layer of class scores, which calls none of its children; a Sequential would call it
    module.get_submodule(layer).add_module(HEAD, head)
    return module


def rotation(batch: Batch) -> torch.Tensor:
    """Cross entropy of the second head on the pictures, each rotated by a random number of quarter turns.

    References
    ----------
    Hendrycks et al. 2019, "Using Self-Supervised Learning Can Improve Model Robustness and Uncertainty",
    arXiv 1906.12340.
    """
    turns = torch.randint(TURNS, (len(batch.pictures),))
    turned = [rotated(one[None], int(k)) for one, k in zip(batch.pictures, turns, strict=True)]
    layer = head_layer(batch.module)
    with inputs_of(batch.module, layer) as features:
        batch.network.logits(batch.module, torch.cat(turned))
    scores = batch.module.get_submodule(f"{layer}.{HEAD}")(features[-1])
    return ROTATION * functional.cross_entropy(scores, turns.to(scores.device))


def head_layer(module: nn.Module) -> str:
    """The layer whose inputs the second head takes; "" without one."""
    names = (name for name, _ in module.named_modules() if name.endswith(f".{HEAD}"))
    return next(names, "").removesuffix(f".{HEAD}")


def head_of(module: nn.Module) -> RotationHead | None:
    """The second head of a network that was trained with one."""
    if not (layer := head_layer(module)):
        return None
    state = module.get_submodule(f"{layer}.{HEAD}").state_dict()
    return RotationHead(layer, *(state[name].cpu().clone() for name in ("weight", "bias")))
