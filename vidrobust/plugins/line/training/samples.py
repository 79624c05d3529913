"""Frames to train with: one part in the middle lane, all dials at rest, all belts and machines new."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
from torchvision.transforms.v2 import functional as v2

from vidrobust.plugins.line.belt import HEIGHT, WIDTH
from vidrobust.plugins.line.camera import Camera
from vidrobust.plugins.line.dials import courses, station_settings
from vidrobust.plugins.line.networks import CLASSIFIER_SIZE, DETECTOR_SIZE
from vidrobust.plugins.line.parts.kinds import BOXES, EMPTY, KINDS, LABELS
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
    """small, large  (N, 3, h, w) uint8 at CLASSIFIER_SIZE and DETECTOR_SIZE

    labels  (N,) int64 of LABELS
    boxes   N arrays (M, 5) float32: x1 y1 x2 y2 px of DETECTOR_SIZE, and the class of BOXES
    """

    small: torch.Tensor
    large: torch.Tensor
    labels: torch.Tensor
    boxes: list[np.ndarray]


def make_samples(
    scenes: int, seed: int, workers: int = 2, report: Callable[[int, int], None] | None = None
) -> PartSamples:
    """``scenes`` scenes of FRAMES frames; the same seed gives the same, whatever the workers.

    report  is called with how many stations are rendered, and of how many, after each
    """
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
    """Frames, classes and boxes of one scene; one in fifteen has no part of its own."""
    rng = np.random.default_rng([seed, 21, number])
    defective, kind = number % 2 == 1, KINDS[number // 2 % len(KINDS)]
    part = None if number % 15 == 14 else draw_part("part", kind, defective, rng)
    settings = station_settings([], 1)[0] | {"traffic": float(rng.choice([0.0, 0.0, rng.uniform(0.3, 2.0)]))}
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
