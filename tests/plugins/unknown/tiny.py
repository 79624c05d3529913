"""A tiny network that a test names by its module: which of three colours a picture has most of."""

from __future__ import annotations

import torch
from torch import nn

from vidrobust.models.preprocess import Preprocess

NAMES = ("red", "green", "blue")


class Colours(nn.Module):
    """Means of the colours in four quarters, by fixed weights, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(12, 3, bias=False)
        self.head.weight.data = torch.eye(3).repeat_interleave(4, dim=1) * 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(nn.functional.adaptive_avg_pool2d(x, 2).flatten(1))
        return found


def colours() -> tuple[nn.Module, Preprocess, tuple[str, ...]]:
    """For ``--model tests.plugins.unknown.tiny:colours``."""
    return (
        Colours(),
        Preprocess(size=16, resize="stretch", mean=(100.0,) * 3, std=(50.0,) * 3),
        NAMES,
    )
