"""The training loop: the same steps, batches and draws of frames for every arm of one seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from vidrobust.perturb.draws import from_seed, seeded
from vidrobust.plugins.finetune.arms import Arm
from vidrobust.plugins.finetune.network import TrainingSamples
from vidrobust.plugins.finetune.steps import Mixture

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
    """Return the network after fine-tuning with one arm: AdamW, one cycle of the rate, in eval mode at the end.

    Which frames a step has depends on seed and salt alone, so that arms are compared on the same ones.
    """
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
