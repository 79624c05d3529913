"""The options of ``adapt``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# Recipes that are tried where --recipe names them; recipes.by_request makes them.
NAMED = (
    *(
        "blurpool",
        "blurpool-rectangle-2",
        "blurpool-binomial-5",
        "patch-gaussian",
        "mixup",
        "cutmix",
    ),
    *("autoaugment", "gains-shifts", "label-smoothing", "stability", "augmix-jsd", "next-frame"),
    "rotation",
)
Targets = Literal["auto", "labels", "self"]
STEPS, BATCH, RATE, SEEDS = 150, 16, 1e-3, 2
# Frames at most that train, and that judge; with ``--quick``.
FRAMES, QUICK_FRAMES = (600, 600), (240, 240)


@dataclass(frozen=True, kw_only=True)
class AdaptRequest:
    """The options of ``adapt``; ``training`` and ``judging`` are the most frames of each kind."""

    recipes: tuple[Path, ...] = ()
    only: bool = False
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

    @property
    def limits(self) -> tuple[int, int]:
        """Frames at most that train and that judge."""
        if not self.quick:
            return self.training, self.judging
        return min(self.training, QUICK_FRAMES[0]), min(self.judging, QUICK_FRAMES[1])

    @property
    def tries_policy(self) -> bool:
        """Whether a recipe needs the run's policy."""
        return not self.only or any(str(path).startswith("policy") for path in self.recipes)
