"""The training loops, deterministic for samples, seed and number of threads."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torchvision.transforms.v2 import functional as v2

from vidrobust.plugins.line.belt import HEIGHT, WIDTH
from vidrobust.plugins.line.camera import Camera
from vidrobust.plugins.line.dials import courses, station_settings
from vidrobust.plugins.line.model_kind import (
    BELT_ROWS,
    CLASSIFIER_SIZE,
    DETECTOR_SIZE,
    MEAN,
    MIDDLE_ROWS,
    STD,
    STRIDE,
    USUAL_SIDE,
    LineClassifier,
    LineDetector,
)
from vidrobust.plugins.line.parts import BOXES, EMPTY, KINDS, LABELS
from vidrobust.plugins.line.scene import Scene, draw_part, make_scene

# Frames of one scene: the part somewhere else in each.
FRAMES = 4
# How far from the middle of the view a part may lie, either way, and be whole or nearly so.
REACH_PX = 170.0
SCENES_A_STATION = 24
# Boxes whose shorter side is less are no target.
SMALLEST_PX = 9.0


@dataclass(frozen=True)
class PartSamples:
    """Pictures (N, 3, h, w) uint8 at both sizes, labels (N,), and N arrays of boxes (M, 5) with their class."""

    small: torch.Tensor
    large: torch.Tensor
    labels: torch.Tensor
    boxes: list[np.ndarray]


def make_samples(
    scenes: int, seed: int, workers: int = 2, report: Callable[[int, int], None] | None = None
) -> PartSamples:
    """``scenes`` scenes of FRAMES frames."""
    stations = -(-scenes // SCENES_A_STATION)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_alone) as pool:
        made = []
        for part in pool.map(partial(station_samples, scenes=scenes, seed=seed), range(stations)):
            made.append(part)
            if report is not None:
                report(len(made), stations)
    return PartSamples(
        small=torch.cat([part.small for part in made]),
        large=torch.cat([part.large for part in made]),
        labels=torch.cat([part.labels for part in made]),
        boxes=[boxes for part in made for boxes in part.boxes],
    )


def _alone() -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    torch.multiprocessing.set_sharing_strategy("file_system")  # type: ignore[no-untyped-call]


def station_samples(station: int, scenes: int, seed: int) -> PartSamples:
    """Those of the ``scenes`` scenes that stand at one station, SCENES_A_STATION of them at most."""
    small, large, labels, boxes = [], [], [], []
    for number in range(station * SCENES_A_STATION, min(scenes, (station + 1) * SCENES_A_STATION)):
        for frame, label, found in _scene(number, station, seed):
            pixels = torch.from_numpy(frame).permute(2, 0, 1)[None]
            small.append(v2.resize(pixels, list(CLASSIFIER_SIZE), antialias=True))
            large.append(v2.resize(pixels, list(DETECTOR_SIZE), antialias=True))
            labels.append(label)
            boxes.append(found)
    return PartSamples(torch.cat(small), torch.cat(large), torch.tensor(labels), boxes)


def _scene(number: int, station: int, seed: int) -> list[tuple[np.ndarray, int, np.ndarray]]:
    rng = np.random.default_rng([seed, 21, number])
    defective, kind = number % 2 == 1, KINDS[number // 2 % len(KINDS)]
    part = None if number % 15 == 14 else draw_part("part", kind, defective, rng)
    settings = station_settings([], 1)[0] | {
        "traffic": float(rng.choice([0.0, 0.0, rng.uniform(0.3, 2.0)]))
    }
    travel = rng.uniform(-REACH_PX, REACH_PX, FRAMES)
    travel[FRAMES // 2] = 0.0  # where the part is in the middle
    own, belt = [seed, 22, number], [seed, 23, station]
    course = courses(settings, FRAMES, own)
    scene = make_scene(part, travel, settings, belt, own)
    camera = Camera(scene, course, travel, [*belt, 1], own)
    label = LABELS.index(part.label if part else EMPTY)
    return [(camera.frame(row), label, _boxes(scene, float(travel[row]))) for row in range(FRAMES)]


def _boxes(scene: Scene, travel: float) -> np.ndarray:
    """(M, 5) of one frame, from a quarter in view on."""
    ratio_x, ratio_y = DETECTOR_SIZE[1] / WIDTH, DETECTOR_SIZE[0] / HEIGHT
    found = []
    for placed in scene.placed:
        x1, y1, x2, y2 = placed.box
        left, right = np.clip([x1 + travel, x2 + travel], 0, WIDTH)
        inside = (right - left) / max(x2 - x1, 1e-6)
        if inside >= 0.25 and min(right - left, y2 - y1) >= SMALLEST_PX:
            box = (left * ratio_x, y1 * ratio_y, right * ratio_x, y2 * ratio_y)
            found.append((*box, BOXES.index(placed.what)))
    return np.array(found, np.float32).reshape(-1, 5)


# What the networks are to answer, as maps; and how far an answer is from it.

# A box's heat falls off over its sides by this, as a standard deviation.
NARROW = 9.0
# Heat from which on a place must also say where the box is.
NEAR = 0.55
DEFECT = len(BOXES) - 1
# y of the detector's input, px, outside of which a box's middle is on a side lane.
SIDE_LANES = (62.0, 130.0)


def target_maps(boxes: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes of N frames -> heat (N, classes, h, w) in 0..1, box (N, 8, h, w) with NaN where nothing is asked."""
    h, w = (BELT_ROWS[1] - BELT_ROWS[0]) // STRIDE, DETECTOR_SIZE[1] // STRIDE
    heat = np.zeros((len(boxes), len(BOXES), h, w), np.float32)
    box = np.full((len(boxes), 8, h, w), np.nan, np.float32)
    y, x = np.mgrid[:h, :w].astype(np.float32)
    for number, found in enumerate(boxes):
        claimed = np.zeros((2, h, w), np.float32)
        for x1, y1, x2, y2, label in found:
            cx, cy, sides = (
                (x1 + x2) / 2,
                (y1 + y2) / 2 - BELT_ROWS[0],
                np.array([x2 - x1, y2 - y1]),
            )
            near = _heat(cx / STRIDE, cy / STRIDE, sides / STRIDE, x, y)
            heat[number, int(label)] = np.maximum(heat[number, int(label)], near)
            group = int(int(label) == DEFECT)
            mine = (near >= NEAR) & (near > claimed[group])
            claimed[group][mine] = near[mine]
            log_sides = np.log(sides / USUAL_SIDE)
            places = (
                cx / STRIDE - 0.5 - x,
                cy / STRIDE - 0.5 - y,
                *np.broadcast_to(log_sides[:, None, None], (2, h, w)),
            )
            for channel, value in enumerate(places):
                box[number, 4 * group + channel][mine] = value[mine]
    return torch.from_numpy(heat), torch.from_numpy(box)


def defect_maps(boxes: Sequence[np.ndarray]) -> torch.Tensor:
    """(N, 1, h, w) heat of the defects of the parts in the middle lane, where the classifier looks for them."""
    h, w = (MIDDLE_ROWS[1] - MIDDLE_ROWS[0]) // STRIDE, CLASSIFIER_SIZE[1] // STRIDE
    heat = np.zeros((len(boxes), 1, h, w), np.float32)
    ratio = CLASSIFIER_SIZE[0] / DETECTOR_SIZE[0]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    for number, found in enumerate(boxes):
        for x1, y1, x2, y2, label in found:
            if label == DEFECT and SIDE_LANES[0] < (y1 + y2) / 2 < SIDE_LANES[1]:
                cx, cy = ratio * (x1 + x2) / 2, ratio * (y1 + y2) / 2 - MIDDLE_ROWS[0]
                sides = ratio * np.array([x2 - x1, y2 - y1]) / STRIDE
                near = _heat(cx / STRIDE, cy / STRIDE, sides, x, y)
                heat[number, 0] = np.maximum(heat[number, 0], near)
    return torch.from_numpy(heat)


def _heat(cx: float, cy: float, sides: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(h, w) float32: 1 at the place of a box's middle, falling off with its sides."""
    column, row = min(max(int(cx), 0), x.shape[1] - 1), min(max(int(cy), 0), x.shape[0] - 1)
    spread_x, spread_y = np.maximum(sides / NARROW, 0.55)
    return np.exp(-(((x - column) / spread_x) ** 2 + ((y - row) / spread_y) ** 2) / 2).astype(
        np.float32
    )


def heat_loss(heat: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Penalty-reduced focal loss of a map (Law & Deng 2018), per object."""
    middle = target > 0.999
    p = heat.sigmoid()
    hit = (1 - p) ** 2 * functional.logsigmoid(heat)
    miss = (1 - target) ** 4 * p**2 * functional.logsigmoid(-heat)
    return -torch.where(middle, hit, miss).sum() / middle.sum().clamp(min=1)


def detector_loss(
    heat: torch.Tensor, box: torch.Tensor, heat_target: torch.Tensor, box_target: torch.Tensor
) -> torch.Tensor:
    """That of the heat of parts and of defects, each per object, and L1 of the boxes where one is asked for."""
    asked = ~box_target.isnan()
    distance = (box - box_target.nan_to_num()).abs()[asked].sum() / asked.sum().clamp(min=1) * 4
    parts, defects = (
        heat_loss(heat[:, kind], heat_target[:, kind])
        for kind in (slice(0, DEFECT), slice(DEFECT, None))
    )
    return parts + defects + distance


def mirrored(heat: torch.Tensor, box: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The detector's targets for pictures mirrored left to right."""
    turn = torch.ones(8)
    turn[[0, 4]] = -1
    return heat.flip(-1), box.flip(-1) * turn[:, None, None]


BATCH = 32
RATE = 4e-3
DECAY = 0.02
MOST_STEPS = 2
EPOCHS = {"classifier": 9, "detector": 8}


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """(N, 3, h, w) uint8 -> float32, as the loaded models see it."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (pixels.float() - mean) / std


def train_classifier(samples: PartSamples, seed: int) -> LineClassifier:
    """Fit the class by cross entropy, and the heat of the defects."""
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
            return functional.cross_entropy(logits, samples.labels[rows]) + heat_loss(
                places, target
            )

        _descend(network, loss, len(samples.labels), EPOCHS["classifier"], seed, "classifier")
    return network.eval()


def train_detector(samples: PartSamples, seed: int) -> LineDetector:
    """Fit heat and boxes; half of the batches are mirrored."""
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
