"""COCO's words for shapes, and rings, as tables have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vidrobust.shapes.polygon import Polygon
from vidrobust.shapes.rle import packed


def coco_shape(row: Mapping[str, Any]) -> str:
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


def coco_box(row: Mapping[str, Any]) -> tuple[float, float, float, float]:
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
