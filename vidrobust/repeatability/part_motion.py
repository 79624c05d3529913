"""How a part is shown: whether it moves past, lies still, or was placed again; from small grey pictures alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import cv2
import numpy as np

WINDOW = 8
"""Frames over which points are followed before new ones are chosen."""
MOVES_PX = 0.75
"""What a point of a small picture goes in a window before it is said to move."""
KEPT, FOLLOWED = 0.25, 2 / 3
"""Share of the points that must be found there and back, and of the windows in which they must be."""
FEWEST = 4
"""Points that must move together."""
CHANGED = 0.10
"""Share of its surroundings' brightness by which a place differs before it is said to have changed."""
CHANGED_AREA = 0.002
"""Share of the picture that must have changed before a part is said to be placed again."""


def travel(pictures: Iterable[np.ndarray]) -> float:
    """How far what moves in a clip has gone from its beginning to its end, as a share of the width; 0 at rest.

    pictures  (H, W) uint8 grey, a few hundred px wide, in order

    Points are followed through windows of ``WINDOW`` frames (Lucas & Kanade), and the medians of those that move
    add up as vectors, so that what shakes ends where it began. NaN where points are lost in more than a third of
    the windows, as in darkness and noise.
    """
    steps: list[np.ndarray] = []
    width = 0
    window: list[np.ndarray] = []
    for picture in pictures:
        width = picture.shape[1]
        window.append(
            np.clip(110 * _relief(picture), 0, 255).astype(np.uint8)
        )  # neither light nor noise moves
        if len(window) > WINDOW:
            steps.append(_moved(window))
            window = window[-1:]
    if len(window) > 1:
        steps.append(_moved(window))
    followed = [step for step in steps if np.isfinite(step).all()]
    if len(followed) < FOLLOWED * len(steps):
        return float("nan")
    return float(np.hypot(*np.sum(followed, axis=0)) / width) if followed else 0.0


def _moved(window: Sequence[np.ndarray]) -> np.ndarray:
    """(2,) median displacement in px of the points that move from the first picture to the last.

    0 where too few move, NaN where too few can be followed there and back.
    """
    start = cv2.goodFeaturesToTrack(window[0], 300, 0.01, 4)
    if start is None:
        return np.zeros(2)
    now, alive = start, np.ones(len(start), bool)
    for before, after in pairwise(window):
        now, there = _follow(before, after, now)
        alive &= there
    back = now
    for after, before in pairwise(window[::-1]):
        back, there = _follow(after, before, back)
        alive &= there
    alive &= np.hypot(*(back - start)[:, 0].T) < MOVES_PX
    if alive.sum() < max(FEWEST, KEPT * len(start)):
        return np.full(2, np.nan)
    gone = (now - start)[:, 0][alive]
    inside = (now[:, 0][alive] >= 0).all(axis=1) & (now[:, 0][alive] < window[0].shape[::-1]).all(axis=1)
    moving = gone[inside & (np.hypot(*gone.T) > MOVES_PX)]
    return np.asarray(np.median(moving, axis=0)) if len(moving) >= FEWEST else np.zeros(2)


def _follow(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 1, 2) of one picture in the next, and (N,) whether they were found."""
    now, status, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None, winSize=(21, 21), maxLevel=3)
    return now, status[:, 0] == 1


def placed_again(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two pictures (H, W) uint8 of a part at rest show it at different places.

    Each is divided by its own surroundings, so that another light is no other place.
    """
    a, b = (_relief(picture) for picture in (first, second))
    return bool((np.abs(a - b) > CHANGED).mean() > CHANGED_AREA)


def _relief(picture: np.ndarray, smooth_px: float = 1.0) -> np.ndarray:
    grey = cv2.GaussianBlur(picture.astype(np.float32) + 8.0, (0, 0), smooth_px)
    return np.asarray(grey / cv2.GaussianBlur(grey, (0, 0), picture.shape[1] / 16))
