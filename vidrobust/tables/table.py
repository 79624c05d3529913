"""Table and Column: how a result table is declared, and the pyarrow schema that follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal

import pyarrow as pa

Kind = Literal["string", "int64", "float64", "bool"]
"""The dtypes of columns, as pandas calls them; strings are Python objects there."""

_ARROW = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}


class Extra(StrEnum):
    """Where columns may come from that no declaration can name."""

    NONE = "none"
    METRICS = "one column for each metric that another package brings"
    MANIFEST = "the further columns of the manifest, as text"
    ANNOTATIONS = "what else the file of labels says"


@dataclass(frozen=True)
class Column:
    """One column.

    name      as it stands in the file
    kind      its dtype
    unit      of its values, "" where they have none (names, counts, shares, 0 and 1)
    sentence  what it holds, for a reader who has never met it
    absent    what stands where a writer or a table from elsewhere does not know it; None: it must be there
    """

    name: str
    kind: Kind
    unit: str
    sentence: str
    absent: str | int | float | bool | None = None

    @property
    def dtype(self) -> str:
        """For pandas."""
        return "object" if self.kind == "string" else self.kind

    @property
    def field(self) -> pa.Field:
        """For pyarrow, with unit and sentence as metadata."""
        return pa.field(self.name, _ARROW[self.kind], metadata={"unit": self.unit, "sentence": self.sentence})


def string(name: str, sentence: str, *, absent: str | None = None) -> Column:
    """Text; empty where there is none."""
    return Column(name, "string", "", sentence, absent)


def int64(name: str, sentence: str, *, unit: str = "", absent: int | None = None) -> Column:
    """A whole number, or the number of a frame, class or track."""
    return Column(name, "int64", unit, sentence, absent)


def float64(name: str, sentence: str, *, unit: str = "", absent: float | None = None) -> Column:
    """A number, NaN where it is not known."""
    return Column(name, "float64", unit, sentence, absent)


def boolean(name: str, sentence: str) -> Column:
    """True or false."""
    return Column(name, "bool", "", sentence)


UNKNOWN = math.nan


@dataclass(frozen=True)
class Table:
    """One table of a run folder, ``NAME.parquet``.

    stage    the stage that writes it; "sources" for what is known before any stage has run
    row      what a row is, in a sentence
    columns  in the order in which they stand in the file
    extra    which columns may stand behind those
    """

    name: str
    stage: str
    row: str
    columns: tuple[Column, ...]
    extra: Extra = Extra.NONE

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.columns):
            raise ValueError(f"table {self.name}: a column is declared twice")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the declared columns."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def schema(self) -> pa.Schema:
        """For pyarrow: fields with unit and sentence, and what a row is."""
        about = {"table": self.name, "row": self.row, "extra": str(self.extra)}
        return pa.schema([column.field for column in self.columns], metadata=about)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.columns)
