"""A folder of images with labels, one after the other: what the corruption suites are measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from vidrobust.errors import InputError
from vidrobust.files.csv_table import read_csv_table


@dataclass(frozen=True)
class LabelledImages:
    """Image files and what is on them; a label is a set of class names or indices, as written.

    ``groups`` (n,): what each depends with, such as its clip; empty: each for itself.
    """

    paths: tuple[Path, ...]
    labels: tuple[frozenset[str], ...]
    unlabelled: int = 0
    problems: list[str] = field(default_factory=list)
    groups: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)


SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")


def read_labels(folder: Path, table: Path) -> LabelledImages:
    """Read the labelled images of a folder: a CSV with the columns file and label, several rows for a set.

    A column group names images that depend on each other. InputError for an unreadable table or folder, with
    file, line
    and column. Labels without their file are counted as problems.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of images")
    wanted, group = _rows(table)
    present = {name for name in wanted if (folder / name).is_file()}
    missing = sorted(set(wanted) - present)
    problems = (
        [f"{table}: {len(missing)} files are not in {folder}, the first: {missing[0]}"] if missing else []
    )
    if not present:
        raise InputError(f"{folder}: holds none of the {len(wanted)} files that {table} labels")
    others = sum(
        p.suffix.lower() in SUFFIXES and str(p.relative_to(folder)) not in wanted for p in folder.rglob("*")
    )
    names = sorted(present)
    return LabelledImages(
        tuple(folder / name for name in names),
        tuple(frozenset(wanted[name]) for name in names),
        others,
        problems,
        tuple(group[name] for name in names) if group else (),
    )


def _rows(table: Path) -> tuple[dict[str, set[str]], dict[str, str]]:
    """The labels of each file, and its group where the table has such a column."""
    wanted: dict[str, set[str]] = {}
    group: dict[str, str] = {}
    found = read_csv_table(table)
    columns = [name.lower() for name in found.columns]
    for column in ("file", "label"):
        if column not in columns:
            raise InputError(f"{table}, line 1: lacks the column {column}; expected file,label")
    if found.uneven:
        line, count = found.uneven[0]
        raise InputError(f"{table}, line {line}: expected {len(columns)} values, got {count}")
    places = [columns.index(column) for column in ("file", "label")]
    for line, row in zip(found.lines, found.rows, strict=True):
        name, label = (row[place] for place in places)
        if not name or not label:
            empty = "label" if name else "file"
            raise InputError(f"{table}, line {line}, column {empty}: is empty")
        wanted.setdefault(name, set()).add(label)
        if "group" in columns:
            mine = row[columns.index("group")] or name
            if group.setdefault(name, mine) != mine:
                raise InputError(
                    f"{table}, line {line}, column group: {name} is of {group[name]} already, got {mine}"
                )
    if not wanted:
        raise InputError(f"{table}: labels nothing; expected rows file,label")
    return wanted, group


def pictures(images: LabelledImages) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield number and (3, H, W) uint8 RGB of each readable image, EXIF orientation applied; others become
    problems.
    """
    for number, path in enumerate(images.paths):
        try:
            with Image.open(path) as image:
                array = np.array(ImageOps.exif_transpose(image).convert("RGB"))
        except (OSError, UnidentifiedImageError, ValueError) as error:
            images.problems.append(f"{path}: cannot be read as an image ({error})")
            continue
        yield number, torch.from_numpy(array).permute(2, 0, 1).contiguous()
