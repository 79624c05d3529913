"""Metric: one number about a model on footage; everything that is known of it stands in one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from vidrobust.errors import SettingsError

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
    """An event in words, for an answer of one line.

    happens  "the answer changes between neighbouring frames", where it does
    never    the same where it never does
    of       what is counted, one of them: "pair"; ``many`` of them, where that is no plural in s
    event    what a card says behind "1 in 40": "neighbouring frames flips its label"; in its place ``none_seen``
    called   "flip rate"
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
