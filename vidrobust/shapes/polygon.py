"""Polygon: a convex outline with corners between the pixels, such as a turned box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidrobust.shapes.mask import mapped_points, packed

DECIMALS = 3  # of px that corners are kept with


@dataclass(frozen=True, eq=False)
class Polygon:
    """A convex outline.

    corners  (K, 2) float64 x, y px, in turn about it
    """

    corners: np.ndarray

    @classmethod
    def of_corners(cls, corners: np.ndarray) -> Polygon:
        """(K, 2) x, y px in turn, either way round."""
        corners = np.round(np.asarray(corners, np.float64).reshape(-1, 2), DECIMALS)
        return cls(corners if _signed(corners) >= 0 else corners[::-1])

    @classmethod
    def turned(cls, x: float, y: float, width: float, height: float, angle: float) -> Polygon:
        """A box about x, y px whose side of length ``width`` is turned by an angle, radians, from x towards y."""
        along = 0.5 * width * np.array([np.cos(angle), np.sin(angle)])
        across = 0.5 * height * np.array([-np.sin(angle), np.cos(angle)])
        middle = np.array([x, y])
        signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        return cls.of_corners(np.array([middle + a * along + b * across for a, b in signs]))

    @classmethod
    def of_box(cls, box: np.ndarray) -> Polygon:
        x1, y1, x2, y2 = (float(side) for side in box)
        return cls(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]))

    @property
    def area(self) -> float:
        return abs(_signed(self.corners))

    @property
    def centre(self) -> np.ndarray:
        """(2,) the middle of its area; of one without area the mean corner."""
        x, y = self.corners.T
        cross = x * np.roll(y, -1) - np.roll(x, -1) * y
        total = float(cross.sum())
        if abs(total) < 1e-9:
            return np.asarray(self.corners.mean(axis=0))
        return np.array([((each + np.roll(each, -1)) * cross).sum() for each in (x, y)]) / (3 * total)

    @property
    def box(self) -> np.ndarray:
        return np.concatenate([self.corners.min(axis=0), self.corners.max(axis=0)])

    def moved(self, shift: np.ndarray) -> Polygon:
        return Polygon(self.corners + shift)

    def mapped(self, matrix: np.ndarray, size: tuple[int, int]) -> Polygon:
        """Under a projective map of a frame (H, W), px from its centre; cut off at the frame."""
        return Polygon.of_corners(mapped_points(self.corners, matrix, size)).clipped(size)

    def clipped(self, size: tuple[int, int]) -> Polygon:
        inside = self.intersection(Polygon.of_box(np.array([0, 0, size[1], size[0]])))
        return Polygon(np.round(inside.corners, DECIMALS))

    def common(self, other: Polygon) -> float:
        return self.intersection(other).area

    def intersection(self, other: Polygon) -> Polygon:
        """What both have: this one cut along every side of the other (Sutherland & Hodgman 1974)."""
        points = self.corners
        for start, end in zip(other.corners, np.roll(other.corners, -1, axis=0), strict=True):
            if not len(points):
                break
            points = _cut(points, start, end)
        return Polygon(points)


def _signed(corners: np.ndarray) -> float:
    x, y = corners.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def _cut(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(K, 2) corners of the part that lies to the right of the way from start to end, as pictures are drawn."""
    dx, dy = end - start
    side = dx * (points[:, 1] - start[1]) - dy * (points[:, 0] - start[0])
    after, points_after = np.roll(side, -1), np.roll(points, -1, axis=0)
    crosses = (side < 0) != (after < 0)
    share = np.divide(side, side - after, out=np.zeros(len(side)), where=crosses)
    met = points + share[:, None] * (points_after - points)
    both = np.stack([points, met], axis=1).reshape(-1, 2)
    return both[np.column_stack([side >= 0, crosses]).ravel()]


# COCO's words for shapes, and rings, as tables have them.


def coco_shape(row: Mapping[str, Any]) -> str:
    """The shape of a COCO result as a table has it; "" without one.

    ``segmentation`` has run lengths or rings of x, y; ``bbox`` of five is centre, sides, and
    counter-clockwise degrees.
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
