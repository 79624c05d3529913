"""The task of a detector: boxes per frame, followed as objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import BIRTH, KINDS, change, score_logits, wrong_kinds
from vidrobust.metrics.metric import (
    AlongTime,
    CorrelationSpec,
    Difference,
    Meter,
    Metric,
    ResponseSpec,
    Tables,
    Task,
    Wording,
    declared,
)
from vidrobust.predictions import Detections
from vidrobust.shapes.shape import shape_array

NAME = "detection"
TABLES = ("detections", "object_frames", "tracks", "box_counts", "box_pairs")


def _kind(kind: str) -> Difference:
    def difference(p: Detections, q: Detections) -> np.ndarray:
        return np.array(
            [wrong_kinds(p.of_frame(row), q.of_frame(row))[kind] for row in range(p.num_frames)]
        )

    return difference


def _share(name: str) -> Difference:
    def difference(p: Detections, q: Detections) -> np.ndarray:
        frames = range(p.num_frames)
        return np.array([change(p.of_frame(row), q.of_frame(row)).shares()[name] for row in frames])

    return difference


METRICS = declared(
    NAME,
    {name: _share(name) for name in ("lost", "new", "renamed", "moved", "box_change")}
    | {f"tide_{kind}": _kind(kind) for kind in KINDS},
    {
        "uncovered_rate": Wording(
            "followed objects have no box",
            "followed objects always have a box",
            "frame (counted per object)",
            event="frames of an object has no box",
            many="frames (counted per object)",
            none_seen="no misses of followed objects seen",
            called="uncovered rate",
            briefly="of the time",
        ),
        "alarm_rate": Wording(
            "boxes blink like false alarms",
            "no box blinks like a false alarm",
            "track",
            many="tracks",
        ),
        "flip_rate": Wording(
            "followed objects change their class",
            "followed objects never change their class",
            "box",
            many="boxes",
        ),
    },
)


def move(
    detections: Detections,
    perturbation: Any,
    strength: float,
    generators: Sequence[Any],
    size: tuple[int, int],
) -> Detections:
    """Return the boxes and masks where a perturbation puts them, without those that leave the frame."""
    if perturbation.move_boxes is None or not len(detections.scores):
        return detections
    boxes = np.array(detections.boxes, np.float32)
    shapes = None if detections.shapes is None else detections.shapes.copy()
    inside = np.ones(len(boxes), bool)
    for row, generator in enumerate(generators):
        at = np.flatnonzero(detections.frame == row)
        if shapes is not None:
            state = generator.get_state()
            matrix = perturbation.motion(size, strength, generator)
            generator.set_state(state)  # boxes are moved with the same numbers
            shapes[at] = shape_array(s if s is None else s.mapped(matrix, size) for s in shapes[at])
            inside[at] = [s is None or s.area > 0 for s in shapes[at]]
        boxes[at] = perturbation.move_boxes(boxes[at], size, strength, generator)
    inside &= (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return dataclasses.replace(detections, boxes=boxes, shapes=shapes, tracks=None).take(inside)


def _scores(table: Callable[[str], pd.DataFrame]) -> pd.DataFrame:
    boxes = table("detections")
    keys = ["model", "item", "frame", "time_s"]
    return boxes[boxes["track"] >= 0].groupby(keys, sort=False)["score"].mean().reset_index()


def _squared_change(pairs: pd.DataFrame, table: Callable[[str], pd.DataFrame | None]) -> pd.Series:
    """Return how much of each account a pair holds, as a multiple of the mean: of scores, as logits, and of places.

    Few pairs hold most of what a detector's account explains, and box_change does not say which.
    """
    from vidrobust.models.detection.suppress import MIN_SCORE  # with torch; reports need none

    boxes = table("detections")
    if boxes is None:
        return pd.Series(1.0, pairs.index)
    least, start = score_logits(np.array([0.0, BIRTH]), MIN_SCORE)
    rows = boxes[["frame", "label", "x1", "y1", "x2", "y2", "shift_x", "shift_y"]].assign(
        on=boxes["track"].where(boxes["track"] >= 0, boxes["second_of"]),
        z=score_logits(boxes["score"].to_numpy(), MIN_SCORE) - least,
    )
    rows = rows.sort_values("z").drop_duplicates(["frame", "on", "label"], keep="last")
    a, b = (
        pairs[["frame_a"]].assign(frame=pairs[end]).merge(rows, on="frame").drop(columns="frame")
        for end in ("frame_a", "frame_b")
    )
    both = a.merge(b, how="outer", on=["frame_a", "on", "label"], suffixes=("", "_b"))
    both = both[both[["z", "z_b"]].max(axis=1) >= start - least]
    score = np.square(both["z_b"].fillna(0.0) - both["z"].fillna(0.0))
    place = 0.0 * score
    for axis in ("x", "y"):
        shift = both[f"shift_{axis}"].fillna(0.0)
        low, high = (both[f"{axis}{n}_b"] - both[f"{axis}{n}"] - shift for n in (1, 2))
        place += np.square((low + high) / 2) + np.square(high - low)
    place /= ((both["x2"] - both["x1"]) * (both["y2"] - both["y1"])).clip(lower=1.0)  # px^2
    # what is not followed has no place to move from
    place = place.where(both["on"] >= 0, 0.0).fillna(0.0)
    sums = pd.DataFrame({"frame_a": both["frame_a"], "score": score, "place": place})
    sums = sums.groupby("frame_a").sum().reindex(pairs["frame_a"]).fillna(0.0).set_axis(pairs.index)
    return (sums / sums.mean().replace(0.0, 1.0)).sum(axis=1)


def _meter(item: str, model: str, settings: AlongTime, metrics: Sequence[Metric]) -> Meter:
    # it looks at pixels, which the report does not
    from vidrobust.metrics.box_meter import BoxMeter

    return BoxMeter(item, model, settings)


def _whole(
    tables: Tables, transitions: pd.DataFrame, size: tuple[int, int], along: AlongTime
) -> dict[str, pd.DataFrame]:
    from vidrobust.metrics.box_meter import whole

    return whole(tables, transitions, size, along)


DETECTION = Task(
    name=NAME,
    tables=TABLES,
    meter=_meter,
    whole=_whole,
    finds_boxes=True,
    labelled=(
        "known_boxes",
        "judged_boxes",
        "known_tracks",
        "judged_tracks",
        "judged_steps",
        "truth_curve",
    ),
    metrics=METRICS,
    answered=("uncovered_rate", "alarm_rate", "flip_rate"),
    nothing="no object was found and followed",
    response=ResponseSpec(
        columns=("box_change",),
        turns=("lost", "renamed"),
        floors={
            "noise_floor_boxes_changed": ("lost", "new", "renamed"),
            "noise_floor_boxes_moved": ("moved",),
        },
        of="of the boxes",
        happens="loses or renames",
        many="of the boxes",
    ),
    correlation=CorrelationSpec(
        pairs="box_pairs",
        metrics=("lost", "new", "renamed", "moved", "box_change"),
        primary="box_change",
        frames=_scores,
        sure="score",
        sure_is="the score of the boxes",
    ),
    accounts=MappingProxyType(
        {"": "the change of its scores", "place_": "the change of its boxes' places"}
    ),
    groups=MappingProxyType({"class": "label_name", "size": "size"}),
    moved=move,
    squared_change=_squared_change,
)
