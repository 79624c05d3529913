"""Two small networks on the line's parts, alike but for a filter before each halving (Zhang 2019).

plain     convolution, ReLU, maximum of 2 x 2 at every second pixel
filtered  convolution, ReLU, maximum of 2 x 2 at every pixel, then 1 2 1 at every second one
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from claims.judge import Measure
from datasets.line_sim.fit import FRAMES, SCENES_A_STATION, normalised, station_samples
from vidrobust.plugins.line.model_kind import MIDDLE_ROWS
from vidrobust.plugins.line.parts import LABELS
from vidrobust.statistics.intervals import clustered_mean

TRAIN_SCENES, TEST_SCENES, SEEDS = 144, 96, 3
STEPS, BATCH, RATE = 250, 32, 2e-3
CUT, ROOM = (28, 80), (8, 32)
"""Height and width of a crop, and px by which it moves, on the middle lane at half size."""
OFFSETS = 6
"""Pairs of crops of each frame."""


class BlurPool(nn.Module):
    """1 2 1 both ways, at every second pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("kernel", (row[:, None] * row).expand(channels, 1, 3, 3).clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padded = functional.pad(x, (1, 1, 1, 1), mode="reflect")
        return functional.conv2d(padded, self.kernel, stride=2, groups=x.shape[1])


def network(filtered: bool) -> nn.Sequential:
    """(N, 3, h, w) -> (N, 9): no part, or its kind, sound or with a defect."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 16), (16, 32), (32, 64)):
        layers += [
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
        layers += [nn.MaxPool2d(2, 1), BlurPool(outputs)] if filtered else [nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, len(LABELS)))


def samples(scenes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, 3, h, w) float32 of the middle lane at half size, and what it shows, of LABELS."""
    stations = range(-(-scenes // SCENES_A_STATION))
    made = [station_samples(station, scenes, seed) for station in stations]
    lane = torch.cat([part.small for part in made])[:, :, MIDDLE_ROWS[0] : MIDDLE_ROWS[1]]
    return functional.avg_pool2d(normalised(lane), 2), torch.cat([part.labels for part in made])


def trained(pictures: torch.Tensor, labels: torch.Tensor, filtered: bool, seed: int) -> nn.Module:
    """A network of its own seed, trained on crops at random places."""
    draws = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = network(filtered)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        rows = torch.randint(len(pictures), (BATCH,), generator=draws)
        top, left = (int(torch.randint(room, (), generator=draws)) for room in ROOM)
        loss = functional.cross_entropy(net(_crop(pictures[rows], top, left)), labels[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return net.eval()


def _crop(pictures: torch.Tensor, top: int, left: int) -> torch.Tensor:
    return pictures[:, :, top : top + CUT[0], left : left + CUT[1]]


def measured() -> dict[str, Any]:
    """Of each arm and seed the share of right answers, and of every test frame how often two crops agree."""
    pictures, labels = samples(TRAIN_SCENES, 701)
    test, truth = samples(TEST_SCENES, 702)
    draws = np.random.default_rng(0)
    places = [
        [tuple(int(draws.integers(room)) for room in ROOM) for _ in range(2)]
        for _ in range(OFFSETS)
    ]
    found: dict[str, Any] = {"scene": (np.arange(len(test)) // FRAMES).tolist()}
    for arm, filtered in (("plain", False), ("filtered", True)):
        agree, right = [], []
        for seed in range(SEEDS):
            net = trained(pictures, labels, filtered, seed)
            with torch.inference_mode():
                said = [
                    [net(_crop(test, *place)).argmax(dim=1) for place in pair] for pair in places
                ]
            agree.append(torch.stack([a == b for a, b in said]).float().mean(dim=0))
            right.append(float((said[0][0] == truth).float().mean()))
        found[arm] = {"agree": torch.stack(agree).mean(dim=0).tolist(), "right": right}
    return found


def measures(found: Mapping[str, Any] | None) -> dict[str, Measure]:
    """How much more often the filtered network answers two crops alike, over scenes."""
    if found is None:
        return {}
    scene = np.array(found["scene"])
    plain, filtered = (np.array(found[arm]["agree"]) for arm in ("plain", "filtered"))
    right = {arm: 100 * float(np.mean(found[arm]["right"])) for arm in ("plain", "filtered")}
    on = (
        f"{SEEDS} trainings each, {len(scene)} frames of {len(np.unique(scene))} parts; right without it "
        f"{right['plain']:.0f} % and with it {right['filtered']:.0f} %, alike {100 * plain.mean():.1f} % and "
        f"{100 * filtered.mean():.1f} %"
    )
    return {
        "blurpool line": Measure.of(clustered_mean(filtered - plain, scene, bounds=(-1.0, 1.0)), on)
    }
