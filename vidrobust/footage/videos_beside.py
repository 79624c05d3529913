"""The videos of an annotation file that lie beside it, each called by the id that the file gives it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidrobust.footage.item import Item
from vidrobust.footage.labels.offset import LabelOffset
from vidrobust.text.printable import printable

CUT = re.compile(r".+\+(\d+(?:\.\d+)?)")
"""A name that ends with the second at which its clip begins."""
PLACES = (".", "videos")
"""Folders that are looked through, from the file's own."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Items of the videos that are there, and the ids of those that are not."""

    items: tuple[Item, ...]
    missing: tuple[str, ...]


def videos_beside(annotations: Path, ids: Sequence[str], suffixes: frozenset[str]) -> Beside:
    """The files ID.mp4, or ID and anything after a + or a blank or an underscore, in the folder or its ``videos``.

    Several files of one id are several items. ID+238.mp4, with a number behind the +, is a clip that was cut out
    from second 238 on: its labels count from there (``Item.label_offset``).
    """
    by_stem: dict[str, list[Path]] = {}
    for place in PLACES:
        folder = annotations.parent / place
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        for path in files:
            if path.suffix.lower() in suffixes:
                for key in {path.stem, *_starts(path.stem)}:
                    by_stem.setdefault(key, []).append(path)
    found = [path for video in ids for path in by_stem.get(video, [])]
    return Beside(
        items=tuple(Item(name="", path=path, label_offset=_cut_at(path)) for path in dict.fromkeys(found)),
        missing=tuple(printable(video) for video in ids if video not in by_stem),
    )


def _cut_at(path: Path) -> LabelOffset | None:
    found = CUT.fullmatch(path.stem)
    return None if found is None else LabelOffset(value=float(found[1]), unit="s")


def _starts(stem: str) -> list[str]:
    """What stands before each + , blank or underscore; ids of YouTube hold underscores themselves."""
    return [stem[: match.start()] for match in re.finditer(r"[+ _]", stem)]
