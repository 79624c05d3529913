"""Augmentation steps of a policy on the footage's own pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import draw_seed, from_seed, one_per_frame, uniform
from vidrobust.perturb.geometric import move_corners
from vidrobust.perturb.perturbation import Perturbation
from vidrobust.stages.policy.policy import Policy
from vidrobust.stages.variation.spread import OF_WIDTH


@dataclass(frozen=True, kw_only=True)
class AugmentationStep:
    """One augmentation: signed strengths, drawn evenly, or the largest shifts along x and y as ``axes``."""

    key: str
    low: float
    high: float
    of_width: bool = False
    axes: tuple[float, ...] = ()

    @property
    def perturbation(self) -> Perturbation:
        return find(self.key)

    def strength(self, size: float, width: int) -> float:
        """A size as a strength of the catalogue on a frame of this width."""
        value = size * width if self.of_width else size
        low, high = self.perturbation.range
        return 0.0 if abs(value) < low else math.copysign(min(abs(value), high), value)


def steps_of(policy: Policy) -> tuple[AugmentationStep, ...]:
    return tuple(
        AugmentationStep(
            key=step.perturbation,
            low=step.low,
            high=step.high,
            of_width=step.unit == OF_WIDTH,
            axes=step.axes,
        )
        for step in policy.steps
    )


NO_BOXES = np.empty((0, 4), np.float32)


def changed(
    frame: torch.Tensor, steps: Sequence[AugmentationStep], generator: torch.Generator
) -> torch.Tensor:
    """(1, 3, H, W) uint8 after the steps, each at a strength of its own."""
    return changed_with_boxes(frame, NO_BOXES, steps, generator)[0]


def changed_with_boxes(
    frame: torch.Tensor,
    boxes: np.ndarray,
    steps: Sequence[AugmentationStep],
    generator: torch.Generator,
) -> tuple[torch.Tensor, np.ndarray]:
    """The same, and boxes (D, 4) xyxy px where the steps put them."""
    for step in steps:
        frame, boxes = _by_one(frame, boxes, step, generator)
    return frame, boxes


def signed(
    frame: torch.Tensor,
    boxes: np.ndarray,
    entry: Perturbation,
    strength: float,
    direction: str = "",
) -> tuple[torch.Tensor, np.ndarray]:
    """Frame and boxes after a signed perturbation along a direction, by default the first."""
    motion = entry.signed_motion.get(direction or next(iter(entry.signed), ""))
    if motion is not None and strength:
        boxes = move_corners(boxes, _size(frame), motion(strength))
    return entry.apply_signed(frame, strength, direction), boxes


def _by_one(
    frame: torch.Tensor, boxes: np.ndarray, step: AugmentationStep, generator: torch.Generator
) -> tuple[torch.Tensor, np.ndarray]:
    entry, width = step.perturbation, int(frame.shape[-1])
    if len(step.axes) == 2 and len(entry.signed) == 2:
        for direction, size in zip(entry.signed, step.axes, strict=True):
            strength = step.strength(uniform(generator, -size, size), width)
            frame, boxes = signed(frame, boxes, entry, strength, direction)
        return frame, boxes
    strength = step.strength(uniform(generator, step.low, step.high), width)
    if entry.either_way and len(entry.signed) == 1:
        return signed(frame, boxes, entry, strength)
    seed = draw_seed(generator)
    if entry.move_boxes is not None:
        (rng,) = one_per_frame(from_seed(seed), 1)
        boxes = entry.move_boxes(boxes, _size(frame), abs(strength), rng)
    return entry.apply(frame, abs(strength), from_seed(seed)), boxes


def _size(frame: torch.Tensor) -> tuple[int, int]:
    return int(frame.shape[-2]), int(frame.shape[-1])
