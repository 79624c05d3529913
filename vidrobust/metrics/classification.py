"""The task of a classifier: a distribution over classes per frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np

from vidrobust.metrics import class_differences as classes
from vidrobust.metrics.class_meter import ClassMeter, whole
from vidrobust.metrics.labelled import METRICS as LABELLED
from vidrobust.metrics.metric import (
    CorrelationSpec,
    Difference,
    Metric,
    ResponseSpec,
    Task,
    Wording,
)
from vidrobust.predictions import Classifications

NAME = "classification"
NEIGHBOURS = MappingProxyType({"kind": "adjacent"})


def _of_probabilities(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Difference:
    def difference(p: Classifications, q: Classifications) -> np.ndarray:
        found = function(p.probabilities, q.probabilities)
        return np.full(len(found), np.nan) if p.partial or q.partial else found

    return difference


def label_flip(p: Classifications, q: Classifications) -> np.ndarray:
    """Return where aligned labels differ, (N,) bool; labels follow the model's operating points.

    This is the only definition of a flip in stability, sensitivity, remedies and comparisons.
    """
    flips: np.ndarray = p.labels != q.labels
    return flips


def _of_pairs(name: str, title: str, sentence: str, difference: Difference, **more: Any) -> Metric:
    return dataclasses.replace(
        Metric(
            task=NAME,
            name=name,
            title=title,
            sentence=sentence,
            table="pairs",
            column=name,
            difference=difference,
            rows=NEIGHBOURS,
        ),
        **more,
    )


METRICS: tuple[Metric, ...] = (
    _of_pairs(
        "flip_rate",
        "label flips",
        "How often the label differs between a frame and the next one.",
        label_flip,
        column="label_flip",
        is_rate=True,
        headline=True,
        wording=Wording(
            "the label flips",
            "the label never flips",
            "pair of neighbouring frames",
            many="pairs of neighbouring frames",
            event="pairs of neighbouring frames has a flip",
            none_seen="no flip seen",
            called="flip rate",
        ),
    ),
    _of_pairs(
        "total_variation",
        "shift of the prediction (total variation)",
        "By how much the prediction shifts from a frame to the next: the probability that goes to other classes.",
        _of_probabilities(classes.total_variation),
        headline=True,
    ),
    _of_pairs(
        "top1_probability_change",
        "change of the leading class's probability",
        "How far the probability of the leading class moves from a frame to the next one.",
        _of_probabilities(classes.top1_probability_change),
    ),
    _of_pairs(
        "jensen_shannon",
        "Jensen-Shannon divergence",
        "How far apart the distributions of a frame and the next one are.",
        _of_probabilities(classes.jensen_shannon),
        unit="bits",
    ),
    _of_pairs(
        "top5_distance",
        "top-5 distance",
        "How far the five leading classes move in the ranking from a frame to the next one.",
        _of_probabilities(classes.top5_distance),
        unit="of 18",
        bounds=(0.0, 18.0),
    ),
    Metric(
        task=NAME,
        name="jitter",
        title="jitter (second difference)",
        sentence="How much the probabilities shake about a steady drift, over three frames.",
        table="triples",
        column="jitter",
        headline=True,
    ),
    Metric(
        task=NAME,
        name="revert_flip_rate",
        title="revert flips (A B A)",
        sentence="How often a label leaves and is back within a few frames: one of the two answers is wrong.",
        table="triples",
        column="revert_flip",
        is_rate=True,
        headline=True,
    ),
    *LABELLED,
)


CLASSIFICATION = Task(
    name=NAME,
    tables=("frames", "pairs", "triples", "probabilities"),
    meter=ClassMeter,
    whole=whole,
    answered=("flip_rate",),
    nothing="no two neighbouring frames could be compared",
    response=ResponseSpec(
        columns=("total_variation",),
        turns=("label_flip",),
        floors=("noise_floor_total_variation",),
        of="of the probability",
        happens="changes the label in",
        many="of the frames",
    ),
    correlation=CorrelationSpec(
        pairs="pairs",
        metrics=classes.PAIR_COLUMNS,
        primary="total_variation",
        frames=lambda table: table("frames"),
        sure="margin",
        sure_is="the top-1 margin",
    ),
    accounts=MappingProxyType({"": "the change"}),
    labelled=("label_answers", "neighbour_accuracy"),
    metrics=METRICS,
    anchored=("flip_rate", "total_variation"),
    groups=MappingProxyType({"label": "truth", "offset": "offset"}),
)
