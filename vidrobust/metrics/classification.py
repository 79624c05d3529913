"""The task of a classifier: a distribution over classes per frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType

import numpy as np

from vidrobust.metrics import class_differences as classes
from vidrobust.metrics.class_meter import ClassMeter, whole
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
# Frames on either side of an anchor that are looked at (Shankar et al. 2019).
WITHIN = 10
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


def _pm(k: int) -> Metric:
    frames = "1 frame" if k == 1 else f"{k} frames"
    if not k:
        title, what = "anchors right (pm-0)", "How often an anchor, one labelled frame a second, is right."
    else:
        title = f"anchors right with all within {frames} (pm-{k})"
        what = f"How often an anchor (one labelled frame a second) and every frame within {frames} are right."
    return _of_answers(f"pm{k}", title, what, is_rate=True, headline=k in (0, WITHIN))


_of_pairs = partial(Metric, task=NAME, table="pairs", rows=NEIGHBOURS)
_of_answers = partial(Metric, task=NAME, table="label_answers", worse="lower", of_labels=True)

LABELLED: tuple[Metric, ...] = (
    _of_answers(
        "top1",
        "right answers (top-1)",
        "How often the label is right.",
        is_rate=True,
        headline=True,
    ),
    _of_answers(
        "top5",
        "right among five (top-5)",
        "How often one of the five leading classes is right.",
        is_rate=True,
        headline=True,
    ),
    *(_pm(k) for k in range(WITHIN + 1)),
    _of_answers(
        "pm_drop",
        f"what the frames about an anchor cost (pm-0 less pm-{WITHIN})",
        f"How often an anchor is right alone, and not within {WITHIN} frames.",
        worse="higher",
        is_rate=True,
    ),
    _of_answers(
        "pm_ratio",
        f"right anchors that stay right (pm-{WITHIN} / pm-0)",
        f"How often an anchor that is right stays so within {WITHIN} frames.",
        column=f"pm{WITHIN}",
        rows=MappingProxyType({"pm0": 1.0}),
        is_rate=True,
    ),
    _of_answers(
        "mean_neighbour",
        "a neighbour is right",
        f"How often a frame drawn from those within {WITHIN} frames of an anchor is right.",
        is_share=True,
    ),
    _of_answers(
        "conditional_robustness",
        "a neighbour of a right anchor is right",
        f"How often a frame within {WITHIN} frames of an anchor is right, given that the anchor is.",
        table="neighbour_accuracy",
        column="neighbour_right",
        rows=MappingProxyType({"anchor_right": True}),
        is_rate=True,
        headline=True,
    ),
    _of_answers(
        "conditional_robustness_anchors",
        "the same, each anchor counting once",
        f"The share of the frames within {WITHIN} frames of a right anchor that are right, as the mean over "
        "anchors: one with many such frames counts no more than one with few.",
        column="right_neighbours",
        is_share=True,
    ),
    _of_answers(
        "conditional_robustness_common",
        "the same, on anchors that all models get right",
        f"How often a frame within {WITHIN} frames of an anchor is right, where every model of the run has the "
        "anchor right: then all are judged on the same ones. Needs labels and two models.",
        table="neighbour_accuracy",
        column="neighbour_right",
        rows=MappingProxyType({"all_right": 1.0}),
        is_rate=True,
    ),
)

METRICS: tuple[Metric, ...] = (
    _of_pairs(
        "flip_rate",
        "label flips",
        "How often the label differs between a frame and the next one.",
        difference=label_flip,
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
        difference=_of_probabilities(classes.total_variation),
        headline=True,
    ),
    _of_pairs(
        "top1_probability_change",
        "change of the leading class's probability",
        "How far the probability of the leading class moves from a frame to the next one.",
        difference=_of_probabilities(classes.top1_probability_change),
    ),
    _of_pairs(
        "jensen_shannon",
        "Jensen-Shannon divergence",
        "How far apart the distributions of a frame and the next one are.",
        difference=_of_probabilities(classes.jensen_shannon),
        unit="bits",
    ),
    _of_pairs(
        "top5_distance",
        "top-5 distance",
        "How far the five leading classes move in the ranking from a frame to the next one.",
        difference=_of_probabilities(classes.top5_distance),
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
