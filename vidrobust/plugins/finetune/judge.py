"""What a network says on some footage: flips, answers unlike the consensus, and errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import nn

from vidrobust.plugins.finetune.network import TrainableClassifier
from vidrobust.plugins.finetune.train import LineFrames, consensus
from vidrobust.stages.remedies.truth import correct
from vidrobust.statistics.clusters import Clusters, independent_clusters
from vidrobust.statistics.levels import FEWEST_TESTED


@dataclass(frozen=True)
class CountedRows:
    """Values (n,) of one network, and the cluster of each (n,), from 0; ``events``: they are 0 or 1."""

    values: np.ndarray
    code: np.ndarray
    events: bool = True

    @property
    def mean(self) -> float:
        """NaN without a value."""
        return float(self.values.mean()) if len(self.values) else float("nan")


NOTHING = CountedRows(np.empty(0), np.empty(0, np.int64))


@dataclass(frozen=True, kw_only=True)
class BenchFigures:
    """What one network says on one bench; lower is better.

    Attributes
    ----------
    flips
        Label changes between neighbouring frames; of a detector frames of objects without a box.
    disagreement
        Answers unlike the consensus over time of the jury, or of the network itself where there is none; of a
        detector changed classes of an object.
    errors
        Wrong answers; of a detector known boxes that are missed. Empty without labels.
    errors_at_rest
        The same on pictures at rest; of a detector 1 less COCO's average precision, a row a cluster.
    other
        Answers unlike those of the network before; of a detector lost boxes.
    what
        What the clusters are.
    """

    flips: CountedRows
    disagreement: CountedRows
    errors: CountedRows
    errors_at_rest: CountedRows
    other: CountedRows
    what: str


class Bench(Protocol):
    """Footage on which networks are measured, the same for all."""

    def measured(self, module: nn.Module) -> BenchFigures: ...
    def with_jury(self, modules: Iterable[nn.Module]) -> Bench: ...


@dataclass
class ClassBench:
    """Pictures (N, 3, h, w) uint8 at the network's size, and what is known of them.

    ``frames`` has a row a picture (item, place, part, time_s), ``pairs`` (P, 2) are rows of neighbouring frames.
    ``jury`` (N, K) is the consensus of several networks: a network that answers the same to everything agrees with
    itself, and not with them.
    """

    network: TrainableClassifier
    frames: pd.DataFrame
    pictures: torch.Tensor
    pairs: np.ndarray
    line: LineFrames
    right: Sequence[frozenset[int]] = field(default=())
    jury: np.ndarray | None = None

    def with_jury(self, modules: Iterable[nn.Module]) -> ClassBench:
        """The same, where networks are compared with the mean consensus over time of these."""
        answers = [
            consensus(self.network.answers(module, self.pictures), self.line) for module in modules
        ]
        return replace(self, jury=np.mean(answers, axis=0))

    def measured(self, module: nn.Module) -> BenchFigures:
        answers = self.network.answers(module, self.pictures)
        label = self.network.labels(answers)
        first, second = self.pairs.T
        settled = self.network.labels(
            consensus(answers, self.line) if self.jury is None else self.jury
        )
        wrong = 1 - correct(label, self.right) if self.right else np.full(len(label), np.nan)
        known = np.flatnonzero(np.isfinite(wrong))
        errors = self._rows(wrong[known], known)
        return BenchFigures(
            flips=self._rows(label[first] != label[second], second),
            disagreement=self._rows(label != settled, np.arange(len(label))),
            errors=errors,
            errors_at_rest=errors,
            other=self._rows(label != self._before, np.arange(len(label))),
            what=self._clusters.what,
        )

    @cached_property
    def _before(self) -> np.ndarray:
        return self.network.labels(self.network.answers(self.network.module, self.pictures))

    @cached_property
    def _clusters(self) -> Clusters:
        return clusters_of(self.frames)

    def _rows(self, values: np.ndarray, rows: np.ndarray) -> CountedRows:
        return CountedRows(values.astype(np.float64), self._clusters.label[rows])


def clusters_of(frames: pd.DataFrame) -> Clusters:
    """The independent units of frames (item, part, time_s)."""
    part = frames["part"] if (frames["part"] != "").any() else None
    return independent_clusters(frames["item"], frames["time_s"], part=part, fewest=FEWEST_TESTED)


def neighbours(frames: pd.DataFrame, begins: np.ndarray) -> np.ndarray:
    """(P, 2) rows that follow each other in the footage; nothing is compared over ``begins`` (N,)."""
    item, place = frames["item"].to_numpy(object), frames["place"].to_numpy(np.int64)
    joined = np.zeros(len(frames), bool)
    joined[1:] = (item[1:] == item[:-1]) & (place[1:] == place[:-1] + 1) & ~begins[1:]
    second = np.flatnonzero(joined)
    return np.stack([second - 1, second], axis=1)
