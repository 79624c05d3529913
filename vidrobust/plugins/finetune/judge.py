"""A network's answers on the judging footage, unchanged and under each condition."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from vidrobust.files.atomic import write_arrays
from vidrobust.plugins.finetune.network import MetricValues, TrainableClassifier
from vidrobust.plugins.finetune.steps import Condition
from vidrobust.stages.remedies.truth import correct
from vidrobust.statistics.clusters import Clusters, independent_clusters
from vidrobust.statistics.levels import FEWEST_TESTED

# What is judged where nothing is changed. NEGATIVE: answers that were right before and are wrong now.
FOOTAGE = "footage"
FLIPS, JITTER, ERRORS = "flip_rate", "jitter", "error_rate"
OTHER, MOVED, NEGATIVE = "other_answers", "answer_change", "negative_flips"
UNCOVERED, DROPOUTS, RENAMED, CENTRE = (
    "uncovered_rate",
    "dropout_rate",
    "flip_rate",
    "center_jitter",
)
MISSED, FALSE_BOXES, LOST, BOX_CHANGE = "missed_boxes", "false_boxes", "lost_boxes", "box_change"
# 1 less COCO's average precision.
PRECISION_LOST = "average_precision_lost"
NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class Headline:
    """Which metrics say how steady a network is, what a perturbation changes, and what is wrong."""

    steady: str
    moved: str
    wrong: str
    what: str
    what_moved: str
    what_wrong: str
    other: str
    most: float = 1.0


CLASSES = Headline(
    steady=FLIPS,
    moved=MOVED,
    wrong=ERRORS,
    what="flips",
    what_moved="changed answers",
    what_wrong="errors",
    other=OTHER,
)
BOXES = Headline(
    steady=UNCOVERED,
    moved=BOX_CHANGE,
    wrong=MISSED,
    what="frames of objects without a box",
    what_moved="change of the boxes",
    what_wrong="known boxes that are missed",
    other=LOST,
    most=0.1,
)


@dataclass(frozen=True)
class ClassAnswers:
    """Labels, jitter, and labels and total variation under each condition, of one network."""

    label: np.ndarray
    jitter: np.ndarray
    changed: np.ndarray
    moved: np.ndarray

    def save(self, path: Path) -> None:
        write_arrays(
            path, label=self.label, jitter=self.jitter, changed=self.changed, moved=self.moved
        )

    @classmethod
    def load(cls, path: Path) -> ClassAnswers:
        with np.load(path) as found:
            return cls(**{name: found[name] for name in ("label", "jitter", "changed", "moved")})


@dataclass(frozen=True)
class ClassBench:
    """Pictures that judge, at the network's size."""

    network: TrainableClassifier
    frames: pd.DataFrame
    footage: torch.Tensor
    pairs: np.ndarray
    triples: np.ndarray
    right: Sequence[frozenset[int]]
    conditions: tuple[Condition, ...]
    shown: np.ndarray
    changed: Sequence[torch.Tensor]

    def answered(self, module: nn.Module) -> ClassAnswers:
        network = self.network
        rows = network.answers(module, self.footage)
        clean = rows[self.shown]
        labels, moved = [], []
        for pictures in self.changed:
            found = network.answers(module, pictures)
            labels.append(network.labels(found))
            moved.append(0.5 * np.abs(found - clean).sum(axis=1))
        a, b, c = (rows[self.triples[:, k]] for k in range(3))
        return ClassAnswers(
            label=network.labels(rows),
            jitter=0.25 * np.abs(a - 2 * b + c).sum(axis=1),
            changed=np.array(labels, np.int64).reshape(len(self.changed), len(self.shown)),
            moved=np.array(moved, np.float64).reshape(len(self.changed), len(self.shown)),
        )

    def load(self, path: Path) -> ClassAnswers:
        return ClassAnswers.load(path)

    def values(self, found: ClassAnswers, before: ClassAnswers) -> Iterator[MetricValues]:
        of_frames = clusters_of(self.frames)

        def footage(metric: str, values: np.ndarray, rows: np.ndarray) -> MetricValues:
            unit, events = of_frames.label[rows], metric != JITTER
            return MetricValues(
                FOOTAGE,
                "",
                0.0,
                NAN,
                metric,
                values.astype(np.float64),
                unit,
                of_frames.what,
                events,
            )

        first, second = self.pairs[:, 0], self.pairs[:, 1]
        yield footage(FLIPS, found.label[first] != found.label[second], second)
        yield footage(JITTER, found.jitter, self.triples[:, 1])
        yield footage(OTHER, found.label != before.label, np.arange(len(found.label)))
        wrong = 1 - correct(found.label, self.right)
        known = np.flatnonzero(np.isfinite(wrong))
        if len(known):
            yield footage(ERRORS, wrong[known], known)
            yield footage(
                NEGATIVE, wrong[known] > 1 - correct(before.label, self.right)[known], known
            )
        right = [self.right[int(row)] for row in self.shown]
        unit, what = of_frames.label[self.shown], of_frames.what
        for row, at in enumerate(self.conditions):
            said = (at.key, at.family, at.times, at.size)
            changed = (found.changed[row] != found.label[self.shown]).astype(np.float64)
            yield MetricValues(*said, MOVED, changed, unit, what)
            wrong = 1 - correct(found.changed[row], right)
            known = np.flatnonzero(np.isfinite(wrong))
            if len(known):
                yield MetricValues(*said, ERRORS, wrong[known], unit[known], what)

    def seconds(self) -> float:
        begin, pictures = time.perf_counter(), self.footage[:8]
        self.network.answers(self.network.module, pictures)
        each = (time.perf_counter() - begin) / len(pictures)
        return each * (len(self.footage) + sum(map(len, self.changed)))


def clusters_of(frames: pd.DataFrame) -> Clusters:
    """The independent units of frames (item, part, time_s)."""
    part = frames["part"] if (frames["part"] != "").any() else None
    return independent_clusters(frames["item"], frames["time_s"], part=part, fewest=FEWEST_TESTED)


def neighbours(frames: pd.DataFrame, begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs (P, 2) and triples (T, 3) of rows that follow each other in the footage."""
    item, place = frames["item"].to_numpy(object), frames["place"].to_numpy(np.int64)
    joined = np.zeros(len(frames), bool)
    joined[1:] = (item[1:] == item[:-1]) & (place[1:] == place[:-1] + 1) & ~begins[1:]
    second = np.flatnonzero(joined)
    third = np.flatnonzero(joined[1:] & joined[:-1]) + 1
    pairs = np.stack([second - 1, second], axis=1)
    return pairs, np.stack([third - 2, third - 1, third], axis=1)
