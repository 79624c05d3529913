"""ImageNet-C-bar: ten corruptions unlike those of ImageNet-C (Mintun, Kirillov, Xie 2021, arXiv 2102.11273).

Written anew from facebookresearch/augmentation-corruption (MIT). The authors' side of 224 px is the frame's
longer side.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch

from vidrobust.perturb.draws import draw_seed
from vidrobust.perturb.perturbation import Family, Perturbation
from vidrobust.plugins.published.authors import stated
from vidrobust.plugins.published.perturbations.imagenet_c import by_array, cut_array, of_severities

# Noise and waves of ImageNet-C-bar (Mintun et al. 2021, arXiv 2102.11273): the parts that cover a whole frame.
#
# Each function takes a frame (H, W, 3) uint8 or a size, and all its random numbers, and returns levels or a field.

PERLIN_CELLS = 256
OCTAVES = (1, 2, 4, 8, 16)


def places(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Row and column number of each pixel, (H, W) float64 each."""
    y, x = np.indices(size, dtype=np.float64)
    return y, x


def single_frequency(
    frame: np.ndarray, frequency: tuple[float, float], phase: float, level: float
) -> np.ndarray:
    """A grey plane wave; frequency along x and y, radians per px."""
    y, x = places((frame.shape[0], frame.shape[1]))
    return frame + level * np.sin(x * frequency[0] + y * frequency[1] + phase)[..., None]


def rings(
    frame: np.ndarray,
    centre: tuple[float, float],
    waves: float,
    amplitude: float,
    width: float,
    level: float,
) -> np.ndarray:
    """Saw teeth of the distance from a centre (x, y), whose rings are bent by ``waves`` a turn."""
    y, x = places((frame.shape[0], frame.shape[1]))
    dx, dy = x - centre[0], y - centre[1]
    distance = np.sqrt(dx**2 + dy**2) + np.sin(np.arctan2(dx, dy) * waves) * amplitude
    return frame + level * ((distance % width) / width - 0.5)[..., None]


def plasma(
    frame: np.ndarray, time: float, iterations: int, sharpness: float, scale: float, level: float
) -> np.ndarray:
    """Sines of places that sines have moved, ever finer, in three colours."""
    y, x = places((frame.shape[0], frame.shape[1]))
    x, y = x / scale, y / scale
    finer, later, weaker = 1.0, 1.0, 1.0
    for _ in range(iterations):
        a = np.cos(y * finer + time / later) / weaker
        b = np.sin(x * finer + time / later) / weaker
        x, y = x + a - 0.3 * b, y + b + 0.3 * a
        finer, later, weaker = finer * 1.93, later * 1.15, weaker * (2.25 - sharpness)
    waves = np.stack(
        [np.sin(x - time), np.sin((x + y + np.sin(time)) * 0.5), np.sin(y + time)], axis=2
    )
    return (1 - level / 255) * frame + level * waves


def coloured(size: tuple[int, int], exponent: float, rng: np.random.Generator) -> np.ndarray:
    """(H, W) noise of standard deviation 1, blue (``exponent`` 1) or brownish (-2)."""
    h, w = size
    y, x = places(size)
    frequency = np.sqrt((y - h / 2) ** 2 + (x - w / 2) ** 2)
    amplitude = frequency if exponent == 1 else 1 / (frequency**2 + 1)
    half = rng.uniform(0, 2 * np.pi, (h, w // 2))
    middle = np.zeros((h, w % 2))
    if w % 2:
        side = rng.uniform(0, 2 * np.pi, (h // 2, 1))
        middle[: h // 2], middle[h - h // 2 :] = side, side[::-1]
    phases = np.concatenate([half, middle, half[::-1, ::-1]], axis=1)
    spectrum = np.roll(amplitude * np.exp(1j * phases), (h // 2, w // 2), axis=(0, 1))
    noise = np.real(np.fft.ifft2(spectrum))
    return np.asarray(noise / max(float(noise.std()), 1e-12))


class Perlin:
    """Gradient noise of Perlin, 256 cells that repeat."""

    def __init__(self, rng: np.random.Generator) -> None:
        order = rng.permutation(PERLIN_CELLS)
        self.order = np.concatenate([order, order])
        drawn = rng.integers(-PERLIN_CELLS, PERLIN_CELLS, (PERLIN_CELLS, 2)).astype(np.float64)
        drawn[(drawn == 0).all(axis=1)] = 1.0
        self.gradient = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    def noise(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """At places of 0 or more, in cells."""
        column, row = (np.floor(v).astype(np.int64) % PERLIN_CELLS for v in (x, y))
        rx, ry = x % 1, y % 1
        sx, sy = (r**2 * (3 - 2 * r) for r in (rx, ry))
        lines = []
        for down in (0, 1):
            ends = []
            for right in (0, 1):
                cell = self.order[(column + right) % PERLIN_CELLS]
                g = self.gradient[self.order[cell + (row + down) % PERLIN_CELLS]]
                ends.append((rx - right) * g[..., 0] + (ry - down) * g[..., 1])
            lines.append(ends[0] + sx * (ends[1] - ends[0]))
        return np.asarray(1.5 * (lines[0] + sy * (lines[1] - lines[0])))


def clouds(frame: np.ndarray, perlin: Perlin, cell: float, opacity: float) -> np.ndarray:
    """Grey turbulence of five octaves over the frame; cell: px of the coarsest."""
    y, x = places((frame.shape[0], frame.shape[1]))
    turbulence = np.asarray(
        sum(np.abs(perlin.noise(f * y / cell, f * x / cell)) / f for f in OCTAVES)
    )
    grey = np.clip(0.5 * turbulence + 0.5, 0, 1)
    return (1 - opacity) * frame + 255 * opacity * grey[..., None]


# Shapes of ImageNet-C-bar (Mintun et al. 2021, arXiv 2102.11273): sparkles, a checkerboard, light through water.
#
# Each function takes a frame (H, W, 3), all its random numbers, and returns levels.

WHITE = 255.0
GREY = 128.0
WATER_ROUNDS = 5
INDEX = 4.0  # Refraction of the water


def star(
    size: tuple[int, int], centre: tuple[float, float], lengths: np.ndarray, exponent: float
) -> np.ndarray:
    """(H, W) in [0, 1]: how bright a star about a centre (y, x) is; lengths of its rays, px."""
    y, x = places(size)
    dy, dx = y - centre[0], x - centre[1]
    turn = (np.arctan2(dx, dy) + np.pi) / (2 * np.pi) * len(lengths)
    ray = np.floor(turn).astype(np.int64)
    between = turn - ray
    first, second = lengths[ray % len(lengths)], lengths[(ray + 1) % len(lengths)]
    length = first + between * (second - first)
    glow = (length**2 / (dy**2 + dx**2 + 1e-4)) ** exponent
    return np.clip((1 - (between - 0.5) ** 2) * glow, 0, 1)


def whitened(frame: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """The frame towards white, by an amount (H, W) in [0, 1]."""
    return np.asarray(frame + amount[..., None] * (WHITE - frame))


def checkerboard(frame: np.ndarray, angle: float, side: float, drawn: np.ndarray) -> np.ndarray:
    """Every other square of a turned board is grey where ``drawn``, (n, n) bool, says so; side in px."""
    y, x = places((frame.shape[0], frame.shape[1]))
    u = (np.cos(angle) * y + np.sin(angle) * x) / side
    v = (-np.sin(angle) * y + np.cos(angle) * x) / side
    same = np.floor(u % 2) == np.floor(v % 2)
    # the authors' grid is indexed from either end: numbers below 0 count from the last
    covered = same & drawn[np.trunc(u).astype(np.int64), np.trunc(v).astype(np.int64)]
    return np.where(covered[..., None], GREY, frame)


def caustics(size: tuple[int, int], time: float, period: float) -> np.ndarray:
    """(H, W) in [0, 1]: light on the ground of a pool, a known shader; period in px."""
    py, px = ((v / period % 1) * 2 * np.pi - 250 for v in places(size))
    iy, ix = py, px
    light = np.ones(size)
    for n in range(WATER_ROUNDS):
        t = time * (1 - 3.5 / (n + 1))
        iy, ix = (py + np.cos(t - iy) + np.sin(t + ix), px + np.sin(t - ix) + np.cos(t + iy))
        with np.errstate(divide="ignore"):
            away = np.hypot(py / (np.sin(iy + t) / 0.005), px / (np.cos(ix + t) / 0.005))
        light += 1 / away
    return np.clip(np.abs(1.17 - (light / WATER_ROUNDS) ** 1.4) ** 8, 0, 1)


def refracted(frame: np.ndarray, light: np.ndarray, lens: float, lighting: float) -> np.ndarray:
    """The frame through a surface whose height is ``light`` (H, W), softened; lens in px."""
    soft = np.pad(cv2.GaussianBlur(light, (9, 9), 1.0, borderType=cv2.BORDER_REFLECT), 1)
    along_y = soft[2:, 1:-1] - soft[:-2, 1:-1]
    along_x = soft[1:-1, 2:] - soft[1:-1, :-2]
    slope = np.hypot(along_y, along_x)
    cosine = 1 / np.sqrt(slope**2 + 1)
    angle = np.arccos(cosine)
    bent = np.sin(angle - np.arcsin(np.sin(angle) / INDEX))
    # nearly level water does not refract, as in the original
    reach = np.where(cosine >= 1 - 1e-3, 0.0, bent / np.where(slope > 0, slope, 1.0)) * lens
    y, x = places((frame.shape[0], frame.shape[1]))
    seen = _between(frame / 255, y + np.round(reach * along_y, 3), x + np.round(reach * along_x, 3))
    return 255 * np.clip(seen + (lighting * (along_y - along_x))[..., None], 0, 1)


def _between(picture: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Bilinear values at places (H, W), black outside."""
    h, w = picture.shape[:2]
    top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    total = np.zeros(picture.shape)
    for down in (0, 1):
        for right in (0, 1):
            row, column = top + down, left + right
            inside = (row >= 0) & (row < h) & (column >= 0) & (column < w)
            weight = (1 - np.abs(y - row)) * (1 - np.abs(x - column)) * inside
            total += weight[..., None] * picture[np.clip(row, 0, h - 1), np.clip(column, 0, w - 1)]
    return total


SUITE = "imagenet-c-bar"
PARAMETERS = stated(SUITE)
Core = Callable[[np.ndarray, float, torch.Generator], np.ndarray]
STARS = 5
RAY_SPREAD = 0.25


def _drawn(
    frame: np.ndarray, gen: torch.Generator
) -> tuple[np.random.Generator, tuple[int, int], int]:
    h, w = frame.shape[:2]
    return np.random.default_rng(draw_seed(gen)), (h, w), max(h, w)


def blue_noise_sample(frame: np.ndarray, level: float, gen: torch.Generator) -> np.ndarray:
    rng, size, _ = _drawn(frame, gen)
    return cut_array(frame * (coloured(size, 1, rng) > 0.3 * level - 2.5)[..., None])


def brownish_noise(frame: np.ndarray, level: float, gen: torch.Generator) -> np.ndarray:
    rng, size, _ = _drawn(frame, gen)
    noise = np.stack([coloured(size, -2, rng) for _ in range(3)], axis=2)
    return cut_array(frame + 6.4 * level * noise)


def caustic_refraction(frame: np.ndarray, level: float, gen: torch.Generator) -> np.ndarray:
    rng, size, side = _drawn(frame, gen)
    light = caustics(size, rng.uniform(0.5, 2.0), rng.uniform(0.75, 1.25) * side)
    return cut_array(refracted(frame, light, 0.05 * level * side, 0.2 * level))


def checkerboard_cutout(frame: np.ndarray, level: float, gen: torch.Generator) -> np.ndarray:
    rng, _, side = _drawn(frame, gen)
    square = max(rng.uniform(0.1, 0.25) * side, 1.0)
    angle, count = rng.uniform(0, 2 * np.pi), int(4 * side // square)
    return cut_array(
        checkerboard(frame, angle, square, rng.uniform(size=(count, count)) < level / 10)
    )


def cocentric_sine_waves(frame: np.ndarray, level: float, gen: torch.Generator) -> np.ndarray:
    rng, _, side = _drawn(frame, gen)
    x, y = rng.uniform(0, side, 2)
    count, amplitude = rng.uniform(0, 10), rng.uniform(0, side / 10)
    width = max(rng.uniform(0, side / 10), 1e-6)
    return cut_array(rings(frame, (x, y), count, amplitude, width, 12.8 * level))


def inverse_sparkles(frame: np.ndarray, level: float, gen: torch.Generator) -> np.ndarray:
    rng, size, side = _drawn(frame, gen)
    y, x = rng.uniform(0.25, 0.75, 2) * size
    lengths = 0.25 * side * (1 + RAY_SPREAD * rng.standard_normal(rng.integers(50, 200)))
    return cut_array(whitened(frame, 1 - star(size, (y, x), lengths, 0.13 * level)))


def sparkles(frame: np.ndarray, level: float, gen: torch.Generator) -> np.ndarray:
    rng, size, side = _drawn(frame, gen)
    out = frame.astype(np.float64)
    for _ in range(STARS):
        y, x = rng.uniform(0, 1, 2) * size
        rays = rng.standard_normal(rng.integers(50, 200))
        lengths = np.maximum(1.0, 0.01 * level * side * (1 + RAY_SPREAD * rays))
        out = whitened(out, star(size, (y, x), lengths, 1.0))
    return cut_array(out)


def perlin_noise(frame: np.ndarray, level: float, gen: torch.Generator) -> np.ndarray:
    rng, _, side = _drawn(frame, gen)
    return cut_array(clouds(frame, Perlin(rng), side / 7, 0.05 * level))


def plasma_noise(frame: np.ndarray, level: float, gen: torch.Generator) -> np.ndarray:
    rng, _, side = _drawn(frame, gen)
    time, iterations = rng.uniform(0, 6 * np.pi), int(rng.integers(4, 7))
    sharpness, scale = rng.uniform(0.5, 1.0), rng.uniform(0.075, 0.2) * side
    return cut_array(plasma(frame, time, iterations, sharpness, scale, 6.4 * level))


def single_frequency_greyscale(frame: np.ndarray, level: float, gen: torch.Generator) -> np.ndarray:
    rng, _, _ = _drawn(frame, gen)
    larger = rng.uniform(-np.pi, np.pi)
    both = rng.permutation([larger, rng.uniform(-abs(larger), abs(larger))])
    phase = rng.uniform(0, 2 * np.pi)
    return cut_array(single_frequency(frame, (both[0], both[1]), phase, 19.6 * level))


def _entry(core: Core, family: Family, doc: str) -> Perturbation:
    name = core.__name__
    return of_severities(SUITE, name, family, by_array(core, PARAMETERS[name]), doc)


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
