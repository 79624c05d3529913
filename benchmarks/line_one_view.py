"""The simulated line's classifier asked once about each frame instead of eight times: an eighth of its cost.

As a model of the command line: ``--model benchmarks.line_one_view:classifier``, from the repository's root.
"""

from __future__ import annotations

import torch
from torch import nn

from vidrobust.models.preprocess import Preprocess
from vidrobust.plugins.line.model_kind import (
    CLASSIFIER_SIZE,
    MEAN,
    STD,
    LineClassifier,
    trained_classifier,
)
from vidrobust.plugins.line.parts import LABELS


class OneView(nn.Module):
    """(N, 3, 168, 224) float32 normalised -> (N, classes) logits for the input where it lies."""

    def __init__(self, network: LineClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.network.maps(inputs)[0]


def classifier() -> tuple[nn.Module, Preprocess, tuple[str, ...]]:
    """Module, input and class names."""
    preprocess = Preprocess(
        size=CLASSIFIER_SIZE,
        crop=1.0,
        resize="stretch",
        interpolation="bilinear",
        mean=MEAN,
        std=STD,
    )
    return OneView(trained_classifier()), preprocess, LABELS
