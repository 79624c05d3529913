"""Task: what a kind of model predicts, how that is kept as rows, and which numbers follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.transitions import FrameTransitions
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.metric import Metric
from vidrobust.metrics.tracks.follow import TrackSettings

Tables = Mapping[str, pd.DataFrame]
ANCHOR_DELTAS = (1, 2, 5, 10)
"""Distances of anchor pairs in delivered frames."""


@dataclass(frozen=True, kw_only=True)
class AlongTime:
    """What is compared along time, for every task.

    frame_rate       delivered frames per second
    anchor_deltas    distances of anchor pairs in delivered frames, both before and after the anchor
    anchor_every_s   an anchor about every so many seconds
    revert_within    a label that left is back within so many frames: A B A
    motion_limit     largest global shift, as a share of the frame's width, that still is the same view
    tracks           how boxes are followed from frame to frame
    row_of           (number, time) of the first frame that is fed -> its row among the delivered ones of its item,
                     from which anchors are counted
    """

    frame_rate: float = 25.0
    anchor_deltas: tuple[int, ...] = ANCHOR_DELTAS
    anchor_every_s: float = 1.0
    revert_within: int = 3
    motion_limit: float | None = 0.1
    tracks: TrackSettings = field(default_factory=TrackSettings)
    row_of: Callable[[int, float], int] = lambda _index, _time_s: 0


class Meter(Protocol):
    """Follows one model over one item, batch by batch; memory holds a batch and the last few frames."""

    def feed(self, batch: FrameBatch, transitions: FrameTransitions, predictions: Any) -> None:
        """The next frames, what lies between each and the one before, and the predictions of these frames."""
        ...

    def finish(self) -> dict[str, pd.DataFrame]:
        """The raw tables of the item, by name."""
        ...


@dataclass(frozen=True, kw_only=True)
class ResponseSpec:
    """How far a perturbation moves a model, as the table ``sensitivity`` holds it.

    columns  metrics whose sum it is, frame by frame, 1 at most
    turns    metrics whose sum says how often the answer is another one
    floors   rows of ``stability`` whose sum is its noise floor
    of       what it is a share of, in words
    """

    columns: tuple[str, ...]
    turns: tuple[str, ...]
    floors: tuple[str, ...]
    of: str


@dataclass(frozen=True, kw_only=True)
class CorrelationSpec:
    """What the correlation study asks of a model: its change between neighbours against its sensitivity.

    pairs    the table of neighbouring frames
    metrics  columns there, and metrics of ``sensitivity`` with the same meaning
    primary  the one on which verdicts rest: continuous, where others are rare and tied
    frames   the tables -> item, frame, time_s, model and ``sure``, a row a frame
    sure     column that says how sure the model is, which must not pass for sensitivity; in words ``sure_is``
    """

    pairs: str
    metrics: tuple[str, ...]
    primary: str
    frames: Callable[[Callable[[str], pd.DataFrame]], pd.DataFrame]
    sure: str
    sure_is: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """A record; the list of tasks is in ``metrics/catalogue.py``.

    name      as a model's ``task`` says it
    tables    the raw tables that its meter fills, the first one a row a frame or a box
    meter     (item, model, AlongTime, metrics) -> Meter
    labelled  further tables, made of these where labels are known
    metrics   its own metrics; ``catalogue.metrics_of`` adds those from outside
    answered  its metrics, by name, that say how stable a model is, the leading one first
    nothing   what is said where none of these could be reported
    response  how far a perturbation moves a model of it
    correlation  what the correlation study asks of it
    accounts  what the tables of each account of causes begin with -> what is accounted for, in words
    anchored  metrics, by name, that are also reported of anchor pairs
    groups    what else the numbers are reported by: "class" -> the column of the raw tables that holds it
    whole     (tables, transitions, (H, W), AlongTime) -> those tables again, of an item in several segments
              one by one, where their rows depend on more than the frames about them
    moved     (predictions, perturbation, strength, a generator a frame, (H, W)) -> where a perturbation that moves
              the picture puts them; None where predictions have no place in the picture
    """

    name: str
    tables: tuple[str, ...]
    meter: Callable[[str, str, AlongTime, Sequence[Metric]], Meter]
    metrics: tuple[Metric, ...]
    whole: Callable[[Tables, pd.DataFrame, tuple[int, int], AlongTime], dict[str, pd.DataFrame]]
    answered: tuple[str, ...]
    nothing: str
    response: ResponseSpec
    correlation: CorrelationSpec
    accounts: Mapping[str, str]
    labelled: tuple[str, ...] = ()
    anchored: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    moved: Callable[[Any, Any, float, Sequence[Any], tuple[int, int]], Any] | None = None


def differences(metrics: Sequence[Metric], before: Any, after: Any) -> Mapping[str, np.ndarray]:
    """Every difference of two aligned predictions: column -> (N,) float64 or bool values."""
    return {m.column: np.asarray(m.difference(before, after)) for m in metrics if m.difference is not None}
