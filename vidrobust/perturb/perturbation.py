"""What a perturbation is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

Family = Literal[
    "light", "colour", "geometry", "blur", "noise", "compression", "occlusion", "weather", "camera", "time"
]

Apply = Callable[[torch.Tensor, float, "torch.Generator | Sequence[torch.Generator]"], torch.Tensor]
"""(pixels (N, 3, H, W) uint8 RGB, strength, one generator or one per frame) -> pixels of the same shape,
dtype and device in fresh memory.

One generator for a batch hands one seed to each frame in turn, so that splitting a batch changes nothing.
"""

MoveBoxes = Callable[[np.ndarray, tuple[int, int], float, torch.Generator], np.ndarray]
"""(boxes (D, 4) float32 xyxy px of one frame, (H, W), strength, that frame's generator) -> moved boxes."""


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """One way in which a picture changes, with its strengths from mild to strong.

    strength 0 is the identity in every suite but ``imagenet-c``, whose strengths are the severities 1 to 5.
    Signed quantities (a gain up or down, a shift left or right) draw their sign, or direction, from the
    generator, so that ``strength`` is a size.
    """

    name: str
    suite: str
    family: Family
    unit: str
    """Unit of ``strength`` as a camera engineer says it: "relative gain", "px", "deg", "sigma px" ..."""
    strengths: tuple[float, ...]
    range: tuple[float, float]
    """Smallest and largest strength that makes sense."""
    apply: Apply
    move_boxes: MoveBoxes | None = None
    """None where boxes stay as they are."""
    doc: str = ""
    """One sentence: what it does and its source."""

    @property
    def key(self) -> str:
        """The name in result tables: unique over all suites."""
        return (
            f"{self.suite}:{self.name}" if self.suite in ("imagenet-c", "imagenet-p", "shift") else self.name
        )
