"""What is asked of a fine-tuning, and what decides its numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vidrobust.errors import SettingsError
from vidrobust.files.json_text import plain
from vidrobust.plugins.finetune.arms import ARMS, DEFAULT, QUICK_DEFAULT, Arm, arms_of

Targets = Literal["auto", "labels", "self"]
# Raised where the same question gets other numbers.
VERSION = 1
STEPS, BATCH, RATE, SEEDS = 200, 16, 3e-4, 3
# Of frames that are trained with, as the footage has them.
TRAINING_BYTES = 1.5 * 2**30
# Seconds that training and judging of ``--quick`` may take on this machine; decoding before it comes to it.
QUICK_S = 180.0
QUICK_STEPS = (8, 60)
# Frames of ``--quick`` at most: training, judging, shown under each condition.
QUICK_FRAMES = (240, 240, 24)


@dataclass(frozen=True, kw_only=True)
class AdaptRequest:
    """What is asked: arms, seeds, steps, targets (labels, own answers over time, or auto), model, other
    footage, policy.

    ``training``, ``judging``, ``shown`` are at most so many frames to train with, to judge on, and under each
    condition.
    """

    arms: str = ""
    seeds: int = SEEDS
    steps: int | None = None
    batch: int = BATCH
    rate: float = RATE
    targets: Targets = "auto"
    model: str = ""
    on: str = ""
    policy: Path | None = None
    training: int = 600
    judging: int = 600
    shown: int = 120
    quick: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, least in (
            ("--seeds", self.seeds, 1),
            ("--steps", self.steps or 1, 1),
            ("--batch", self.batch, 2),
            ("--frames", self.training, 8),
        ):
            if value < least:
                raise SettingsError(f"{name}: expected a whole number from {least}, got {value}")
        if not 0 < self.rate < 1:
            raise SettingsError(f"--rate: expected a rate between 0 and 1, got {self.rate:g}")

    @property
    def limits(self) -> tuple[int, int, int]:
        """Frames at most: training, judging, shown under each condition."""
        asked = (self.training, self.judging, self.shown)
        training, judging, shown = map(min, asked, QUICK_FRAMES) if self.quick else asked
        return training, judging, shown

    def chosen_arms(self, known: Mapping[str, Arm] = ARMS) -> tuple[Arm, ...]:
        """The arms that are asked for; known: those of a classifier or a detector."""
        return arms_of(self.arms or ",".join(QUICK_DEFAULT if self.quick else DEFAULT), known)

    @property
    def mixes(self) -> bool:
        """Whether an arm is trained with what follows from a policy."""
        return any(arm.mix for arm in self.chosen_arms())


def key_of(content: Any) -> str:
    """Sixteen hexadecimal digits of plain values."""
    text = json.dumps(plain(content), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
