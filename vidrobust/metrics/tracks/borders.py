"""Boxes at the border of the frame: which are cut by it, and how fast what is cut moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Where boxes are not looked at: zones, and what lies before an entry line.


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


BORDER_PX = 1.5
"""A box that comes so near to an edge of the frame is cut by it."""

REDRAWN = 0.25
"""A thing that comes in or leaves keeps its size along the border to within this share; else it is drawn anew."""


def touched(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N, 4) bool: which sides x1, y1, x2, y2 of each box lie at an edge of the frame of this height and width."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    low, high = boxes[:, :2] <= BORDER_PX, boxes[:, 2:] >= np.array(size[::-1]) - BORDER_PX
    return np.concatenate([low, high], axis=1)


def touches_border(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N,) bool: whether a box is cut by an edge of the frame."""
    return np.any(touched(boxes, size), axis=1)


def clipped(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N, 4) boxes cut off at the edges of the frame."""
    width, height = float(size[1]), float(size[0])
    result: np.ndarray = np.clip(np.asarray(boxes, np.float64).reshape(-1, 4), 0, [width, height] * 2)
    return result


def free_edge_velocity(
    before: np.ndarray, now: np.ndarray, since: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """(N, 2) px a frame that objects move, by their centres, or along an axis that cuts them by the free edge.

    before, now  (N, 4) boxes, ``since`` (N, 1) frames apart
    The centre of a box that leaves at v moves by v / 2 only; one cut on both sides is taken to be at rest, and so
    is one whose size along the border changes too: its free edge has not moved, the box was drawn otherwise.
    """
    change = (now - before) / since
    cut = touched(before, size) | touched(now, size)
    low, high = cut[:, :2], cut[:, 2:]
    centre = (change[:, :2] + change[:, 2:]) / 2
    free = np.where(low, change[:, 2:], np.where(high, change[:, :2], centre))
    size_before, size_now = (np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-9) for boxes in (before, now))
    grown = np.abs(size_now / size_before - 1) > REDRAWN
    redrawn = (low | high) & (grown & ~(low | high))[:, ::-1]
    result: np.ndarray = np.where((low & high) | redrawn, 0.0, free)
    return result
