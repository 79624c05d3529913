"""A small network of two classes, red and blue, that a test trains."""

import torch
from torch import nn

from vidrobust.models.preprocess import Preprocess
from vidrobust.stages.policy.policy import PolicyStep

STEP = PolicyStep(
    perturbation="white_balance",
    family="colour",
    unit="relative red to blue gain",
    low=-0.3,
    high=0.3,
    probability=0.5,
)


def network(lean=0.3):
    """The mean of red against that of blue, a little off."""
    last = nn.Linear(3, 2)
    with torch.no_grad():
        last.weight.copy_(torch.tensor([[2.0, 0.0, -2.0], [-2.0, 0.0, 2.0]]))
        last.bias.copy_(torch.tensor([lean, -lean]))
    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
    return module, Preprocess(size=16, mean=(127.0,) * 3, std=(64.0,) * 3), ("red", "blue")


def biased():
    """The same, so far off that it takes most of what is blue for red."""
    return network(1.0)


def strided():
    """A network that subsamples behind its first convolution."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3, 2), nn.ReLU(), Mean(), nn.Linear(6, 2)
        )
        nn.init.normal_(module[4].weight, std=5.0)
    return module, Preprocess(size=16, mean=(127.0,) * 3, std=(64.0,) * 3), ("red", "blue")


class Mean(nn.Module):
    """(N, C, H, W) -> (N, C)."""

    def forward(self, maps):
        return maps.mean(dim=(2, 3))
