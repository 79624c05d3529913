"""The task of a detector: boxes per frame, followed as objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import KINDS, change, wrong_kinds
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
            "objects in view have no box",
            "objects in view always have a box",
            "frame (counted per object)",
            event="frames of an object has no box",
            many="frames (counted per object)",
            none_seen="no misses seen",
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
    found: Detections,
    perturbation: Any,
    strength: float,
    generators: Sequence[Any],
    size: tuple[int, int],
) -> Detections:
    """Return the boxes and masks where a perturbation puts them, without those that leave the frame."""
    if perturbation.move_boxes is None or not len(found.scores):
        return found
    boxes = np.array(found.boxes, np.float32)
    shapes = None if found.shapes is None else found.shapes.copy()
    inside = np.ones(len(boxes), bool)
    for row, generator in enumerate(generators):
        at = np.flatnonzero(found.frame == row)
        if shapes is not None:
            state = generator.get_state()
            matrix = perturbation.motion(size, strength, generator)
            generator.set_state(state)  # boxes are moved with the same numbers
            shapes[at] = shape_array(s if s is None else s.mapped(matrix, size) for s in shapes[at])
            inside[at] = [s is None or s.area > 0 for s in shapes[at]]
        boxes[at] = perturbation.move_boxes(boxes[at], size, strength, generator)
    inside &= (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return dataclasses.replace(found, boxes=boxes, shapes=shapes, tracks=None).take(inside)


def _scores(table: Callable[[str], pd.DataFrame]) -> pd.DataFrame:
    boxes = table("detections")
    keys = ["model", "item", "frame", "time_s"]
    return boxes[boxes["track"] >= 0].groupby(keys, sort=False)["score"].mean().reset_index()


def _meter(item: str, model: str, settings: AlongTime, metrics: Sequence[Metric]) -> Meter:
    from vidrobust.metrics.box_meter import (
        BoxMeter,
    )  # it looks at pixels, which the report does not

    return BoxMeter(item, model, settings)


def _whole(
    found: Tables, transitions: pd.DataFrame, size: tuple[int, int], along: AlongTime
) -> dict[str, pd.DataFrame]:
    from vidrobust.metrics.box_meter import whole

    return whole(found, transitions, size, along)


DETECTION = Task(
    name=NAME,
    tables=TABLES,
    meter=_meter,
    whole=_whole,
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
        floors=("noise_floor_boxes_changed", "noise_floor_boxes_moved"),
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
)
