"""The training loops: same samples, same seed, same number of threads, same weights."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from vidrobust.line_sim.networks import MEAN, STD, STRIDE, LineClassifier, LineDetector
from vidrobust.line_sim.training.samples import Samples
from vidrobust.line_sim.training.targets import defect_maps, detector_loss, heat_loss, mirrored, target_maps

BATCH = 32
RATE = 4e-3
DECAY = 0.02
MOST_STEPS = 2
EPOCHS = {"classifier": 9, "detector": 8}


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """(N, 3, h, w) uint8 -> float32, as the loaded models see it."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (pixels.float() - mean) / std


def train_classifier(samples: Samples, seed: int) -> LineClassifier:
    """Cross entropy of the class, and the heat of the defects, without which it takes long to find them.

    Batches are mirrored left to right half of the time, and moved along the belt by whole places of the map.
    """
    defects = defect_maps(samples.boxes)
    draws = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LineClassifier()

        def loss(rows: torch.Tensor) -> torch.Tensor:
            pixels, target = samples.small[rows], defects[rows]
            if torch.randint(2, (), generator=draws):
                pixels, target = pixels.flip(-1), target.flip(-1)
            steps = int(torch.randint(-MOST_STEPS, MOST_STEPS + 1, (), generator=draws))
            pixels, target = pixels.roll(steps * STRIDE, -1), target.roll(steps, -1)
            logits, places = network.maps(normalised(pixels))
            return functional.cross_entropy(logits, samples.labels[rows]) + heat_loss(places, target)

        _descend(network, loss, len(samples.labels), EPOCHS["classifier"], seed, "classifier")
    return network.eval()


def train_detector(samples: Samples, seed: int) -> LineDetector:
    """Heat and boxes; batches are mirrored left to right half of the time."""
    heat, box = target_maps(samples.boxes)
    draws = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LineDetector()

        def loss(rows: torch.Tensor) -> torch.Tensor:
            pixels, targets = samples.large[rows], (heat[rows], box[rows])
            if torch.randint(2, (), generator=draws):
                pixels, targets = pixels.flip(-1), mirrored(*targets)
            return detector_loss(*network.maps(normalised(pixels)), *targets)

        _descend(network, loss, len(samples.labels), EPOCHS["detector"], seed, "detector")
    return network.eval()


def _descend(
    network: nn.Module,
    loss: Callable[[torch.Tensor], torch.Tensor],
    count: int,
    epochs: int,
    seed: int,
    name: str,
) -> None:
    """AdamW with one cycle of the rate; batches are drawn anew in every epoch."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = -(-count // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=epochs * steps)
    generator, start = torch.Generator().manual_seed(seed), time.perf_counter()
    network.train()
    for epoch in range(epochs):
        total = 0.0
        for rows in torch.split(torch.randperm(count, generator=generator), BATCH):
            optimiser.zero_grad()
            value = loss(rows)
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            total += float(value.detach()) * len(rows)
        print(
            f"{name} {epoch + 1}/{epochs}: loss {total / count:.4f}, {time.perf_counter() - start:.0f} s",
            file=sys.stderr,
        )
