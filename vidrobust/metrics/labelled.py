"""Metrics of a classifier that need labels."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import Any

from vidrobust.metrics.metric import Metric

# Frames on either side of an anchor that are looked at (Shankar et al. 2019).
WITHIN = 10


def _of_answers(name: str, title: str, sentence: str, **more: Any) -> Metric:
    made = Metric(
        task="classification",
        name=name,
        title=title,
        sentence=sentence,
        table="label_answers",
        column=name,
        worse="lower",
        of_labels=True,
    )
    return dataclasses.replace(made, **more)


def _pm(k: int) -> Metric:
    frames = "1 frame" if k == 1 else f"{k} frames"
    if not k:
        title, what = "anchors right (pm-0)", "How often an anchor, one labelled frame a second, is right."
    else:
        title = f"anchors right with all within {frames} (pm-{k})"
        what = f"How often an anchor (one labelled frame a second) and every frame within {frames} are right."
    return _of_answers(f"pm{k}", title, f"{what} Needs labels.", is_rate=True, headline=k in (0, WITHIN))


METRICS: tuple[Metric, ...] = (
    _of_answers(
        "top1",
        "right answers (top-1)",
        "How often the label is right. Needs labels.",
        is_rate=True,
        headline=True,
    ),
    _of_answers(
        "top5",
        "right among five (top-5)",
        "How often one of the five leading classes is right. Needs labels.",
        is_rate=True,
        headline=True,
    ),
    *(_pm(k) for k in range(WITHIN + 1)),
    _of_answers(
        "pm_drop",
        f"what the frames about an anchor cost (pm-0 less pm-{WITHIN})",
        f"How often an anchor is right alone, and not within {WITHIN} frames. Needs labels.",
        worse="higher",
        is_rate=True,
    ),
    _of_answers(
        "pm_ratio",
        f"right anchors that stay right (pm-{WITHIN} / pm-0)",
        f"How often an anchor that is right stays so within {WITHIN} frames. Needs labels.",
        column=f"pm{WITHIN}",
        rows=MappingProxyType({"pm0": 1.0}),
        is_rate=True,
    ),
    _of_answers(
        "mean_neighbour",
        "a neighbour is right",
        f"How often a frame drawn from those within {WITHIN} frames of an anchor is right. Needs labels.",
        is_share=True,
    ),
    _of_answers(
        "conditional_robustness",
        "a neighbour of a right anchor is right",
        f"How often a frame within {WITHIN} frames of an anchor is right, given that the anchor is. Needs labels.",
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
        "anchors: one with many such frames counts no more than one with few. Needs labels.",
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
