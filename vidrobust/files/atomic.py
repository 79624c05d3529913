"""Writing files so that each is whole or absent."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from vidrobust.errors import InputError
from vidrobust.text.printable import bytes_shown

if TYPE_CHECKING:
    import pandas as pd

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def disk_is_full(error: BaseException) -> bool:
    """Return whether an error says that the disk is full or a quota used up."""
    return isinstance(error, OSError) and (error.errno in NO_SPACE or "No space left" in str(error))


def write_text(path: Path, text: str) -> None:
    """Write beside, then rename: a killed process leaves the old file or the new one."""
    write_bytes(path, bytes_shown(text).encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes in the same way."""
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_bytes(data)
    except FileNotFoundError as error:  # names the folder that is missing, not the file beside
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
    os.replace(beside, path)


def append_text(path: Path, text: str) -> None:
    """Append to a file; InputError if it cannot be written."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(bytes_shown(text))
    except OSError as error:
        if disk_is_full(error):
            raise
        raise InputError(f"{path}: cannot be written to ({error.strerror or error})") from error


RUNS = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would run


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV; text that a spreadsheet would run gets an apostrophe (OWASP, CSV Injection)."""
    safe = table.map(lambda cell: f"'{cell}" if isinstance(cell, str) and _runs(cell) else cell)
    return safe.to_csv(index=False)


def cell_text(cell: str) -> str:
    """Return a cell as it was before ``csv_text``."""
    return cell[1:] if cell.startswith("'") and _runs(cell[1:]) else cell


def _runs(text: str) -> bool:
    return text.startswith(RUNS) and not re.fullmatch(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?", text)
