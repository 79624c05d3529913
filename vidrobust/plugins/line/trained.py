"""The committed weights of the line's two models: read from the package, no network needed."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from vidrobust.errors import InputError
from vidrobust.plugins.line.networks import LineClassifier, LineDetector

FOLDER = Path(__file__).parent / "weights"
CLASSIFIER, DETECTOR, SCORES = (FOLDER / name for name in ("classifier.pt", "detector.pt", "scores.json"))


def trained_classifier() -> LineClassifier:
    """Which class rides in the middle lane; in eval mode, float32."""
    network = LineClassifier()
    fill(network, CLASSIFIER)
    return network.eval()


def trained_detector() -> LineDetector:
    """Where parts and defects are; in eval mode, float32."""
    network = LineDetector()
    fill(network, DETECTOR)
    return network.eval()


def save(network: nn.Module, path: Path) -> None:
    """The parameters in half precision, in which they are read again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {n: v.half() if v.is_floating_point() else v for n, v in network.state_dict().items()}
    torch.save({name: value.contiguous().clone() for name, value in halves.items()}, path)


def fill(network: nn.Module, path: Path) -> None:
    """Put the parameters of a file into a network; InputError where there is none."""
    if not path.is_file():
        raise InputError(
            f"{path}: the line's weights are missing; python -m datasets.line_sim.train makes them"
        )
    state = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict({n: v.float() if v.is_floating_point() else v for n, v in state.items()})
