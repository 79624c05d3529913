"""A folder of labelled images, on which the corruption suites are measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from vidrobust.errors import InputError, in_plain_words
from vidrobust.files.csv_table import read_csv_table
from vidrobust.plugins.published.perturbations import c_bar, imagenet_c
from vidrobust.plugins.published.perturbations.sequences import SEQUENCES
from vidrobust.text.printable import printable


@dataclass(frozen=True)
class LabelledImages:
    """Image files, or the films of a sequence, and their labels: sets of class names or indices, as written.

    ``groups`` (n,): what each depends with, such as its clip; empty: independent.
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
    """Read the labelled images of a folder."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of images")
    wanted, group = _rows(table)
    present = {name for name in wanted if (folder / name).is_file()}
    missing = sorted(set(wanted) - present)
    problems = (
        [f"{table}: {len(missing)} files are not in {folder}, the first: {missing[0]}"]
        if missing
        else []
    )
    if not present:
        raise InputError(f"{folder}: holds none of the {len(wanted)} files that {table} labels")
    others = sum(
        p.suffix.lower() in SUFFIXES and str(p.relative_to(folder)) not in wanted
        for p in folder.rglob("*")
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
    wanted: dict[str, set[str]] = {}
    group: dict[str, str] = {}
    content = read_csv_table(table)
    columns = [name.lower() for name in content.columns]
    for column in ("file", "label"):
        if column not in columns:
            raise InputError(f"{table}, line 1: lacks the column {column}; expected file,label")
    if content.uneven:
        line, count = content.uneven[0]
        raise InputError(f"{table}, line {line}: expected {len(columns)} values, got {count}")
    places = [columns.index(column) for column in ("file", "label")]
    for line, row in zip(content.lines, content.rows, strict=True):
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
    """Yield number and (3, H, W) uint8 RGB of each readable image, EXIF orientation applied."""
    for number, path in enumerate(images.paths):
        try:
            with Image.open(path) as image:
                array = np.array(ImageOps.exif_transpose(image).convert("RGB"))
        except (OSError, UnidentifiedImageError, ValueError) as error:
            images.problems.append(f"{path}: cannot be read as an image ({in_plain_words(error)})")
            continue
        yield number, torch.from_numpy(array).permute(2, 0, 1).contiguous()


STRENGTHS = (1, 2, 3, 4, 5)
# The archives in which the authors give ImageNet-C and -P; unpacked, each may be a folder of corruptions.
GROUPS = ("blur", "noise", "weather", "digital", "extra")
FILMS = (".mp4",)
CORRUPTIONS = (
    *imagenet_c.TEST,
    *imagenet_c.VALIDATION,
    *(entry.name for entry in c_bar.PERTURBATIONS),
)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The images of a folder: plain, by corruption and strength, or films by sequence."""

    plain: LabelledImages | None = None
    corrupt: Mapping[tuple[str, int], LabelledImages] = field(default_factory=dict)
    films: Mapping[str, LabelledImages] = field(default_factory=dict)

    @property
    def corruptions(self) -> tuple[str, ...]:
        """The corruptions that are there, in the order of the papers."""
        return tuple(name for name in CORRUPTIONS if any(key[0] == name for key in self.corrupt))

    def missing(self) -> list[str]:
        """Strengths that a corruption lacks, a sentence each."""
        lacking = []
        for name in self.corruptions:
            lacks = [str(s) for s in STRENGTHS if (name, s) not in self.corrupt]
            if lacks:
                lacking.append(f"{name} lacks strength {', '.join(lacks)}")
        return lacking


def read_layout(folder: Path) -> Layout:
    """The layout of a folder; raises InputError where it is none of those that are known."""
    if not folder.is_dir():
        raise InputError(f"{printable(folder)}: no such folder of images")
    top = _folders(folder)
    groups = [path for path in top if path.name in GROUPS]
    named = [*top, *(inner for group in groups for inner in _folders(group))]
    corrupt: dict[tuple[str, int], LabelledImages] = {}
    films: dict[str, LabelledImages] = {}
    for path in named:
        strengths = {inner.name: inner for inner in _folders(path)}
        if path.name in CORRUPTIONS:
            for strength in STRENGTHS:
                inside = strengths.get(str(strength))
                if inside is not None and (images := _by_class(inside, SUFFIXES)):
                    corrupt[path.name, strength] = images
        if path.name in SEQUENCES and (of_sequence := _by_class(path, FILMS)):
            films[path.name] = of_sequence
    if corrupt or films:
        return Layout(corrupt=corrupt, films=films)
    plain = _in_groups(folder)
    if plain is None:
        raise InputError(
            f"{printable(folder)}: holds no class folders (CLASS/*.JPEG), no ImageNet-C "
            "(CORRUPTION/STRENGTH/CLASS/*.JPEG) and no ImageNet-P (SEQUENCE/CLASS/*.mp4); images without such "
            "folders need --labels CSV with the columns file,label"
        )
    return Layout(plain=plain)


def _folders(path: Path) -> list[Path]:
    return sorted(
        (p for p in path.iterdir() if p.is_dir() and not p.name.startswith(".")),
        key=lambda p: p.name,
    )


def _files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes and p.is_file())


def _in_groups(folder: Path) -> LabelledImages | None:
    whole = _by_class(folder, SUFFIXES)
    rows = [(path, label, str(path)) for path, label in zip(whole.paths, whole.labels, strict=True)]
    for name in _folders(folder):
        for inner in _folders(name):
            group = f"{name.name}/{inner.name}"
            rows += [(path, frozenset({name.name}), group) for path in _files(inner, SUFFIXES)]
    if not rows:
        return None
    paths, labels, groups = zip(*sorted(rows, key=lambda one: str(one[0])), strict=True)
    return LabelledImages(paths, labels, groups=groups if len(rows) > len(whole) else ())


def _by_class(folder: Path, suffixes: Sequence[str]) -> LabelledImages:
    """The files of CLASS/FILE; empty where there are none."""
    paths = [path for inner in _folders(folder) for path in _files(inner, suffixes)]
    return LabelledImages(tuple(paths), tuple(frozenset({path.parent.name}) for path in paths))
