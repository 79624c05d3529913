"""The clip with boxes, objects, gaps and renames drawn into it, as a video to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd

from vidrobust.frames.pixels import to_array
from vidrobust.stages.boxes.strips import DARK, EXPECTED, OTHER, WHITE, dashed
from vidrobust.video.source import VideoSource

BAND = 26
"""Height of the band of text below the picture, px."""
COLOURS = ((0, 200, 140), (86, 180, 233), (240, 228, 66), (204, 121, 167), (0, 158, 255), (230, 159, 0))
RENAMED = (255, 60, 60)
FLASH = 4
"""Frames for which a change of name stays marked."""
LEAST_HEIGHT = 480
"""Smaller pictures are enlarged by a whole factor, so that names can be read."""


def write_video(
    source: VideoSource,
    steps: pd.DataFrame,
    detections: pd.DataFrame,
    out: Path,
    *,
    start_s: float = 0.0,
    seconds: float | None = None,
    advance: Callable[[int], Any] = lambda _n: None,
) -> int:
    """Write the frames of a source with what one detector said of them; how many were written.

    steps, detections  rows of the tables ``track_steps`` and ``detections`` of the item and model
    start_s, seconds   from when and how long; None: to the end
    """
    beside = out.with_name(f"{out.stem}.part{out.suffix}")
    said, boxes = dict(list(steps.groupby("frame"))), dict(list(detections.groupby("frame")))
    renamed = _flashes(steps)
    count = 0
    with av.open(str(beside), "w", format=_format(out)) as container:
        stream: Any = None
        for picture, frame, time_s in _frames(source, start_s, seconds):
            drawn = draw(picture, frame, time_s, said.get(frame), boxes.get(frame), renamed)
            if stream is None:
                stream = _stream(container, drawn, source.info.frame_rate)
            video = av.VideoFrame.from_ndarray(drawn, format="rgb24")
            video.pts = count
            container.mux(stream.encode(video))
            count += 1
            advance(1)
        if stream is not None:
            container.mux(stream.encode())
    beside.replace(out)
    return count


def draw(
    picture: np.ndarray,
    frame: int,
    time_s: float,
    steps: pd.DataFrame | None,
    boxes: pd.DataFrame | None,
    renamed: dict[int, list[int]],
) -> np.ndarray:
    """(H, W, 3) uint8 with even sides: the picture with its boxes, and a band that counts."""
    factor = max(1, -(-LEAST_HEIGHT // picture.shape[0]))
    if factor > 1:
        picture = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    picture = np.ascontiguousarray(picture)
    taken: list[tuple[int, int, int, int]] = []
    found = missed = 0
    if boxes is not None:
        for row in boxes.sort_values("track", kind="stable").itertuples():
            own = row.track >= 0
            found += own
            flash = own and any(0 <= frame - at < FLASH for at in renamed.get(int(row.track), ()))
            colour = RENAMED if flash else COLOURS[int(row.track) % len(COLOURS)] if own else OTHER
            box = [round(factor * v) for v in (row.x1, row.y1, row.x2, row.y2)]
            cv2.rectangle(picture, (box[0], box[1]), (box[2], box[3]), colour, 2 if own else 1)
            if own:
                text = f"{int(row.track)} {row.label_name} {row.score:.2f}"
                _label(picture, text, (box[0], box[1]), colour, taken)
    if steps is not None:
        for row in steps[steps["uncovered"] == 1].itertuples():
            missed += 1
            box = [round(factor * v) for v in (row.x1, row.y1, row.x2, row.y2)]
            dashed(picture, (box[0], box[1], box[2], box[3]), EXPECTED)
            _label(picture, f"{int(row.track)} {row.reason or 'missed'}", (box[0], box[1]), EXPECTED, taken)
    band = np.full((BAND, picture.shape[1], 3), DARK, np.uint8)
    _text(band, f"frame {frame}   {time_s:.2f} s   {found} found   {missed} without a box", (8, BAND - 8))
    whole = np.concatenate([picture, band])
    return np.ascontiguousarray(whole[: whole.shape[0] // 2 * 2, : whole.shape[1] // 2 * 2])


def _label(
    picture: np.ndarray,
    text: str,
    corner: tuple[int, int],
    colour: tuple[int, ...],
    taken: list[tuple[int, int, int, int]],
) -> None:
    """White on dark with a bar of the box's colour, moved down until it lies over no other label."""
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
    width, height = width + 12, height + 8
    x = int(np.clip(corner[0], 0, max(0, picture.shape[1] - width)))
    y = int(np.clip(corner[1] - height, 0, max(0, picture.shape[0] - height)))
    while any(x < b[2] and b[0] < x + width and y < b[3] and b[1] < y + height for b in taken):
        y += height
        if y + height > picture.shape[0]:
            return
    taken.append((x, y, x + width, y + height))
    picture[y : y + height, x : x + width] = DARK
    picture[y : y + height, x : x + 4] = colour
    _text(picture, text, (x + 8, y + height - 5))


def _text(picture: np.ndarray, text: str, place: tuple[int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, WHITE, 1, cv2.LINE_AA)


def _flashes(steps: pd.DataFrame) -> dict[int, list[int]]:
    """Track -> the frames in which its name changes."""
    renamed = steps[steps["flip"] == 1]
    return {int(track): of["frame"].tolist() for track, of in renamed.groupby("track")}


def _frames(
    source: VideoSource, start_s: float, seconds: float | None
) -> Iterable[tuple[np.ndarray, int, float]]:
    end = None if seconds is None else start_s + seconds
    for batch in source.batches(8):
        for row in range(len(batch)):
            time_s = float(batch.time_s[row])
            if end is not None and time_s >= end:
                return
            if time_s >= start_s:
                yield to_array(batch.pixels[row]), int(batch.index[row]), time_s


def _stream(container: Any, picture: np.ndarray, rate: Fraction) -> Any:
    """H.264 where this build of FFmpeg has an encoder for it, else MPEG-4."""
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    stream = container.add_stream(codec, rate=Fraction(rate).limit_denominator(1001))
    stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
    if codec == "libx264":
        stream.options = {"crf": "22", "preset": "veryfast"}
    else:
        stream.bit_rate = 4_000_000
    return stream


def _format(out: Path) -> str:
    """The container by the ending of the file."""
    return {".mkv": "matroska", ".mov": "mov", ".avi": "avi"}.get(out.suffix.lower(), "mp4")
