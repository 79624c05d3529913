"""A populated circuit board: traces, pads, chips, capacitors, a connector."""

from __future__ import annotations

import cv2
import numpy as np

from vidrobust.line_sim.surface import FINE, Surface, cloud, edge, grid

MASKS = ((0.02, 0.16, 0.06), (0.02, 0.08, 0.24), (0.03, 0.12, 0.05), (0.20, 0.02, 0.03))
"""Solder masks: green, blue, dark green, red; linear."""
GOLD, SILVER, BLACK, WHITE = (0.70, 0.50, 0.20), (0.60, 0.61, 0.63), (0.025, 0.025, 0.028), (0.65, 0.66, 0.64)


def board(rng: np.random.Generator) -> Surface:
    """Size, colour, layout and parts differ."""
    length, width = rng.uniform(165, 215), rng.uniform(92, 116)
    x, y = grid(length, width)
    mask = np.array(MASKS[rng.integers(len(MASKS))])
    albedo = np.ascontiguousarray(np.broadcast_to(mask, (*x.shape, 3)), np.float32)
    layers = {
        "albedo": albedo,
        "height": np.full(x.shape, 4.0, np.float32),
        "metal": np.zeros(x.shape, np.float32),
    }
    _traces(layers["albedo"], rng, mask)
    _place(layers, rng, length, width)
    _holes(layers, length, width)
    layers["albedo"] *= 1 + 0.03 * cloud(rng, x.shape, (10, 14))[..., None]
    distance = np.minimum(length / 2 - np.abs(x), width / 2 - np.abs(y))
    return Surface(
        height=layers["height"] * FINE * (distance > 0),
        albedo=np.clip(layers["albedo"], 0, 1),
        alpha=edge(distance),
        metal=layers["metal"],
        gloss=np.full_like(x, 0.22),
    )


def _traces(albedo: np.ndarray, rng: np.random.Generator, mask: np.ndarray) -> None:
    """Copper under the mask: runs with bends of 45 degrees, and vias."""
    lighter = tuple(float(v) for v in mask * 1.9 + 0.01)
    h, w = albedo.shape[:2]
    for _ in range(int(rng.integers(22, 34))):
        a = np.array([rng.integers(10, w - 10), rng.integers(10, h - 10)])
        run, rise = int(rng.integers(-w // 3, w // 3)), int(rng.integers(-h // 5, h // 5))
        bend = a + np.array([run, 0])
        end = bend + np.array([abs(rise) * (1 if run > 0 else -1), rise])
        points = np.array([a, bend, end], np.int32).reshape(-1, 1, 2)
        cv2.polylines(albedo, [points], False, lighter, int(rng.integers(2, 4)), cv2.LINE_AA)
        for place in (a, end):
            cv2.circle(albedo, tuple(int(v) for v in place), 4, GOLD, -1, cv2.LINE_AA)


def _place(layers: dict[str, np.ndarray], rng: np.random.Generator, length: float, width: float) -> None:
    """Components on a coarse grid of cells, one a cell, so that none overlap."""
    columns, rows = max(3, int(length / 46)), max(2, int(width / 44))
    kinds = [_chip, _chip, _round, _small, _small, _connector]
    for row in range(rows):
        for column in range(columns):
            cx = (column + 0.5) / columns * length * 0.92 + 0.04 * length + rng.uniform(-3, 3)
            cy = (row + 0.5) / rows * width * 0.92 + 0.04 * width + rng.uniform(-2, 2)
            kinds[rng.integers(len(kinds))](layers, rng, (cx + 4) * FINE, (cy + 4) * FINE)


def _box(
    layers: dict[str, np.ndarray],
    where: tuple[float, float, float, float],
    colour: object,
    up: float,
    metal: float,
) -> None:
    corner, far = (tuple(int(v) for v in pair) for pair in (where[:2], where[2:]))
    for name, value in (("albedo", colour), ("height", up), ("metal", metal)):
        cv2.rectangle(layers[name], corner, far, value, -1, cv2.LINE_AA)


def _chip(layers: dict[str, np.ndarray], rng: np.random.Generator, cx: float, cy: float) -> None:
    half_x, half_y, pitch = rng.uniform(11, 17) * FINE, rng.uniform(7, 12) * FINE, 3.2 * FINE
    for offset in np.arange(-half_x + pitch / 2, half_x, pitch):
        _box(
            layers,
            (cx + offset, cy - half_y - 4 * FINE, cx + offset + FINE, cy + half_y + 4 * FINE),
            SILVER,
            5,
            0.8,
        )
    _box(layers, (cx - half_x, cy - half_y, cx + half_x, cy + half_y), BLACK, 9, 0)
    text = f"{rng.choice(list('ALMST'))}{rng.integers(10, 999)}"
    place = (int(cx - half_x * 0.75), int(cy + 4))
    ink = np.zeros(layers["height"].shape, np.uint8)
    cv2.putText(ink, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.36, 255, 1, cv2.LINE_AA)
    layers["albedo"][ink > 100] = 0.3
    cv2.circle(layers["albedo"], (int(cx - half_x + 5), int(cy + half_y - 5)), 2, (0.3, 0.3, 0.3), -1)


def _round(layers: dict[str, np.ndarray], rng: np.random.Generator, cx: float, cy: float) -> None:
    radius, centre = int(rng.uniform(8, 12) * FINE), (int(cx), int(cy))
    for name, value in (("albedo", SILVER), ("height", 14.0), ("metal", 0.7)):
        cv2.circle(layers[name], centre, radius, value, -1, cv2.LINE_AA)
    cv2.ellipse(layers["albedo"], centre, (radius, radius), 90, -60, 60, BLACK, -1, cv2.LINE_AA)


def _small(layers: dict[str, np.ndarray], rng: np.random.Generator, cx: float, cy: float) -> None:
    body = [(0.30, 0.20, 0.10), BLACK, (0.45, 0.32, 0.2)]
    for step in (-11, 0, 11):
        x, length, half = cx + step * FINE, 8 * FINE, 2.5 * FINE
        _box(layers, (x - half, cy - length, x + half, cy + length), SILVER, 5, 0.8)
        _box(layers, (x - half, cy - length * 0.6, x + half, cy + length * 0.6), body[rng.integers(3)], 7, 0)


def _connector(layers: dict[str, np.ndarray], rng: np.random.Generator, cx: float, cy: float) -> None:
    half_x, half_y = rng.uniform(13, 17) * FINE, rng.uniform(6, 8) * FINE
    _box(layers, (cx - half_x, cy - half_y, cx + half_x, cy + half_y), WHITE, 13, 0)
    for offset in np.linspace(-0.75, 0.75, 6):
        x = cx + offset * half_x
        _box(layers, (x - 3, cy - 5, x + 3, cy + 5), GOLD, 10, 0.8)


def _holes(layers: dict[str, np.ndarray], length: float, width: float) -> None:
    for sx in (-1, 1):
        for sy in (-1, 1):
            centre = (
                int((length / 2 + sx * (length / 2 - 7) + 4) * FINE),
                int((width / 2 + sy * (width / 2 - 7) + 4) * FINE),
            )
            cv2.circle(layers["albedo"], centre, 4 * FINE, GOLD, -1, cv2.LINE_AA)
            cv2.circle(layers["albedo"], centre, int(2.5 * FINE), BLACK, -1, cv2.LINE_AA)
