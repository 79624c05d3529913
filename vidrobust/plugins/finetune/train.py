"""Training in two stages: with labels, then with a renewed consensus on unlabelled footage too."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from vidrobust.perturb.draws import from_seed, seeded
from vidrobust.plugins.finetune.arms import Arm
from vidrobust.plugins.finetune.network import TrainableClassifier, TrainingSamples, fresh_copy
from vidrobust.plugins.finetune.steps import Mixture, changed

JSD_WEIGHT = 12.0  # Weight of the Jensen-Shannon divergence (Hendrycks et al. 2020, section 3)
WINDOW_S = (
    1.0  # A frame's consensus is over this much footage around it, or over a part's whole clip
)
LEFT_OUT = (
    0.25  # Share of frames left out of the second stage: those of the least certain consensus
)


@dataclass(frozen=True, kw_only=True)
class LineFrames:
    """Unlabelled rows of the samples: their stretch without a cut, time, and whether that shows one part."""

    rows: np.ndarray
    stretch: np.ndarray
    time_s: np.ndarray
    whole: np.ndarray

    def take(self, keep: np.ndarray, rows: np.ndarray) -> LineFrames:
        return LineFrames(
            rows=rows, stretch=self.stretch[keep], time_s=self.time_s[keep], whole=self.whole[keep]
        )


def consensus(answers: np.ndarray, of: LineFrames) -> np.ndarray:
    """(N, K) float32: the mean of answers (N, K) over the confident frames about each frame."""
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


def certain(certainty: np.ndarray) -> np.ndarray:
    """(N,) bool: all but the least certain."""
    kept: np.ndarray = certainty >= np.quantile(certainty, LEFT_OUT, method="higher")
    return kept


@dataclass(frozen=True)
class ClassSamples:
    """Frames to train with, the same at the network's size, and targets (N, K) float32."""

    network: TrainableClassifier
    frames: Sequence[torch.Tensor]
    cut: torch.Tensor
    targets: torch.Tensor
    pools: tuple[np.ndarray, ...]
    line: LineFrames | None = None

    def learner(
        self, module: nn.Module, arm: Arm, mixture: Mixture | None, draws: torch.Generator
    ) -> ClassLearner:
        return ClassLearner(
            samples=self,
            module=module,
            arm=arm,
            mixture=mixture,
            draws=draws,
            picture=arm.picture() if arm.picture else None,
            after=self._after(),
        )

    def renewed(self, module: nn.Module) -> tuple[ClassSamples, int]:
        if self.line is None:
            return self, 0
        rows = self.line.rows
        found = consensus(self.network.answers(module, self.cut[rows]), self.line)
        keep, targets = certain(found.max(axis=1)), self.targets.clone()
        targets[rows] = torch.from_numpy(found)
        labelled = tuple(pool for pool in self.pools if not np.isin(pool, rows).any())
        return replace(self, targets=targets, pools=(*labelled, rows[keep])), int((~keep).sum())

    def _after(self) -> np.ndarray:
        """(N,) the next row of the same stretch, or the row itself."""
        after = np.arange(len(self.frames))
        if self.line is not None:
            same = np.flatnonzero(self.line.stretch[1:] == self.line.stretch[:-1])
            after[self.line.rows[same]] = self.line.rows[same + 1]
        return after


@dataclass(frozen=True, kw_only=True)
class ClassLearner:
    """One copy that learns with one arm."""

    samples: ClassSamples
    module: nn.Module
    arm: Arm
    mixture: Mixture | None
    draws: torch.Generator
    picture: nn.Module | None
    after: np.ndarray

    def loss(self, at: torch.Tensor) -> torch.Tensor:
        samples, network, module = self.samples, self.samples.network, self.module
        target = samples.targets[at].to(network.device)
        views = [self._view(at) for _ in range(2 if self.arm.loss == "jsd" else 1)]
        if self.arm.loss in ("jsd", "consistent"):
            views = [samples.cut[at], *views]
        elif self.arm.loss == "temporal":
            views.append(samples.cut[self.after[at.numpy()]])
        logs = torch.split(network.logits(module, torch.cat(views)).log_softmax(dim=1), len(at))
        loss = -(target * logs[0]).sum(dim=1).mean()
        if self.arm.loss == "distilled":
            with torch.no_grad():
                old = network.logits(network.module, samples.cut[at]).log_softmax(dim=1)
            return loss + distilled(logs[0], old, target)
        if len(logs) == 1:
            return loss
        if self.arm.loss == "consistent":
            return loss + functional.kl_div(
                logs[1], logs[0], reduction="batchmean", log_target=True
            )
        return loss + (JSD_WEIGHT if self.arm.loss == "jsd" else 1.0) * jensen_shannon(logs)

    def _view(self, at: torch.Tensor) -> torch.Tensor:
        """(B, 3, h, w) uint8 of the network's size."""
        made, samples = [], self.samples
        for row in at.tolist():
            steps = self.mixture.draw(self.draws) if self.mixture else ()
            one = samples.cut[row]
            if steps:
                one = samples.network.cut(changed(samples.frames[row], steps, self.draws))[0]
            made.append(self.picture(one) if self.picture else one)
        return torch.stack(made)


def distilled(new: torch.Tensor, old: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean divergence of new from old log answers (B, K) where the old network was right.

    References
    ----------
    Yan et al. 2021, *Positive-congruent training*, with alpha 0 and beta 1.
    """
    right = old.argmax(dim=1) == target.argmax(dim=1)
    each = functional.kl_div(new, old, reduction="none", log_target=True).sum(dim=1)
    return (each * right).mean()


def jensen_shannon(logs: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean divergence of log distributions (B, K) from their mixture, natural logarithm."""
    mean = torch.stack([each.exp() for each in logs]).mean(dim=0).clamp(1e-7, 1).log()
    parts = [functional.kl_div(mean, each, reduction="batchmean", log_target=True) for each in logs]
    return torch.stack(parts).mean()


DECAY = 0.01
# Seeds of an arm that is the same again, and of the second stage, begin so far from those of the first.
SALT, SECOND = 10_000, 5_000
WARM_UP = 0.2  # Share of the steps in which the rate rises
# Of the way from the old weights to the new ones: what validation chooses from (Wortsman et al. 2022).
WEIGHTS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Steps of both stages together, frames of a batch, and the largest rate."""

    steps: int
    batch: int
    rate: float


@dataclass(frozen=True)
class HealedNetwork:
    """A network after both stages, its share of the new weights, and how many frames were left out."""

    module: nn.Module
    weight: float
    left_out: int


class ValidationScore(Protocol):
    """What chooses the weights; lower is better."""

    def __call__(self, module: nn.Module) -> float: ...


def heal(
    samples: TrainingSamples,
    score: ValidationScore,
    arm: Arm,
    mixture: Mixture | None,
    schedule: Schedule,
    seed: int,
    advance: Callable[[], None],
) -> HealedNetwork:
    """Train with one arm in two stages, then choose weights between old and new."""
    old, first = (
        samples.network.module,
        replace(schedule, steps=schedule.steps - schedule.steps // 2),
    )
    module = fit(samples, old, arm, mixture, first, seed, advance)
    second, left_out = samples.renewed(module)
    rest = replace(schedule, steps=schedule.steps // 2)
    module = fit(second, module, arm, mixture, rest, seed + SECOND, advance)
    weight = min(WEIGHTS, key=lambda share: score(mixed(old, module, share)))
    return HealedNetwork(mixed(old, module, weight), weight, left_out)


def mixed(old: nn.Module, new: nn.Module, share: float) -> nn.Module:
    """Weights this share of the way from the old ones to the new ones."""
    module, states = copy.deepcopy(new), (old.state_dict(), new.state_dict())
    module.load_state_dict(
        {
            name: was + share * (states[1][name] - was)
            if was.is_floating_point()
            else states[1][name]
            for name, was in states[0].items()
        }
    )
    return module.eval()


def fit(
    samples: TrainingSamples,
    start: nn.Module,
    arm: Arm,
    mixture: Mixture | None,
    schedule: Schedule,
    seed: int,
    advance: Callable[[], None],
) -> nn.Module:
    """Return a copy of ``start`` after one stage with one arm."""
    network, module = samples.network, fresh_copy(start)
    rows, draws = from_seed(seed + SALT * arm.salt), seeded("adapt", arm.salt, seed, "draws", 0)
    devices = [network.device] if network.device.type == "cuda" else []
    shares = [len(part) for part in np.array_split(np.arange(schedule.batch), len(samples.pools))]
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(draws.initial_seed() % 2**31)
        learner = samples.learner(module, arm, mixture, draws)
        optimiser = torch.optim.AdamW(module.parameters(), lr=schedule.rate, weight_decay=DECAY)
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, schedule.rate, total_steps=max(schedule.steps, 2), pct_start=WARM_UP
        )
        for _ in range(schedule.steps):
            drawn = [
                torch.from_numpy(pool)[torch.randint(len(pool), (share,), generator=rows)]
                for pool, share in zip(samples.pools, shares, strict=True)
            ]
            optimiser.zero_grad()
            loss = learner.loss(torch.cat(drawn))
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            cycle.step()
            advance()
    return module.eval()
