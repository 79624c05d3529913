"""Visits of parts that a hand places before a still camera, that are judged and taken away again."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vidrobust.repeatability.passes import LEAST_AREA, Found, Pass

CHANGED = 9.0
"""Grey levels from which on a place of the smoothed picture has changed; more where the noise is strong."""
NOISE = 5.0
"""Robust standard deviations of the noise from frame to frame that count as no change."""
MOVING_AREA = 0.003
"""Share of the picture that changes from frame to frame where a hand moves."""
STILL_FRAMES = 5
"""Frames that a scene must stand still to be looked at."""
EDGE_PX = 1
PLACED = "placed and taken away"


@dataclass(frozen=True)
class _Still:
    """A stretch of frames in which nothing moves, first to last, and its median picture (H, W)."""

    first: int
    last: int
    picture: np.ndarray


def find_visits(pictures: np.ndarray) -> Found:
    """The visits in one clip of a camera that stands still.

    pictures  (N, H, W) uint8 grey, small: about 160 px wide

    Stretches in which nothing moves are told apart by what lies in them: those that look alike most often are the
    empty place, and another one holds a part where something is there that does not reach the edge (what does is a
    hand). A part's visit goes on for as long as its place looks the same, hands beside it or not.
    """
    if len(pictures) < 2 * STILL_FRAMES:
        return Found(())
    smooth = np.stack([cv2.GaussianBlur(p.astype(np.float32), (0, 0), 1.0) for p in pictures])
    steps = np.abs(np.diff(smooth, axis=0))
    level = max(CHANGED, NOISE * 1.4826 * float(np.median(steps)))
    moving = np.concatenate([[False], (steps > level).mean(axis=(1, 2)) > MOVING_AREA])
    stills = _stills(smooth, moving)
    if len(stills) < 2:
        return Found(())
    empty = _empty(stills, level)
    found: list[tuple[int, int, np.ndarray]] = []
    for still in stills:
        part = _part(np.abs(still.picture - empty.picture) > level)
        if part is None:
            continue
        first, last = _while_there(smooth, still, part, level)
        if found and first <= found[-1][1] + 1:
            found[-1] = (
                found[-1][0],
                max(found[-1][1], last),
                found[-1][2],
            )  # the same part, a hand passed by
        else:
            found.append((first, last, part))
    visits = tuple(_as_pass(first, last, moving) for first, last, _ in found)
    return Found(visits)


def _stills(smooth: np.ndarray, moving: np.ndarray) -> list[_Still]:
    """The stretches without motion that last long enough."""
    found, begin = [], None
    for frame, moves in enumerate([*moving, True]):
        if not moves and begin is None:
            begin = frame
        elif moves and begin is not None:
            if frame - begin >= STILL_FRAMES:
                found.append(_Still(begin, frame - 1, np.median(smooth[begin:frame], axis=0)))
            begin = None
    return found


def _empty(stills: list[_Still], level: float) -> _Still:
    """The stretch that most others look like; of equally many the one with the least detail: an empty place."""
    apart = np.array(
        [[float((np.abs(a.picture - b.picture) > level).mean()) for b in stills] for a in stills]
    )
    alike = (apart < LEAST_AREA).sum(axis=1)
    detail = [float(np.abs(cv2.Laplacian(still.picture, cv2.CV_32F)).mean()) for still in stills]
    return stills[min(range(len(stills)), key=lambda k: (-alike[k], detail[k]))]


def _part(changed: np.ndarray) -> np.ndarray | None:
    """(H, W) bool of what lies there and does not reach the edge; None where there is no such thing."""
    tidy = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    tidy = cv2.morphologyEx(tidy, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(tidy, connectivity=8)
    height, width = changed.shape
    kept = [
        k
        for k in range(1, count)
        if stats[k][4] >= LEAST_AREA * changed.size
        and stats[k][0] >= EDGE_PX
        and stats[k][1] >= EDGE_PX
        and stats[k][0] + stats[k][2] <= width - EDGE_PX
        and stats[k][1] + stats[k][3] <= height - EDGE_PX
    ]
    return np.isin(labels, kept) if kept else None


def _while_there(smooth: np.ndarray, still: _Still, part: np.ndarray, level: float) -> tuple[int, int]:
    """The first and last frame about a stretch in which the part's place looks as it does in it."""

    def same(frame: int) -> bool:
        return float((np.abs(smooth[frame][part] - still.picture[part]) > level).mean()) < 0.1

    first, last = still.first, still.last
    while first > 0 and same(first - 1):
        first -= 1
    while last < len(smooth) - 1 and same(last + 1):
        last += 1
    return first, last


def _as_pass(first: int, last: int, moving: np.ndarray) -> Pass:
    """A visit: from when the hand that brings the part moves to when that which takes it is still again."""
    enters, leaves, count = first, last, len(moving)
    while enters > 0 and moving[enters - 1]:
        enters -= 1
    while leaves < count - 1 and moving[leaves + 1]:
        leaves += 1
    said = [PLACED]
    if first == 0:
        said = ["was there when the clip begins"]
    elif last == count - 1:
        said = ["is there when the clip ends"]
    return Pass(
        first=enters,
        last=leaves,
        whole_first=first,
        whole_last=last,
        direction="",
        crossed=True,
        remark="; ".join(said),
    )
