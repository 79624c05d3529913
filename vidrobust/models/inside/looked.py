"""Looked and Look: what a network says of frames beside its answer, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch

LACKS = ("logits", "features", "odin")
"""What a model may not be able to say."""
TURNS = 4
"""Quarter turns of a picture, none among them."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What a network says of N frames.

    answer    (N,) int64, the class it gives
    surest    (N,) float64, the largest probability of its answer
    logits    (N, K) float64 before the softmax, or None
    features  (N, D) float32 that go into its head, averaged over places, or None
    turned    (N, 4, D) float32, those of the picture turned by 0, 90, 180 and 270 degrees, or None
    odin      (N,) float64, ODIN's largest probability, or None
    """

    answer: np.ndarray
    surest: np.ndarray
    logits: np.ndarray | None = None
    features: np.ndarray | None = None
    turned: np.ndarray | None = None
    odin: np.ndarray | None = None


FIELDS = tuple(each.name for each in fields(Looked))


def joined(parts: list[Looked]) -> Looked:
    """Those of consecutive frames as one."""
    found: dict[str, Any] = {}
    for name in FIELDS:
        each = [getattr(part, name) for part in parts]
        found[name] = None if any(one is None for one in each) else np.concatenate(each)
    return Looked(**found)


def rows_of(looked: Looked, rows: np.ndarray) -> Looked:
    """Those of some of the frames, (m,) numbers or a mask (N,) bool."""
    found: dict[str, Any] = {
        name: None if (values := getattr(looked, name)) is None else values[rows] for name in FIELDS
    }
    return Looked(**found)


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a network is asked.

    frames    (N, 3, H, W) uint8 RGB -> Looked of N frames lacks     what it cannot say, of "logits",
    "features" and "odin", and why, in words that go on after a colon head      where the features are taken,
    in words; "" where they are not
    """

    frames: Callable[[torch.Tensor], Looked]
    lacks: Mapping[str, str] = field(default_factory=dict)
    head: str = ""
