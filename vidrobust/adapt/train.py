"""The training loop: the same steps, batches and draws of frames for every arm of one seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from vidrobust.adapt.arms import Arm
from vidrobust.adapt.steps import Mixture, changed
from vidrobust.adapt.trainable import Trainable
from vidrobust.adapt.turning import Turning
from vidrobust.perturb.draws import from_seed, seeded

JSD_WEIGHT = 12.0
"""Weight of the Jensen-Shannon divergence (Hendrycks et al. 2020, section 3)."""
DECAY = 0.01
SALT = 10_000
"""Seeds of an arm that is the same again begin so far from those of the first."""
WARM_UP = 0.2
"""Share of the steps in which the rate rises."""


@dataclass(frozen=True)
class Samples:
    """What is trained with.

    frames      N pictures (1, 3, H, W) uint8 as the footage has them
    cut         (N, 3, h, w) uint8, the same at the network's size
    targets     (N, K) float32; own: the answers of the network itself over time
    """

    frames: Sequence[torch.Tensor]
    cut: torch.Tensor
    targets: torch.Tensor
    own: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """steps of batches of so many frames, at this largest rate."""

    steps: int
    batch: int
    rate: float


def fit(
    network: Trainable,
    arm: Arm,
    mixture: Mixture | None,
    samples: Samples,
    schedule: Schedule,
    seed: int,
    advance: Callable[[], None],
) -> nn.Module:
    """The network after fine-tuning with one arm; AdamW, one cycle of the rate, in eval mode at the end.

    Which frames a step has depends on seed and salt alone, so that arms are compared on the same ones. The global
    draws of torch, which transforms take, are put back as they were.
    """
    module = network.fresh()
    turning = _turning(network, module, seed) if arm.loss == "turned" else None
    parameters = [*module.parameters(), *(turning.head.parameters() if turning else ())]
    optimiser = torch.optim.AdamW(parameters, lr=schedule.rate, weight_decay=DECAY)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.rate, total_steps=max(schedule.steps, 2), pct_start=WARM_UP
    )
    rows, draws = from_seed(seed + SALT * arm.salt), seeded("adapt", arm.salt, seed, "draws", 0)
    picture = arm.picture() if arm.picture else None
    whole = arm.batch(len(network.class_names)) if arm.batch else None
    targets = samples.own if arm.self_labels else samples.targets
    devices = [network.device] if network.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(draws.initial_seed() % 2**31)
        for _ in range(schedule.steps):
            at = torch.randint(len(samples.cut), (schedule.batch,), generator=rows)
            target = _smoothed(targets[at], arm.smoothing).to(network.device)
            optimiser.zero_grad()
            if turning is not None:
                loss = turning.loss(samples.cut[at], target)
            elif arm.loss == "one view":
                pictures = _view(network, samples, at, mixture, picture, draws)
                loss = _one_view(network, module, pictures, target, whole)
            else:
                views = 2 if arm.loss == "jsd" else 1
                changed_ = [_view(network, samples, at, mixture, picture, draws) for _ in range(views)]
                loss = _consistent(network, module, samples.cut[at], changed_, target)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            cycle.step()
            advance()
    return module.eval()


def _turning(network: Trainable, module: nn.Module, seed: int) -> Turning:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Turning(network, module)


def _view(
    network: Trainable,
    samples: Samples,
    at: torch.Tensor,
    mixture: Mixture | None,
    picture: nn.Module | None,
    draws: torch.Generator,
) -> torch.Tensor:
    """(B, 3, h, w) uint8 of the network's size: changed as frames of the footage, then as pictures of that
    size.
    """
    made = []
    for row in at.tolist():
        steps = mixture.draw(draws) if mixture else ()
        one = network.cut(changed(samples.frames[row], steps, draws))[0] if steps else samples.cut[row]
        made.append(picture(one) if picture else one)
    return torch.stack(made)


def _one_view(
    network: Trainable,
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
    network: Trainable,
    module: nn.Module,
    clean: torch.Tensor,
    views: Sequence[torch.Tensor],
    target: torch.Tensor,
) -> torch.Tensor:
    """Cross entropy of the unchanged pictures, and how far the answers to the changed ones lie from them.

    One view: Kullback-Leibler divergence from the unchanged answer (Zheng et al. 2016, equation 3), weight 1. Two:
    Jensen-Shannon divergence of all three.
    """
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
