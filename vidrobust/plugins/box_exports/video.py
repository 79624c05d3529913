"""The clip with what a detector found drawn on it.

Above the picture: time and counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd
from av.error import FFmpegError

from vidrobust.errors import InputError, SettingsError
from vidrobust.frames.pixels import to_array
from vidrobust.pipeline import inputs
from vidrobust.pipeline.run import OpenRun
from vidrobust.shapes.shape import outline, read_shape
from vidrobust.stages.boxes.drawn_frame import (
    DARK,
    EXPECTED,
    FONT,
    WHITE,
    BoxMark,
    State,
    draw,
)

TRAIL_S = 1.0  # How long the way of an object is drawn
RENAMED_S = 0.6  # How long a change of name is shown, so that it can be read
BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class FrameMarks:
    """Marks of one clip and detector, by frame number, and counts of its F frames."""

    by_frame: dict[int, tuple[BoxMark, ...]]
    frame: np.ndarray
    time_s: np.ndarray
    objects: np.ndarray
    uncovered: np.ndarray


def frame_marks(
    steps: pd.DataFrame, detections: pd.DataFrame, counts: pd.DataFrame, keep_score: float
) -> FrameMarks:
    """Make the marks of one item and model; boxes below ``keep_score`` are drawn only on tracks."""
    counts = counts.sort_values("time_s", kind="stable")
    frames = counts["frame"].to_numpy(np.int64)
    place = pd.Series(np.arange(len(frames)), index=frames)
    steps = _with_boxes(steps, detections)
    by_frame: dict[int, list[BoxMark]] = {}
    for row in steps.itertuples():
        by_frame.setdefault(int(row.frame), []).append(_of_object(row))
    others = detections[(detections["track"] < 0) & (detections["score"] >= keep_score)]
    for row in others.itertuples():
        box = (row.x1, row.y1, row.x2, row.y2)
        mark = BoxMark(box, -1, "other", _said(row.label_name, row.score), rings=_rings(row.shape))
        by_frame.setdefault(int(row.frame), []).append(mark)

    def of(chosen: pd.Series) -> np.ndarray:
        rows = place.reindex(steps.loc[chosen, "frame"]).dropna().to_numpy(np.int64)
        return np.bincount(rows, minlength=len(frames))

    return FrameMarks(
        by_frame={frame: tuple(marks) for frame, marks in by_frame.items()},
        frame=frames,
        time_s=counts["time_s"].to_numpy(np.float64),
        objects=of(steps["uncovered"].notna()),
        uncovered=of(steps["uncovered"] == 1),
    )


def _with_boxes(steps: pd.DataFrame, detections: pd.DataFrame) -> pd.DataFrame:
    tracked = detections.loc[
        detections["track"] >= 0, ["track", "frame", "label_name", "score", "shape"]
    ]
    tracked = tracked.rename(columns={"label_name": "now"})
    rows = steps.merge(tracked, on=["track", "frame"], how="left")
    rows = rows.sort_values(["track", "time_s"], kind="stable", ignore_index=True)
    last = rows.groupby("track", sort=False)["now"].ffill()
    rows["was"] = last.groupby(rows["track"], sort=False).shift().where(rows["flip"] == 1)
    rows["flip_s"] = rows["time_s"].where(rows["flip"] == 1)
    for column in ("was", "flip_s"):
        rows[column] = rows.groupby("track", sort=False)[column].ffill()
    rows["fresh"] = rows["time_s"] - rows["flip_s"] <= RENAMED_S
    rows["last"] = last.fillna(rows["label_name"])
    time, track = rows["time_s"].to_numpy(), rows["track"].to_numpy()
    seen = rows["now"].notna().to_numpy()
    corners = rows[BOX].to_numpy(np.float64)
    centre = (corners[:, :2] + corners[:, 2:]) / 2
    trails, start = [], 0
    for row in range(len(rows)):
        while track[start] != track[row] or time[row] - time[start] > TRAIL_S:
            start += 1
        way = centre[start : row + 1][seen[start : row + 1]]
        trails.append(tuple((float(x), float(y)) for x, y in way))
    rows["trail"] = trails
    return rows


def _of_object(row: Any) -> BoxMark:
    box = tuple(float(getattr(row, side)) for side in BOX)
    track, trail = int(row.track), row.trail
    name = str(row.last)
    state: State = row.state
    if not isinstance(row.now, str):
        state = "hidden" if state == "covered" else state  # under another object's box
        text = f"#{track} {name}: {row.state}"
    else:
        text = f"#{track} {_said(name, float(row.score))}"
        if row.fresh and row.was != name:
            state, text = "renamed", f"{text}, was {row.was}"
    return BoxMark((box[0], box[1], box[2], box[3]), track, state, text, trail, _rings(row.shape))


def _rings(text: object) -> tuple[np.ndarray, ...]:
    shape = read_shape(text) if isinstance(text, str) else None
    return () if shape is None else outline(shape)


def _said(name: object, score: float) -> str:
    return f"{name} {score:.2f}".replace(" 0.", " .")


MOST_S = 300.0  # Seconds that are written at once, if no end is named
# The longer side of the picture at most, and at least, so that labels can be read, px
SIDE, LEAST = 1280, 640
HEAD = 28  # rows above the picture, px
CLOCK = 90_000  # Ticks a second of the time stamps
BATCH = 16


@dataclass(frozen=True)
class WantedClip:
    """What to draw; "" where the run has one item or model only, None for the beginning and for MOST_S."""

    item: str = ""
    model: str = ""
    from_s: float | None = None
    to_s: float | None = None


def write_video(run: OpenRun, wanted: WantedClip, path: Path) -> str:
    """Write the clip with its boxes as H.264, and return a sentence about it.

    SettingsError where the clip or detector is unclear or nothing lies in the range; InputError where the
    file cannot be written.
    """
    item, model = _chosen(run, wanted)
    steps, detections, counts = (
        table[(table["item"] == item) & (table["model"] == model)]
        for table in (run.table(name) for name in ("object_frames", "detections", "box_counts"))
    )
    marks = frame_marks(steps, detections, counts, run.settings.track_keep_score)
    start = wanted.from_s if wanted.from_s is not None else float(marks.time_s[0])
    end = wanted.to_s if wanted.to_s is not None else start + MOST_S
    inside = (marks.time_s >= start) & (marks.time_s < end)
    if not inside.any():
        first, last = float(marks.time_s[0]), float(marks.time_s[-1])
        raise SettingsError(
            f"--from-s, --to-s: {item} has no frame from {start:g} s to {end:g} s; the run looked at it from "
            f"{first:.2f} s to {last:.2f} s"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    try:
        with run.reporter.counting(f"drawing {item}", int(inside.sum()), "frames") as counter:
            written = _encode(
                _frames(run, item, model, marks, (start, end)), beside, counter.advance
            )
        beside.replace(path)
    except (FFmpegError, OSError) as error:
        raise InputError(
            f"{path}: cannot be written as a video ({error}); give a name such as OUT.mp4"
        ) from error
    finally:
        beside.unlink(missing_ok=True)
    text = f"{path}: {written} frames of {item}, {model}, {start:.1f} s to {float(marks.time_s[inside][-1]):.1f} s"
    later = int((marks.time_s >= end).sum())
    return (
        f"{text}; {later} later frames with --from-s {end:g}"
        if wanted.to_s is None and later
        else text
    )


def _chosen(run: OpenRun, wanted: WantedClip) -> tuple[str, str]:
    counts = run.table("box_counts")
    chosen = []
    for option, column, name in (
        ("--clip", "item", wanted.item),
        ("--detector", "model", wanted.model),
    ):
        there = [str(value) for value in counts[column].drop_duplicates()]
        some = ", ".join(there[:8]) + (f" and {len(there) - 8} more" if len(there) > 8 else "")
        if name and name not in there:
            raise SettingsError(f"{option} {name}: the run has boxes of {some or 'none'}")
        if not name and len(there) != 1:
            raise SettingsError(
                f"{option}: name the one to draw: {some}"
                if there
                else f"{run.path}: the run holds no detector"
            )
        chosen.append(name or there[0])
    return chosen[0], chosen[1]


def _frames(
    run: OpenRun, item: str, model: str, marks: FrameMarks, span: tuple[float, float]
) -> Iterator[tuple[float, np.ndarray]]:
    settings = run.settings
    if settings.selection.is_every:  # else frames are counted from the beginning
        ranged = {"start_s": span[0], "end_s": span[1]}
        settings = settings.changed(
            {k: v for k, v in ranged.items() if getattr(settings, k) is None}, "video"
        )
    at = {int(frame): row for row, frame in enumerate(marks.frame)}
    with inputs.open_item(run.item(item), settings) as source:
        for batch in source.batches(BATCH):
            for row, (number, time_s) in enumerate(
                zip(batch.index.tolist(), batch.time_s.tolist(), strict=True)
            ):
                if time_s >= span[1]:
                    return
                if time_s < span[0] or number not in at:
                    continue
                pixels = to_array(batch.pixels[row])
                scale, size = _scaled(pixels.shape[:2])
                picture = cv2.resize(
                    pixels,
                    size[::-1],
                    interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC,
                )
                draw(picture, (_moved(mark, scale) for mark in marks.by_frame.get(number, ())))
                head = _head(f"{item}   {model}", marks, at[number], size[1])
                yield time_s - span[0], np.concatenate([head, picture])


def _scaled(size: tuple[int, ...]) -> tuple[float, tuple[int, int]]:
    longer = max(size[:2])
    scale = SIDE / longer if longer > SIDE else max(1.0, LEAST / longer)
    return scale, (round(size[0] * scale / 2) * 2, round(size[1] * scale / 2) * 2)


def _moved(mark: BoxMark, scale: float) -> BoxMark:
    x1, y1, x2, y2 = (side * scale for side in mark.box)
    trail = tuple((x * scale, y * scale) for x, y in mark.trail)
    return replace(
        mark, box=(x1, y1, x2, y2), trail=trail, rings=tuple(ring * scale for ring in mark.rings)
    )


def _head(title: str, marks: FrameMarks, place: int, width: int) -> np.ndarray:
    head = np.full((HEAD, width, 3), DARK, np.uint8)
    lost, objects = int(marks.uncovered[place]), int(marks.objects[place])
    text = f"{marks.time_s[place]:8.2f} s  frame {marks.frame[place]}   {objects} objects"
    cv2.putText(head, text, (6, HEAD - 9), FONT, 0.5, WHITE, 1, cv2.LINE_AA)
    right = cv2.getTextSize(text, FONT, 0.5, 1)[0][0] + 6
    if lost:
        text = f", {lost} without a box"
        cv2.putText(head, text, (right, HEAD - 9), FONT, 0.5, EXPECTED, 1, cv2.LINE_AA)
        right += cv2.getTextSize(text, FONT, 0.5, 1)[0][0]
    text_width = cv2.getTextSize(title, FONT, 0.42, 1)[0][0]
    if right + 20 + text_width <= width:
        cv2.putText(
            head, title, (width - text_width - 6, HEAD - 10), FONT, 0.42, WHITE, 1, cv2.LINE_AA
        )
    return head


def _encode(
    frames: Iterator[tuple[float, np.ndarray]], path: Path, done: Callable[[], None]
) -> int:
    count, last = 0, -1
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(30))
        stream.pix_fmt, stream.options = "yuv420p", {"preset": "veryfast", "crf": "20"}
        stream.codec_context.time_base = Fraction(1, CLOCK)
        for time_s, picture in frames:
            if not count:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            last = max(last + 1, round(time_s * CLOCK))
            frame.pts, frame.time_base = last, Fraction(1, CLOCK)
            container.mux(stream.encode(frame))
            count += 1
            done()
        container.mux(stream.encode(None))
    return count
