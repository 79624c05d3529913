"""A family of tiny networks for the simulated line, alike but for one idea each: plain, SE, SK, deeper, BlurPool.

Trained on clean frames of the line in some ten seconds each, several seeds each, and kept in a folder. They look
at the middle lane of a frame of 84 x 112 px; what they say of defects is worth little.
"""

from __future__ import annotations

from pathlib import Path

import torch
from claims.filtered import BlurPool
from torch import nn
from torch.nn import functional

from datasets.line_sim.fit import normalised, station_samples
from vidrobust.models.info import state_sha256
from vidrobust.models.modules import from_module
from vidrobust.models.network import NetworkClassifier, as_classifier
from vidrobust.models.preprocess import Preprocess
from vidrobust.plugins.line.model_kind import MEAN, STD
from vidrobust.plugins.line.parts import LABELS

KINDS = {
    "plain": "three halvings by strided convolutions",
    "se": "squeeze and excitation after each (Hu et al. 2018)",
    "sk": "two kernels to choose from in each (Li et al. 2019)",
    "deeper": "two further convolutions after each",
    "blurpool": "BlurPool in place of the second and third stride (Zhang 2019)",
}
SIZE, ROWS = (84, 112), (24, 60)
"""Height and width of the input, and the rows that it looks at."""
WIDTHS = (16, 32, 48)
STATIONS, SCENES, TRAINING_SEED = 12, 288, 311
EPOCHS, BATCH, RATE = 12, 32, 4e-3


class Excited(nn.Module):
    """Each channel times what all of them together say of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze, self.excite = (
            nn.Linear(channels, channels // 4),
            nn.Linear(channels // 4, channels),
        )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        gate = self.excite(functional.relu(self.squeeze(maps.mean(dim=(2, 3))))).sigmoid()
        return maps * gate[:, :, None, None]


class Selected(nn.Module):
    """A kernel of 3 x 3 px and one of 5 x 5, and between them a choice for each channel."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.near, self.far = (
            nn.Conv2d(inputs, outputs, 3, stride, wide, dilation=wide, bias=False)
            for wide in (1, 2)
        )
        self.squeeze, self.choose = nn.Linear(outputs, 8), nn.Linear(8, 2 * outputs)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        both = torch.stack([self.near(maps), self.far(maps)], dim=1)
        said = self.choose(functional.relu(self.squeeze(both.sum(dim=1).mean(dim=(2, 3)))))
        weights = said.unflatten(1, (2, -1)).softmax(dim=1)
        chosen: torch.Tensor = (both * weights[..., None, None]).sum(dim=1)
        return chosen


def stage_of(kind: str, inputs: int, outputs: int, *, first: bool) -> nn.Sequential:
    """One halving."""
    blurred = kind == "blurpool" and not first
    stride = 1 if blurred else 2
    conv = (
        Selected(inputs, outputs, stride)
        if kind == "sk"
        else nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    )
    parts: list[nn.Module] = [conv, nn.BatchNorm2d(outputs), nn.ReLU()]
    for _ in range(2 if kind == "deeper" else 0):
        parts += [
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    parts += [Excited(outputs)] if kind == "se" else []
    parts += [BlurPool(outputs)] if blurred else []
    return nn.Sequential(*parts)


class Tiny(nn.Module):
    """(N, 3, 84, 112) float32 normalised -> (N, classes) logits, in the order of ``kinds.LABELS``."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        widths = (3, *WIDTHS)
        self.body = nn.Sequential(
            *(
                stage_of(kind, a, b, first=not k)
                for k, (a, b) in enumerate(zip(widths, WIDTHS, strict=False))
            )
        )
        self.last = nn.Linear(2 * WIDTHS[-1], len(LABELS))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        maps = self.body(inputs[:, :, ROWS[0] : ROWS[1]])
        logits: torch.Tensor = self.last(
            torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1)
        )
        return logits


def samples() -> tuple[torch.Tensor, torch.Tensor]:
    """(N, 3, 84, 112) uint8 of clean frames, and their classes."""
    made = [station_samples(station, SCENES, TRAINING_SEED) for station in range(STATIONS)]
    small = torch.cat([functional.avg_pool2d(each.small.float(), 2) for each in made])
    return small.round().to(torch.uint8), torch.cat([each.labels for each in made])


def trained(kind: str, seed: int, pixels: torch.Tensor, labels: torch.Tensor) -> Tiny:
    """AdamW with one cycle of the rate; pictures are mirrored by chance."""
    torch.manual_seed(seed)
    network = Tiny(kind).train()
    steps = EPOCHS * -(-len(labels) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.02)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(labels)), BATCH):
            pictures = pixels[rows].flip(-1) if torch.rand(()) < 0.5 else pixels[rows]
            optimiser.zero_grad()
            functional.cross_entropy(network(normalised(pictures)), labels[rows]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            cycle.step()
    return network.eval()


def family(seeds: int, folder: Path) -> dict[str, list[NetworkClassifier]]:
    """Each kind in so many seeds, trained where its weights are not in the folder yet."""
    made: tuple[torch.Tensor, torch.Tensor] | None = None
    found: dict[str, list[NetworkClassifier]] = {kind: [] for kind in KINDS}
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        for kind, members in found.items():
            path = folder / f"{kind}-{seed}.pt"
            if not path.is_file():
                made = made or samples()
                torch.save(trained(kind, seed, *made).state_dict(), path)
            network = Tiny(kind)
            network.load_state_dict(torch.load(path))
            members.append(_model(network.eval(), f"{kind}-{seed}"))
    return found


def _model(network: Tiny, name: str) -> NetworkClassifier:
    preprocess = Preprocess(size=SIZE, crop=1.0, resize="stretch", mean=MEAN, std=STD)
    loaded = from_module(
        network,
        preprocess,
        torch.device("cpu"),
        name=name,
        weights=name,
        weights_sha256=state_sha256(network),
        class_names=LABELS,
    )
    return as_classifier(loaded, f"line_family:{name}")
