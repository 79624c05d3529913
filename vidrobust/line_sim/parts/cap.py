"""A screw cap from above: knurled rim, recessed top, an embossed mark."""

from __future__ import annotations

import cv2
import numpy as np

from vidrobust.line_sim.surface import FINE, Surface, cloud, edge, grid

COLOURS = (
    (0.03, 0.10, 0.45),
    (0.50, 0.04, 0.03),
    (0.70, 0.70, 0.68),
    (0.72, 0.48, 0.04),
    (0.04, 0.30, 0.10),
    (0.06, 0.06, 0.07),
)
"""Blue, red, white, yellow, green, black; linear."""
MARKS = ("PP5", "HD2", "A7", "B28", "38", "X")


def cap(rng: np.random.Generator) -> Surface:
    """Size, colour, knurls and mark differ."""
    radius, ribs = rng.uniform(50, 72), int(rng.integers(48, 90))
    x, y = grid(2 * radius + 4, 2 * radius + 4)
    rho, theta = np.hypot(x, y), np.arctan2(y, x)
    rib = np.cos(ribs * theta)
    rim = radius * (1 + 0.012 * rib)
    fall = np.clip((rho - 0.84 * radius) / (0.16 * radius), 0, 1)
    height = 13 * np.sqrt(np.maximum(1 - fall**2, 0)) + 0.8 * rib * (fall > 0) * (1 - fall)
    recess = 0.5 - 0.5 * np.tanh((rho - rng.uniform(0.62, 0.74) * radius) / 1.2)
    height = height - rng.uniform(1.5, 3) * recess
    mark = _mark(MARKS[rng.integers(len(MARKS))], x.shape, radius)
    height = height + 1.6 * cv2.GaussianBlur(mark, (0, 0), 1.2)
    colour = np.array(COLOURS[rng.integers(len(COLOURS))]) * rng.uniform(0.85, 1.15)
    albedo = colour * (1 + 0.04 * cloud(rng, x.shape, (8, 8)))[..., None]
    if rng.random() < 0.5:
        albedo = albedo + mark[..., None] * (rng.choice([0.1, 0.75]) - albedo) * 0.8
    return Surface(
        height=(height * FINE).astype(np.float32),
        albedo=np.clip(albedo, 0.01, 1).astype(np.float32),
        alpha=edge(rim - rho),
        metal=np.zeros_like(x),
        gloss=np.full_like(x, rng.uniform(0.25, 0.5)),
    )


def _mark(text: str, shape: tuple[int, int], radius: float) -> np.ndarray:
    """(H, W) float32, 1 on the letters."""
    scale = radius * FINE / 75
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 5)
    canvas = np.zeros(shape, np.uint8)
    corner = ((shape[1] - width) // 2, (shape[0] + height) // 2)
    cv2.putText(canvas, text, corner, cv2.FONT_HERSHEY_DUPLEX, scale, 255, 5, cv2.LINE_AA)
    return canvas.astype(np.float32) / 255
