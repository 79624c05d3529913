"""Strict JSON, as files and ``--json`` have it."""

from __future__ import annotations

import errno
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidrobust.text.printable import printable


def file_text(path: Path, encoding: str = "utf-8-sig") -> str:
    """Read a text file, with or without a mark of its byte order; OSError for pipes and devices."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return path.read_text(encoding=encoding)


def parsed_json(text: str | bytes) -> Any:
    """Parse JSON; ValueError also for JSON that is nested too deeply."""
    try:
        return json.loads(text.removeprefix("\ufeff") if isinstance(text, str) else text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def json_text(content: Any) -> str:
    r"""Return strict JSON that ends with a newline; numbers that are not finite become null.

    Bytes of file names that are not UTF-8 are written as \udcXX, which comes back exactly.

    >>> json_text({"share": float("nan"), "n": 3})
    '{\n  "share": null,\n  "n": 3\n}\n'
    """
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    return re.sub("[\udc80-\udcff]", lambda m: f"\\u{ord(m[0]):04x}", text) + "\n"


def plain(value: Any) -> Any:
    """Return NumPy values as Python's, numbers that are not finite as None, tuples as lists, paths as text."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return printable(value) if isinstance(value, Path) else value
