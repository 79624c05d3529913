"""Training with a recipe, which can pause and go on, and weights between the old ones and the new ones."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import nn

from vidrobust.perturb.draws import from_seed, seeded
from vidrobust.plugins.finetune.losses import Batch
from vidrobust.plugins.finetune.network import TrainableClassifier, TrainableNetwork, fresh_copy
from vidrobust.plugins.finetune.recipes import Recipe, applied
from vidrobust.plugins.finetune.steps import changed

WINDOW_S = 1.0  # footage around a frame whose answers make its consensus, where it shows no part
DECAY = 0.01
# Shares of the steps in which the rate rises, and in which it falls to 0 at the end. It stays in between, so that a
# short training is the beginning of a longer one (Hu et al. 2024, section 4).
RISES, FALLS = 0.1, 0.4
# Of the way from the old weights to the new ones: what validation chooses from (Wortsman et al. 2022).
WEIGHTS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, kw_only=True)
class LineFrames:
    """Rows of footage: their stretch without a cut, time, and whether that shows one part."""

    stretch: np.ndarray
    time_s: np.ndarray
    whole: np.ndarray

    def take(self, rows: np.ndarray) -> LineFrames:
        """The same of some rows."""
        return LineFrames(
            stretch=self.stretch[rows], time_s=self.time_s[rows], whole=self.whole[rows]
        )


def consensus(answers: np.ndarray, of: LineFrames) -> np.ndarray:
    """(N, K) float32: the mean of answers (N, K) over the confident half of the frames about each frame."""
    top, made = answers.max(axis=1), np.empty(answers.shape)
    for stretch in np.unique(of.stretch):
        mine = np.flatnonzero(of.stretch == stretch)
        for row in mine.tolist():
            near = np.abs(of.time_s[mine] - of.time_s[row]) <= (
                np.inf if of.whole[row] else WINDOW_S / 2
            )
            here = mine[near]
            made[row] = answers[here[top[here] >= np.median(top[here])]].mean(axis=0)
    total: np.ndarray = made / np.maximum(made.sum(axis=1, keepdims=True), 1e-12)
    return total.astype(np.float32)


class Samples(Protocol):
    """What is trained with; each of ``pools`` gives an equal share of a batch."""

    @property
    def network(self) -> TrainableNetwork: ...
    @property
    def pools(self) -> Sequence[np.ndarray]: ...

    def loss(
        self, module: nn.Module, rows: torch.Tensor, recipe: Recipe, draws: torch.Generator
    ) -> torch.Tensor:
        """Of a batch of rows, augmented by the recipe."""
        ...


@dataclass(frozen=True)
class ClassSamples:
    """Frames (1, 3, H, W) uint8, the same at the network's size (N, 3, h, w), and targets (N, K) float32.

    ``after`` (N,) is the row of the next frame of the clip, or the row itself.
    """

    network: TrainableClassifier
    frames: Sequence[torch.Tensor]
    cut: torch.Tensor
    targets: torch.Tensor
    pools: tuple[np.ndarray, ...]
    after: np.ndarray

    def loss(
        self, module: nn.Module, rows: torch.Tensor, recipe: Recipe, draws: torch.Generator
    ) -> torch.Tensor:
        pictures = torch.stack([self.view(int(row), recipe, draws) for row in rows])
        target = self.targets[rows]
        if recipe.batch is not None:
            pictures, target = recipe.batch(pictures.float(), target)
        logs = self.network.logits(module, pictures).log_softmax(dim=1)
        loss = -(target.to(self.network.device) * logs).sum(dim=1).mean()
        if recipe.term is None:
            return loss
        following = self.cut[torch.from_numpy(self.after)[rows]]
        batch = Batch(
            network=self.network, module=module, pictures=pictures, following=following, logs=logs
        )
        return loss + recipe.term(batch)

    def view(self, row: int, recipe: Recipe, draws: torch.Generator) -> torch.Tensor:
        """(3, h, w) uint8 of the network's size."""
        picture = self.cut[row]
        if recipe.steps:
            picture = self.network.cut(changed(self.frames[row], recipe.steps, draws))[0]
        return applied(recipe.transform, picture) if recipe.transform else picture


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Steps, frames of a batch, and the largest rate."""

    steps: int
    batch: int
    rate: float

    def at(self, step: int) -> float:
        """The rate of a step, from 0."""
        rises, falls = max(1, round(RISES * self.steps)), max(1, round(FALLS * self.steps))
        return self.rate * min(1.0, (step + 1) / rises, (self.steps - step) / falls)


@dataclass
class Training:
    """One copy of a network that learns with one recipe.

    Parameters
    ----------
    samples
        What is trained with.
    recipe
        What is done to it.
    schedule
        Of the whole training, wherever it pauses.
    seed
        Decides the rows of every batch, the same for all recipes, and the draws of the recipe.
    """

    samples: Samples
    recipe: Recipe
    schedule: Schedule
    seed: int
    done: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.module = fresh_copy(started(self.samples.network, self.recipe))
        self._rows = from_seed(self.seed)
        self._draws = seeded("adapt", 0, self.seed, self.recipe.name, 0)
        self._state = from_seed(self._draws.initial_seed() % 2**31).get_state()
        self._optimiser = torch.optim.AdamW(
            self.module.parameters(), lr=self.schedule.rate, weight_decay=DECAY
        )

    def until(self, step: int, advance: Callable[[], None] = lambda: None) -> None:
        """Train up to this many steps in all."""
        device = self.samples.network.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.set_rng_state(self._state)
            while self.done < step:
                for group in self._optimiser.param_groups:
                    group["lr"] = self.schedule.at(self.done)
                self._optimiser.zero_grad()
                loss = self.samples.loss(self.module, self._drawn(), self.recipe, self._draws)
                loss.backward()  # type: ignore[no-untyped-call]
                self._optimiser.step()
                self.done += 1
                advance()
            self._state = torch.get_rng_state()

    def _drawn(self) -> torch.Tensor:
        pools = self.samples.pools
        shares = [len(part) for part in np.array_split(np.arange(self.schedule.batch), len(pools))]
        return torch.cat(
            [
                torch.from_numpy(pool)[torch.randint(len(pool), (share,), generator=self._rows)]
                for pool, share in zip(pools, shares, strict=True)
            ]
        )


def started(network: TrainableNetwork, recipe: Recipe) -> nn.Module:
    """The module that a recipe begins with: the network's own, or a rebuilt copy."""
    return recipe.rebuilt(network) if recipe.rebuilt else network.module


def mixed(old: nn.Module, new: nn.Module, share: float) -> nn.Module:
    """A module in eval mode whose weights are this share of the way from the old ones to the new ones.

    Parameters that the old module lacks, such as those of a second head, are the new ones.
    """
    module, before = copy.deepcopy(new), old.state_dict()
    module.load_state_dict(
        {
            name: before[name] + share * (value - before[name])
            if name in before and value.is_floating_point()
            else value
            for name, value in new.state_dict().items()
        }
    )
    return module.eval()
