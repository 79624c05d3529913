"""Writing files so that each is whole or absent, and values as JSON can hold them. No torch here."""

from __future__ import annotations

import errno
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidrobust.text.printable import bytes_shown, printable

if TYPE_CHECKING:
    import pandas as pd

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def disk_is_full(error: BaseException) -> bool:
    """Whether an error says that there is no room, or a quota is used up."""
    return isinstance(error, OSError) and (error.errno in NO_SPACE or "No space left" in str(error))


def write_text(path: Path, text: str) -> None:
    """Write beside, then rename: a killed run leaves the old file or the new one, never half of one."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(bytes_shown(text), encoding="utf-8")
    os.replace(beside, path)


def json_text(content: Any) -> str:
    r"""Content as strict JSON; bytes of file names that are no UTF-8 as \udcXX, which comes back exactly."""
    text = json.dumps(plain(content), indent=2, ensure_ascii=False)
    return re.sub("[\udc80-\udcff]", lambda m: f"\\u{ord(m[0]):04x}", text) + "\n"


def plain(value: Any) -> Any:
    """NumPy scalars as Python's, what is not a finite number as None, tuples as lists, paths as shown."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return printable(value)
    return value


RUNS = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run."""


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV; a text that a spreadsheet would run gets an apostrophe, which ``cell_text`` takes off.

    OWASP, CSV Injection.
    """
    safe = table.map(lambda cell: f"'{cell}" if isinstance(cell, str) and _runs(cell) else cell)
    return safe.to_csv(index=False)


def cell_text(cell: str) -> str:
    """The text of a cell as it was before ``csv_text``."""
    return cell[1:] if cell.startswith("'") and _runs(cell[1:]) else cell


def _runs(text: str) -> bool:
    return text.startswith(RUNS) and not re.fullmatch(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?", text)
