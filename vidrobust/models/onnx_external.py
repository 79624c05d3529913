"""Which other files an ONNX file reads its weights from; none outside its own folder.

An ONNX file can name any path for a tensor (TensorProto.external_data, onnx.proto3). Whoever opens one from
elsewhere does not expect it to read other files of theirs, so a path that leaves the folder is refused before an
engine sees it. Only lengths are followed, so that a file of gigabytes is looked through in no time.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from vidrobust.errors import InputError
from vidrobust.text.printable import printable

_INSIDE = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
"""Message -> number of a field -> what it holds, as far as it leads to tensors."""
_DEPTH = 64
"""Messages inside each other; graphs nest a few deep."""

Span = tuple[int, int]


def external_files(path: Path) -> list[Path]:
    """The files beside ``path`` that hold its weights, sorted.

    Raises InputError for a file that is no protobuf message, or that names a file outside its folder.
    """
    folder = path.parent.resolve()
    found = set()
    for location in _locations(path):
        file = (folder / location).resolve()
        if not file.is_relative_to(folder):
            raise InputError(
                f"{printable(path)}: reads weights from {printable(Path(location))}, outside its own folder, "
                "and is "
                "refused: put the file beside it and save the network again"
            )
        found.add(file)
    return sorted(found)


def _locations(path: Path) -> list[str]:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return list(_tensors(data, (0, len(data)), "model", 0))
    except (ValueError, IndexError) as error:
        raise InputError(f"{printable(path)}: cannot be read as an ONNX network: {error}") from error


def _tensors(data: mmap.mmap, span: Span, message: str, depth: int) -> Iterator[str]:
    """The locations of external tensors inside a message."""
    if depth > _DEPTH:
        raise ValueError("messages are nested too deep")
    for number, inner in _fields(data, span):
        kind = _INSIDE[message].get(number)
        if kind == "entry":
            texts = dict(_fields(data, inner))
            if 1 in texts and 2 in texts and data[slice(*texts[1])] == b"location":
                yield data[slice(*texts[2])].decode("utf-8", "surrogateescape")
        elif kind is not None:
            yield from _tensors(data, inner, kind, depth + 1)


def _fields(data: mmap.mmap, span: Span) -> Iterator[tuple[int, Span]]:
    """Number and place of each field of a message that has a length; others are passed over."""
    at, end = span
    while at < end:
        tag, at = _number(data, at, end)
        wire = tag & 7
        if wire == 0:
            _, at = _number(data, at, end)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        elif wire == 2:
            length, at = _number(data, at, end)
            if at + length > end:
                raise ValueError(f"a field ends behind its message, at byte {at}")
            yield tag >> 3, (at, at + length)
            at += length
        else:
            raise ValueError(f"it is no protobuf message, at byte {at}")


def _number(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """A varint and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise ValueError("it ends in the middle of a number")
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
    raise ValueError(f"a number is too long, at byte {at}")
