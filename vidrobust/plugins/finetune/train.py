"""Training of a classifier: the loss of each arm, and the loop that all share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from vidrobust.errors import SettingsError
from vidrobust.models.modules import head_of, watched
from vidrobust.perturb.draws import from_seed, seeded
from vidrobust.plugins.finetune.arms import Arm
from vidrobust.plugins.finetune.network import TrainableClassifier, TrainingSamples
from vidrobust.plugins.finetune.steps import Mixture, changed

# An auxiliary head that tells by how much the picture was turned (Hendrycks, Mazeika, Kadavath & Song 2019).

# Of the loss of the rotations (hendrycks/ss-ood, train.py).
WEIGHT = 0.5
QUARTERS = 4


class RotationHead:
    """The loss of a batch and of its four rotations, with a head that is trained along."""

    def __init__(self, network: TrainableClassifier, module: nn.Module) -> None:
        self.network, self.module = network, module
        blank = torch.zeros(1, 3, *network.preprocess.shape, dtype=torch.uint8)
        self.layer = head_of(module, lambda: network.logits(module, blank), len(network.class_names))
        if not self.layer:
            raise SettingsError(
                "arm rotation-head: no last layer is found in the network; leave this arm out"
            )
        with torch.no_grad():
            width = self._both(blank)[1].shape[1]
        self.head = nn.Linear(width, QUARTERS).to(network.device)

    def loss(self, pictures: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Cross entropy of pictures (B, 3, h, w) uint8, plus half that of telling their four rotations."""
        every = torch.cat([turned(pictures, quarter) for quarter in range(QUARTERS)])
        logits, features = self._both(every)
        quarters = torch.arange(QUARTERS, device=logits.device).repeat_interleave(len(pictures))
        of_class = functional.cross_entropy(logits[: len(pictures)], target)
        return of_class + WEIGHT * functional.cross_entropy(self.head(features), quarters)

    def _both(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits, and the input of the last layer (N, D)."""
        with watched(self.module, self.layer) as seen:
            logits = self.network.logits(self.module, pictures)
        return logits, seen.given(len(pictures))


def turned(pictures: torch.Tensor, quarter: int) -> torch.Tensor:
    """(B, 3, h, w) uint8 turned by right angles, stretched back to h x w where not square."""
    made = torch.rot90(pictures, quarter, (2, 3))
    if made.shape == pictures.shape:
        return made
    size = pictures.shape[-2:]
    stretched = functional.interpolate(made.float(), size=size, mode="bilinear", antialias=True)
    return stretched.round().clamp(0, 255).to(torch.uint8)


# Weight of the Jensen-Shannon divergence (Hendrycks et al. 2020, section 3).
JSD_WEIGHT = 12.0


@dataclass(frozen=True)
class ClassSamples:
    """Frames to train with, the same at the network's size, targets (N, K) float32 and the network's own
    answers.
    """

    network: TrainableClassifier
    frames: Sequence[torch.Tensor]
    cut: torch.Tensor
    targets: torch.Tensor
    own: torch.Tensor

    def learner(
        self, module: nn.Module, arm: Arm, mixture: Mixture | None, seed: int, draws: torch.Generator
    ) -> ClassLearner:
        return ClassLearner(
            samples=self,
            module=module,
            arm=arm,
            mixture=mixture,
            draws=draws,
            picture=arm.picture() if arm.picture else None,
            whole=arm.batch(len(self.network.class_names)) if arm.batch else None,
            turning=_turning(self.network, module, seed) if arm.loss == "turned" else None,
        )


@dataclass(frozen=True, kw_only=True)
class ClassLearner:
    """One copy that learns with one arm."""

    samples: ClassSamples
    module: nn.Module
    arm: Arm
    mixture: Mixture | None
    draws: torch.Generator
    picture: nn.Module | None
    whole: nn.Module | None
    turning: RotationHead | None

    def along(self) -> Iterable[nn.Parameter]:
        return self.turning.head.parameters() if self.turning else ()

    def loss(self, at: torch.Tensor) -> torch.Tensor:
        samples, network = self.samples, self.samples.network
        targets = samples.own if self.arm.self_labels else samples.targets
        target = _smoothed(targets[at], self.arm.smoothing).to(network.device)
        if self.turning is not None:
            return self.turning.loss(samples.cut[at], target)
        if self.arm.loss == "one view":
            return _one_view(network, self.module, self._view(at), target, self.whole)
        views = [self._view(at) for _ in range(2 if self.arm.loss == "jsd" else 1)]
        return _consistent(network, self.module, samples.cut[at], views, target)

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


def _turning(network: TrainableClassifier, module: nn.Module, seed: int) -> RotationHead:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return RotationHead(network, module)


def _one_view(
    network: TrainableClassifier,
    module: nn.Module,
    pictures: torch.Tensor,
    target: torch.Tensor,
    whole: nn.Module | None,
) -> torch.Tensor:
    inputs = network.preprocess.normalise(pictures.to(network.device))
    if whole is not None:
        inputs, target = whole(inputs, target)
    return functional.cross_entropy(network.of_inputs(module, inputs), target)


def _consistent(
    network: TrainableClassifier,
    module: nn.Module,
    clean: torch.Tensor,
    views: Sequence[torch.Tensor],
    target: torch.Tensor,
) -> torch.Tensor:
    every = network.logits(module, torch.cat([clean, *views])).log_softmax(dim=1)
    first, *others = torch.split(every, len(clean))
    loss = -(target * first).sum(dim=1).mean()
    if len(others) == 1:
        return loss + functional.kl_div(others[0], first, reduction="batchmean", log_target=True)
    return loss + JSD_WEIGHT * jensen_shannon([first, *others])


def jensen_shannon(logs: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean divergence of log distributions (B, K) from their mixture, natural logarithm."""
    mean = torch.stack([each.exp() for each in logs]).mean(dim=0).clamp(1e-7, 1).log()
    parts = [functional.kl_div(mean, each, reduction="batchmean", log_target=True) for each in logs]
    return torch.stack(parts).mean()


def _smoothed(target: torch.Tensor, share: float) -> torch.Tensor:
    return target * (1 - share) + share / target.shape[1] if share else target


DECAY = 0.01
# Seeds of an arm that is the same again begin so far from those of the first.
SALT = 10_000
# Share of the steps in which the rate rises.
WARM_UP = 0.2


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """steps of batches of so many frames, at this largest rate."""

    steps: int
    batch: int
    rate: float


def fit(
    samples: TrainingSamples,
    arm: Arm,
    mixture: Mixture | None,
    schedule: Schedule,
    seed: int,
    advance: Callable[[], None],
) -> nn.Module:
    """Return the network after fine-tuning with one arm."""
    network = samples.network
    module = network.fresh(arm)
    if arm.untrained:
        return module.eval()
    rows, draws = from_seed(seed + SALT * arm.salt), seeded("adapt", arm.salt, seed, "draws", 0)
    devices = [network.device] if network.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(draws.initial_seed() % 2**31)
        learner = samples.learner(module, arm, mixture, seed, draws)
        optimiser = torch.optim.AdamW(
            [*module.parameters(), *learner.along()], lr=schedule.rate, weight_decay=DECAY
        )
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, schedule.rate, total_steps=max(schedule.steps, 2), pct_start=WARM_UP
        )
        for _ in range(schedule.steps):
            at = torch.randint(len(samples.frames), (schedule.batch,), generator=rows)
            optimiser.zero_grad()
            loss = learner.loss(at)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            cycle.step()
            advance()
    return module.eval()
