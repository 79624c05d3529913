"""ImageNet-C-bar: ten corruptions unlike those of ImageNet-C (Mintun, Kirillov, Xie 2021, arXiv 2102.11273).

Formulas, sizes and severities as published in facebookresearch/augmentation-corruption (MIT), written anew; random
numbers are of our own generators. The authors' side of 224 px is here the frame's longer side.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from vidrobust.perturb.draws import draw_seed
from vidrobust.perturb.perturbation import Family, Perturbation
from vidrobust.perturb.published import c_bar_shapes as shapes
from vidrobust.perturb.published import c_bar_waves as waves
from vidrobust.perturb.published.imagenet_c import by_array, cut_array
from vidrobust.perturb.published.severities import of_severities

SUITE = "imagenet-c-bar"
LEVELS = {
    "blue_noise_sample": (0.8, 1.6, 2.4, 4.0, 5.6),
    "brownish_noise": (1.0, 2.0, 3.0, 4.0, 5.0),
    "caustic_refraction": (2.35, 3.2, 4.9, 6.6, 9.15),
    "checkerboard_cutout": (2.0, 3.0, 4.0, 5.0, 6.0),
    "cocentric_sine_waves": (3.0, 5.0, 8.0, 9.0, 10.0),
    "inverse_sparkles": (1.0, 2.0, 4.0, 9.0, 10.0),
    "perlin_noise": (4.6, 5.2, 5.8, 7.6, 8.8),
    "plasma_noise": (4.75, 7.0, 8.5, 9.25, 10.0),
    "single_frequency_greyscale": (1.0, 1.5, 2.0, 4.5, 5.0),
    "sparkles": (1.0, 2.0, 3.0, 5.0, 6.0),
}
"""Of 10: the authors' severities 1 to 5 of ImageNet-C-bar; those of CIFAR-10-C-bar are others."""
Core = Callable[[np.ndarray, float, torch.Generator], np.ndarray]
STARS = 5
RAY_SPREAD = 0.25


def _drawn(frame: np.ndarray, own: torch.Generator) -> tuple[np.random.Generator, tuple[int, int], int]:
    """Random numbers of this frame, its size, and its longer side."""
    h, w = frame.shape[:2]
    return np.random.default_rng(draw_seed(own)), (h, w), max(h, w)


def blue_noise_sample(frame: np.ndarray, level: float, own: torch.Generator) -> np.ndarray:
    rng, size, _ = _drawn(frame, own)
    return cut_array(frame * (waves.coloured(size, 1, rng) > 0.3 * level - 2.5)[..., None])


def brownish_noise(frame: np.ndarray, level: float, own: torch.Generator) -> np.ndarray:
    rng, size, _ = _drawn(frame, own)
    noise = np.stack([waves.coloured(size, -2, rng) for _ in range(3)], axis=2)
    return cut_array(frame + 6.4 * level * noise)


def caustic_refraction(frame: np.ndarray, level: float, own: torch.Generator) -> np.ndarray:
    rng, size, side = _drawn(frame, own)
    light = shapes.caustics(size, rng.uniform(0.5, 2.0), rng.uniform(0.75, 1.25) * side)
    return cut_array(shapes.refracted(frame, light, 0.05 * level * side, 0.2 * level))


def checkerboard_cutout(frame: np.ndarray, level: float, own: torch.Generator) -> np.ndarray:
    rng, _, side = _drawn(frame, own)
    square = max(rng.uniform(0.1, 0.25) * side, 1.0)
    angle, count = rng.uniform(0, 2 * np.pi), int(4 * side // square)
    return cut_array(shapes.checkerboard(frame, angle, square, rng.uniform(size=(count, count)) < level / 10))


def cocentric_sine_waves(frame: np.ndarray, level: float, own: torch.Generator) -> np.ndarray:
    rng, _, side = _drawn(frame, own)
    x, y = rng.uniform(0, side, 2)
    count, amplitude = rng.uniform(0, 10), rng.uniform(0, side / 10)
    width = max(rng.uniform(0, side / 10), 1e-6)
    return cut_array(waves.rings(frame, (x, y), count, amplitude, width, 12.8 * level))


def inverse_sparkles(frame: np.ndarray, level: float, own: torch.Generator) -> np.ndarray:
    rng, size, side = _drawn(frame, own)
    y, x = rng.uniform(0.25, 0.75, 2) * size
    lengths = 0.25 * side * (1 + RAY_SPREAD * rng.standard_normal(rng.integers(50, 200)))
    return cut_array(shapes.whitened(frame, 1 - shapes.star(size, (y, x), lengths, 0.13 * level)))


def sparkles(frame: np.ndarray, level: float, own: torch.Generator) -> np.ndarray:
    rng, size, side = _drawn(frame, own)
    out = frame.astype(np.float64)
    for _ in range(STARS):
        y, x = rng.uniform(0, 1, 2) * size
        rays = rng.standard_normal(rng.integers(50, 200))
        lengths = np.maximum(1.0, 0.01 * level * side * (1 + RAY_SPREAD * rays))
        out = shapes.whitened(out, shapes.star(size, (y, x), lengths, 1.0))
    return cut_array(out)


def perlin_noise(frame: np.ndarray, level: float, own: torch.Generator) -> np.ndarray:
    rng, _, side = _drawn(frame, own)
    return cut_array(waves.clouds(frame, waves.Perlin(rng), side / 7, 0.05 * level))


def plasma_noise(frame: np.ndarray, level: float, own: torch.Generator) -> np.ndarray:
    rng, _, side = _drawn(frame, own)
    time, iterations = rng.uniform(0, 6 * np.pi), int(rng.integers(4, 7))
    sharpness, scale = rng.uniform(0.5, 1.0), rng.uniform(0.075, 0.2) * side
    return cut_array(waves.plasma(frame, time, iterations, sharpness, scale, 6.4 * level))


def single_frequency_greyscale(frame: np.ndarray, level: float, own: torch.Generator) -> np.ndarray:
    rng, _, _ = _drawn(frame, own)
    larger = rng.uniform(-np.pi, np.pi)
    both = rng.permutation([larger, rng.uniform(-abs(larger), abs(larger))])
    phase = rng.uniform(0, 2 * np.pi)
    return cut_array(waves.single_frequency(frame, (both[0], both[1]), phase, 19.6 * level))


def _entry(core: Core, family: Family, doc: str) -> Perturbation:
    name = core.__name__
    return of_severities(SUITE, name, family, by_array(core, LEVELS[name]), doc)


PERTURBATIONS: tuple[Perturbation, ...] = (
    _entry(blue_noise_sample, "noise", "Pixels put out where blue noise is low."),
    _entry(brownish_noise, "noise", "Coarse coloured noise."),
    _entry(caustic_refraction, "geometry", "Seen through the surface of a pool."),
    _entry(checkerboard_cutout, "occlusion", "Squares of a turned board cut out in grey."),
    _entry(cocentric_sine_waves, "noise", "Bent rings about a point."),
    _entry(inverse_sparkles, "occlusion", "White all around a star."),
    _entry(perlin_noise, "weather", "Grey clouds of Perlin's noise."),
    _entry(plasma_noise, "noise", "Coloured waves moved by waves."),
    _entry(single_frequency_greyscale, "noise", "One plane wave in grey."),
    _entry(sparkles, "weather", "Five white stars."),
)
