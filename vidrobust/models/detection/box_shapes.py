"""Masks and turned boxes in files of boxes: COCO's segmentations, Ultralytics' polygons, DOTA's corners."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidrobust.errors import InputError
from vidrobust.shapes.polygon import Polygon
from vidrobust.shapes.rle import packed

DOTA = "Task1_*.txt"
"""Results of DOTA's first task: a file a class, lines of picture, score and four corners."""
CORNERS = 8


def coco_shape(row: dict[str, Any]) -> str:
    """What a COCO result says of the shape, as a table has it: "" where it says nothing.

    segmentation  run lengths, packed or not, or rings of x, y; of several rings the pixels in any
    bbox          of five numbers: centre x, y, width, height and an angle in degrees, counter-clockwise
    """
    found = row.get("segmentation")
    if isinstance(found, dict):
        tall, wide = (int(side) for side in found["size"])
        counts = found["counts"]
        return f"rle {tall} {wide} {counts if isinstance(counts, str) else packed(counts)}"
    if found:
        return polygon_text(*found)
    if len(row["bbox"]) == 5:
        x, y, width, height, degrees = (float(each) for each in row["bbox"])
        return polygon_text(Polygon.turned(x, y, width, height, -np.radians(degrees)).corners.ravel())
    return ""


def coco_box(row: dict[str, Any]) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 px of a COCO result, of a turned box that about it."""
    if len(row["bbox"]) == 5:
        return about(np.array(coco_shape({"bbox": row["bbox"]}).split()[1:], np.float64))
    x, y, width, height = (float(each) for each in row["bbox"])
    return x, y, x + width, y + height


def polygon_text(*rings: Sequence[float] | np.ndarray) -> str:
    """Rings of x, y, x, y ... as a table has them."""
    return "polygon " + "; ".join(" ".join(f"{float(value):.10g}" for value in ring) for ring in rings)


def about(ring: np.ndarray) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 about a ring of x, y, x, y ..."""
    corners = np.asarray(ring, np.float64).reshape(-1, 2)
    (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)


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
