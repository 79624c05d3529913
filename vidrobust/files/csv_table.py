"""CSV as people have it: encoding, separator and decimal mark are detected, and every row knows its line."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidrobust.errors import InputError, in_plain_words
from vidrobust.files.atomic import cell_text
from vidrobust.text.printable import printable

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = (",", ";", "\t")
HEAD_BYTES = 2**16
CHUNK = 2**20
LOOKED_AT = 50  # rows by which a separator is chosen
# 1,5 and 1.234,5.
COMMA_NUMBER = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+([eE][+-]?\d+)?")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Encoding (UTF-8, UTF-16 or Windows-1252) and delimiter (comma, semicolon or tab) of a file."""

    encoding: str
    delimiter: str

    @property
    def guessed(self) -> bool:
        return self.encoding == "cp1252"


@dataclass(frozen=True, kw_only=True)
class CsvTable:
    """The rows of a CSV file as text, without blanks around values and with decimal points."""

    path: Path
    dialect: Dialect
    columns: tuple[str, ...]
    lines: tuple[int, ...]  # line on which each row begins, from 1
    rows: tuple[tuple[str, ...], ...]
    # Line and number of values of rows that have too many or too few.
    uneven: tuple[tuple[int, int], ...] = ()
    decimal_commas: tuple[str, ...] = ()  # columns whose numbers were written with a comma

    def frame(self) -> pd.DataFrame:
        import pandas as pd

        index = pd.Index(self.lines, name="line", dtype="int64")
        return pd.DataFrame(list(self.rows), index=index, columns=list(self.columns), dtype=object)


def read_csv_table(path: Path, header: Sequence[str] | None = None) -> CsvTable:
    """Read a CSV file (InputError); ``header`` names the columns of a file without a header."""
    with _read_of(path):
        dialect, columns = _dialect(path)
        columns = columns if header is None else tuple(header)
        lines, rows, uneven = [], [], []
        for line, row in _rows(path, dialect, skip=header is None):
            if len(row) == len(columns):
                rows.append(tuple(cell_text(value.strip()) for value in row))
                lines.append(line)
            elif any(value.strip() for value in row):
                uneven.append((line, len(row)))
    cells, commas = _with_points(path, dialect, columns, rows, lines)
    return CsvTable(
        path=path,
        dialect=dialect,
        columns=columns,
        lines=tuple(lines),
        rows=cells,
        uneven=tuple(uneven),
        decimal_commas=commas,
    )


def read_columns(path: Path, **how: Any) -> pd.DataFrame:
    """Read a large file in the detected dialect; ``how`` goes to ``pandas.read_csv``."""
    import pandas as pd

    with _read_of(path):
        dialect, _ = _dialect(path)
        decimal = "," if dialect.delimiter != "," and _decimal_commas(path, dialect) else "."
        return pd.read_csv(
            path, encoding=dialect.encoding, sep=dialect.delimiter, decimal=decimal, **how
        )


def csv_columns(path: Path) -> tuple[str, ...]:
    """Return the names in the header; none if the file is no CSV."""
    try:
        return _dialect(path)[1]
    except (OSError, ValueError, csv.Error, EOFError):
        return ()


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file: by its mark, else UTF-8 if valid, else Windows-1252."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if head and b"\0" in head:
            even, odd = head[::2].count(0), head[1::2].count(0)
            if max(even, odd) < len(head) / 8:
                raise ValueError("it holds bytes that no text has")
            return "utf-16-le" if odd > even else "utf-16-be"
        for encoding in ("utf-8-sig", "cp1252"):
            file.seek(0)
            if _decodes(file.read, encoding):
                return encoding
    raise ValueError("its text is not UTF-8, UTF-16 or Windows-1252; save it as UTF-8")


def _decodes(read: Callable[[int], bytes], encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := read(CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _dialect(path: Path) -> tuple[Dialect, tuple[str, ...]]:
    encoding = encoding_of(path)
    with path.open(encoding=encoding, newline="") as file:
        lines = file.read(HEAD_BYTES).splitlines(keepends=True)
    tried = {}
    for delimiter in DELIMITERS:
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row][: LOOKED_AT + 1]
        if not rows:
            raise EOFError
        alike = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
        tried[delimiter] = (len(rows[0]) > 1 and alike > 0.5, len(rows[0]), alike, rows[0])
    best = max(DELIMITERS, key=lambda d: tried[d][:3])
    return Dialect(encoding=encoding, delimiter=best), tuple(
        value.strip() for value in tried[best][3]
    )


def _rows(path: Path, dialect: Dialect, *, skip: bool) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding=dialect.encoding, newline="") as file:
        reader = csv.reader(file, delimiter=dialect.delimiter)
        line = 1
        for row in reader:
            if skip and row:
                skip = False
            elif row:
                yield line, row
            line = reader.line_num + 1


def _with_points(
    path: Path,
    dialect: Dialect,
    columns: Sequence[str],
    rows: Sequence[tuple[str, ...]],
    lines: Sequence[int],
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    if dialect.delimiter == "," or not rows:
        return tuple(rows), ()
    converted = {}
    for place, name in enumerate(columns):
        column = [row[place] for row in rows]
        if not _has_commas(column):
            continue
        for line, text in zip(lines, column, strict=True):
            if "." in text and "," not in text:
                raise InputError(
                    f"{printable(path)}, line {line}, column {printable(name)}: {printable(text)} may be "
                    f"{text.replace('.', '')} or {text.replace('.', ',')}: other numbers of this column have "
                    "decimal commas; write them all alike"
                )
        converted[place] = [text.replace(".", "").replace(",", ".") for text in column]
    if not converted:
        return tuple(rows), ()
    changed = (
        tuple(converted[place][k] if place in converted else text for place, text in enumerate(row))
        for k, row in enumerate(rows)
    )
    return tuple(changed), tuple(columns[place] for place in converted)


def _has_commas(column: Sequence[str]) -> bool:
    texts = [text for text in column if text]
    numbers = [bool(COMMA_NUMBER.fullmatch(text)) for text in texts]
    return any(numbers) and all(
        comma or NUMBER.fullmatch(text) for comma, text in zip(numbers, texts, strict=True)
    )


def _decimal_commas(path: Path, dialect: Dialect) -> bool:
    first = []
    for _, row in _rows(path, dialect, skip=True):
        first.append(row)
        if len(first) == 10 * LOOKED_AT:
            break
    width = min((len(row) for row in first), default=0)
    return any(_has_commas([row[place].strip() for row in first]) for place in range(width))


def beside(module: str, name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file that comes with the package, beside the module with this ``__file__``."""
    with open(Path(module).with_name(name), encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@contextmanager
def _read_of(path: Path) -> Iterator[None]:
    name = printable(path)
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{name}: no such file") from error
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from error
    except EOFError:
        raise InputError(f"{name}: is empty; expected a header and rows") from None
    except (csv.Error, ValueError) as error:
        raise InputError(f"{name}: cannot be read as CSV ({in_plain_words(error)})") from error
