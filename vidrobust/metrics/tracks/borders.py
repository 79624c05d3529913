"""Borders of the frame, ignored zones and entry lines: where boxes are cut or do not count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class EntryLine:
    """A line from one point to another, px; objects count on its right-hand side.

    x2,y2
      |  counts
    x1,y1
    """

    x1: float
    y1: float
    x2: float
    y2: float

    def before(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, 2) lie on the left-hand side, (N,) bool."""
        x, y = points[:, 0] - self.x1, points[:, 1] - self.y1
        left: np.ndarray = (self.x2 - self.x1) * y - (self.y2 - self.y1) * x < 0
        return left


# x, y, width, height px, or what lies before a line
Zone = tuple[float, float, float, float] | EntryLine


def in_zones(boxes: np.ndarray, zones: Sequence[Zone]) -> np.ndarray:
    """Return whose centre lies in one of the zones, (N,) bool."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = np.zeros(len(boxes), bool)
    for zone in zones:
        if isinstance(zone, EntryLine):
            inside |= zone.before(middle)
        else:
            x, y, width, height = zone
            inside |= ((middle >= (x, y)) & (middle < (x + width, y + height))).all(axis=1)
    return inside


BORDER_PX = 1.5  # a box that comes so near to an edge of the frame is cut by it

# A thing that comes in or leaves keeps its size along the border to within this share; else it is drawn anew.
REDRAWN = 0.25


def touched(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return which sides x1, y1, x2, y2 of each box lie at an edge of a frame (H, W), (N, 4) bool."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    low, high = boxes[:, :2] <= BORDER_PX, boxes[:, 2:] >= np.array(size[::-1]) - BORDER_PX
    return np.concatenate([low, high], axis=1)


def touches_border(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return which boxes are cut by an edge of the frame, (N,) bool."""
    return np.any(touched(boxes, size), axis=1)


def clipped(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Clip boxes (N, 4) to a frame (H, W)."""
    width, height = float(size[1]), float(size[0])
    result: np.ndarray = np.clip(
        np.asarray(boxes, np.float64).reshape(-1, 4), 0, [width, height] * 2
    )
    return result


def free_edge_velocity(
    before: np.ndarray, now: np.ndarray, since: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Return the velocity of objects (N, 2) px per frame, from boxes ``since`` frames apart.

    Where a border cuts the box it is that of the free edge: the centre of a box that leaves at v moves by v /
    2. Boxes cut on both sides, and those only drawn differently, count as at rest.
    """
    change = (now - before) / since
    cut = touched(before, size) | touched(now, size)
    low, high = cut[:, :2], cut[:, 2:]
    centre = (change[:, :2] + change[:, 2:]) / 2
    free = np.where(low, change[:, 2:], np.where(high, change[:, :2], centre))
    size_before, size_now = (
        np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-9) for boxes in (before, now)
    )
    grown = np.abs(size_now / size_before - 1) > REDRAWN
    redrawn = (low | high) & (grown & ~(low | high))[:, ::-1]
    result: np.ndarray = np.where((low & high) | redrawn, 0.0, free)
    return result
