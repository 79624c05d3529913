"""A second head that predicts by how many quarter turns a picture was rotated, and the features that it takes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from vidrobust.errors import InputError, first_line

TURNS = 4  # 0, 90, 180 and 270 degrees


@dataclass(frozen=True)
class RotationHead:
    """``layer`` is the one that gives the class scores; ``weight`` (4, D) and ``bias`` (4,) take what it takes."""

    layer: str
    weight: torch.Tensor
    bias: torch.Tensor

    def scores(self, features: torch.Tensor) -> torch.Tensor:
        """(N, D) features -> (N, 4) logits of 0, 90, 180 and 270 degrees."""
        return nn.functional.linear(features, self.weight.to(features), self.bias.to(features))

    def content(self) -> dict[str, object]:
        """What ``torch.save`` writes and ``read_head`` reads."""
        return {"layer": self.layer, "weight": self.weight, "bias": self.bias}


def read_head(path: Path) -> RotationHead:
    """Read the file of a head that ``adapt`` wrote beside the weights.

    Raises
    ------
    InputError
        If the file holds no head.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds
        raise InputError(f"{path}: cannot be read as weights: {first_line(error)}") from error
    if not isinstance(content, dict) or set(content) != {"layer", "weight", "bias"}:
        raise InputError(f"{path}: holds no rotation head; adapt --recipe rotation writes one")
    return RotationHead(**content)


def rotated(pictures: torch.Tensor, turns: int) -> torch.Tensor:
    """(N, 3, h, w) after quarter turns against the clock; the middle square where they are not square."""
    height, width = pictures.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pictures[..., top : top + side, left : left + side]
    return torch.rot90(square, turns, (-2, -1)).contiguous()


@contextlib.contextmanager
def inputs_of(module: nn.Module, layer: str) -> Iterator[list[torch.Tensor]]:
    """What a layer is given on each pass, averaged over places to (N, D), with gradients where there are any."""
    given: list[torch.Tensor] = []
    hook = module.get_submodule(layer).register_forward_pre_hook(
        lambda _, inputs: given.append(_over_places(inputs[0]))
    )
    try:
        yield given
    finally:
        hook.remove()


def class_layer(module: nn.Module, inputs: torch.Tensor, classes: int) -> tuple[str, int]:
    """The last layer called that gives ``classes`` scores, and its number of inputs; else the last linear one.

    Parameters
    ----------
    inputs
        (N, 3, h, w) float32 as the network takes them.

    Returns
    -------
    tuple of str and int
        "" and 0 where the network has neither.
    """
    called: list[tuple[str, nn.Module]] = []
    hooks = [
        layer.register_forward_hook(lambda layer, *_, name=name: called.append((name, layer)))
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
    ]
    try:
        with torch.inference_mode():
            module(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    fitting = [(name, layer) for name, layer in called if len(layer.weight) == classes]  # type: ignore[arg-type]
    linear = [(name, layer) for name, layer in called if isinstance(layer, nn.Linear)]
    if not fitting and not linear:
        return "", 0
    name, layer = (fitting or linear)[-1]
    return name, int(layer.weight.shape[1])  # type: ignore[index]


def _over_places(values: torch.Tensor) -> torch.Tensor:
    return values.mean(dim=(2, 3)) if values.ndim == 4 else values.flatten(1)
