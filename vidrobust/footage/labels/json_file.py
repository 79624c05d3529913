"""A JSON annotation file, its faults told with line and column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vidrobust.errors import InputError
from vidrobust.shown import shown


def read_json(path: Path, kind: type) -> Any:
    """The content of a JSON file, an object (dict) or an array (list); raises InputError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{shown(path)}, line {error.lineno}, column {error.colno}: {error.msg}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{shown(path)}: cannot be read ({error})") from error
    if not isinstance(content, kind):
        expected = "an object" if kind is dict else "an array"
        raise InputError(f"{shown(path)}, line 1: expected {expected}, got {type(content).__name__}")
    return content
