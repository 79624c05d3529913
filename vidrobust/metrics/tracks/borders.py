"""Boxes at the border of the frame: which are cut by it, and how fast what is cut moves."""

from __future__ import annotations

import numpy as np

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
