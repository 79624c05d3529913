"""The dials: what varies in the footage, in which unit, and over the frames of a clip.

Each has its own generator, so that turning one leaves the others as they were.
"""

from __future__ import annotations

import re
import tomllib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from scipy import signal

from vidrobust.errors import SettingsError

FRAME_RATE = 30
LIGHT_HZ = (0.7, 1.6)  # Range of the light dial's frequency: a lamp that sways, people that pass
# Range of the frequencies, along x and along y, at which the shadow goes to and fro
SHADOW_HZ = (0.4, 1.2)
# Range of the frequency at which one of two lamps sways.
LAMP_HZ = (1.5, 4.0)
MAINS_HZ = 50.0
BELT_SPEED_PX = 2.0  # What the belt runs from frame to frame where the dial speed is not turned
HOLD_FRAMES = 4  # Frames for which automatic exposure keeps one setting
_KEPT = {"shake": 0.55, "hue": 0.5}  # Correlation of neighbouring frames of what wanders at random

# (setting, number of frames, generator) -> columns of the truth, each (frames,) float64.
Course = Callable[[float, int, np.random.Generator], dict[str, np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class Dial:
    """What varies: its statistic in ``unit``, causes of the account, quantities, sizes, range and columns of
    the truth.
    """

    name: str
    unit: str
    statistic: str
    causes: tuple[str, ...]
    quantities: tuple[str, ...]
    sizes: tuple[float, float, float]
    high: float
    course: Course
    low: float = 0.0

    @property
    def reported(self) -> str:
        """Causes and quantities in words."""
        if not self.causes:
            return "none of its own: it stands still while parts pass under it"
        return ", ".join(self.causes) + f" ({', '.join(self.quantities)})" * bool(self.quantities)


def _constant(column: str) -> Course:
    return lambda setting, count, _: {column: np.full(count, float(setting))}


def _light(setting: float, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    time_s, hertz = np.arange(count) / FRAME_RATE, rng.uniform(*LIGHT_HZ)
    return {"light": setting * np.sin(2 * np.pi * hertz * time_s + rng.uniform(0, 2 * np.pi))}


def _flicker(setting: float, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    phase = 2 * np.pi * 2 * MAINS_HZ * np.arange(count) / FRAME_RATE + rng.uniform(0, 2 * np.pi)
    return {"flicker": setting * np.sin(phase)}


def _exposure(setting: float, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    steps = _scaled(
        rng.standard_normal(-(-count // HOLD_FRAMES)).repeat(HOLD_FRAMES)[:count], setting
    )
    return {"exposure": np.maximum(steps, -0.9)}


def _shake(setting: float, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        axis: _wander(setting, count, rng, _KEPT["shake"]) for axis in ("shake_x_px", "shake_y_px")
    }


def _hue(setting: float, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"hue_deg": _wander(setting, count, rng, _KEPT["hue"])}


def _focus(setting: float, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    phase = 2 * np.pi * rng.uniform(0.4, 0.9) * np.arange(count) / FRAME_RATE + rng.uniform(
        0, 2 * np.pi
    )
    return {"focus_px": setting * (0.5 - 0.5 * np.cos(phase))}


def _shadow(setting: float, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    time_s = np.arange(count) / FRAME_RATE
    x, y = (
        0.5
        + reach * np.sin(2 * np.pi * rng.uniform(*SHADOW_HZ) * time_s + rng.uniform(0, 2 * np.pi))
        for reach in (0.4, 0.3)
    )
    return {"shadow": np.full(count, float(setting)), "shadow_x": x, "shadow_y": y}


def _lamp2(setting: float, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        "lamp2": setting
        * np.sin(
            2 * np.pi * np.arange(count) / FRAME_RATE * rng.uniform(*LAMP_HZ)
            + rng.uniform(0, 2 * np.pi)
        )
    }


def _wander(setting: float, count: int, rng: np.random.Generator, kept: float) -> np.ndarray:
    """A walk that returns, correlated from frame to frame."""
    return _scaled(signal.lfilter([1.0], [1.0, -kept], rng.standard_normal(count)), setting)


def _scaled(course: np.ndarray, setting: float) -> np.ndarray:
    spread = float(course.std())
    return (course - course.mean()) * (setting / spread if spread > 0 else 0.0) + 0.0  # never -0.0


COURSES: dict[str, Course] = {
    "light": _light,
    "drift": lambda setting, count, rng: {
        "drift": setting * rng.choice([-1.0, 1.0]) * (np.arange(count) / max(count - 1, 1) - 0.5)
    },
    "flicker": _flicker,
    "exposure": _exposure,
    "shadow": _shadow,
    "lamp2": _lamp2,
    "hue": _hue,
    "shake": _shake,
    "focus": _focus,
    "noise": _constant("noise"),
    "compression": _constant("compression"),
    "dust": _constant("dust"),
    "speed": _constant("speed_px"),
    "traffic": _constant("traffic"),
}


def _dials() -> Iterator[Dial]:
    text = (resources.files("vidrobust.plugins.line") / "dials.toml").read_text(encoding="utf-8")
    for entry in tomllib.loads(text)["dial"]:
        fields: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()
        }
        yield Dial(course=COURSES[entry["name"]], **fields)


DIALS = tuple(_dials())
BY_NAME = {dial.name: dial for dial in DIALS}


def courses(
    settings: Mapping[str, float], count: int, seed: Sequence[int]
) -> dict[str, np.ndarray]:
    """Every dial's columns of the truth over ``count`` frames."""
    columns: dict[str, np.ndarray] = {}
    for dial in DIALS:
        rng = np.random.default_rng([*seed, zlib.crc32(dial.name.encode())])
        columns |= dial.course(settings[dial.name], count, rng)
    columns["gain"] = np.prod(
        [1 + columns[name] for name in ("light", "drift", "flicker", "exposure")], axis=0
    )
    return columns


def station_settings(
    dials: Sequence[str], stations: int, speed: float = BELT_SPEED_PX
) -> list[dict[str, float]]:
    """Return all dials of stations 1..n from ``--dial [STATION:]NAME=SIZE``."""
    settings = [{dial.name: 0.0 for dial in DIALS} | {"speed": speed} for _ in range(stations)]
    for text in dials:
        match = re.fullmatch(r"(?:(?:station)?-?(\d+):)?(\w+)=([^=]+)", text.strip(), re.IGNORECASE)
        if not match:
            raise SettingsError(
                f"--dial {text}: expected NAME=SIZE or STATION:NAME=SIZE, as in 2:light=0.1"
            )
        station, name, size = match.groups()
        if station and not 1 <= int(station) <= stations:
            raise SettingsError(
                f"--dial {text}: there is no station {station}; --stations is {stations}"
            )
        chosen = range(stations) if not station else [int(station) - 1]
        for row in chosen:
            settings[row][name] = _size(text, name, size)
    return settings


def _size(text: str, name: str, size: str) -> float:
    if name not in BY_NAME:
        raise SettingsError(
            f"--dial {text}: there is no dial {name!r}; there are {', '.join(BY_NAME)}"
        )
    dial = BY_NAME[name]
    try:
        value = float(size)
    except ValueError as error:
        raise SettingsError(f"--dial {text}: {size!r} is not a number") from error
    if not dial.low <= value <= dial.high:
        raise SettingsError(
            f"--dial {text}: {name} takes {dial.low:g} to {dial.high:g} {dial.unit}"
        )
    return value
