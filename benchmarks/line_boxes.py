"""A small detector of torchvision's kind for the simulated line: FCOS on the trunk of the line's own detector.

As a model of the command line: ``--model benchmarks.line_boxes:detector,weights=FILE``, from the repository's
root. ``benchmarks/adapt_boxes.py`` trains the weights.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOS

from vidrobust.plugins.line.model_kind import DETECTOR_SIZE, MEAN, STD, trained_detector
from vidrobust.plugins.line.parts import BOXES

WIDTH = 32
"""Channels of the maps that the head sees."""
NAMES = ("background", *BOXES)


class Trunk(nn.Module):
    """(N, 3, h, w) -> maps of WIDTH channels at strides 8 and 16."""

    out_channels = WIDTH

    def __init__(self) -> None:
        super().__init__()
        line = trained_detector()
        self.fine, self.middle = line.fine, line.middle
        self.of_fine, self.of_middle = nn.Conv2d(40, WIDTH, 1), nn.Conv2d(64, WIDTH, 1)

    def forward(self, inputs: torch.Tensor) -> OrderedDict[str, torch.Tensor]:
        fine = self.fine(inputs)
        middle = self.middle(fine)
        return OrderedDict([("0", self.of_fine(fine)), ("1", self.of_middle(middle))])


def detector() -> tuple[nn.Module, tuple[str, ...]]:
    """The module, drawn alike every time, and the names of its labels; its head has to be trained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = FCOS(
            Trunk(),
            num_classes=len(NAMES),
            min_size=DETECTOR_SIZE[0],
            max_size=DETECTOR_SIZE[1],
            image_mean=[value / 255 for value in MEAN],
            image_std=[value / 255 for value in STD],
            anchor_generator=AnchorGenerator(sizes=((8,), (32,)), aspect_ratios=((1.0,),) * 2),
        )
    return module, NAMES
