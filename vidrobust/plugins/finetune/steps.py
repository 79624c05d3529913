"""Augmentation steps on the footage's own pixels, and the conditions that judge."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import draw_seed, from_seed, one_per_frame, seeded, uniform
from vidrobust.perturb.geometric import move_corners
from vidrobust.perturb.perturbation import Perturbation
from vidrobust.stages.policy.policy import Policy
from vidrobust.stages.variation.spread import OF_WIDTH


@dataclass(frozen=True, kw_only=True)
class Step:
    """One augmentation: signed strengths, drawn evenly, or the largest shifts along x and y as ``axes``."""

    key: str
    low: float
    high: float
    probability: float
    of_width: bool = False
    axes: tuple[float, ...] = ()

    @property
    def perturbation(self) -> Perturbation:
        return find(self.key)

    @property
    def family(self) -> str:
        return self.perturbation.family

    @property
    def reach(self) -> float:
        return max(abs(self.low), abs(self.high))

    def strength(self, size: float, width: int) -> float:
        """A size as a strength of the catalogue on a frame of this width."""
        value = size * width if self.of_width else size
        low, high = self.perturbation.range
        return 0.0 if abs(value) < low else math.copysign(min(abs(value), high), value)


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """By each of ``chances`` one of ``one_of``, then ``steps`` by their own."""

    steps: tuple[Step, ...] = ()
    one_of: tuple[Step, ...] = ()
    chances: tuple[float, ...] = ()

    @property
    def every(self) -> tuple[Step, ...]:
        return (*self.one_of, *self.steps)

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(step.family for step in self.every))

    def draw(self, generator: torch.Generator) -> tuple[Step, ...]:
        drawn: list[Step] = []
        for chance in self.chances:
            if uniform(generator) < chance:
                drawn.append(self.one_of[int(uniform(generator) * len(self.one_of))])
        return (*drawn, *(step for step in self.steps if uniform(generator) < step.probability))


def steps_of(policy: Policy) -> tuple[Step, ...]:
    return tuple(
        Step(
            key=each.perturbation,
            low=each.low,
            high=each.high,
            probability=each.probability,
            of_width=each.unit == OF_WIDTH,
            axes=each.axes,
        )
        for each in policy.steps
    )


def any_step(steps: Sequence[Step]) -> float:
    """How often at least one of independent steps is applied."""
    return 1.0 - math.prod(1.0 - step.probability for step in steps)


NO_BOXES = np.empty((0, 4), np.float32)


def changed(frame: torch.Tensor, steps: Sequence[Step], generator: torch.Generator) -> torch.Tensor:
    """(1, 3, H, W) uint8 after the steps, each at a strength of its own."""
    return changed_with_boxes(frame, NO_BOXES, steps, generator)[0]


def changed_with_boxes(
    frame: torch.Tensor, boxes: np.ndarray, steps: Sequence[Step], generator: torch.Generator
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
    frame: torch.Tensor, boxes: np.ndarray, step: Step, generator: torch.Generator
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
        (own,) = one_per_frame(from_seed(seed), 1)
        boxes = entry.move_boxes(boxes, _size(frame), abs(strength), own)
    return entry.apply(frame, abs(strength), from_seed(seed)), boxes


def _size(frame: torch.Tensor) -> tuple[int, int]:
    return int(frame.shape[-2]), int(frame.shape[-1])


# Of each family the perturbation that it is judged by, at its middle strength.
JUDGES: Mapping[str, str] = {
    "light": "brightness",
    "colour": "hue",
    "geometry": "translation",
    "blur": "gaussian_blur",
    "noise": "gaussian_noise",
    "compression": "jpeg",
    "occlusion": "occlusion",
}
# Families that no arm is trained with, if there are so many: the last of JUDGES that no arm needs.
HELD_BACK = 2
# What random augmentation draws from, but for what is held back.
DRAWN = (
    *("brightness", "exposure_offset", "gamma", "saturation", "hue", "white_balance"),
    *("translation", "rotation", "scale", "gaussian_blur", "motion_blur"),
    *("gaussian_noise", "shot_noise", "jpeg", "occlusion"),
)
# Of its range, at which a trained step is judged.
TIMES = (0.5, 1.0, 2.0, 3.0)
QUICK_TIMES = (1.0,)


@dataclass(frozen=True)
class Condition:
    """A perturbation at ``times`` a step's range, or (0) at its middle strength."""

    step: Step
    times: float

    @property
    def key(self) -> str:
        return self.step.key

    @property
    def family(self) -> str:
        return self.step.family

    @property
    def size(self) -> float:
        return self.step.reach * (self.times or 1.0)


def guard(trained: Mapping[str, Collection[str]], held: Collection[str]) -> None:
    """SettingsError if an arm (name -> families) trains with what judges it."""
    for name, families in trained.items():
        if met := sorted(set(families) & set(held)):
            raise SettingsError(
                f"arm {name}: would be trained with {', '.join(met)}, by which it is judged"
            )


def drawn_keys(held: Collection[str]) -> tuple[str, ...]:
    return tuple(key for key in DRAWN if find(key).family not in held)


def conditions(policy: Sequence[Step], times: Sequence[float] = TIMES) -> tuple[Condition, ...]:
    """Steps at multiples of their range, and other families at a middle strength."""
    found = [Condition(step, factor) for step in policy for factor in times]
    trained = {step.family for step in policy}
    for family, key in JUDGES.items():
        if family not in trained:
            entry = find(key)
            middle = entry.strengths[len(entry.strengths) // 2]
            low = -middle if entry.either_way else 0.0
            found.append(Condition(Step(key=key, low=low, high=middle, probability=1.0), 0.0))
    return tuple(found)


def shown_under(frame: torch.Tensor, at: Condition, content: str, number: int) -> torch.Tensor:
    """(1, 3, H, W) uint8: the frame of this number under the condition."""
    return shown_with_boxes(frame, NO_BOXES, at, content, number)[0]


def shown_with_boxes(
    frame: torch.Tensor, boxes: np.ndarray, at: Condition, content: str, number: int
) -> tuple[torch.Tensor, np.ndarray]:
    """The same, and boxes (D, 4) xyxy px where the condition puts them."""
    generator = seeded(content, number, 0, f"adapt-{at.key}", 0)
    back = at.step.low < 0 and bool(torch.randint(2, (), generator=generator))
    size = -at.size if back else at.size
    times = at.times or 1.0
    step = Step(key=at.key, low=size, high=size, probability=1.0, of_width=at.step.of_width)
    if len(at.step.axes) == 2:
        # a shift of this size along the axis that is drawn, not one between 0 and it
        along = int(torch.randint(2, (), generator=generator))
        entry, width = step.perturbation, int(frame.shape[-1])
        size = step.strength(times * at.step.axes[along] * (-1 if back else 1), width)
        return signed(frame, boxes, entry, size, tuple(entry.signed)[along])
    return changed_with_boxes(frame, boxes, [step], generator)
