"""A frame with its objects, lost places dashed; and a moment as a strip of zoomed frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import pandas as pd

from vidrobust.metrics.tracks.states import FAULTS
from vidrobust.stages.boxes.moments import BoxMoment, Shot, lies_there

# Side of a frame in a strip, height of the band above it, and of a line of text below, px
TILE, BAND, LINE = 224, 20, 15
# Context on each side of the object, as a share of its longer side, and the shortest side that is shown, px
MARGIN, SMALLEST = 0.7, 64
LINES = 3
# RGB: the box of the object, other boxes, where it is expected and nothing is
OWN, OTHER, EXPECTED = (0, 200, 140), (190, 190, 190), (255, 120, 0)
DARK, WHITE = (24, 24, 24), (255, 255, 255)


def strip(frames: Sequence[np.ndarray], moment: BoxMoment, boxes: pd.DataFrame) -> np.ndarray:
    """Draw the shots of a moment side by side, (H, W, 3) uint8."""
    places = np.array([shot.place for shot in moment.shots])
    low, high = places[:, :2].min(axis=0), places[:, 2:].max(axis=0)
    side = max(SMALLEST, (1 + MARGIN) * float((high - low).max()))
    side = min(side, float(max(frames[0].shape[:2])))
    left, top = (low + high) / 2 - side / 2
    window = (round(left), round(top), round(side))
    tiles = [
        _tile(frame, shot, boxes[boxes["frame"] == shot.frame], moment.track, window)
        for frame, shot in zip(frames, moment.shots, strict=True)
    ]
    gap = np.full((tiles[0].shape[0], 4, 3), 255, np.uint8)
    parts = [part for tile in tiles for part in (tile, gap)]
    return np.concatenate(parts[:-1], axis=1)


def _tile(
    frame: np.ndarray, shot: Shot, boxes: pd.DataFrame, track: int, window: tuple[int, int, int]
) -> np.ndarray:
    left, top, side = window
    picture = cv2.warpAffine(
        frame,
        np.array([[TILE / side, 0, -left * TILE / side], [0, TILE / side, -top * TILE / side]]),
        (TILE, TILE),
        flags=cv2.INTER_AREA if side > TILE else cv2.INTER_LINEAR,
        borderValue=DARK,
    )
    for row in boxes.sort_values("track", key=lambda of: of == track, kind="stable").itertuples():
        own = row.track == track
        x1, y1, x2, y2 = _on_tile((row.x1, row.y1, row.x2, row.y2), window)
        cv2.rectangle(picture, (x1, y1), (x2, y2), OWN if own else OTHER, 2 if own else 1)
    lost = shot.state in FAULTS
    if lost:
        _dashed(picture, shot.place, window, EXPECTED)
    head = np.full((BAND, TILE, 3), EXPECTED if lost else DARK, np.uint8)
    _write(head, f"{shot.frame}  {shot.time_s:.2f} s  {shot.state}", (6, BAND - 6))
    return np.concatenate([head, picture, _below(shot, boxes, lost=lost)])


def _below(shot: Shot, boxes: pd.DataFrame, *, lost: bool) -> np.ndarray:
    said = lies_there(shot.place, boxes)
    lines = said or ["nothing lies here" if lost else ""]
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], f"and {len(lines) - LINES + 1} more"]
    band = np.full((LINES * LINE + 8, TILE, 3), DARK, np.uint8)
    for number, line in enumerate(lines):
        _write(band, line, (6, (number + 1) * LINE))
    return band


def _write(picture: np.ndarray, text: str, place: tuple[int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, WHITE, 1, cv2.LINE_AA)


def _on_tile(box: Sequence[float], window: tuple[int, int, int]) -> list[int]:
    left, top, side = window
    return [
        round((value - offset) * TILE / side)
        for value, offset in zip(box, (left, top) * 2, strict=True)
    ]


def _dashed(
    picture: np.ndarray, box: Sequence[float], window: tuple[int, int, int], colour: tuple[int, ...]
) -> None:
    x1, y1, x2, y2 = _on_tile(box, window)
    dashed(picture, (x1, y1, x2, y2), colour)


def dashed(
    picture: np.ndarray, box: tuple[int, int, int, int], colour: tuple[int, ...], *, dash: int = 8
) -> None:
    """Draw a dashed rectangle into (H, W, 3) uint8."""
    x1, y1, x2, y2 = box
    for x in range(x1, x2, 2 * dash):
        for y in (y1, y2):
            cv2.line(picture, (x, y), (min(x + dash, x2), y), colour, 2)
    for y in range(y1, y2, 2 * dash):
        for x in (x1, x2):
            cv2.line(picture, (x, y), (x, min(y + dash, y2)), colour, 2)


State = Literal["covered", "renamed", "missed", "lost", "late", "hidden", "out", "unknown", "other"]
TRACK_COLOURS = (
    (86, 180, 233),
    (0, 200, 140),
    (240, 228, 66),
    (204, 121, 167),
    (120, 160, 255),
    (150, 220, 90),
    (255, 170, 200),
    (90, 220, 220),
)  # RGB, far from the orange of what is lost; a track keeps its colour
LOST, HIDDEN, RENAMED = (230, 50, 50), (150, 150, 150), (160, 32, 160)
FONT, SCALE, PAD = cv2.FONT_HERSHEY_SIMPLEX, 0.48, 4
IMPORTANT: tuple[State, ...] = ("missed", "lost", "late", "renamed")
WITHOUT: dict[State, tuple[int, int, int]] = {
    **dict.fromkeys(("hidden", "out", "unknown"), HIDDEN),
    **dict.fromkeys(("late", "missed"), EXPECTED),
    "lost": LOST,
}  # RGB of the dashed place of an object without a box
ORDER: tuple[State, ...] = (
    "other",
    "out",
    "unknown",
    "hidden",
    "covered",
    "renamed",
    "lost",
    "late",
    "missed",
)  # In which marks are drawn, the last on top; their labels find room in the order turned round
# Labels of a frame, beside those of what is lost or renamed; a crowd would be hidden under more
MOST_LABELS = 60
STEPS = 6  # Lines above or below its box that a label may be moved to find room


@dataclass(frozen=True)
class Mark:
    """A box of a frame, or a place without one.

    ``box`` x1, y1, x2, y2 px; ``track`` -1 for none; ``trail`` (K, 2) px, earlier centres; ``rings``,
    outlines of its mask.
    """

    box: tuple[float, float, float, float]
    track: int
    state: State
    text: str
    trail: tuple[tuple[float, float], ...] = ()
    rings: tuple[np.ndarray, ...] = ()


def draw(picture: np.ndarray, marks: Iterable[Mark]) -> None:
    """Draw the marks into (H, W, 3) uint8 RGB."""
    ordered = sorted(marks, key=lambda mark: ORDER.index(mark.state))
    for mark in ordered:
        _outline(picture, mark)
    taken: list[tuple[int, int, int, int]] = []
    left = MOST_LABELS
    for mark in reversed(ordered):
        if not mark.text:
            continue
        important = mark.state in IMPORTANT
        if not important and left <= 0:
            continue
        place = label_place(mark, picture.shape[:2], taken)
        if place is None and not important:
            continue
        _label(picture, mark, place or _home(mark, picture.shape[:2]), taken)
        left -= not important


def colour_of(mark: Mark) -> tuple[int, int, int]:
    """RGB of a mark's outline."""
    special = {**WITHOUT, "other": OTHER}
    return special.get(mark.state) or TRACK_COLOURS[mark.track % len(TRACK_COLOURS)]


def _outline(picture: np.ndarray, mark: Mark) -> None:
    x1, y1, x2, y2 = (round(side) for side in mark.box)
    if mark.state in WITHOUT:
        dashed(picture, (x1, y1, x2, y2), colour_of(mark))
    elif mark.rings:
        rings = [np.round(ring).astype(np.int32)[:, None] for ring in mark.rings]
        cv2.polylines(picture, rings, isClosed=True, color=colour_of(mark), thickness=2)
    else:
        cv2.rectangle(
            picture, (x1, y1), (x2, y2), colour_of(mark), 1 if mark.state == "other" else 2
        )
    if len(mark.trail) > 1:
        points = np.round(np.array(mark.trail)).astype(np.int32)[:, None]
        cv2.polylines(picture, [points], isClosed=False, color=colour_of(mark), thickness=1)


def label_size(text: str) -> tuple[int, int]:
    """Width and height of a label, px."""
    (width, height), below = cv2.getTextSize(text, FONT, SCALE, 1)
    return width + 2 * PAD, height + below + PAD


def _home(mark: Mark, size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = label_size(mark.text)
    x = int(np.clip(round(mark.box[0]), 0, max(size[1] - width, 0)))
    y = int(np.clip(round(mark.box[1]) - height, 0, max(size[0] - height, 0)))
    return x, y, x + width, y + height


def label_place(
    mark: Mark, size: tuple[int, int], taken: Sequence[tuple[int, int, int, int]]
) -> tuple[int, int, int, int] | None:
    """Return the first free place near the box, or None."""
    x1, top, x2, bottom = _home(mark, size)
    height = bottom - top
    below = round(mark.box[3])
    starts = [top, round(mark.box[1]), below, below - height]
    starts += [top - k * height for k in range(1, STEPS)] + [
        below + k * height for k in range(1, STEPS)
    ]
    for y in starts:
        if y < 0 or y + height > size[0]:
            continue
        place = (x1, y, x2, y + height)
        if not any(x1 < o[2] and o[0] < x2 and y < o[3] and o[1] < y + height for o in taken):
            return place
    return None


def _label(
    picture: np.ndarray,
    mark: Mark,
    place: tuple[int, int, int, int],
    taken: list[tuple[int, int, int, int]],
) -> None:
    taken.append(place)
    x1, y1, x2, y2 = place
    strong = {
        **dict.fromkeys(("missed", "late"), (150, 60, 0)),
        "lost": (150, 20, 20),
        "renamed": RENAMED,
    }
    cv2.rectangle(picture, (x1, y1), (x2 - 1, y2 - 1), strong.get(mark.state, DARK), -1)
    cv2.rectangle(picture, (x1, y1), (x1 + 2, y2 - 1), colour_of(mark), -1)
    cv2.putText(
        picture, mark.text, (x1 + PAD + 1, y2 - PAD - 1), FONT, SCALE, WHITE, 1, cv2.LINE_AA
    )
