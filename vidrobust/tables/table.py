"""How a result table is declared, and columns that several tables share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa

from vidrobust.files.csv_table import beside

# The dtypes of columns, as pandas calls them; strings are Python objects there.
Kind = Literal["string", "int64", "float64", "bool"]

_ARROW = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}


class Extra(StrEnum):
    NONE = "none"
    METRICS = "one column for each metric that another package brings"
    MANIFEST = "the further columns of the manifest, as text"
    ANNOTATIONS = "what else the file of labels says"


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind
    unit: str  # "" for names, counts and shares
    sentence: str  # what it holds, for a reader who has never met it
    # Value where a writer or a table from elsewhere does not know it; None: it must be there.
    absent: str | int | float | bool | None = None

    @property
    def dtype(self) -> str:
        return "object" if self.kind == "string" else self.kind

    @property
    def field(self) -> pa.Field:
        return pa.field(
            self.name, _ARROW[self.kind], metadata={"unit": self.unit, "sentence": self.sentence}
        )


def string(name: str, sentence: str, *, absent: str | None = None) -> Column:
    return Column(name, "string", "", sentence, absent)


def int64(name: str, sentence: str, *, unit: str = "", absent: int | None = None) -> Column:
    return Column(name, "int64", unit, sentence, absent)


def float64(name: str, sentence: str, *, unit: str = "", absent: float | None = None) -> Column:
    return Column(name, "float64", unit, sentence, absent)


UNKNOWN = math.nan


@dataclass(frozen=True)
class Table:
    """One table of a run folder, ``NAME.parquet``."""

    name: str
    stage: str  # the stage that writes it; "sources" for what is known before any stage
    row: str  # what a row is
    columns: tuple[Column, ...]
    extra: Extra = Extra.NONE  # which further columns there may be

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.columns):
            raise ValueError(f"table {self.name}: a column is declared twice")

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def schema(self) -> pa.Schema:
        about = {"table": self.name, "row": self.row, "extra": str(self.extra)}
        return pa.schema([column.field for column in self.columns], metadata=about)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.columns)


ITEM = string("item", "name of the input")
ITEM_OR_ALL = string("item", 'name of the input; "" over all of them')
MODEL = string("model", "name of the model")
FRAME = int64("frame", "number of the frame as decoded, from 0")
FRAME_A = int64("frame_a", "number of the first frame of the pair, from 0")
FRAME_B = int64("frame_b", "number of the second frame of the pair, from 0")
PTS = int64(
    "pts", "presentation time stamp in ticks of the stream; -2**63 for none", absent=-(2**63)
)
CONTENT = string("content", "hash of the decoded RGB bytes (XXH3, 64 bits)", absent="")
TIME = float64("time_s", "presentation time of the frame", unit="s")
TIME_A = float64("time_s", "presentation time of the first frame", unit="s")
DELTA = float64(
    "delta_ms", "time from the first frame to the second; negative for one before", unit="ms"
)
PAIR = (ITEM, FRAME_A, FRAME_B)
TRACK = int64("track", "number of the track the row belongs to")
LABEL = int64("label", "number of the class")
LABEL_NAME = string("label_name", "name of the class")
EXCLUDED = string("excluded", 'why the pair does not count; "" where it does')
PIXEL_CHANGE = float64(
    "pixel_change", "mean absolute difference of luma at 160 px width", unit="levels of 255"
)
SHIFT = (
    float64(
        "shift_x",
        "shift of the picture to the right since the frame before",
        unit="share of the width",
    ),
    float64(
        "shift_y",
        "shift of the picture downwards since the frame before",
        unit="share of the width",
    ),
)
BOX = (
    float64("x1", "left side of the box", unit="px"),
    float64("y1", "upper side of the box", unit="px"),
    float64("x2", "right side of the box", unit="px"),
    float64("y2", "lower side of the box", unit="px"),
)
PART = string("part", "the part that the input shows, where the manifest names parts", absent="")
SIZE = string(
    "size", "small, medium or large, by area as in COCO (below 32 px squared, below 96 px squared)"
)
INTERVAL = (
    float64("low", "lower end of the 95 % interval"),
    float64("high", "upper end of the 95 % interval"),
)
CLUSTERS = (
    string(
        "cluster", "what was taken as independent for the interval: part, item, stretch", absent=""
    ),
    int64("clusters", "how many of those there are", absent=0),
)
EXACT = (
    float64(
        "exact_low", "of right answers, lower end as if all n were independent", absent=UNKNOWN
    ),
    float64("exact_high", "upper end of the same", absent=UNKNOWN),
)
SCALE: Column = string(
    "scale", "distance in time: adjacent frames, second (about a second) or clip"
)
WHY = string(
    "why",
    "why nothing can be told: not_measured, few_rows, no_events (nothing to take away), few_clusters (fewer than "
    "six with events), interval (it holds 1), control (which does as much) or family (q above .05)",
)
TESTED = int64("tested", "clusters with events, before or after: those that can decide")


def declared(module: str) -> tuple[Table, ...]:
    """Return the tables that two files beside ``module`` declare.

    ``tables.csv`` has a row a table, ``columns.csv`` a row a column. A name in capitals stands for one or several
    columns that tables share: those above, or those under that name at the top of the file. A column must be
    there where ``absent`` is empty; ``""`` is an empty text.
    """
    columns: dict[str, list[Column]] = {}
    read: dict[str, Callable[[str], Any]] = {
        "string": lambda text: text.strip('"'),
        "int64": int,
        "float64": float,
        "bool": lambda text: text == "True",
    }
    for row in beside(module, "columns.csv"):
        name, absent = row["column"], row["absent"]
        kind: Any = row["kind"]
        known: Any = columns.get(name) or globals().get(name)
        if not kind:
            new = [known] if isinstance(known, Column) else known
        else:
            new = [
                Column(
                    name, kind, row["unit"], row["sentence"], read[kind](absent) if absent else None
                )
            ]
        columns.setdefault(row["table"], []).extend(new)
    return tuple(
        Table(
            row["table"],
            row["stage"],
            row["row"],
            tuple(columns[row["table"]]),
            Extra[row["extra"].upper() or "NONE"],
        )
        for row in beside(module, "tables.csv")
    )
