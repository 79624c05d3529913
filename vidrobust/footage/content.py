"""The content of an item, whatever its name: a hash of bytes, window and region."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import BinaryIO

from vidrobust.files.atomic import write_text
from vidrobust.files.json_text import parsed_json
from vidrobust.footage.expand import images_in
from vidrobust.footage.item import Item

# A file changed later than this before it is hashed may change again within one tick of its time: not kept
SETTLED_S = 2.0
# Blocks of a file, from its first to its last bytes, that are read before a kept hash is trusted
BLOCKS, BLOCK_BYTES = 5, 1 << 16


def content_key(item: Item, cache: MutableMapping[str, str] | None = None) -> str:
    """Return the SHA-256 of an item's bytes, window, region and boxes, 64 hex digits."""
    whole = _folder_hash(item.path, cache) if item.path.is_dir() else _file_hash(item.path, cache)
    if item.start_s is None and item.end_s is None and item.roi is None and item.boxes is None:
        return whole
    boxes = None if item.boxes is None else dataclasses.asdict(item.boxes)
    part = json.dumps([whole, item.start_s, item.end_s, item.roi, boxes])
    return hashlib.sha256(part.encode()).hexdigest()


class ContentKeys:
    """Content keys cached in a JSON file, which may be absent or damaged; None: in memory only."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known = {} if file is None else _read(file)
        self._saved = dict(self._known)

    def of(self, item: Item) -> str:
        return content_key(item, self._known)

    def save(self) -> None:
        if self._file is not None and self._known != self._saved:
            write_text(self._file, json.dumps(self._known, indent=0))
            self._saved = dict(self._known)


def _folder_hash(folder: Path, cache: MutableMapping[str, str] | None) -> str:
    digest = hashlib.sha256()
    for path in images_in(folder):
        digest.update(os.fsencode(path.name) + b"\0" + _file_hash(path, cache).encode() + b"\n")
    return digest.hexdigest()


def _file_hash(path: Path, cache: MutableMapping[str, str] | None) -> str:
    if path.exists() and not path.is_file():  # opening a pipe waits, and a device may never end
        raise OSError(errno.EINVAL, "is not a file", str(path))
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        place = f"{_state(file, status)} {os.path.abspath(path)}"
        if cache is not None and place in cache:
            return cache[place]
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        unchanged = os.fstat(file.fileno()).st_mtime_ns == status.st_mtime_ns
    if cache is not None and unchanged and time.time() - status.st_mtime > SETTLED_S:
        cache[place] = digest
    return digest


def _state(file: BinaryIO, status: os.stat_result) -> str:
    """Return what changes with a file's content: times, and a hash of blocks along it."""
    digest = hashlib.blake2b(digest_size=16)
    for place in range(BLOCKS):
        file.seek(place * max(0, status.st_size - BLOCK_BYTES) // (BLOCKS - 1))
        digest.update(file.read(BLOCK_BYTES))
    times = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
    return f"{times} {digest.hexdigest()}"


def _read(file: Path) -> dict[str, str]:
    try:
        known = parsed_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in known.items() if isinstance(v, str)} if isinstance(known, dict) else {}
