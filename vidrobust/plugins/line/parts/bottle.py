"""A water bottle lying on the belt: clear plastic, a label, a screw cap."""

from __future__ import annotations

import cv2
import numpy as np

from vidrobust.plugins.line.surface import FINE, Surface, cloud, edge, grid

TINTS = ((0.30, 0.46, 0.56), (0.33, 0.50, 0.40), (0.50, 0.52, 0.53))
CAPS = ((0.02, 0.05, 0.50), (0.03, 0.30, 0.12), (0.62, 0.62, 0.62), (0.55, 0.05, 0.04))
LABELS = ((0.75, 0.76, 0.78), (0.08, 0.22, 0.55), (0.60, 0.10, 0.08), (0.12, 0.38, 0.18))
NAMES = ("AQUA", "VITAL", "SPRING", "FONTE", "CLEAR")


def bottle(rng: np.random.Generator) -> Surface:
    """Length, girth, tint, label and cap differ."""
    length, radius = rng.uniform(215, 265), rng.uniform(33, 41)
    x, y = grid(length, 2 * radius)
    along = (x + length / 2) / length
    reach = _profile(along, length, radius, rng.uniform(0.5, 0.58))
    across = np.clip(np.abs(y) / np.maximum(reach, 1e-3), 0, 1)
    height = np.sqrt(np.maximum(reach**2 - y**2, 0)) + 0.5 * np.sin(along * length / 2.4) * (along < 0.12)
    clear = TINTS[rng.integers(len(TINTS))] * (0.75 + 0.5 * across[..., None] ** 3)
    clear = clear * (1 + 0.08 * cloud(rng, x.shape, (4, 12)))[..., None]
    alpha = 0.55 + 0.4 * across**4
    left = rng.uniform(0.16, 0.22)
    label, cap = (along > left) & (along < left + 0.26), along > 0.92
    paper = _paper(rng, x.shape, left)
    albedo = np.where(label[..., None], paper, clear)
    albedo = np.where(cap[..., None], CAPS[rng.integers(len(CAPS))], albedo)
    height = height + np.where(cap, 0.5 * np.cos(y * 2.2), 0)
    solid = label | cap
    return Surface(
        height=(height * FINE).astype(np.float32),
        albedo=np.clip(albedo, 0, 1).astype(np.float32),
        alpha=edge(reach - np.abs(y)) * np.where(solid, 1, alpha).astype(np.float32),
        metal=np.zeros_like(x),
        gloss=np.where(solid, 0.25, 0.9).astype(np.float32),
    )


def _profile(along: np.ndarray, length: float, radius: float, shoulder: float) -> np.ndarray:
    """Half width px at each place along the bottle: foot, body, shoulder, neck, collar, cap."""
    places = [
        0,
        0.012,
        0.03,
        shoulder,
        shoulder + 0.12,
        shoulder + 0.22,
        0.88,
        0.885,
        0.9,
        0.905,
        0.92,
        0.921,
        0.998,
        1,
    ]
    widths = [0.8, 0.93, 1, 1, 0.84, 0.46, 0.36, 0.48, 0.48, 0.36, 0.36, 0.44, 0.44, 0.4]
    inside = np.minimum(along, 1 - along) * length
    return np.where(inside >= 0, radius * np.interp(along, places, widths), inside).astype(np.float32)


def _paper(rng: np.random.Generator, shape: tuple[int, int], left: float) -> np.ndarray:
    """(H, W, 3) the printed label: a ground, two stripes, a name across."""
    ground = np.array(LABELS[rng.integers(len(LABELS))])
    ink = np.array([0.85, 0.85, 0.82]) if ground.mean() < 0.5 else np.array(LABELS[1])
    print_ = np.zeros((shape[1], shape[0]), np.uint8)  # drawn upright, then turned clockwise
    name = NAMES[rng.integers(len(NAMES))]
    scale = shape[0] / 150 * 0.85
    (width, height), _ = cv2.getTextSize(name, cv2.FONT_HERSHEY_TRIPLEX, scale, 3)
    middle = int(shape[1] * (1 - left - 0.13))
    place = ((shape[0] - width) // 2, middle + height // 2)
    cv2.putText(print_, name, place, cv2.FONT_HERSHEY_TRIPLEX, scale, 255, 3, cv2.LINE_AA)
    for place_ in (left + 0.03, left + 0.23):
        row = int(shape[1] * (1 - place_))
        cv2.line(print_, (0, row), (shape[0], row), 200, 5)
    inked = (cv2.rotate(print_, cv2.ROTATE_90_CLOCKWISE).astype(np.float32) / 255)[..., None]
    return np.asarray(ground * (1 - inked) + ink * inked)
