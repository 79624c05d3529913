"""A hex bolt lying on its side."""

from __future__ import annotations

import numpy as np

from vidrobust.line_sim.surface import FINE, Surface, cloud, edge, grid

FINISHES = ((0.56, 0.58, 0.62), (0.66, 0.55, 0.33), (0.42, 0.41, 0.40), (0.72, 0.73, 0.75))
"""Zinc, yellow chromate, bare steel, nickel; linear."""
PITCH_PX = 5.0


def bolt(rng: np.random.Generator) -> Surface:
    """Head, flange, shank and thread; length, diameter, thread and finish differ."""
    length, radius = rng.uniform(150, 215), rng.uniform(13, 18)
    head = radius * rng.uniform(1.7, 1.95)
    x, y = grid(length, 2 * head * 1.1)
    along = x + length / 2
    head_end = head * 0.95
    thread_from = head_end + (length - head_end) * rng.uniform(0.25, 0.6)
    height = np.zeros_like(x)
    inside = np.full_like(x, -1e3)
    for part_height, distance in (
        _shank(along, y, radius, head_end, length, thread_from),
        _head(along, y, head, head_end),
    ):
        height = np.where(distance > -0.5 / FINE, np.maximum(height, part_height), height)
        inside = np.maximum(inside, distance)
    finish = np.array(FINISHES[rng.integers(len(FINISHES))]) * rng.uniform(0.9, 1.1)
    brushed = cloud(rng, x.shape, (x.shape[0] // 2, 6), 2)
    albedo = finish * (1 + 0.05 * brushed + 0.04 * cloud(rng, x.shape, (5, 20)))[..., None]
    return Surface(
        height=(height * FINE).astype(np.float32),
        albedo=np.clip(albedo, 0, 1).astype(np.float32),
        alpha=edge(inside),
        metal=np.full_like(x, 0.92),
        gloss=np.full_like(x, 0.4),
    )


def _shank(
    along: np.ndarray, y: np.ndarray, radius: float, start: float, end: float, thread_from: float
) -> tuple[np.ndarray, np.ndarray]:
    """Height, and distance to the rim (positive inside), px; the tip is chamfered."""
    threaded = np.clip((along - thread_from) / 3, 0, 1)
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * (along + 0.22 * y) / PITCH_PX)
    reach = radius * (1 - 0.13 * threaded * wave) - 0.9 * np.clip(along - (end - 4), 0, 4)
    height = np.sqrt(np.maximum(reach**2 - y**2, 0))
    return height, np.minimum(np.minimum(reach - np.abs(y), along - start), end - along)


def _head(along: np.ndarray, y: np.ndarray, half: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """A hexagonal prism from the side shows a flat face between two that fall off by 60 degrees; then a flange."""
    side = np.abs(y)
    faces = 0.866 * half - 1.732 * np.maximum(side - half / 2, 0)
    bevel = 0.35 * np.maximum(3 - along, 0) * (1 + side / half)
    flange = along > end - 4
    height = np.where(flange, np.sqrt(np.maximum((1.1 * half) ** 2 - y**2, 0)) * 0.85, faces - bevel)
    rim = np.where(flange, 1.1 * half - side, half - side)
    return np.maximum(height, 0.5), np.minimum(np.minimum(rim, along), end - along)
