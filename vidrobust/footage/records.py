"""Rows of a CSV or Parquet file as text, each with its line; problems that name file, line and column."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vidrobust.errors import InputError
from vidrobust.files.atomic import cell_text
from vidrobust.text.printable import printable

DELIMITERS = (",", ";", "\t")
SUFFIXES = frozenset({".csv", ".tsv", ".parquet"})
HEAD_BYTES = 2**16
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong in a file, and where; ``line`` counts from 1, rows of Parquet likewise; 0: all of it."""

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
    """One row: the text of each column, without blanks around it, and the line it begins on."""

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
class Table:
    """All rows of a file, and those that have too many or too few values."""

    path: Path
    columns: tuple[str, ...]
    records: tuple[Record, ...]
    problems: tuple[Problem, ...] = ()


def number(record: Record, column: str, what: str = "a number") -> float | None:
    """The finite number in a column, None where it is empty; raises BadValueError."""
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
    """The whole number in a column, None where it is empty; raises BadValueError."""
    value = number(record, column, "a whole number")
    if value is not None and value != int(value):
        raise BadValueError(record.problem(column, f"expected a whole number, got {record.text(column)!r}"))
    return None if value is None else int(value)


def required(record: Record, column: str, read: Callable[[Record, str], T | None]) -> T:
    """What ``read`` gives, which must not be nothing; raises BadValueError."""
    value = read(record, column)
    if value is None:
        raise BadValueError(record.problem(column, "is empty"))
    return value


def columns_of(path: Path) -> tuple[str, ...]:
    """The names in the header of a CSV or Parquet file, none where it has none that can be read."""
    try:
        return _parquet_columns(path) if _is_parquet(path) else _split_header(path)[1]
    except (OSError, ValueError, csv.Error, StopIteration):  # pyarrow's errors are ValueErrors
        return ()


def read_table(path: Path, header: Sequence[str] | None = None) -> Table:
    """The rows of a CSV (comma, semicolon or tab, UTF-8) or Parquet file; raises InputError.

    ``header`` names the columns of a CSV that begins with its first row.
    """
    if _is_parquet(path):
        return read_parquet(path)
    try:
        return _read_csv(path, header)
    except OSError as error:
        raise InputError(f"{printable(path)}: cannot be read ({error.strerror})") from error
    except csv.Error as error:
        raise InputError(f"{printable(path)}: is no CSV table ({error})") from error
    except StopIteration:
        raise InputError(f"{printable(path)}: is empty; expected a header and rows") from None


def read_parquet(path: Path) -> Table:
    """The rows of a Parquet file, every value as text; raises InputError."""
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # pyarrow raises whatever it likes
        raise InputError(
            f"{printable(path)}: cannot be read as Parquet ({str(error).splitlines()[0]})"
        ) from error
    columns = tuple(str(c) for c in frame.columns)
    texts = [[_text(value) for value in frame.iloc[:, place]] for place in range(len(columns))]
    rows = zip(*texts, strict=True) if columns else ()
    records = (
        Record(path=path, line=line, values=dict(zip(columns, row, strict=True)))
        for line, row in enumerate(rows, 1)
    )
    return Table(path=path, columns=columns, records=tuple(records))


def _read_csv(path: Path, header: Sequence[str] | None) -> Table:
    delimiter, columns = _split_header(path)
    columns = columns if header is None else tuple(header)
    records, problems = [], []
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(file, delimiter=delimiter)
        if header is None:
            next(rows)
        line = rows.line_num + 1
        for row in rows:
            if len(row) == len(columns):
                values = {c: cell_text(v.strip()) for c, v in zip(columns, row, strict=True)}
                records.append(Record(path=path, line=line, values=values))
            elif any(value.strip() for value in row):
                what = f"expected {len(columns)} values, got {len(row)}"
                problems.append(Problem(path=path, line=line, what=what))
            line = rows.line_num + 1
    return Table(path=path, columns=columns, records=tuple(records), problems=tuple(problems))


def _split_header(path: Path) -> tuple[str, tuple[str, ...]]:
    """The delimiter that gives most columns, and the first row by it."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = file.read(HEAD_BYTES).splitlines(keepends=True)
    rows = {d: next(csv.reader(lines, delimiter=d)) for d in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda d: len(rows[d]))
    return delimiter, tuple(value.strip() for value in rows[delimiter])


def _parquet_columns(path: Path) -> tuple[str, ...]:
    import pyarrow.parquet

    return tuple(pyarrow.parquet.read_schema(path).names)


def _text(value: Any) -> str:
    """A value of a Parquet column: nothing for what is missing, 3 for 3.0."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"
