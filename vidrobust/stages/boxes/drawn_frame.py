"""A frame with its objects, lost and renamed ones dashed; and a moment as frames cropped to its object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import pandas as pd

from vidrobust.metrics.tracks.states import FAULTS
from vidrobust.stages.boxes.moments import BoxMoment, Shot

TILE = 320  # longer side of a frame of a moment, px
DASH = 8  # of a dashed line, px
# Context on each side of the object, as a share of its longer side, and the shortest side that is shown, px
MARGIN, SMALLEST = 0.7, 64
# RGB: other boxes, where the object is expected and nothing is
OTHER, EXPECTED = (190, 190, 190), (255, 120, 0)
DARK, WHITE = (24, 24, 24), (255, 255, 255)


def tiles(frames: Sequence[np.ndarray], moment: BoxMoment, boxes: pd.DataFrame) -> list[np.ndarray]:
    """Crop the shots of a moment to its object and draw the boxes, each (h, w, 3) uint8 RGB."""
    left, top, width, height = window(moment, frames[0].shape[:2])
    scale = TILE / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    pictures = []
    for frame, shot in zip(frames, moment.shots, strict=True):
        picture = cv2.resize(
            frame[top : top + height, left : left + width],
            size,
            interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC,
        )
        marks = _marks(shot, boxes[boxes["frame"] == shot.frame], moment.track)
        draw(picture, (_on_tile(mark, (left, top), scale) for mark in marks))
        pictures.append(picture)
    return pictures


def window(moment: BoxMoment, size: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return left, top, width and height of what is shown, px: within the frame of this height and width."""
    places = np.array([shot.place for shot in moment.shots])
    low, high = places[:, :2].min(axis=0), places[:, 2:].max(axis=0)
    side = max(SMALLEST, (1 + MARGIN) * float((high - low).max()))
    shown = [round(min(side, whole)) for whole in (size[1], size[0])]
    corner = [
        round(float(np.clip(middle - part / 2, 0, whole - part)))
        for middle, part, whole in zip((low + high) / 2, shown, (size[1], size[0]), strict=True)
    ]
    return corner[0], corner[1], shown[0], shown[1]


def _marks(shot: Shot, boxes: pd.DataFrame, track: int) -> Iterator[BoxMark]:
    for row in boxes.itertuples():
        box, of_object = (row.x1, row.y1, row.x2, row.y2), row.track == track
        state: State = (
            ("renamed" if shot.state == "renamed" else "covered") if of_object else "other"
        )
        text = f"{row.label_name} {row.score:.2f}".replace(" 0.", " .")
        yield BoxMark(box, track if of_object else -1, state, text)
    if shot.state in FAULTS:
        yield BoxMark(shot.place, track, shot.state, "no box")  # type: ignore[arg-type]


def _on_tile(mark: BoxMark, corner: tuple[int, int], scale: float) -> BoxMark:
    x1, y1, x2, y2 = (
        (side - offset) * scale for side, offset in zip(mark.box, corner * 2, strict=True)
    )
    return replace(mark, box=(x1, y1, x2, y2))


def dashed(picture: np.ndarray, box: tuple[int, int, int, int], colour: tuple[int, ...]) -> None:
    """Draw a dashed rectangle into (H, W, 3) uint8."""
    x1, y1, x2, y2 = box
    for x in range(x1, x2, 2 * DASH):
        for y in (y1, y2):
            cv2.line(picture, (x, y), (min(x + DASH, x2), y), colour, 2)
    for y in range(y1, y2, 2 * DASH):
        for x in (x1, x2):
            cv2.line(picture, (x, y), (x, min(y + DASH, y2)), colour, 2)


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
class BoxMark:
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


def draw(picture: np.ndarray, marks: Iterable[BoxMark]) -> None:
    """Draw the marks into (H, W, 3) uint8 RGB."""
    ordered = sorted(marks, key=lambda mark: ORDER.index(mark.state))
    for mark in ordered:
        x1, y1, x2, y2 = (round(side) for side in mark.box)
        if mark.state in WITHOUT or mark.state == "renamed":
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


def colour_of(mark: BoxMark) -> tuple[int, int, int]:
    """RGB of a mark's outline."""
    special = {**WITHOUT, "other": OTHER}
    return special.get(mark.state) or TRACK_COLOURS[mark.track % len(TRACK_COLOURS)]


def label_size(text: str) -> tuple[int, int]:
    """Width and height of a label, px."""
    (width, height), below = cv2.getTextSize(text, FONT, SCALE, 1)
    return width + 2 * PAD, height + below + PAD


def _home(mark: BoxMark, size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = label_size(mark.text)
    x = int(np.clip(round(mark.box[0]), 0, max(size[1] - width, 0)))
    y = int(np.clip(round(mark.box[1]) - height, 0, max(size[0] - height, 0)))
    return x, y, x + width, y + height


def label_place(
    mark: BoxMark, size: tuple[int, int], taken: Sequence[tuple[int, int, int, int]]
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
    mark: BoxMark,
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
