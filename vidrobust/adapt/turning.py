"""An auxiliary head that tells by how much the picture was turned (Hendrycks, Mazeika, Kadavath & Song 2019)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from vidrobust.adapt.trainable import Trainable
from vidrobust.errors import SettingsError
from vidrobust.models.inside.head_of_module import head_of, watched

WEIGHT = 0.5
"""Of the loss of the rotations (hendrycks/ss-ood, train.py)."""
QUARTERS = 4


class Turning:
    """The loss of a batch and of its four rotations; the head is trained along, and not part of the network.

    network  whose last layer is found; module: the copy that is trained
    Raises SettingsError where there is no last layer, before which the features lie.
    """

    def __init__(self, network: Trainable, module: nn.Module) -> None:
        self.network, self.module = network, module
        blank = torch.zeros(1, 3, *network.preprocess.shape, dtype=torch.uint8)
        self.layer = head_of(module, lambda: network.logits(module, blank), len(network.class_names))
        if not self.layer:
            raise SettingsError(
                "arm rotation-head: no last layer is found in the network; leave this arm out"
            )
        with torch.no_grad():
            width = self._both(blank)[1].shape[1]
        self.head = nn.Linear(width, QUARTERS).to(network.device)

    def loss(self, pictures: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Cross entropy of pictures (B, 3, h, w) uint8 as they are, and half of that of telling their rotations.

        All four rotations of every picture are in the batch, as published.
        """
        every = torch.cat([turned(pictures, quarter) for quarter in range(QUARTERS)])
        logits, features = self._both(every)
        quarters = torch.arange(QUARTERS, device=logits.device).repeat_interleave(len(pictures))
        of_class = functional.cross_entropy(logits[: len(pictures)], target)
        return of_class + WEIGHT * functional.cross_entropy(self.head(features), quarters)

    def _both(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits, and what goes into the last layer (N, D)."""
        with watched(self.module, self.layer) as seen:
            logits = self.network.logits(self.module, pictures)
        return logits, seen.given(len(pictures))


def turned(pictures: torch.Tensor, quarter: int) -> torch.Tensor:
    """(B, 3, h, w) uint8 turned by so many right angles, stretched back to h x w where that is no square."""
    made = torch.rot90(pictures, quarter, (2, 3))
    if made.shape == pictures.shape:
        return made
    size = pictures.shape[-2:]
    stretched = functional.interpolate(made.float(), size=size, mode="bilinear", antialias=True)
    return stretched.round().clamp(0, 255).to(torch.uint8)
