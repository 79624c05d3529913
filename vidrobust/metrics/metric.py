"""Metrics and tasks: one record for everything known about a number, or about a kind of model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.frame_pairs.transitions import FrameTransitions
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.tracks.follow import TrackSettings

Difference = Callable[[Any, Any], np.ndarray]
"""(predictions, predictions) of the same N frames or pairs, both of the task's kind -> (N,) values; pure."""


def usable_pairs(pairs: pd.DataFrame, model: str | None = None, kind: str = "adjacent") -> pd.DataFrame:
    """Select the pairs that no reason excludes: the only filter from which rates, flips and pictures start."""
    keep = (pairs["kind"] == kind) & (pairs["excluded"] == "")
    return pairs[keep if model is None else keep & (pairs["model"] == model)]


@dataclass(frozen=True)
class Wording:
    """An event in words, for an answer of one line: "HAPPENS in 7 % of 402 MANY".

    Attributes
    ----------
    happens, never
        "the label flips", and the same where it never does.
    of, many
        What is counted, one and several: "pair of neighbouring frames".
    event
        What a card says behind "1 in 40": "pairs of neighbouring frames has a flip"; without any ``none_seen``.
    called
        "flip rate".
    """

    happens: str
    never: str
    of: str
    event: str = ""
    many: str = ""
    none_seen: str = ""
    called: str = ""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """How a number is made, summarised and reported; stability, gates, comparison and report loop over these.

    Attributes
    ----------
    name, title, sentence
        In tables, metrics.json and gates; title of an axis; explanation in one sentence.
    table, column
        Raw table and column of its values; without a table it is reported of clean and perturbed frames only.
    difference
        Function of two predictions; None where the meter writes the column.
    rows
        Column -> value, or tuple of values, of the rows that count; NaN never counts.
    unit, bounds
        "" is a share, shown in percent; smallest and largest possible value.
    worse
        Whether larger or smaller values are less stable.
    is_rate, is_share
        Values are events (0 or 1), or shares of trials; else the interval is that of a mean.
    is_root
        The root of the mean is reported: values are squares.
    of_tracks
        Values belong to tracks, whose numbers differ between models: two models are compared second by second.
    of_labels
        Needs labels.
    summed
        Made of all frames together, not a mean of rows.
    """

    task: str
    name: str
    title: str
    sentence: str
    table: str
    column: str
    difference: Difference | None = None
    rows: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    unit: str = ""
    bounds: tuple[float, float] = (0.0, 1.0)
    worse: Literal["higher", "lower"] = "higher"
    is_rate: bool = False
    is_root: bool = False
    is_share: bool = False
    of_tracks: bool = False
    of_labels: bool = False
    summed: bool = False
    headline: bool = False
    wording: Wording | None = None

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or not self.column.isidentifier():
            raise SettingsError(
                f"metric {self.name!r}: name and column are words of letters, digits and underscores, "
                f"got {self.name!r} and {self.column!r}"
            )
        if self.worse not in ("higher", "lower") or not self.bounds[0] < self.bounds[1]:
            raise SettingsError(f"metric {self.name}: worse is higher or lower, and bounds rise")

    @property
    def is_percent(self) -> bool:
        """Whether it is stated as a percentage."""
        return not self.unit and self.bounds == (0.0, 1.0)

    def values(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of its raw table that count."""
        keep = table[self.column].notna()
        if "excluded" in table:
            keep &= table["excluded"] == ""
        for column, wanted in self.rows.items():
            keep &= table[column].isin(wanted if isinstance(wanted, tuple) else (wanted,))
        return table[keep]


Tables = Mapping[str, pd.DataFrame]
ANCHOR_DELTAS = (1, 2, 5, 10)
"""Distances of anchor pairs in delivered frames."""


@dataclass(frozen=True, kw_only=True)
class AlongTime:
    """What is compared along time.

    Attributes
    ----------
    frame_rate
        Delivered frames per second.
    anchor_deltas, anchor_every_s
        Distances of anchor pairs in delivered frames, and seconds between anchors.
    revert_within
        Frames within which a label must be back to count as reverted.
    motion_limit
        Largest global shift, as a share of the frame's width, that is still the same view.
    row_of
        (number, time) of the first frame fed -> its row among the delivered ones of its input.
    """

    frame_rate: float = 25.0
    anchor_deltas: tuple[int, ...] = ANCHOR_DELTAS
    anchor_every_s: float = 1.0
    revert_within: int = 3
    motion_limit: float | None = 0.1
    tracks: TrackSettings = field(default_factory=TrackSettings)
    row_of: Callable[[int, float], int] = lambda _index, _time_s: 0


class Meter(Protocol):
    """Follows one model over one input, batch by batch, and keeps only a batch and the last few frames."""

    def feed(self, batch: FrameBatch, transitions: FrameTransitions, predictions: Any) -> None:
        """Take the next frames, their transitions and their predictions."""
        ...

    def finish(self) -> dict[str, pd.DataFrame]:
        """Return the raw tables of the input, by name."""
        ...


@dataclass(frozen=True, kw_only=True)
class ResponseSpec:
    """How far a perturbation moves a model.

    Attributes
    ----------
    columns, turns
        Metrics whose sum is the response (at most 1), and whose sum says how often the answer changes.
    floors
        Rows of ``stability`` whose sum is the noise floor.
    of
        What it is a share of, in words.
    happens, many
        What such a change of the answer is, and of what its rate is: "changes the label in", "of the frames".
    """

    columns: tuple[str, ...]
    turns: tuple[str, ...]
    floors: tuple[str, ...]
    of: str
    happens: str
    many: str


@dataclass(frozen=True, kw_only=True)
class CorrelationSpec:
    """What the correlation study compares for a task.

    Attributes
    ----------
    pairs
        Table of neighbouring frames.
    metrics, primary
        Columns there that are metrics of ``sensitivity`` too; the continuous one on which verdicts rest.
    frames
        Reads tables and returns item, frame, time_s, model and ``sure``, one row per frame.
    sure, sure_is
        Column that says how sure the model is (a confounder), and its name in words.
    """

    pairs: str
    metrics: tuple[str, ...]
    primary: str
    frames: Callable[[Callable[[str], pd.DataFrame]], pd.DataFrame]
    sure: str
    sure_is: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a kind of model answers: one of the core's (``metrics/catalogue.py``) or of ``vidrobust.tasks``.

    Tasks of plugins share the tables ``task_frames``, ``task_pairs`` and ``task_parts``
    (``metrics/task_meter.py``) and are compared and drawn by the functions below. Predictions subclass
    ``predictions.TaskPredictions``.

    Attributes
    ----------
    name, tables
        As in a model's ``task``; raw tables of its meter.
    meter
        (item, model, AlongTime, metrics) -> Meter.
    metrics, answered, anchored
        Its own metrics; names of those that say how stable a model is; of those reported of anchor pairs too.
    whole
        (tables, transitions, (H, W), AlongTime) -> tables of an input that was worked on in segments.
    nothing
        What to say where none of ``answered`` can be reported.
    accounts
        Prefix of the tables of each account of causes -> what is accounted for.
    labelled
        Further tables where labels are known.
    columns
        Raw table -> columns that its meter writes besides those of metrics.
    groups
        "class" -> column of the raw tables: what else the numbers are reported by.
    moved
        (predictions, perturbation, strength, generators, (H, W)) -> predictions where a perturbation puts them.
    said
        predictions -> a text for each frame, and (N,) how sure the model is, from 0 to 1.
    drawn
        (picture (H, W, 3) uint8, predictions of that frame) -> the picture with them drawn on it.
    coordinates
        (predictions of N pictures, their ``ShownMotion`` since the first, (H, W)) -> (N, K) points whose
        squared distance is the change that causes explain.
    judge
        (run, raw tables of the task's models) -> rows of ``stability`` by "stability", where labels are known.
    remedies
        (model, read, footage, largest delay, ms) -> ``stages.remedies.study.Studied``, or None.
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
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    anchored: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    moved: Callable[[Any, Any, float, Sequence[Any], tuple[int, int]], Any] | None = None
    said: Callable[[Any], tuple[list[str], np.ndarray]] | None = None
    drawn: Callable[[np.ndarray, Any], np.ndarray] | None = None
    coordinates: Callable[[Any, Sequence[Any], tuple[int, int]], np.ndarray] | None = None
    judge: Callable[[Any, Tables], Mapping[str, pd.DataFrame]] | None = None
    remedies: Callable[[str, Callable[[str], pd.DataFrame], Any, float], Any] | None = None


def differences(metrics: Sequence[Metric], before: Any, after: Any) -> Mapping[str, np.ndarray]:
    """Return all differences of two aligned predictions: column -> (N,) values."""
    return {m.column: np.asarray(m.difference(before, after)) for m in metrics if m.difference is not None}
