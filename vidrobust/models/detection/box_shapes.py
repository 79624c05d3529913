"""Masks and turned boxes in files of boxes: Ultralytics' polygons, DOTA's corners."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidrobust.errors import InputError
from vidrobust.shapes.coco import about, polygon_text

DOTA = "Task1_*.txt"
"""Results of DOTA's first task: a file a class, lines of picture, score and four corners."""
CORNERS = 8


def polygon_line(values: Sequence[float], numbered: bool) -> tuple[Sequence[float], float, float]:
    """Ring, score and track (NaN where not told) of an Ultralytics line without its class.

    numbered  whether its last value is the number of a track, behind a score
    """
    if len(values) % 2:
        return values[:-1], values[-1], float("nan")
    return (values[:-2], values[-2], values[-1]) if numbered else (values, float("nan"), float("nan"))


def are_numbered(lines: Sequence[Sequence[float]]) -> bool:
    """Whether polygons of a folder, without their classes, end with the number of a track: all or none do."""
    return bool(lines) and all(
        not len(values) % 2 and values[-1] >= 1 and not values[-1] % 1 for values in lines
    )


def dota_rows(folder: Path) -> list[dict[str, Any]]:
    """Of a folder of DOTA's results, a row a turned box: picture, class number and name, score, x1 ... shape."""
    rows = []
    for number, file in enumerate(sorted(folder.glob(DOTA))):
        name = file.stem.partition("_")[2]
        for line, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            words = text.split()
            if words:
                rows.append({"label": number, "label_name": name, **_dota_row(words, f"{file}: line {line}")})
    return rows


def _dota_row(words: list[str], where: str) -> dict[str, Any]:
    try:
        score, *ring = (float(word) for word in words[1:])
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    if len(ring) != CORNERS:
        raise InputError(
            f"{where}: expected picture, score and {CORNERS} coordinates, got {len(words)} values"
        )
    box = dict(zip(("x1", "y1", "x2", "y2"), about(np.array(ring)), strict=True))
    return {"picture": words[0], "score": score, **box, "shape": polygon_text(ring)}
