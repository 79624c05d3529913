"""A folder per class of images, videos and folders of frames."""

from __future__ import annotations

import os
from pathlib import Path

from vidrobust.errors import InputError
from vidrobust.footage.expand import IMAGE_SUFFIXES, VIDEO_SUFFIXES, images_in, natural_key
from vidrobust.footage.item_tables import label_row
from vidrobust.footage.labels.labels import LabelFormat, Labels, rows_of
from vidrobust.footage.records import Problem
from vidrobust.text.printable import printable

NAME = "class-folders"
SUFFIXES = IMAGE_SUFFIXES | VIDEO_SUFFIXES


def read(path: Path) -> Labels:
    """Return a row per file or folder of frames; classes are numbered by name, as ImageFolder does.

    ``item`` is CLASS/NAME; column ``file`` is the path.
    """
    folders = _folders(path)
    if not folders:
        raise InputError(f"{printable(path)}: holds no folder of images or videos")
    rows, problems = [], []
    for number, folder in enumerate(folders):
        entries = _footage(folder)
        if not entries:
            problems.append(Problem(path=folder, what="holds no image and no video"))
        rows += [
            label_row(
                printable(f"{folder.name}/{entry.name}"),
                label=number,
                label_name=printable(folder.name),
                source=NAME,
                more={"file": printable(entry)},
            )
            for entry in entries
        ]
    return Labels(
        format=NAME,
        path=path,
        rows=rows_of(rows),
        classes={number: printable(folder.name) for number, folder in enumerate(folders)},
        problems=tuple(problems),
    )


def _folders(path: Path) -> list[Path]:
    entries = (p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    return sorted(entries, key=lambda p: os.fsencode(p.name))


def _footage(folder: Path) -> list[Path]:
    entries = sorted(folder.iterdir(), key=lambda p: natural_key(p.name))
    return [p for p in entries if p.suffix.lower() in SUFFIXES or (p.is_dir() and images_in(p))]


def _sniff(path: Path) -> bool:
    """Whether a folder holds no footage itself, and two folders or more that do."""
    try:
        if not path.is_dir() or any(p.suffix.lower() in SUFFIXES for p in path.iterdir() if p.is_file()):
            return False
        return sum(bool(_footage(folder)) for folder in _folders(path)) > 1
    except OSError:
        return False


FORMAT = LabelFormat(name=NAME, what="a folder that holds a folder for each class", sniff=_sniff, read=read)
