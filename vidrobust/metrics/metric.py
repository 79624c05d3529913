"""Metrics and tasks: one record for everything known about a number, or about a kind of model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.files.csv_table import beside
from vidrobust.frame_pairs.transitions import FrameTransitions
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.tracks.follow import TrackSettings

# (predictions, predictions) of the same N frames or pairs, both of the task's kind -> (N,) values; pure
Difference = Callable[[Any, Any], np.ndarray]


def usable_pairs(
    pairs: pd.DataFrame, model: str | None = None, kind: str = "adjacent"
) -> pd.DataFrame:
    """Select the pairs that no reason excludes: the only filter from which rates, flips and pictures start."""
    keep = (pairs["kind"] == kind) & (pairs["excluded"] == "")
    return pairs[keep if model is None else keep & (pairs["model"] == model)]


@dataclass(frozen=True)
class Wording:
    """An event in words, for an answer of one line: "HAPPENS in 7 % of 402 MANY"."""

    happens: str  # "the label flips"
    never: str  # the same where it never does
    of: str  # what is counted: "pair of neighbouring frames"
    event: str = ""  # what a card says behind "1 in 40": "pairs of neighbouring frames has a flip"
    many: str = ""  # several of what is counted
    none_seen: str = ""  # what the card says without any
    called: str = ""  # "flip rate"
    briefly: str = ""  # what the title of a page says behind a rate: "of the time"


@dataclass(frozen=True)
class Metric:
    """How a number is made, summarised and reported; stability, gates, comparison and report loop over these."""

    name: str  # in tables, metrics.json and gates
    title: str  # of an axis
    sentence: str
    _: KW_ONLY
    task: str
    table: str  # of its values; without one it is reported of clean and perturbed frames only
    column: str = ""  # of its values; named like the metric where it is empty
    # of two predictions; None where the meter writes the column
    difference: Difference | None = None
    # column -> value, or tuple of values, of the rows that count; NaN never counts
    rows: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    unit: str = ""  # "" is a share, shown in percent
    bounds: tuple[float, float] = (0.0, 1.0)  # smallest and largest possible value
    worse: Literal["higher", "lower"] = "higher"  # which values are less stable
    is_rate: bool = False  # values are events, 0 or 1
    is_share: bool = False  # values are shares of trials; of neither the interval is that of a mean
    is_root: bool = False  # the root of the mean is reported: values are squares
    # tracks are numbered anew by each model: two are compared second by second
    of_tracks: bool = False
    of_labels: bool = False  # needs labels
    summed: bool = False  # made of all frames together, not a mean of rows
    headline: bool = False
    wording: Wording | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "column", self.column or self.name)
        if self.of_labels and "Needs labels" not in self.sentence:
            object.__setattr__(self, "sentence", f"{self.sentence} Needs labels.")
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
        if self.column not in table:  # a table of labels has only its keys without any
            return table.iloc[:0]
        keep = table[self.column].notna()
        if "excluded" in table:
            keep &= table["excluded"] == ""
        for column, wanted in self.rows.items():
            keep &= table[column].isin(wanted if isinstance(wanted, tuple) else (wanted,))
        return table[keep]


def declared(
    task: str,
    differences: Mapping[str, Difference],
    wordings: Mapping[str, Wording],
    module: str = __file__,
) -> tuple[Metric, ...]:
    """Return the metrics of a task, in the order of ``metrics.csv`` beside ``module``.

    A row there is a metric; what is empty has its default, and ``rows`` is column=value.
    """
    metrics = []
    for row in (row for row in beside(module, "metrics.csv") if row["task"] == task):
        only, _, value = row["rows"].partition("=")
        wanted: Any = {"true": True, "adjacent": "adjacent"}.get(value) or float(value or 0)
        flags: dict[str, Any] = dict.fromkeys(row["flags"].split(), True)
        metrics.append(
            Metric(
                row["name"],
                row["title"],
                row["sentence"],
                task=task,
                table=row["table"],
                column=row["column"],
                difference=differences.get(row["name"]),
                rows=MappingProxyType({only: wanted} if only else {}),
                unit=row["unit"],
                bounds=(float(row["low"] or 0), float(row["high"] or 1)),
                worse="lower" if row["worse"] == "lower" else "higher",
                wording=wordings.get(row["name"]),
                **flags,
            )
        )
    return tuple(metrics)


Tables = Mapping[str, pd.DataFrame]
ANCHOR_DELTAS = (1, 2, 5, 10)  # Distances of anchor pairs in delivered frames


@dataclass(frozen=True, kw_only=True)
class AlongTime:
    """What is compared along time."""

    frame_rate: float = 25.0  # delivered frames per second
    anchor_deltas: tuple[int, ...] = ANCHOR_DELTAS
    anchor_every_s: float = 1.0
    # Largest global shift, as a share of the frame's width, that is still the same view
    motion_limit: float = 0.1
    tracks: TrackSettings = field(default_factory=TrackSettings)
    # (number, time) of the first frame fed -> its row among the delivered ones of its input
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
    """How far a perturbation moves a model."""

    columns: tuple[str, ...]  # metrics whose sum is the response, at most 1
    turns: tuple[str, ...]  # metrics whose sum says how often the answer changes
    # rows of ``stability`` whose sum is the noise floor, and the metrics that each adds up
    floors: Mapping[str, tuple[str, ...]]
    of: str  # what it is a share of: "of the probability"
    happens: str  # what such a change of the answer is: "changes the label in"
    many: str  # of what its rate is: "of the frames"


@dataclass(frozen=True, kw_only=True)
class CorrelationSpec:
    """What the correlation study compares for a task."""

    pairs: str  # table of neighbouring frames
    metrics: tuple[str, ...]  # columns there that are metrics of ``sensitivity`` too
    primary: str  # the continuous one on which verdicts rest
    # Reads tables and returns item, frame, time_s, model and ``sure``, one row per frame
    frames: Callable[[Callable[[str], pd.DataFrame]], pd.DataFrame]
    sure: str  # column that says how sure the model is, a confounder
    sure_is: str  # the same in words


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a kind of model answers: one of the core's (``metrics/catalogue.py``) or of ``vidrobust.tasks``.

    Tasks of plugins share the tables ``task_frames``, ``task_pairs`` and ``task_parts``
    (``metrics/task_meter.py``) and are compared and drawn by the functions below. Predictions subclass
    ``predictions.TaskPredictions``.
    """

    name: str  # as in a model's ``task``
    tables: tuple[str, ...]  # raw tables of its meter
    meter: Callable[[str, str, AlongTime, Sequence[Metric]], Meter]  # of (item, model, ...)
    metrics: tuple[Metric, ...]
    # (tables, transitions, (H, W), AlongTime) -> tables of an input that was worked on in segments
    whole: Callable[[Tables, pd.DataFrame, tuple[int, int], AlongTime], dict[str, pd.DataFrame]]
    answered: tuple[str, ...]  # names of the metrics that say how stable a model is
    nothing: str  # what to say where none of ``answered`` can be reported
    response: ResponseSpec
    correlation: CorrelationSpec
    # prefix of the tables of each account of causes -> what is accounted for
    accounts: Mapping[str, str]
    labels_frames: bool = False  # an answer is a class of the whole frame, with probabilities
    finds_boxes: bool = False  # an answer is boxes, which are followed
    labelled: tuple[str, ...] = ()  # further tables where labels are known
    # raw table -> columns that its meter writes besides those of metrics
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    anchored: tuple[str, ...] = ()  # names of the metrics reported of anchor pairs too
    # What else the numbers are reported by: "class" -> column of the raw tables
    groups: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    # (predictions, perturbation, strength, generators, (H, W)) -> predictions where a perturbation puts them
    moved: Callable[[Any, Any, float, Sequence[Any], tuple[int, int]], Any] | None = None
    # predictions -> a text for each frame, and (N,) how sure the model is, from 0 to 1
    said: Callable[[Any], tuple[list[str], np.ndarray]] | None = None
    # (picture (H, W, 3) uint8, predictions of that frame) -> the picture with them drawn on it
    drawn: Callable[[np.ndarray, Any], np.ndarray] | None = None
    # (table of neighbouring frames, reads tables) -> how much causes have to explain of each pair, (n,) in any
    # unit, where tables tell it
    squared_change: (
        Callable[[pd.DataFrame, Callable[[str], pd.DataFrame | None]], pd.Series] | None
    ) = None
    # (predictions of N pictures, their ``ShownMotion`` since the first, (H, W)) -> (N, K) points whose squared
    # distance is the change that causes explain
    coordinates: Callable[[Any, Sequence[Any], tuple[int, int]], np.ndarray] | None = None
    # (run, raw tables of the task's models) -> rows of ``stability`` by "stability", where labels are known
    judge: Callable[[Any, Tables], Mapping[str, pd.DataFrame]] | None = None
    # (model, read, footage, largest delay, ms) -> ``stages.remedies.study.Studied``, or None
    remedies: Callable[[str, Callable[[str], pd.DataFrame], Any, float], Any] | None = None


def differences(metrics: Sequence[Metric], before: Any, after: Any) -> Mapping[str, np.ndarray]:
    """Return all differences of two aligned predictions: column -> (N,) values."""
    return {
        m.column: np.asarray(m.difference(before, after))
        for m in metrics
        if m.difference is not None
    }
