"""What is drawn on each frame of a detector's clip, from the tables: boxes, gaps, what vanished, new names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.shapes.shape import outline, read_shape
from vidrobust.stages.boxes.drawn_frame import Mark, State

TRAIL_S = 1.0
"""How long the way of an object is drawn."""
RENAMED_S = 0.6
"""How long a change of name is shown, so that it can be read."""
BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class FrameMarks:
    """Of one clip and detector.

    by_frame   number of a frame -> its marks, boxes in px of the footage
    time_s     (F,) of the frames that the detector saw; frame (F,) their numbers
    objects    (F,) how many objects are followed; uncovered (F,) how many of them no box covers
    renamed    (F,) how many change their name
    """

    by_frame: dict[int, tuple[Mark, ...]]
    frame: np.ndarray
    time_s: np.ndarray
    objects: np.ndarray
    uncovered: np.ndarray
    renamed: np.ndarray


def frame_marks(
    steps: pd.DataFrame, detections: pd.DataFrame, counts: pd.DataFrame, keep_score: float
) -> FrameMarks:
    """The marks of one item and model.

    steps, detections, counts  rows of ``track_steps``, ``detections`` and ``box_counts``
    keep_score                 boxes below it are not drawn, unless they belong to a track
    """
    counts = counts.sort_values("time_s", kind="stable")
    frames = counts["frame"].to_numpy(np.int64)
    place = pd.Series(np.arange(len(frames)), index=frames)
    steps = _with_boxes(steps, detections)
    by_frame: dict[int, list[Mark]] = {}
    for row in steps.itertuples():
        by_frame.setdefault(int(row.frame), []).append(_of_object(row))
    others = detections[(detections["track"] < 0) & (detections["score"] >= keep_score)]
    for row in others.itertuples():
        box = (row.x1, row.y1, row.x2, row.y2)
        mark = Mark(box, -1, "other", _said(row.label_name, row.score), rings=_rings(row.shape))
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
        renamed=of(steps["flip"] == 1),
    )


def _with_boxes(steps: pd.DataFrame, detections: pd.DataFrame) -> pd.DataFrame:
    """The steps in the order of time, with name and score of the object's own box, the name before, its way."""
    own = detections.loc[detections["track"] >= 0, ["track", "frame", "label_name", "score", "shape"]]
    own = own.rename(columns={"label_name": "now"})
    rows = steps.merge(own, on=["track", "frame"], how="left")
    rows = rows.sort_values(["track", "time_s"], kind="stable", ignore_index=True)
    last = rows.groupby("track", sort=False)["now"].ffill()
    rows["was"] = last.groupby(rows["track"], sort=False).shift().where(rows["flip"] == 1)
    rows["flip_s"] = rows["time_s"].where(rows["flip"] == 1)
    for column in ("was", "flip_s"):
        rows[column] = rows.groupby("track", sort=False)[column].ffill()
    rows["fresh"] = rows["time_s"] - rows["flip_s"] <= RENAMED_S
    rows["last"] = last.fillna(rows["label_name"])
    rows["trail"] = _trails(rows)
    return rows


def _trails(rows: pd.DataFrame) -> list[tuple[tuple[float, float], ...]]:
    """The centres of the object in the second before, where it was found; rows sorted by track and time."""
    time, track = rows["time_s"].to_numpy(), rows["track"].to_numpy()
    found = rows["now"].notna().to_numpy()
    corners = rows[BOX].to_numpy(np.float64)
    centre = (corners[:, :2] + corners[:, 2:]) / 2
    trails, start = [], 0
    for row in range(len(rows)):
        while track[start] != track[row] or time[row] - time[start] > TRAIL_S:
            start += 1
        way = centre[start : row + 1][found[start : row + 1]]
        trails.append(tuple((float(x), float(y)) for x, y in way))
    return trails


def _of_object(row: Any) -> Mark:
    box = tuple(float(getattr(row, side)) for side in BOX)
    track, trail = int(row.track), row.trail
    name = str(row.last)
    state: State = "found"
    if not isinstance(row.now, str):
        reason = str(row.reason)
        if row.uncovered != 1:
            state, text = "hidden", f"#{track} {name}: {reason}" if reason else f"#{track} {name}"
        elif reason == "vanished":
            state, text = "vanished", f"#{track} {name} vanished"
        else:
            state, text = "missed", f"#{track} {name}: no box"
    else:
        text = f"#{track} {_said(name, float(row.score))}"
        if row.fresh and row.was != name:
            state, text = "renamed", f"{text}, was {row.was}"
    return Mark((box[0], box[1], box[2], box[3]), track, state, text, trail, _rings(row.shape))


def _rings(text: object) -> tuple[np.ndarray, ...]:
    """The outlines of the column ``shape``; none where there is no box, or the box is all."""
    shape = read_shape(text) if isinstance(text, str) else None
    return () if shape is None else outline(shape)


def _said(name: object, score: float) -> str:
    return f"{name} {score:.2f}".replace(" 0.", " .")
