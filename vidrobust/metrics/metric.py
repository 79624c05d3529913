"""Metric: one number about a model on footage; everything that is known of it stands in one record."""

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
    """Select the pairs of frames that count, of one model or of all.

    This is the only filter of usable pairs: every rate, list of flips and picture starts here.

    Parameters
    ----------
    pairs : DataFrame
        The table ``pairs``.
    model : str, optional
        Name of the model; all models if None.
    kind : {"adjacent", "anchor"}
        Neighbouring frames, or an anchor and a frame near it.

    Returns
    -------
    DataFrame
        Rows of this kind that no reason excludes, in their order.
    """
    keep = (pairs["kind"] == kind) & (pairs["excluded"] == "")
    return pairs[keep if model is None else keep & (pairs["model"] == model)]


@dataclass(frozen=True)
class Wording:
    """An event in words, for an answer of one line: "HAPPENS in 7 % of 402 MANY".

    Attributes
    ----------
    happens, never : str
        "the label flips", and the same where it never does.
    of, many : str
        What is counted, one of them and several: "pair of neighbouring frames".
    event : str
        What a card says behind "1 in 40": "pairs of neighbouring frames has a flip"; without any ``none_seen``.
    called : str
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
    """How a number is made, summed up and reported. Stability, gates, comparison and report loop over them.

    task        the task whose predictions it is about
    name        in the tables, in metrics.json and in gates: "flip_rate"
    title       a few words for a table or an axis: "label flips"
    sentence    what it measures, for a reader who has never met it
    table       the raw table that holds its values, and ``column`` there; "" for a difference that is reported of
                clean and perturbed frames alone
    difference  of two predictions, where it is one: then every pair gets the column, and so does the study of
                sensitivity; None where the table's own meter writes it
    rows        which rows of the table count: column -> value, or a tuple of values; a NaN never counts
    unit        of the values; "" is a share, shown in percent
    bounds      smallest and largest value that can occur
    worse       whether a larger or a smaller value is the less stable one
    is_rate     values are events (0 or 1), and the interval is one of a rate; else of a mean
    is_share    values are shares of trials, in [0, 1], whose interval is that of as many events; else of a mean
    of_tracks   values belong to tracks, which are numbered anew for every model: two models are compared by what
                they do in each second
    of_labels   needs labels: its table is made only where there are some, and it is reported under its own heading
    summed      made of all frames together, and so no mean of rows that could be compared one by one
    headline    reported first: on the console, on the first page, in a comparison
    wording     of an event, how an answer of one line says it
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

    def values(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of the raw table that count for this metric."""
        keep = table[self.column].notna()
        if "excluded" in table:
            keep &= table["excluded"] == ""
        for column, wanted in self.rows.items():
            keep &= table[column].isin(wanted if isinstance(wanted, tuple) else (wanted,))
        return table[keep]


# Task: what a kind of model predicts, how that is kept as rows, and which numbers follow from it.

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
