"""How far the pixels in each box move until the next frame, so that fast parts are found again."""

from __future__ import annotations

import itertools

import cv2
import numpy as np

from vidrobust.frame_pairs.motion import TRACKER_WINDOW
from vidrobust.frame_pairs.robust import same_light

SIDE = 640  # measured on the frame averaged down to this longer side
POINTS = 2000  # about so many points a frame are followed, shared out among the boxes, ...
# ... one for each cell of a grid of at most 4 x 4 in a box.
MOST_CELLS = 4
TOP_LEVEL = 4  # of the pyramid in which points are followed; OpenCV counts levels from 0
MAX_RETURN = 1.0  # largest distance, analysis px, between a point and where its track leads back to
AGREE = 2.0  # points of a box that move alike to within so many analysis px vote together
SEARCH_REACH = 1.5  # a box's picture is searched for within so many of its longer sides, ...
# ... and at least so many analysis px.
MIN_REACH = 40
LIKE = 0.6  # least correlation at which it is found again, ...
STANDS_OUT = 0.1  # ... by so much more than elsewhere,
APART = 4  # ... which is more than so many analysis px away
# Shortest side, analysis px, and least deviation, grey levels, of a picture that is searched for.
SMALLEST, MIN_SPREAD = 6, 4.0
MOST_SEARCHES = 100  # boxes searched for in one frame; the rest goes by its own velocity
# From so many boxes on, they share a dense flow of the whole frame instead of points of their own; ...
CROWD = 150
# ... of each box 4 x 4 places are looked at, and most must move alike.
SAMPLES = 4
TEXTURED = 5  # places within so many analysis px of a corner have a motion to be seen
# Weakest corner that is followed, as OpenCV's smaller eigenvalue of the structure tensor of 0..1 grey.
MIN_CORNER = 2e-4


def small_gray(gray: np.ndarray) -> np.ndarray:
    """Average a luma picture (H, W) uint8 down to the analysis size."""
    height, width = gray.shape
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small: np.ndarray = gray if scale == 1 else cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (0, 0), 1.0)


def box_shifts(a: np.ndarray, b: np.ndarray, boxes: np.ndarray, scale: float) -> np.ndarray:
    """Return the shift (K, 2) in px of what each box (xyxy px of the full frame) holds; NaN where unknown.

    Points that move alike decide if they are half of the box's and at least two; else the whole picture in
    the box is searched for. Crowds share one dense flow. ``scale`` is analysis px per full px.
    """
    shifts = np.full((len(boxes), 2), np.nan)
    if not len(boxes) or a.shape != b.shape:
        return shifts
    if len(boxes) >= CROWD:
        return _by_flow(a, b, np.asarray(boxes, np.float64) * scale) / scale
    points, owner = _corners(a, np.asarray(boxes, np.float64) * scale)
    if len(points):
        _by_points(a, b, points, owner, shifts)
    for box in np.flatnonzero(np.isnan(shifts[:, 0]))[:MOST_SEARCHES]:
        shifts[box] = _searched(a, b, np.asarray(boxes[box], np.float64) * scale)
    return shifts / scale


def _by_points(
    a: np.ndarray, b: np.ndarray, points: np.ndarray, owner: np.ndarray, shifts: np.ndarray
) -> None:
    moved, good = _tracked(a, b, points)
    moved, owner = moved[good], owner[good]
    for box in np.unique(owner):
        group = moved[owner == box]
        near = np.abs(group[:, None] - group[None]).max(axis=2) <= AGREE
        votes = near.sum(axis=1)
        if votes.max() >= 2 and 2 * votes.max() >= len(group):
            shifts[box] = np.median(group[near[votes.argmax()]], axis=0)


def _by_flow(a: np.ndarray, b: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Shifts (K, 2) of many boxes from one dense flow (DIS, Kroeger et al. 2016), or NaN."""
    first, second = same_light(a, b, alike="level")
    preset = cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST
    flow = cv2.DISOpticalFlow.create(preset).calc(first, second, None)
    strength = cv2.cornerMinEigenVal(a.astype(np.float32) / 255, 5)
    textured = cv2.dilate(
        (strength >= MIN_CORNER).astype(np.uint8), np.ones((TEXTURED, TEXTURED), np.uint8)
    )
    share = (np.arange(SAMPLES) + 0.5) / SAMPLES
    height, width = a.shape
    x = (boxes[:, :1] + share * (boxes[:, 2:3] - boxes[:, :1])).clip(0, width - 1).astype(np.int64)
    y = (
        (boxes[:, 1:2] + share * (boxes[:, 3:] - boxes[:, 1:2]))
        .clip(0, height - 1)
        .astype(np.int64)
    )
    places = (np.repeat(y, SAMPLES, axis=1), np.tile(x, (1, SAMPLES)))
    moved = flow[places].astype(np.float64)
    middle = np.median(moved, axis=1)
    alike = np.abs(moved - middle[:, None]).max(axis=2) <= AGREE
    clear = (2 * alike.sum(axis=1) >= SAMPLES**2) & (textured[places].sum(axis=1) >= 2)
    return np.where(clear[:, None], middle, np.nan)


def _searched(a: np.ndarray, b: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Shift (2,) at which the picture in the box is found again; NaN if no place stands out."""
    height, width = a.shape
    x1, y1, x2, y2 = np.clip(np.round(box), 0, [width, height, width, height]).astype(int)
    patch = a[y1:y2, x1:x2]
    if min(patch.shape) < SMALLEST or patch.std() < MIN_SPREAD:
        return np.full(2, np.nan)
    reach = max(MIN_REACH, round(SEARCH_REACH * max(patch.shape)))
    left, top = max(0, x1 - reach), max(0, y1 - reach)
    area = b[top : y2 + reach, left : x2 + reach]
    likeness = cv2.matchTemplate(area, patch, cv2.TM_CCOEFF_NORMED)
    y, x = np.unravel_index(likeness.argmax(), likeness.shape)
    best = likeness[y, x]
    likeness[max(0, y - APART) : y + APART + 1, max(0, x - APART) : x + APART + 1] = -1
    if best < LIKE or likeness.max() > best - STANDS_OUT:
        return np.full(2, np.nan)
    return np.array([left + x - x1, top + y - y1], np.float64)


def _corners(gray: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    strength = cv2.cornerMinEigenVal(gray.astype(np.float32) / 255, 5)
    height, width = gray.shape
    cells = int(np.clip(np.sqrt(POINTS / len(boxes)), 2, MOST_CELLS))
    points, owner = [], []
    inside = np.clip(np.round(boxes), 0, [width, height, width, height]).astype(int)
    for box, (x1, y1, x2, y2) in enumerate(inside):
        xs, ys = (
            np.linspace(low, high, cells + 1).astype(int) for low, high in ((x1, x2), (y1, y2))
        )
        for left, right in itertools.pairwise(xs):
            for top, bottom in itertools.pairwise(ys):
                tile = strength[top:bottom, left:right]
                if tile.size and tile.max() >= MIN_CORNER:
                    y, x = np.unravel_index(tile.argmax(), tile.shape)
                    points.append((left + x, top + y))
                    owner.append(box)
    return np.array(points, np.float32).reshape(-1, 2), np.array(owner, np.int64)


def _tracked(a: np.ndarray, b: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = same_light(a, b, alike="share")
    window = (TRACKER_WINDOW, TRACKER_WINDOW)
    start = points[:, None]
    there, status, _ = cv2.calcOpticalFlowPyrLK(
        first, second, start, None, winSize=window, maxLevel=TOP_LEVEL
    )
    back, again, _ = cv2.calcOpticalFlowPyrLK(
        second, first, there, None, winSize=window, maxLevel=TOP_LEVEL
    )
    off = np.abs(back - start)[:, 0].max(axis=1)
    good = (status[:, 0] == 1) & (again[:, 0] == 1) & (off <= MAX_RETURN)
    return (there - start)[:, 0].astype(np.float64), good
