"""How a result table is declared, and columns that several tables share."""

from __future__ import annotations

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


def declared(module: str) -> tuple[Table, ...]:
    """Return the tables that two files beside ``module`` declare.

    ``tables.csv`` has a row a table, ``columns.csv`` a row a column. A name in capitals stands for one or several
    columns that tables share: those of ``shared.csv`` beside this module, or those under that name at the top of the
    file. A column must be there where ``absent`` is empty; ``""`` is an empty text.
    """
    columns: dict[str, list[Column]] = {}
    read: dict[str, Callable[[str], Any]] = {
        "string": lambda text: text.strip('"'),
        "int64": int,
        "float64": float,
        "bool": lambda text: text == "True",
    }
    for row in (*beside(__file__, "shared.csv"), *beside(module, "columns.csv")):
        name, absent = row["column"], row["absent"]
        kind: Any = row["kind"]
        if kind:
            value = read[kind](absent) if absent else None
            new = [Column(name, kind, row["unit"], row["sentence"], value)]
        else:
            new = columns[name]
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
