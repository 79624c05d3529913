"""What fine-tuning asks of a network, its samples and the bench that judges, whatever the network answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch import nn

from vidrobust.plugins.finetune.arms import Arm
from vidrobust.plugins.finetune.families import Condition
from vidrobust.plugins.finetune.sample_distance import Features
from vidrobust.plugins.finetune.steps import Mixture, Step


class TrainableNetwork(Protocol):
    """A torch module that can be trained, as it was loaded: in eval mode, never changed."""

    @property
    def module(self) -> nn.Module: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def device(self) -> torch.device: ...

    @property
    def decides(self) -> str:
        """What besides its weights decides its answers."""
        ...

    def fresh(self, arm: Arm) -> nn.Module:
        """A copy for an arm to train: all parameters with gradients, and normalisation by the statistics it came
        with.
        """
        ...

    def cut(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) uint8 frames -> pictures as the network is given them."""
        ...

    def said(self, frames: Sequence[torch.Tensor]) -> Any:
        """What the untrained network answers to frames (1, 3, H, W), as ``response`` takes it."""
        ...

    def response(self, said: Any, frames: Sequence[torch.Tensor], steps: Sequence[Step]) -> float:
        """How far its answers go from ``said`` where each frame goes through a step: a mean, 0 to 1."""
        ...

    def features(self) -> Features | None:
        """What its head sees of pictures as it is given them; None where no head is found."""
        ...


class Learner(Protocol):
    """One copy of a network that learns with one arm."""

    def along(self) -> Iterable[nn.Parameter]:
        """What is trained along and is no part of the network."""
        ...

    def loss(self, at: torch.Tensor) -> torch.Tensor:
        """Of a batch: the rows of its samples."""
        ...


class TrainingSamples(Protocol):
    """What is trained with; frames: N pictures (1, 3, H, W) uint8 as the footage has them."""

    @property
    def network(self) -> TrainableNetwork: ...
    @property
    def frames(self) -> Sequence[torch.Tensor]: ...

    def learner(
        self, module: nn.Module, arm: Arm, mixture: Mixture | None, seed: int, draws: torch.Generator
    ) -> Learner:
        """A copy of the network that is to learn; augmentation draws from ``draws`` and from torch's own."""
        ...


@dataclass(frozen=True)
class MetricValues:
    """A metric of one network: values (n,) of rows, lower is better, with their independent units."""

    judged: str
    family: str
    times: float
    strength: float
    metric: str
    values: np.ndarray
    unit: np.ndarray
    what: str
    events: bool = True


class BenchAnswers(Protocol):
    """What one network says on a bench."""

    def save(self, path: Path) -> None:
        """Write beside, then rename."""
        ...


class Bench(Protocol):
    """What judges, the same for every arm."""

    @property
    def frames(self) -> pd.DataFrame: ...
    @property
    def conditions(self) -> tuple[Condition, ...]: ...

    def answered(self, module: nn.Module) -> BenchAnswers:
        """All that one network says."""
        ...

    def load(self, path: Path) -> BenchAnswers:
        """What was saved of one."""
        ...

    def values(self, found: Any, before: Any) -> Iterator[MetricValues]:
        """Every metric of one network; before: what the untrained one says."""
        ...

    def seconds(self) -> float:
        """About how long ``answered`` takes, from a few pictures."""
        ...
