"""Metrics of a detector that need known boxes."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import Any

from vidrobust.metrics.metric import Metric

MANY = float("inf")


def _of_boxes(name: str, title: str, sentence: str, **more: Any) -> Metric:
    made = Metric(
        task="detection",
        name=name,
        title=title,
        sentence=f"{sentence} Needs labels.",
        table="known_tracks",
        column=name,
        bounds=(0.0, MANY),
        of_labels=True,
    )
    return dataclasses.replace(made, **more)


def _precision(name: str, title: str, sentence: str, **more: Any) -> Metric:
    own = {"column": "value", "bounds": (0.0, 1.0), "worse": "lower", "summed": True}
    return _of_boxes(name, title, sentence, **{**own, **more})


METRICS: tuple[Metric, ...] = (
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
