"""The task of a classifier: a distribution over classes per frame."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from vidrobust.metrics import class_differences as classes
from vidrobust.metrics.class_meter import ClassMeter, whole
from vidrobust.metrics.metric import (
    CorrelationSpec,
    Difference,
    ResponseSpec,
    Task,
    Wording,
    declared,
)
from vidrobust.predictions import Classifications

NAME = "classification"
WITHIN = 10  # Frames on either side of an anchor that are looked at (Shankar et al. 2019)


def _of_probabilities(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Difference:
    def difference(p: Classifications, q: Classifications) -> np.ndarray:
        values = function(p.probabilities, q.probabilities)
        return np.full(len(values), np.nan) if p.partial or q.partial else values

    return difference


def label_flip(p: Classifications, q: Classifications) -> np.ndarray:
    """Return where aligned labels differ, (N,) bool; labels follow the model's operating points.

    This is the only definition of a flip in stability, sensitivity, remedies and comparisons.
    """
    flips: np.ndarray = p.labels != q.labels
    return flips


METRICS = declared(
    NAME,
    {
        "flip_rate": label_flip,
        "total_variation": _of_probabilities(classes.total_variation),
        "top1_probability_change": _of_probabilities(classes.top1_probability_change),
        "jensen_shannon": _of_probabilities(classes.jensen_shannon),
        "top5_distance": _of_probabilities(classes.top5_distance),
    },
    {
        "flip_rate": Wording(
            "the label changes",
            "the label never changes",
            "pair of neighbouring frames",
            many="pairs of neighbouring frames",
            event="pairs of neighbouring frames has a flip",
            none_seen="no flip seen",
            called="flip rate",
        )
    },
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
        floors={"noise_floor_total_variation": ("total_variation",)},
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
    labels_frames=True,
    labelled=("label_answers", "neighbour_accuracy"),
    metrics=METRICS,
    anchored=("flip_rate", "total_variation"),
    groups=MappingProxyType({"label": "truth", "offset": "offset"}),
)
