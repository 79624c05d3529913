"""Lens, shutter, lamps, glass and sensor, one frame at a time, on encoded levels 0 to 255."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import cv2
import numpy as np

from vidrobust.plugins.line.belt import BOTTOM, HEIGHT, MARGIN, TOP, WIDTH, machine
from vidrobust.plugins.line.parts import FINE
from vidrobust.plugins.line.scene import Scene

LENS_PX = 0.85  # Sigma of the sharpest picture's own blur, px
SHUTTER = 0.3  # Share of the frame's time in which the shutter is open
# Standard deviation of the noise that is always there, levels of 255.
SENSOR_LEVELS = 0.25
SPECKS = 16
_BANK = 256  # px by which a frame's noise may be shifted against the next one's, in x and in y


class Camera:
    """Frames of one scene, under the courses of its dials; ``travel_px`` (frames,) is how far the belt has run."""

    def __init__(
        self,
        scene: Scene,
        courses: Mapping[str, np.ndarray],
        travel_px: np.ndarray,
        machine_seed: Sequence[int],
        seed: Sequence[int],
    ) -> None:
        self._courses, self._travel_px, self._left_px = courses, travel_px, scene.left_px
        self._belt = _through_the_lens(
            _smeared(scene.picture, courses["speed_px"][0] * SHUTTER * FINE)
        )
        self._machine, self._hidden = _machine_seen(tuple(machine_seed))
        self._still = self._machine_at(0.0, 0.0)
        reach = int(np.ceil(np.abs(courses["shake_y_px"]).max())) + 3
        self._rows = slice(max(0, TOP - reach), min(HEIGHT, BOTTOM + reach))
        rng = np.random.default_rng([*seed, 3])
        self._field = np.repeat(
            (_lamp_field() * _dust(courses["dust"][0], rng))[..., None], 3, axis=2
        )
        self._starts = rng.integers(0, _BANK, (len(travel_px), 2))

    def frame(self, number: int) -> np.ndarray:
        """(HEIGHT, WIDTH, 3) uint8 RGB."""
        light = self.light(number)
        y, x = self._starts[number]
        grain = _grain()[y : y + HEIGHT, x : x + WIDTH]
        sigma = float(np.hypot(SENSOR_LEVELS, self._courses["noise"][number]))
        return np.asarray(cv2.addWeighted(light, 1.0, grain, sigma, 0.0, dtype=cv2.CV_8U))

    def condition(self, number: int) -> dict[str, float]:
        """Every column of the courses in a frame, and ``travel_px``, how far the belt has run."""
        course = {name: float(values[number]) for name, values in self._courses.items()}
        return {**course, "travel_px": float(self._travel_px[number])}

    def light(self, number: int, **other: float) -> np.ndarray:
        """(HEIGHT, WIDTH, 3) float32 levels of a frame before noise and rounding."""
        c = {**self.condition(number), **other}
        seen = self._composed(c["shake_x_px"], c["shake_y_px"], c["travel_px"])
        seen = _smeared_along(seen, *(SHUTTER * v for v in self._shake_velocity(number)))
        if c["focus_px"] > 0.15:
            seen = cv2.GaussianBlur(seen, (0, 0), c["focus_px"])
        light = cv2.multiply(seen, self._field, scale=max(c["gain"], 0.0), dtype=cv2.CV_32F)
        if c["shadow"] or c["lamp2"]:
            light = light * uneven(c["shadow"], (c["shadow_x"], c["shadow_y"]), c["lamp2"])
        return _hue_turned(light, c["hue_deg"]) if c["hue_deg"] else light

    def _composed(self, shake_x: float, shake_y: float, travel: float) -> np.ndarray:
        rows = self._rows
        first = FINE * (-shake_x - travel - self._left_px) + (FINE - 1) / 2
        start = max(int(first) - FINE, 0)
        strip = self._belt[:, start : start + (WIDTH + 4) * FINE]
        down = FINE * (rows.start - shake_y + MARGIN) + (FINE - 1) / 2
        belt = _sampled(strip, first - start, down, rows.stop - rows.start)
        picture, hidden = (
            self._machine_at(shake_x, shake_y)
            if shake_x or shake_y
            else (self._still[0].copy(), self._still[1])
        )
        over = hidden[rows]
        picture[rows] = cv2.blendLinear(picture[rows], belt, over, 1 - over)
        return picture

    def _machine_at(self, shake_x: float, shake_y: float) -> tuple[np.ndarray, np.ndarray]:
        first, down = (FINE * (MARGIN - shake) + (FINE - 1) / 2 for shake in (shake_x, shake_y))
        return _sampled(self._machine, first, down, HEIGHT), _sampled(
            self._hidden, first, down, HEIGHT
        )

    def _shake_velocity(self, number: int) -> tuple[float, float]:
        last = len(self._travel_px) - 1
        a, b = max(number - 1, 0), min(number + 1, last)
        x, y = (
            float(self._courses[name][b] - self._courses[name][a]) / max(b - a, 1)
            for name in ("shake_x_px", "shake_y_px")
        )
        return x, y


@lru_cache(maxsize=4)
def _machine_seen(seed: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    picture, hidden = machine(seed)
    return _through_the_lens(picture), _through_the_lens(hidden)


@lru_cache(maxsize=1)
def _grain() -> np.ndarray:
    field = np.random.default_rng(640480).standard_normal(
        (HEIGHT + _BANK, WIDTH + _BANK), np.float32
    )
    return np.repeat(field[..., None], 3, axis=2)


def _sampled(fine: np.ndarray, first: float, down: float, height: int) -> np.ndarray:
    matrix = np.array([[FINE, 0, first], [0, FINE, down]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(fine, matrix, (WIDTH, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    )


def _through_the_lens(fine: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(fine, (0, 0), LENS_PX * FINE))


def _smeared(picture: np.ndarray, length: float) -> np.ndarray:
    """Averaged over ``length`` columns, parts of columns too."""
    half = abs(length) / 2
    reach = int(np.ceil(half - 0.5))
    if reach < 1:
        return picture
    offsets = np.abs(np.arange(-reach, reach + 1))
    kernel = np.clip(half + 0.5 - offsets, 0, 1)
    return np.asarray(cv2.filter2D(picture, -1, (kernel / kernel.sum())[None].astype(np.float32)))


def _smeared_along(picture: np.ndarray, dx: float, dy: float) -> np.ndarray:
    if np.hypot(dx, dy) < 0.2:
        return picture
    reach = int(np.ceil(max(abs(dx), abs(dy)) / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for step in np.linspace(-0.5, 0.5, 9):
        x, y = reach + step * dx, reach + step * dy
        column, row = int(x), int(y)
        fx, fy = x - column, y - row
        weights = np.outer([1 - fy, fy], [1 - fx, fx])
        kernel[row : row + 2, column : column + 2] += weights[
            : kernel.shape[0] - row, : kernel.shape[1] - column
        ]
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()))


def _lamp_field() -> np.ndarray:
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
    return np.asarray((1.06 - 0.05 * x - 0.04 * y) * (1 - 0.07 * (x**2 + y**2)))


# Standard deviation of the soft shadow, shares of the width and of the height
SHADOW_SIDES = (0.14, 0.18)


def uneven(depth: float, middle: tuple[float, float], lamp: float) -> np.ndarray:
    """(HEIGHT, WIDTH, 1) float32 light under a soft shadow and the second of two lamps."""
    y, x = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j].astype(np.float32)
    away = ((x - middle[0]) / SHADOW_SIDES[0]) ** 2 + ((y - middle[1]) / SHADOW_SIDES[1]) ** 2
    left, right = (np.exp(-(((x - place) / 0.35) ** 2)) for place in (0.2, 0.8))
    gain = (1 - depth * np.exp(-away / 2)) * (1 + lamp * right / (left + right))
    return np.asarray(gain[..., None], np.float32)


def _dust(opacity: float, rng: np.random.Generator) -> np.ndarray:
    """(HEIGHT, WIDTH) float32 share of light let through."""
    clear = np.ones((HEIGHT, WIDTH), np.float32)
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    for _ in range(SPECKS):
        cx, cy = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
        radius, flat = 6 + 20 * rng.random() ** 2, rng.uniform(0.6, 1)
        if not opacity:  # the draws are made all the same, and the noise after them stays as it was
            continue
        distance = np.hypot(x - cx, (y - cy) / flat) / radius
        clear *= (1 - opacity / (1 + np.exp(np.clip((distance - 1) * 6, -50, 50)))).astype(
            np.float32
        )
    return clear


def _hue_turned(light: np.ndarray, degrees: float) -> np.ndarray:
    hsv = cv2.cvtColor(light * np.float32(1 / 255), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + degrees) % 360
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * np.float32(255))
