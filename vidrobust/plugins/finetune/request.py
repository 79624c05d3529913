"""The options of ``adapt``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vidrobust.errors import SettingsError

Targets = Literal["auto", "labels", "self"]
STEPS, BATCH, RATE, SEEDS = 150, 16, 1e-3, 2
# Frames at most that train, and that judge; with ``--quick``.
FRAMES, QUICK_FRAMES = (600, 600), (240, 240)


@dataclass(frozen=True, kw_only=True)
class AdaptRequest:
    """The options of ``adapt``; ``training`` and ``judging`` are the most frames of each kind."""

    recipes: tuple[Path, ...] = ()
    seeds: int = SEEDS
    steps: int | None = None
    batch: int = BATCH
    rate: float = RATE
    targets: Targets = "auto"
    model: str = ""
    on: str = ""
    policy: Path | None = None
    training: int = FRAMES[0]
    judging: int = FRAMES[1]
    quick: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, least in (
            ("--seeds", self.seeds, 1),
            ("--steps", STEPS if self.steps is None else self.steps, 3),
            ("--batch", self.batch, 2),
            ("--frames", self.training, 8),
        ):
            if value < least:
                raise SettingsError(f"{name}: expected a whole number from {least}, got {value}")
        if not 0 < self.rate < 1:
            raise SettingsError(f"--rate: expected a rate between 0 and 1, got {self.rate:g}")

    @property
    def limits(self) -> tuple[int, int]:
        """Frames at most that train and that judge."""
        if not self.quick:
            return self.training, self.judging
        return min(self.training, QUICK_FRAMES[0]), min(self.judging, QUICK_FRAMES[1])
