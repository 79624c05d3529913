"""YouTube-BoundingBoxes at its real size, in pieces: 5.6 million rows are never in memory at once.

    one file ──▶ each row to the shard of its video ──▶ read one shard after the other, or on as many machines

Every shard is a file of the same form, and holds all rows of its videos.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.csv_table import encoding_of
from vidrobust.text.printable import printable

ROWS = 250_000
"""Rows that are read at once."""
MOST = 500
"""Shards that are written side by side, each an open file."""
INFIX = ".shard-"
BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A piece of a file.

    path   of the piece · whole: of the file
    lines  (n,) the line of the file that each line of the piece was
    """

    path: Path
    whole: Path
    lines: np.ndarray


def line_count(path: Path) -> int:
    """Lines of a file, by its line feeds."""
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(BYTES), b"")
        return sum(chunk.count(b"\n") for chunk in chunks)


def is_shard(path: Path) -> bool:
    """Whether a file is called as a piece is."""
    return INFIX in path.name


def split(path: Path, folder: Path, count: int, *, has_header: bool) -> list[Shard]:
    """The pieces, written into a folder; those without a row are left out.

    Raises SettingsError for too many of them, InputError for a file in UTF-16, which cannot be cut line by line.
    """
    if not 1 <= count <= MOST:
        raise SettingsError(f"shards: expected 1 to {MOST}, got {count}")
    if encoding_of(path).startswith("utf-16"):
        raise InputError(f"{printable(path)}: is UTF-16; save it as UTF-8 to cut it into shards")
    names = [folder / f"{path.stem}{INFIX}{k + 1:03d}-of-{count:03d}{path.suffix}" for k in range(count)]
    lines = [array("q") for _ in names]
    with ExitStack() as stack:
        files = [stack.enter_context(name.open("wb", buffering=BYTES // 4)) for name in names]
        for number, line in _lines(path):
            if number == 1 and has_header:
                for file, own in zip(files, lines, strict=True):
                    file.write(line)
                    own.append(1)
                continue
            at = _place(line, count)
            files[at].write(line)
            lines[at].append(number)
    least = int(has_header)
    found = []
    for name, own in zip(names, lines, strict=True):
        if len(own) > least:
            found.append(Shard(path=name, whole=path, lines=np.frombuffer(own, np.int64)))
        else:
            name.unlink()
    return found


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Every line with its number from 1, the last one ended, too."""
    with path.open("rb", buffering=BYTES) as file:
        for number, line in enumerate(file, 1):
            yield number, line if line.endswith(b"\n") else line + b"\n"


def _place(line: bytes, count: int) -> int:
    """The shard of a row: by its first value, the video."""
    video = line.lstrip(b"\xef\xbb\xbf").split(b",", 1)[0].split(b";", 1)[0].split(b"\t", 1)[0]
    return zlib.crc32(video.strip().strip(b'"').strip()) % count
