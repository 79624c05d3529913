"""How a part is shown: whether it moves past, lies still, or was placed again; from small grey pictures alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import cv2
import numpy as np

WINDOW = 8
"""Frames over which points are followed before new ones are chosen."""
SHORT = 2
"""Frames of a piece of such a window, for points that are soon out of the picture."""
MOVES_PX = 0.75
"""What a point of a small picture goes in a window before it is said to move."""
KEPT, FOLLOWED = 0.25, 2 / 3
"""Share of the points that must be found there and back, and of the windows in which they must be."""
SURE = 0.1
"""Share of the width that shows that something moves, even where points are lost in more of the windows."""
FEWEST = 4
"""Points that must move together."""
TOGETHER_PX = 1.0
"""How far apart points may have gone in a window that go one way."""
OTHER_WAY = 0.25
"""Share of what most points have gone by which others must differ at least to go another way."""
STEADY = 4.0
"""What moves past goes so many times as far as from frame to frame; what shakes does not."""
CHANGED = 0.10
"""Share of its surroundings' brightness by which a place differs before it is said to have changed."""
CHANGED_AREA = 0.002
"""Share of the picture that must have changed before a part is said to be placed again."""


def travel(pictures: Iterable[np.ndarray]) -> float:
    """How far what moves in a clip has gone from its beginning to its end, as a share of the width; 0 at rest.

    pictures  (H, W) uint8 grey, a few hundred px wide, in order

    Points are followed through windows of ``WINDOW`` frames (Lucas & Kanade), or short pieces of them where
    they do not last so long. What moves is reported relative to the camera where a part of the picture shows how
    that moves, and its medians add up as vectors. What only shakes gets nowhere: it counts as rest unless it
    has gone ``STEADY`` times as far as from one frame to the next. NaN where points do not last in more than a
    third of the windows, as in darkness and noise, unless something goes far all the same.
    """
    steps: list[np.ndarray] = []
    lost = width = 0
    window: list[np.ndarray] = []

    def look() -> None:
        nonlocal lost
        found = _moved(window)
        if not np.isfinite(found).all():
            lost += len(found)
            short = [window[k : k + SHORT + 1] for k in range(0, len(window) - 1, SHORT)]
            found = np.concatenate([_moved(piece) for piece in short])
        steps.append(found)

    for picture in pictures:
        width = picture.shape[1]
        window.append(
            np.clip(110 * _relief(picture), 0, 255).astype(np.uint8)
        )  # neither light nor noise moves
        if len(window) > WINDOW:
            look()
            window = window[-1:]
    if len(window) > 1:
        look()
    if not steps:
        return 0.0
    every = np.concatenate(steps)
    followed = every[np.isfinite(every).all(axis=1)]
    gone = float(np.hypot(*followed.sum(axis=0)))
    typical = float(np.sqrt(np.square(followed).sum(axis=1).mean())) if len(followed) else 0.0
    moves = gone > min(STEADY, len(every) - 1) * typical
    if len(every) - lost < FOLLOWED * len(every) and not (moves and gone > SURE * width):
        return float("nan")
    return gone / width if moves else 0.0


def _moved(window: Sequence[np.ndarray]) -> np.ndarray:
    """(frames - 1, 2) steps in px of the points that move, from frame to frame, relative to the camera.

    0 where too few move, NaN where too few can be followed there and back.
    """
    rest = np.zeros((len(window) - 1, 2))
    start = cv2.goodFeaturesToTrack(window[0], 300, 0.01, 4)
    if start is None:
        return rest
    now, alive, path = start, np.ones(len(start), bool), [start]
    for before, after in pairwise(window):
        now, there = _follow(before, after, now)
        path.append(now)
        alive &= there
    back = now
    for after, before in pairwise(window[::-1]):
        back, there = _follow(after, before, back)
        alive &= there
    alive &= np.hypot(*(back - start)[:, 0].T) < MOVES_PX
    if alive.sum() < max(FEWEST, KEPT * len(start)):
        return np.full_like(rest, np.nan)
    inside = (now[:, 0] >= 0).all(axis=1) & (now[:, 0] < window[0].shape[::-1]).all(axis=1)
    course = (np.stack(path)[:, alive & inside, 0] - start[alive & inside, 0]).astype(np.float64)
    of_camera = _of_camera(course[-1])
    still = np.median(course[:, of_camera], axis=1) if of_camera.any() else np.zeros((len(window), 2))
    moving = np.hypot(*(course[-1] - still[-1]).T) > MOVES_PX
    if moving.sum() < FEWEST:
        return rest
    return np.asarray(np.diff(np.median(course[:, moving], axis=1) - still, axis=0))


def _of_camera(gone: np.ndarray) -> np.ndarray:
    """(N,) bool: which points (N, 2) px show how the camera moves; none where all go one way.

    Of the two ways that most points go it is the shorter one: a camera shakes about its place.
    """
    first, second = _together(gone), np.zeros(len(gone), bool)
    if first.any():
        way = gone[first].mean(axis=0)
        other = np.hypot(*(gone - way).T) > 2 * TOGETHER_PX + OTHER_WAY * np.hypot(*way)
        second[other] = _together(gone[other])
    if second.sum() < FEWEST:
        # without another way that points go, nothing separates the camera from what it sees
        return np.zeros(len(gone), bool)
    return min((first, second), key=lambda group: float(np.hypot(*gone[group].mean(axis=0))))


def _together(gone: np.ndarray) -> np.ndarray:
    """(N,) bool: the most points (N, 2) px that go within TOGETHER_PX of one of them."""
    if not len(gone):
        return np.zeros(0, bool)
    near = np.hypot(*(gone[:, None] - gone[None]).T).T < TOGETHER_PX
    return np.asarray(near[int(near.sum(axis=1).argmax())])


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
