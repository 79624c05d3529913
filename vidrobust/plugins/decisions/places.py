"""Lines and zones: from the command line, and from files of supervision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.path import Path as MatplotlibPath

from vidrobust.errors import InputError, SettingsError, reading
from vidrobust.files.json_text import file_text, parsed_json


@dataclass(frozen=True)
class LineOrZone:
    """A line of two points, or a zone of three or more, px."""

    name: str
    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if len(self.points) < 2 or not np.isfinite(self.points).all():
            raise SettingsError(f"{self.name}: expected two points or more as finite x and y")

    @property
    def is_line(self) -> bool:
        return len(self.points) == 2

    @property
    def corners(self) -> np.ndarray:
        """The points (K, 2), px."""
        return np.array(self.points, np.float64)

    def side(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distance of points (N, 2) from a line, px; positive to the right of its direction."""
        a, b = self.corners
        along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
        away: np.ndarray = along[0] * (points[:, 1] - a[1]) - along[1] * (points[:, 0] - a[0])
        return away

    def beside(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, 2) lie between the ends of a line, seen at right angles to it, (N,) bool."""
        a, b = self.corners
        share = (points - a) @ (b - a) / max(float((b - a) @ (b - a)), 1e-9)
        within: np.ndarray = (share >= 0) & (share <= 1)
        return within

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, 2) lie in a zone, (N,) bool, by the even-odd rule."""
        return np.asarray(MatplotlibPath(self.corners).contains_points(points), bool)


def place_of(text: str, option: str, number: int) -> LineOrZone:
    """Return the place of ``NAME:x,y,...``; the name may be left out."""
    name, _, numbers = text.rpartition(":")
    try:
        values = [float(part) for part in numbers.split(",")]
    except ValueError as error:
        raise SettingsError(f"--{option}: expected NAME:x,y,... in px, got {text!r}") from error
    if len(values) % 2 or (len(values) != 4 if option == "line" else len(values) < 6):
        wanted = "two points" if option == "line" else "three points or more"
        raise SettingsError(f"--{option}: expected {wanted} as x,y,..., got {text!r}")
    return LineOrZone(name or f"{option} {number}", _pairs(values))


def _pairs(values: Sequence[float]) -> tuple[tuple[float, float], ...]:
    return tuple(zip(values[::2], values[1::2], strict=True))


def read_places(path: Path) -> list[LineOrZone]:
    """Read lines and zones: polygons in JSON as supervision has them."""
    if not path.is_file():  # opening a pipe waits
        raise InputError(f"{path}: there is no such file")
    with reading(path, "lines or zones"):
        places = list(_of_json(parsed_json(file_text(path))))
    if not places:
        raise InputError(f"{path}: has no lines or zones; expected polygons in JSON")
    return places


def _of_json(content: Any) -> Iterator[LineOrZone]:
    named = (
        content.items()
        if isinstance(content, dict)
        else ((f"zone {k}", corners) for k, corners in enumerate(content, 1))
    )
    for name, points in named:
        points = points["polygon"] if isinstance(points, dict) else points
        yield LineOrZone(str(name), tuple((float(x), float(y)) for x, y in points))
