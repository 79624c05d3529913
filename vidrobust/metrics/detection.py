"""The task of a detector: boxes per frame, followed as objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import KINDS, BoxChange, change, wrong_kinds
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
)
from vidrobust.predictions import Detections
from vidrobust.shapes.shape import shape_array

NAME = "detection"
MANY = float("inf")
TABLES = ("detections", "object_frames", "tracks", "box_counts", "box_pairs")


def _share(part: Callable[[BoxChange], float]) -> Difference:
    def difference(p: Detections, q: Detections) -> np.ndarray:
        return np.array([part(change(p.of_frame(row), q.of_frame(row))) for row in range(p.num_frames)])

    return difference


def _kind(kind: str) -> Difference:
    def difference(p: Detections, q: Detections) -> np.ndarray:
        return np.array([wrong_kinds(p.of_frame(row), q.of_frame(row))[kind] for row in range(p.num_frames)])

    return difference


def _changed(name: str, title: str, sentence: str, **more: Any) -> Metric:
    shares = _share(lambda found: found.shares()[name])
    return Metric(name, title, sentence, task=NAME, table="box_pairs", difference=shares, **more)


_along = partial(Metric, task=NAME, table="object_frames", of_tracks=True)
_end = partial(Metric, task=NAME, table="tracks", is_rate=True, of_tracks=True)
_per_minute = partial(Metric, task=NAME, table="box_counts", unit="a minute", bounds=(0.0, MANY))

_of_boxes = partial(Metric, task=NAME, table="known_tracks", bounds=(0.0, MANY), of_labels=True)
_precision = partial(
    Metric, task=NAME, table="known_tracks", column="value", worse="lower", of_labels=True, summed=True
)

# Needs known boxes
KNOWN: tuple[Metric, ...] = (
    _of_boxes(
        "recall",
        "known boxes found",
        "How many of the known boxes are found: same class, an IoU of .5, a score from start_score on.",
        table="known_boxes",
        column="found",
        bounds=(0.0, 1.0),
        worse="lower",
        is_rate=True,
        headline=True,
    ),
    _of_boxes(
        "true_uncovered_rate",
        "known objects without any box",
        "How often no box of any class lies where an object is that is a known one; false alarms apart.",
        table="judged_steps",
        column="uncovered",
        rows=MappingProxyType({"false_alarm": 0.0}),
        bounds=(0.0, 1.0),
        is_rate=True,
        of_tracks=True,
        headline=True,
    ),
    _of_boxes(
        "false_alarm_rate",
        "objects that are false alarms",
        "How many of the objects that are followed lie on no known one, by half of their boxes or more.",
        table="judged_tracks",
        column="false_alarm",
        bounds=(0.0, 1.0),
        is_rate=True,
        of_tracks=True,
    ),
    _of_boxes(
        "false_uncovered_rate",
        "false alarms without any box",
        "How often a false alarm that is followed is without a box: how much it blinks.",
        table="judged_steps",
        column="uncovered",
        rows=MappingProxyType({"false_alarm": 1.0}),
        bounds=(0.0, 1.0),
        is_rate=True,
        of_tracks=True,
    ),
    _of_boxes(
        "fragment_error",
        "fragment error",
        "Along a known object, how often found turns to missed or back, a frame (Zhang & Wang 2016).",
        bounds=(0.0, 1.0),
        headline=True,
    ),
    _of_boxes(
        "center_error",
        "centre position error",
        "Spread of the found centre about the known one, as a share of width and height; an offset costs nothing.",
    ),
    _of_boxes(
        "scale_error",
        "scale and ratio error",
        "Spread of the found size and of its shape about the known ones; a constant factor costs nothing.",
    ),
    _precision(
        "stability_error_area",
        "stability error over recall",
        "Fragment, centre and scale errors together, a mean over the recalls that thresholds from 0 to .95 reach.",
        bounds=(0.0, MANY),
        worse="higher",
    ),
    _precision(
        "average_precision",
        "average precision",
        "Average precision by COCO's rules, IoU .50 to .95, a mean over classes.",
        headline=True,
    ),
    _precision("average_precision_50", "average precision at IoU .5", "The same at an IoU of .5."),
    _precision(
        "average_precision_anchors",
        "average precision of anchors",
        "The same, IoU .50 to .95, of labelled frames one second apart.",
    ),
    _precision(
        "average_precision_worst_neighbour",
        "average precision of the worst neighbours",
        "The same with each anchor replaced by the worst frame within ten.",
    ),
    _precision(
        "average_precision_best_neighbour",
        "average precision of the best neighbours",
        "The same with each anchor replaced by the best frame within ten.",
    ),
    _precision(
        "hota",
        "HOTA of the detector's numbers",
        "How well the detector's own numbers follow known objects: finding and following alike (Luiten 2020).",
    ),
    _precision(
        "association_accuracy",
        "association accuracy",
        "The half of HOTA that is about following: how far tracks of matched boxes agree (AssA).",
    ),
    _precision(
        "idf1",
        "IDF1 of the detector's numbers",
        "How many boxes lie on known ones under the one number that fits the object best (Ristani 2016).",
    ),
    _precision(
        "identity_switches",
        "ID switches against known objects",
        "How often a known object is found under another number than when it was found last.",
        bounds=(0.0, MANY),
        worse="higher",
        unit="in all",
    ),
)

METRICS: tuple[Metric, ...] = (
    _along(
        "uncovered_rate",
        "objects without any box",
        "How often no box of any class lies on an object in view: late, missed and lost frames. Alarms apart.",
        column="uncovered",
        is_rate=True,
        headline=True,
        wording=Wording(
            "objects have no box",
            "objects always have a box",
            "frame of an object",
            event="frames of an object has no box",
            many="frames of objects",
            none_seen="no missed frame seen",
            called="uncovered rate",
        ),
    ),
    _along(
        "dropout_rate",
        "dropouts",
        "How often no box of any class lies on an object in a frame, between two in which it is found.",
        column="missed",
        is_rate=True,
        headline=True,
    ),
    _along(
        "unknown_rate",
        "frames of unknown state",
        "How often it is unknown whether an object without a box is in view: what bounds the uncovered rate.",
        column="unknown",
        is_rate=True,
    ),
    _end(
        "alarm_rate",
        "alarms that blink",
        "How many of what is followed blinks: few boxes, boxes now and then, or boxes that jump.",
        headline=True,
        column="alarm",
        wording=Wording(
            "followed things are alarms that blink",
            "no followed thing blinks",
            "followed thing",
            many="followed things",
        ),
    ),
    _end(
        "vanished_rate",
        "objects that vanish in mid-picture",
        "How many objects are lost for good away from the border, from cuts and from what may hide them.",
        headline=True,
        column="vanished",
    ),
    _end(
        "appeared_rate",
        "objects that appear in mid-picture",
        "How many objects are first found away from the border, from cuts and from what may have hidden them.",
        column="appeared",
    ),
    Metric(
        task=NAME,
        name="late_frames",
        title="frames until an object is found",
        sentence="For how many frames, up to a second, an object was in view before its first box.",
        table="tracks",
        column="late",
        unit="frames",
        of_tracks=True,
        bounds=(0.0, MANY),
    ),
    _per_minute("vanished_per_minute", "vanished a minute", "The objects that vanish, a minute of footage."),
    _per_minute("appeared_per_minute", "appeared a minute", "The objects that appear, a minute of footage."),
    _per_minute("alarms_per_minute", "alarms a minute", "The alarms that blink, a minute of footage."),
    _along(
        "second_box_rate",
        "second boxes on an object",
        "How often a further box lies on an object's place: a second name that comes and goes, or a duplicate.",
        column="second_box",
        is_rate=True,
    ),
    Metric(
        task=NAME,
        name="fragments_per_track",
        title="fragments of a track",
        sentence="Into how many pieces dropouts cut an object that is being followed; 1 is none.",
        table="tracks",
        column="fragments",
        unit="a track",
        of_tracks=True,
        bounds=(1.0, MANY),
    ),
    _along(
        "flip_rate",
        "renamed boxes",
        "How often the class of an object's best box differs from that of its best box the time before.",
        column="flip",
        is_rate=True,
        headline=True,
        wording=Wording(
            "followed objects change their class",
            "followed objects never change their class",
            "box of followed objects",
            many="boxes of followed objects",
        ),
    ),
    _along(
        "revert_flip_rate",
        "renamed and back (A B A)",
        "How often a class leaves and is back within a few frames: one of the two answers is wrong.",
        column="revert_flip",
        is_rate=True,
        headline=True,
    ),
    _along(
        "id_switch_rate",
        "ID switches",
        "How often the detector's own number of an object differs from the last it gave, where it numbers.",
        column="id_switch",
        is_rate=True,
    ),
    _along(
        "score_jitter",
        "jitter of the score",
        "How much the score shakes about a steady drift, over three frames.",
        bounds=(0.0, 2.0),
        unit="of 1",
    ),
    _along(
        "center_jitter",
        "jitter of the centre",
        "How far the box's centre shakes about a steady motion, over three frames, as a share of its size.",
        bounds=(0.0, MANY),
        headline=True,
    ),
    _along(
        "center_jerk",
        "jerk of the centre",
        "Root mean square of the centre's third difference over four frames, as a share of its size.",
        column="squared_jerk",
        bounds=(0.0, MANY),
        is_root=True,
    ),
    _along(
        "size_jitter",
        "jitter of the size",
        "How much width and height shake about a steady change, over three frames, as a share of the size.",
        bounds=(0.0, MANY),
    ),
    _along(
        "mask_jitter",
        "jitter of the mask",
        "How much of a mask, or turned box, comes or goes for one frame alone, its motion taken out.",
        bounds=(0.0, MANY),
    ),
    Metric(
        task=NAME,
        name="duplicate_rate",
        title="duplicate boxes",
        sentence="How many of the boxes lie over a better one of their class (IoU .7 or more).",
        table="detections",
        column="duplicate",
        is_rate=True,
        of_tracks=True,
    ),
    Metric(
        task=NAME,
        name="count_jitter",
        title="jitter of the count",
        sentence="How much the number of boxes shakes about a steady change, over three frames.",
        table="box_counts",
        column="count_jitter",
        unit="boxes",
        bounds=(0.0, MANY),
    ),
    _changed("lost", "boxes lost", "How many of a frame's boxes are not found where they should be."),
    _changed(
        "new",
        "boxes that are new",
        "How many boxes appear where none was, as a share of the boxes before.",
        bounds=(0.0, MANY),
    ),
    _changed("renamed", "boxes renamed", "How many of a frame's boxes are found again under another class."),
    _changed("moved", "boxes moved", "How far boxes that are found again lie off: 1 - IoU."),
    _changed(
        "box_change",
        "change of the boxes",
        "How far boxes lie off, with 1 for a box that is lost or renamed: all of it in one number, from 0 to 1.",
    ),
    *(
        Metric(
            task=NAME,
            name=f"tide_{kind}",
            title=f"{kind} (TIDE)",
            sentence=f"Boxes of clean frames of which something is wrong afterwards, by TIDE's kinds: {kind}.",
            table="",
            column=f"tide_{kind}",
            difference=_kind(kind),
            bounds=(0.0, MANY),
        )
        for kind in KINDS
    ),
    *KNOWN,
)


def move(
    found: Detections, perturbation: Any, strength: float, generators: Sequence[Any], size: tuple[int, int]
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
    from vidrobust.metrics.box_meter import BoxMeter  # it looks at pixels, which the report does not

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
    labelled=("known_boxes", "known_tracks", "judged_tracks", "judged_steps", "truth_curve"),
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
    accounts=MappingProxyType({"": "the change of its scores", "place_": "the change of its boxes' places"}),
    groups=MappingProxyType({"class": "label_name", "size": "size"}),
    moved=move,
)
