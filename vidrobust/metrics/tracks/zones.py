"""Where boxes are not looked at: zones, and what lies before an entry line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class EntryLine:
    """What lies on the left hand of the way from one point to the other, however far on, is not looked at.

    x1, y1, x2, y2  px

        x2,y2            going from x1,y1 to x2,y2, objects
          |              count on the right hand:
          |  counts
        x1,y1
    """

    x1: float
    y1: float
    x2: float
    y2: float

    def before(self, points: np.ndarray) -> np.ndarray:
        """(N,) bool of points (N, 2) px: on the left hand; on the line itself they count."""
        x, y = points[:, 0] - self.x1, points[:, 1] - self.y1
        left: np.ndarray = (self.x2 - self.x1) * y - (self.y2 - self.y1) * x < 0
        return left


Zone = tuple[float, float, float, float] | EntryLine
"""x, y, width, height px, or what lies before a line."""


def in_zones(boxes: np.ndarray, zones: Sequence[Zone]) -> np.ndarray:
    """(N,) bool: whether the middle of each box (N, 4) xyxy px lies in one of the zones."""
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
