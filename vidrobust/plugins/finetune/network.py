"""Networks that can be trained."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import nn

from vidrobust.errors import SettingsError
from vidrobust.models.modules import full_precision
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import Model
from vidrobust.models.preprocess import Preprocess
from vidrobust.models.reading import Reading
from vidrobust.predictions import Classifications


class TrainableNetwork(Protocol):
    """A torch module that can be trained, as it was loaded."""

    @property
    def module(self) -> nn.Module: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def device(self) -> torch.device: ...

    @property
    def decides(self) -> str:
        """What decides its answers besides weights."""
        ...

    def cut(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) uint8 frames as the network is given them."""
        ...


CHUNK = 32
NORMS = (nn.modules.batchnorm._BatchNorm,)


@dataclass(frozen=True)
class TrainableClassifier:
    """A classifier to train copies of; ``module`` is in eval mode."""

    module: nn.Module
    preprocess: Preprocess
    class_names: tuple[str, ...]
    probabilities: bool
    device: torch.device
    thresholds: tuple[tuple[int, float], ...] = ()

    @property
    def decides(self) -> str:
        return str(self.thresholds) if self.thresholds else ""

    def labels(self, rows: np.ndarray) -> np.ndarray:
        return Classifications(rows, self.class_names, thresholds=self.thresholds).labels

    def cut(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) uint8 frames -> (N, 3, h, w) uint8 at the network's size."""
        return self.preprocess.cut(pixels).contiguous()

    def logits(self, module: nn.Module, pictures: torch.Tensor) -> torch.Tensor:
        """(N, 3, h, w) uint8 of ``cut`` -> (N, K) logits."""
        inputs = self.preprocess.normalise(pictures.to(self.device))
        # half the time on a processor
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        with full_precision(self.device):
            rows: torch.Tensor = module(inputs)
        rows = rows.reshape(len(inputs), -1)
        return rows.clamp_min(1e-8).log() if self.probabilities else rows

    def answers(self, module: nn.Module, pictures: torch.Tensor) -> np.ndarray:
        """(N, 3, h, w) uint8 of ``cut`` -> (N, K) float32 probabilities, in eval mode."""
        training = [part for part in module.modules() if part.training]
        module.eval()
        with torch.inference_mode():
            rows = [
                self.logits(module, part).softmax(dim=1).cpu()
                for part in torch.split(pictures, CHUNK)
            ]
        for part in training:
            part.training = True
        return torch.cat(rows).numpy() if rows else np.empty((0, len(self.class_names)), np.float32)


def fresh_copy(module: nn.Module) -> nn.Module:
    """A copy in training mode, but for normalisation."""
    module = copy.deepcopy(module).requires_grad_(True).train()
    module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for part in module.modules():
        if isinstance(part, NORMS):
            part.eval()  # a batch of neighbouring frames says little of the footage
    return module


def trainable(model: Model, name: str) -> TrainableClassifier:
    """Of a model as ``load_as_it_is`` gives it."""
    if not isinstance(model, NetworkClassifier) or model.network.module is None:
        raise SettingsError(
            f"{name}: there is no torch module to train (an ONNX file, an exported program, recorded answers and "
            "models that take frames themselves have none); give the network it was exported from, as "
            "torchvision:NAME,weights=FILE, timm:NAME,weights=FILE or package.module:factory that returns "
            "(module, Preprocess)"
        )
    reading = model.info.reading.partition(";")[0]
    if reading not in ("logits, softmax", "probabilities"):
        raise SettingsError(
            f"{name}: its outputs are {reading}; adapt trains networks of one label a frame"
        )
    return TrainableClassifier(
        module=model.network.module,
        preprocess=model.network.preprocess,
        class_names=model.class_names,
        probabilities=reading == "probabilities",
        device=model.network.device,
        thresholds=model.reading.thresholds if isinstance(model.reading, Reading) else (),
    )
