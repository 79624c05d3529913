"""A moment as a strip of zoomed frames: the object's place, and every box on it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd

from vidrobust.metrics.tracks.states import FAULTS
from vidrobust.stages.boxes.moments import BoxMoment, Shot, lies_there

TILE, BAND, LINE = 224, 20, 15
"""Side of a frame in a strip, height of the band above it, and of a line of text below, px."""
MARGIN, SMALLEST = 0.7, 64
"""Context on each side of the object, as a share of its longer side, and the shortest side that is shown, px."""
LINES = 3
OWN, OTHER, EXPECTED = (0, 200, 140), (190, 190, 190), (255, 120, 0)
"""RGB: the box of the object, other boxes, where it is expected and nothing is."""
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
    return [round((value - offset) * TILE / side) for value, offset in zip(box, (left, top) * 2, strict=True)]


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
