"""JSON and XML annotation files."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from vidrobust.errors import InputError, in_plain_words
from vidrobust.files.json_text import file_text, parsed_json
from vidrobust.footage.records import BadValueError, Problem
from vidrobust.text.printable import printable

# XML annotation files, whose elements know their line.

HEAD_BYTES = 4096


class XmlFile:
    """The tree of an XML file; InputError if it is none or defines its own entities."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[ElementTree.Element, int] = {}
        builder = ElementTree.TreeBuilder()
        parser = expat.ParserCreate()

        def start(tag: str, attributes: dict[str, str]) -> None:
            self._lines[builder.start(tag, attributes)] = parser.CurrentLineNumber

        def refuse(name: str, *_: object) -> None:
            raise InputError(
                f"{printable(path)}: defines an entity ({name}), which no annotation needs"
            )

        parser.StartElementHandler = start
        parser.EndElementHandler = builder.end
        parser.CharacterDataHandler = builder.data
        parser.EntityDeclHandler = refuse
        try:
            parser.Parse(path.read_bytes(), True)
        except expat.ExpatError as error:
            where = f"line {error.lineno}, column {error.offset + 1}"
            raise InputError(
                f"{printable(path)}, {where}: {expat.errors.messages[error.code]}"
            ) from error
        except OSError as error:
            raise InputError(f"{printable(path)}: cannot be read ({error.strerror})") from error
        self.root = builder.close()

    def problem(self, element: ElementTree.Element, column: str, what: str) -> Problem:
        """A problem of an element or its attribute ``column``."""
        return Problem(path=self.path, line=self._lines[element], column=column, what=what)

    def number(self, element: ElementTree.Element, name: str) -> float:
        """The finite number in a child or attribute ``name``; raises BadValueError."""
        child = element.find(name)
        text = element.get(name) if child is None else child.text
        try:
            value = float(text or "")
        except ValueError:
            value = float("nan")
        if not abs(value) < float("inf"):
            what = "is missing" if text is None else f"expected a number, got {printable(text)!r}"
            raise BadValueError(self.problem(element if child is None else child, name, what))
        return value


def begins_with(path: Path, element: str) -> bool:
    if path.suffix.lower() != ".xml":
        return False
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    names: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, _: names.append(tag)
    with suppress(expat.ExpatError):
        parser.Parse(head, False)
    return names[:1] == [element]


def read_json(path: Path, kind: type) -> Any:
    """Return the content of a JSON file of this kind (dict or list); raises InputError."""
    try:
        content = parsed_json(file_text(path))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{printable(path)}, line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{printable(path)}: cannot be read ({in_plain_words(error)})") from error
    if not isinstance(content, kind):
        expected = "an object" if kind is dict else "an array"
        raise InputError(
            f"{printable(path)}, line 1: expected {expected}, got {type(content).__name__}"
        )
    return content
