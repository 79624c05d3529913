"""A JSON annotation file, its faults named with line and column."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vidrobust.errors import InputError
from vidrobust.files.json_text import parsed_json
from vidrobust.footage.records import Problem
from vidrobust.text.printable import printable

ENTRY = re.compile(r"\w+\[\d+\]")
SPACE = re.compile(r"\s*")


def read_json(path: Path, kind: type) -> Any:
    """The content of a JSON file, an object (dict) or an array (list); raises InputError."""
    try:
        content = parsed_json(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{printable(path)}, line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{printable(path)}: cannot be read ({error})") from error
    if not isinstance(content, kind):
        expected = "an object" if kind is dict else "an array"
        raise InputError(f"{printable(path)}, line 1: expected {expected}, got {type(content).__name__}")
    return content


def with_lines(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems, those of JSON files with the line of the entry that their ``column`` names.

    column  a key of the file's object, or an entry of one of its arrays and what follows: annotations[3].bbox
    """
    every = tuple(problems)
    files = {p.path for p in every if p.path.suffix.lower() == ".json" and p.column and not p.line}
    lines = {path: _lines(path) for path in files}
    return tuple(
        replace(p, line=_line(p, lines[p.path])) if p.path in files and not p.line else p for p in every
    )


def _line(problem: Problem, lines: Mapping[str, int]) -> int:
    entry = ENTRY.match(problem.column)
    return lines.get(problem.column, lines.get(entry[0], 0) if entry else 0)


def _lines(path: Path) -> dict[str, int]:
    """The line of each key of the object in a file, and of each entry of its arrays as NAME[NUMBER]."""
    text, decoder = path.read_text(encoding="utf-8"), json.JSONDecoder()
    starts = [match.end() for match in re.finditer("\n", text)]
    found: dict[str, int] = {}

    def note(name: str, place: int) -> None:
        found[name] = bisect_right(starts, place) + 1

    place = SPACE.match(text, text.index("{") + 1)
    at = place.end() if place else 0
    while text[at] == '"':
        key, behind = decoder.raw_decode(text, at)
        note(key, at)
        at = _after(text, behind)  # the colon
        if text[at] == "[":
            number, inside = 0, _after(text, at)
            while text[inside] != "]":
                note(f"{key}[{number}]", inside)
                inside = _after(text, decoder.raw_decode(text, inside)[1], stop="]")
                number += 1
            at = _after(text, inside + 1, stop="}")
        else:
            at = _after(text, decoder.raw_decode(text, at)[1], stop="}")
    return found


def _after(text: str, at: int, stop: str = "") -> int:
    """Behind the next sign that is no space, and the spaces after it; at ``stop`` itself."""
    at = SPACE.match(text, at).end()  # type: ignore[union-attr]
    return at if stop and text[at] == stop else SPACE.match(text, at + 1).end()  # type: ignore[union-attr]
