"""The belt that moves and the machine about it that stands still."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from vidrobust.plugins.line.parts import FINE, cloud

WIDTH, HEIGHT = 640, 480
MARGIN = 48  # px about the frame that a camera's shake may bring into view
# Rows of the frame between which the belt runs, px.
TOP, BOTTOM = 112, 368


@lru_cache(maxsize=4)
def rubber(length_px: int, seed: tuple[int, ...]) -> np.ndarray:
    """(H, W, 3) uint8, read-only: a belt of this length, as high as the frame with its margins, FINE."""
    rng = np.random.default_rng(seed)
    shape = ((HEIGHT + 2 * MARGIN) * FINE, length_px * FINE)
    grey = np.full(shape, 78.0, np.float32)
    grey += 3.5 * cloud(rng, shape, (shape[0] // 160, max(2, shape[1] // 220)))
    grey += 0.8 * cloud(rng, shape, (shape[0] // 6, max(2, shape[1] // 500)), 1)
    grey += 0.75 * cloud(rng, shape, (shape[0] // 6, max(2, shape[1] // 6)), 2)
    y, x = np.ogrid[: shape[0], : shape[1]]
    grey += (0.4 * np.sin(2 * np.pi * x / 9.3) * np.sin(2 * np.pi * y / 9.3)).astype(np.float32)
    marks = np.zeros(shape, np.float32)
    for _ in range(max(6, length_px // 26)):
        _scuff(marks, rng)
    grey += cv2.GaussianBlur(marks, (0, 0), 1.2)
    tint = np.array([1.0, 0.985, 0.96], np.float32) * rng.uniform(0.97, 1.03)
    return np.asarray(np.clip(grey[..., None] * tint, 0, 255).astype(np.uint8))


def _scuff(marks: np.ndarray, rng: np.random.Generator) -> None:
    h, w = marks.shape
    x, y = int(rng.integers(w)), int(rng.integers(h))
    length, angle = rng.gamma(2.0, 14.0), rng.normal(0, 0.5)
    end = (int(x + length * np.cos(angle)), int(y + length * np.sin(angle)))
    cv2.line(marks, (x, y), end, float(rng.normal(6, 9)), int(rng.integers(1, 4)))
    if rng.random() < 0.15:
        cv2.circle(marks, end, int(rng.integers(2, 7)), float(rng.normal(0, 16)), -1)


@lru_cache(maxsize=4)
def machine(seed: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Plates, rails, screws and stickers."""
    rng = np.random.default_rng(seed)
    h, w = (HEIGHT + 2 * MARGIN) * FINE, (WIDTH + 2 * MARGIN) * FINE
    top, bottom = (TOP + MARGIN) * FINE, (BOTTOM + MARGIN) * FINE
    plate = (
        np.full((h, w), 112.0, np.float32)
        + 4 * cloud(rng, (h, w), (6, 8))
        + 1.7 * cloud(rng, (h, w), (h // 12, w // 12), 1)
    )
    rows = np.arange(h, dtype=np.float32)
    inside = np.minimum(rows - top, bottom - rows)
    paint = np.where(inside[:, None] < -36 * FINE, (0.76, 1.05, 0.90), (0.96, 0.99, 1.03)).astype(
        np.float32
    )
    picture = np.repeat(plate[..., None], 3, axis=2) * paint[:, None]
    for near, sign in ((top, -1), (bottom, 1)):
        _rail(picture, near, sign)
        _furniture(picture, rng, near + sign * 30 * FINE, sign)
    picture = 112 + 0.62 * (picture - 112)
    shadow = 0.42 * np.exp(-np.maximum(rows - top, 0) / 26) + 0.25 * np.exp(
        -np.maximum(bottom - rows, 0) / 10
    )
    hidden = np.where(inside < 0, 1.0, np.where(shadow > 0.01, shadow, 0)).astype(np.float32)
    picture[inside >= 0] = 22.0
    return np.clip(picture, 0, 255).astype(np.uint8), np.repeat(hidden[:, None], w, axis=1)


def _rail(picture: np.ndarray, near: int, sign: int) -> None:
    for offset, depth, level in (
        (0, 4, 168),
        (4, 10, 142),
        (14, 3, 66),
        (17, 8, 150),
        (25, 2, 190),
        (27, 3, 60),
    ):
        first, last = sorted((near + sign * offset * FINE, near + sign * (offset + depth) * FINE))
        picture[first:last] = picture[first:last] * 0.25 + 0.75 * np.array(
            [level * 0.98, level, level * 1.02]
        )


def _furniture(picture: np.ndarray, rng: np.random.Generator, row: int, sign: int) -> None:
    width = picture.shape[1]
    _scale(picture, rng, row - sign * 18 * FINE, sign)
    for x in range(int(rng.integers(24, 60)), width, 62):
        _screw(picture, (x + int(rng.integers(-10, 10)), row + sign * 18), 9, rng)
    begin = int(rng.integers(100, width // 4))
    first, last = sorted((row + sign * 36, row + sign * 50))
    for x in range(begin, begin + 240, 30):
        stripe = np.array([[x, first], [x + 15, first], [x + 30, last], [x + 15, last]], np.int32)
        cv2.fillPoly(picture, [stripe], (168, 136, 50))
    _label(picture, (begin + int(rng.integers(320, 480)), row + sign * 60), rng)
    _sensor(picture, (begin + int(rng.integers(700, 860)), row + sign * 62), rng)


def _scale(picture: np.ndarray, rng: np.random.Generator, row: int, sign: int) -> None:
    ink = np.zeros(picture.shape[:2], np.uint8)
    for number, x in enumerate(range(int(rng.integers(4, 20)), picture.shape[1], 10 * FINE)):
        long = number % 5 == 0
        cv2.line(ink, (x, row - sign * 8), (x, row + sign * (10 if long else 0)), 255, 2)
        if long:
            cv2.putText(
                ink,
                str(number),
                (x + 4, row + 10),
                cv2.FONT_HERSHEY_SIMPLEX,
                0.42,
                255,
                1,
                cv2.LINE_AA,
            )
    picture[ink > 90] = (48, 49, 52)


def _screw(
    picture: np.ndarray, centre: tuple[int, int], radius: int, rng: np.random.Generator
) -> None:
    cv2.circle(picture, (centre[0] + 2, centre[1] + 3), radius + 3, (74, 75, 78), -1)
    cv2.circle(picture, centre, radius, (168, 170, 173), -1)
    turn = rng.uniform(0, np.pi)
    arm = (int(0.8 * radius * np.cos(turn)), int(0.8 * radius * np.sin(turn)))
    start, end = ((centre[0] + s * arm[0], centre[1] + s * arm[1]) for s in (-1, 1))
    cv2.line(picture, start, end, (52, 53, 55), 4)


def _label(picture: np.ndarray, middle: tuple[int, int], rng: np.random.Generator) -> None:
    x, y = middle
    cv2.rectangle(picture, (x, y - 20), (x + 210, y + 20), (196, 194, 184), -1)
    ink = np.zeros(picture.shape[:2], np.uint8)
    text = f"LINE {rng.integers(1, 9)} ST {rng.integers(10, 99)}"
    cv2.putText(ink, text, (x + 8, y + 10), cv2.FONT_HERSHEY_DUPLEX, 0.9, 255, 2, cv2.LINE_AA)
    picture[ink > 90] = (40, 42, 46)


def _sensor(picture: np.ndarray, middle: tuple[int, int], rng: np.random.Generator) -> None:
    x, y = middle
    knots = np.cumsum(rng.normal(0, 26, (6, 2)), axis=0) + [x, y] + np.arange(6)[:, None] * [46, 3]
    cv2.polylines(picture, [knots.astype(np.int32)], False, (30, 30, 34), 9)
    cv2.rectangle(picture, (x - 40, y - 24), (x + 40, y + 24), (38, 39, 42), -1)
    cv2.rectangle(picture, (x - 36, y - 20), (x + 36, y - 14), (84, 86, 90), -1)
    cv2.circle(picture, (x + 24, y + 8), 6, (60, 190, 80), -1)
