"""Rows of a CSV or Parquet file as text with their lines; problems that name file, line and column."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vidrobust.errors import InputError, in_plain_words
from vidrobust.files.csv_table import csv_columns, read_csv_table
from vidrobust.text.printable import printable

SUFFIXES = frozenset({".csv", ".tsv", ".parquet"})
E = TypeVar("E")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong in a file; ``line`` (or row of Parquet) counts from 1; 0: all of it."""

    path: Path
    what: str
    line: int = 0
    column: str = ""

    def __str__(self) -> str:
        unit = "row" if self.path.suffix.lower() == ".parquet" else "line"
        place = f", {unit} {self.line}" if self.line else ""
        column = f", column {printable(self.column)}" if self.column else ""
        return f"{printable(self.path)}{place}{column}: {self.what}"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row: the stripped text of each column, and the line it begins on."""

    path: Path
    line: int
    values: dict[str, str]

    def text(self, column: str) -> str:
        """The text of a column, empty where there is none."""
        return self.values.get(column, "")

    def problem(self, column: str, what: str) -> Problem:
        """A problem in this row."""
        return Problem(path=self.path, line=self.line, column=column, what=what)


class BadValueError(Exception):
    """A row cannot be used; holds the one Problem that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """All rows of a file, and those with too many or too few values."""

    path: Path
    columns: tuple[str, ...]
    records: tuple[Record, ...]
    problems: tuple[Problem, ...] = ()


def number(record: Record, column: str, what: str = "a number") -> float | None:
    """Return the finite number in a column, None if empty; raises BadValueError."""
    text = record.text(column)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadValueError(record.problem(column, f"expected {what}, got {printable(text)!r}"))
    return value


def whole(record: Record, column: str) -> int | None:
    """Return the whole number in a column, None if empty; raises BadValueError."""
    value = number(record, column, "a whole number")
    if value is not None and value != int(value):
        raise BadValueError(
            record.problem(column, f"expected a whole number, got {record.text(column)!r}")
        )
    return None if value is None else int(value)


def required(record: Record, column: str, read: Callable[[Record, str], T | None]) -> T:
    """What ``read`` gives, which must not be nothing; raises BadValueError."""
    value = read(record, column)
    if value is None:
        raise BadValueError(record.problem(column, "is empty"))
    return value


def usable(entries: Iterable[E], read: Callable[[E], T]) -> tuple[list[T], list[Problem]]:
    """Return what ``read`` gives of each entry, and the problems of those that it cannot use."""
    results, problems = [], []
    for entry in entries:
        try:
            results.append(read(entry))
        except BadValueError as error:
            problems.append(error.problem)
    return results, problems


def columns_of(path: Path) -> tuple[str, ...]:
    """Return the column names of a CSV or Parquet file, none if unreadable."""
    if not _is_parquet(path):
        return csv_columns(path)
    try:
        import pyarrow.parquet

        return tuple(pyarrow.parquet.read_schema(path).names)
    except (OSError, ValueError):  # pyarrow's errors are ValueErrors
        return ()


def read_table(path: Path, header: Sequence[str] | None = None) -> TextTable:
    if _is_parquet(path):
        return read_parquet(path)
    table = read_csv_table(path, header)
    records = (
        Record(path=path, line=line, values=dict(zip(table.columns, row, strict=True)))
        for line, row in zip(table.lines, table.rows, strict=True)
    )
    problems = (
        Problem(path=path, line=line, what=f"expected {len(table.columns)} values, got {count}")
        for line, count in table.uneven
    )
    return TextTable(
        path=path, columns=table.columns, records=tuple(records), problems=tuple(problems)
    )


def read_parquet(path: Path) -> TextTable:
    """The rows of a Parquet file, every value as text; raises InputError."""
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # pyarrow raises whatever it likes
        raise InputError(
            f"{printable(path)}: cannot be read as Parquet ({in_plain_words(error).splitlines()[0]})"
        ) from error
    columns = tuple(str(c) for c in frame.columns)
    texts = [[_text(value) for value in frame.iloc[:, place]] for place in range(len(columns))]
    rows = zip(*texts, strict=True) if columns else ()
    records = (
        Record(path=path, line=line, values=dict(zip(columns, row, strict=True)))
        for line, row in enumerate(rows, 1)
    )
    return TextTable(path=path, columns=columns, records=tuple(records))


def _text(value: Any) -> str:
    """Return a Parquet value as text: "" if missing, 3 for 3.0."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"
