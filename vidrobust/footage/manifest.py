"""Manifests: the files, windows and regions of a study, and what is known of each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from vidrobust.errors import InputError
from vidrobust.footage.item import Item, LabelOffset, Roi, label_offset_of, roi_fault
from vidrobust.footage.records import (
    SUFFIXES,
    BadValueError,
    Problem,
    Record,
    columns_of,
    number,
    read_table,
    required,
    whole,
)
from vidrobust.text.printable import printable, without_secrets

# Names of inputs: the shortest that differ.


def names_of(paths: Sequence[Path]) -> list[str]:
    """Return a name per path: the stem; if not unique the file name, then with more of its folders."""
    paths = [Path(os.path.abspath(path)) for path in paths]
    names = [_name(path, 0) for path in paths]
    for depth in range(1, max((len(p.parts) for p in paths), default=0) + 1):
        alike = {name for name, count in Counter(names).items() if count > 1}
        names = [
            _name(path, depth) if name in alike else name
            for path, name in zip(paths, names, strict=True)
        ]
    return names


def numbered(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Return the names, with #2, #3 ... behind repeated ones and those in ``taken``."""
    used = set(taken)
    unique = []
    for name in names:
        number, free = 1, name
        while free in used:
            number += 1
            free = f"{name}#{number}"
        used.add(free)
        unique.append(free)
    return unique


def _name(path: Path, depth: int) -> str:
    if depth == 0:
        return printable(path.name if os.path.isdir(path) else path.stem)
    return printable("/".join(path.parts[-depth:]).lstrip("/"))


REGION = ("x", "y", "w", "h")
COLUMNS = ("path", "item", "part", "pass", "station", "label", "start_s", "end_s", *REGION)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a manifest says."""

    items: tuple[Item, ...]  # one per good row, in order, with unique names
    rows: pd.DataFrame  # the table as text, all columns, bad rows included
    # what is wrong, with file, line and column; such rows give no item
    problems: tuple[Problem, ...] = ()


def is_manifest(path: Path) -> bool:
    """Return whether a CSV or Parquet file has a column ``path``."""
    return path.suffix.lower() in SUFFIXES and path.is_file() and "path" in columns_of(path)


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Read a manifest: ``path,item,part,pass,station,label,start_s,end_s`` and ``x,y,w,h``.

    Only ``path`` is required, relative to the manifest's folder. A row is a video, an animation, a folder of
    frames or a still; several rows may share a file. ``x, y, w, h`` is a region of interest in px;
    ``label_offset`` (12.5 for seconds, 300f for frames) is where the file begins on the clock of its labels.
    Other columns stay with the item (``Item.more``). Bad rows are left out and listed. Raises InputError if
    the file is no table or has no column ``path``.
    """
    manifest = list_rows(Path(path))
    return replace(manifest, items=with_names(manifest.items))


def list_rows(manifest: Path) -> Manifest:
    """Read a manifest without naming the items that it does not name."""
    table = read_table(manifest)
    if "path" not in table.columns:
        raise InputError(
            f"{printable(manifest)}, line 1: has no column path; it has {', '.join(map(printable, table.columns))}"
        )
    items: list[Item] = []
    records: list[Record] = []
    problems = list(table.problems)
    for record in table.records:
        if not any(record.values.values()):
            continue
        try:
            items.append(_item(record, manifest.parent))
            records.append(record)
        except BadValueError as error:
            problems.append(error.problem)
    kept = _each_name_once(items, records, problems)
    rows = pd.DataFrame(
        [r.values for r in table.records], columns=list(table.columns), dtype=object
    )
    return Manifest(items=kept, rows=rows, problems=tuple(sorted(problems, key=lambda p: p.line)))


def _item(record: Record, folder: Path) -> Item:
    start_s, end_s = number(record, "start_s"), number(record, "end_s")
    if start_s is not None and end_s is not None and start_s >= end_s:
        raise BadValueError(
            record.problem("end_s", f"expected more than start_s = {start_s:g}, got {end_s:g}")
        )
    return Item(
        name=printable(record.text("item")),
        path=_path(record, folder),
        part=printable(record.text("part")),
        pass_=printable(record.text("pass")),
        station=printable(record.text("station")),
        label=printable(record.text("label")),
        start_s=start_s,
        end_s=end_s,
        roi=_region(record),
        label_offset=_label_offset(record),
        more=tuple(
            (printable(c), printable(v)) for c, v in record.values.items() if c not in COLUMNS
        ),
    )


def _label_offset(record: Record) -> LabelOffset | None:
    try:
        return label_offset_of(record.text("label_offset"))
    except ValueError as error:
        raise BadValueError(record.problem("label_offset", str(error))) from error


def _path(record: Record, folder: Path) -> Path:
    text = record.text("path")
    if not text:
        raise BadValueError(record.problem("path", "is empty"))
    if "://" in text:
        address = printable(without_secrets(text))
        what = f"{address} is a network address, and only local files are read; download it"
        raise BadValueError(record.problem("path", what))
    path = folder / text
    if "\0" not in text and not os.path.exists(path):
        path = _by_bytes(folder, text) or path
    if "\0" in text or not os.path.exists(path):
        raise BadValueError(
            record.problem("path", f"there is no such file or folder: {printable(path)}")
        )
    return path


def _by_bytes(folder: Path, text: str) -> Path | None:
    """Find a file whose name is no UTF-8, by the bytes that Windows-1252 writes for the text."""
    try:
        path = folder / os.fsdecode(text.encode("cp1252"))
    except UnicodeEncodeError:
        return None
    return path if os.path.exists(path) else None


def _region(record: Record) -> Roi | None:
    given = [column for column in REGION if record.text(column)]
    if not given:
        return None
    x, y, width, height = (required(record, column, whole) for column in REGION)
    if fault := roi_fault((x, y, width, height)):
        raise BadValueError(
            record.problem("x, y, w, h", f"{fault}, got {x}, {y}, {width}, {height}")
        )
    return x, y, width, height


def _each_name_once(
    items: list[Item], records: list[Record], problems: list[Problem]
) -> tuple[Item, ...]:
    first: dict[str, int] = {}
    kept: list[Item] = []
    for item, record in zip(items, records, strict=True):
        if item.name and item.name in first:
            what = f"{item.name!r} is the name of the input of line {first[item.name]} already"
            problems.append(record.problem("item", what))
            continue
        first.setdefault(item.name, record.line)
        kept.append(item)
    return tuple(kept)


def with_names(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return the items under unique names: as given, else by path, and window if needed."""
    all_items = list(items)
    given = iter(numbered(item.name for item in all_items if item.name))
    all_items = [replace(item, name=next(given)) if item.name else item for item in all_items]
    paths = list(dict.fromkeys(os.path.abspath(i.path) for i in all_items if not i.name))
    by_path = dict(zip(paths, names_of([Path(p) for p in paths]), strict=True))
    unnamed = [item for item in all_items if not item.name]
    wanted = [by_path[os.path.abspath(i.path)] for i in unnamed]
    count = Counter(wanted)
    wanted = [n + _window(i) if count[n] > 1 else n for n, i in zip(wanted, unnamed, strict=True)]
    names = iter(numbered(wanted, {item.name for item in all_items if item.name}))
    return tuple(item if item.name else replace(item, name=next(names)) for item in all_items)


def _window(item: Item) -> str:
    if item.start_s is None and item.end_s is None:
        return ""
    start, end = ("" if s is None else f"{s:g}" for s in (item.start_s, item.end_s))
    return f" {start}-{end} s"
