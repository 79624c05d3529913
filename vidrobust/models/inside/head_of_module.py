"""The head of a torch module: the last layer that gives its class scores, and what goes into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

HEADS = (nn.Linear, nn.Conv2d)


@dataclass
class Seen:
    """What went into a layer and came out of it on the last pass, averaged over places; a row list a call."""

    inputs: list[torch.Tensor] = field(default_factory=list)
    outputs: list[torch.Tensor] = field(default_factory=list)

    def given(self, frames: int) -> torch.Tensor:
        """(frames, D) of what went in, with its gradients where there are any."""
        return _of_frames(self.inputs, frames)

    def features(self, frames: int) -> np.ndarray:
        """(frames, D) float32, of what went in."""
        return self.given(frames).float().cpu().numpy()

    def scores(self, frames: int) -> np.ndarray:
        """(frames, K) float64, of what came out."""
        return _of_frames(self.outputs, frames).double().cpu().numpy()


def head_of(module: nn.Module, run: Callable[[], object], classes: int) -> str:
    """The name of the head: the layer called last of those that give so many scores a frame.

    Where none does, the fully connected layer called last; "" where there is none either.
    run  has the module called once
    """
    order: list[str] = []
    layers = {name: layer for name, layer in module.named_modules() if isinstance(layer, HEADS)}
    hooks = [
        layer.register_forward_hook(lambda *_, name=name: order.append(name))
        for name, layer in layers.items()
    ]
    try:
        with torch.inference_mode():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    fitting = [name for name in order if _width(layers[name]) == classes]
    connected = [name for name in order if isinstance(layers[name], nn.Linear)]
    return (fitting or connected or [""])[-1]


@contextmanager
def watched(module: nn.Module, name: str) -> Iterator[Seen]:
    """What goes into this layer and comes out of it, for as long as the module is asked."""
    seen = Seen()

    def note(_: nn.Module, given: tuple[Any, ...], got: torch.Tensor) -> None:
        seen.inputs.append(over_places(given[0]))
        seen.outputs.append(over_places(got))

    hook = module.get_submodule(name).register_forward_hook(note)
    try:
        yield seen
    finally:
        hook.remove()


def _of_frames(calls: list[torch.Tensor], frames: int) -> torch.Tensor:
    """The calls one after the other; their mean where each had every frame, in several views."""
    rows = torch.cat(calls)
    return rows if len(rows) == frames else torch.stack(calls).mean(dim=0)


def over_places(values: torch.Tensor) -> torch.Tensor:
    """(N, D, ...) maps, or (N, tokens, D), averaged to (N, D)."""
    if values.ndim == 4:
        return values.mean(dim=(2, 3))
    return values.mean(dim=1) if values.ndim == 3 else values


def _width(layer: nn.Module) -> int:
    return layer.out_features if isinstance(layer, nn.Linear) else int(layer.out_channels)  # type: ignore[arg-type]
