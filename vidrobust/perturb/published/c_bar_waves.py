"""Noise and waves of ImageNet-C-bar (Mintun et al. 2021, arXiv 2102.11273): the parts that cover a whole frame.

Each function takes a frame (H, W, 3) uint8 or a size, and all its random numbers, and returns levels or a field.
"""

from __future__ import annotations

import numpy as np

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
    frame: np.ndarray, centre: tuple[float, float], waves: float, amplitude: float, width: float, level: float
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
    waves = np.stack([np.sin(x - time), np.sin((x + y + np.sin(time)) * 0.5), np.sin(y + time)], axis=2)
    return (1 - level / 255) * frame + level * waves


def coloured(size: tuple[int, int], exponent: float, rng: np.random.Generator) -> np.ndarray:
    """(H, W) noise of standard deviation 1: amplitude is frequency (``exponent`` 1) or 1 / (its square + 1) (-2).

    Phases are mirrored as the authors mirror them, about a point half a step from the zero frequency.
    """
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
    turbulence = np.asarray(sum(np.abs(perlin.noise(f * y / cell, f * x / cell)) / f for f in OCTAVES))
    grey = np.clip(0.5 * turbulence + 0.5, 0, 1)
    return (1 - opacity) * frame + 255 * opacity * grey[..., None]
