"""YouTube-BoundingBoxes (Real et al. 2017): labels at one frame a second.

The header is optional. Columns: youtube_id, timestamp_ms, class_id, class_name, then for detection object_id,
object_presence, xmin, xmax, ymin, ymax (shares of the frame), for classification object_presence.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.files import csv_table
from vidrobust.files.csv_table import encoding_of
from vidrobust.footage.item_tables import WHOLE_ITEM, label_row
from vidrobust.footage.labels.labels import PRESENCE, ClassMap, LabelFormat, Labels, rows_of
from vidrobust.footage.records import (
    SUFFIXES,
    BadValueError,
    Problem,
    Record,
    columns_of,
    number,
    read_table,
    required,
    usable,
    whole,
)
from vidrobust.tables.schema import check
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable

# YouTube-BoundingBoxes at its real size, in pieces: 5.6 million rows are never in memory at once.
#
#     one file ──▶ each row to the shard of its video ──▶ read one shard after the other, or on as many machines
#
# Every shard is a file of the same form, and holds all rows of its videos.

ROWS = 250_000  # Rows that are read at once
# Shards that are written side by side, each an open file
MOST_SHARDS = 500
INFIX = ".shard-"
BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A piece ``path`` of the file ``whole``; ``lines`` (n,) are its lines' numbers in that file."""

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
    """The pieces, written into a folder; those without a row are left out."""
    if not 1 <= count <= MOST_SHARDS:
        raise SettingsError(f"shards: expected 1 to {MOST_SHARDS}, got {count}")
    if encoding_of(path).startswith("utf-16"):
        raise InputError(f"{printable(path)}: is UTF-16; save it as UTF-8 to cut it into shards")
    names = [
        folder / f"{path.stem}{INFIX}{k + 1:03d}-of-{count:03d}{path.suffix}" for k in range(count)
    ]
    lines = [array("q") for _ in names]
    with ExitStack() as stack:
        files = [stack.enter_context(name.open("wb", buffering=BYTES // 4)) for name in names]
        for number, line in _lines(path):
            if number == 1 and has_header:
                for file, rows in zip(files, lines, strict=True):
                    file.write(line)
                    rows.append(1)
                continue
            at = _place(line, count)
            files[at].write(line)
            lines[at].append(number)
    least = int(has_header)
    shards = []
    for name, rows in zip(names, lines, strict=True):
        if len(rows) > least:
            shards.append(Shard(path=name, whole=path, lines=np.frombuffer(rows, np.int64)))
        else:
            name.unlink()
    return shards


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb", buffering=BYTES) as file:
        for number, line in enumerate(file, 1):
            yield number, line if line.endswith(b"\n") else line + b"\n"


def _place(line: bytes, count: int) -> int:
    video = line.lstrip(b"\xef\xbb\xbf").split(b",", 1)[0].split(b";", 1)[0].split(b"\t", 1)[0]
    return zlib.crc32(video.strip().strip(b'"').strip()) % count


# The classes of YouTube-BoundingBoxes, and which class of ImageNet belongs to each of them.
#
# The map is that of YTBB-Robust (Shankar et al. 2019, ``class_idx_map.json``), as ranges of ImageNet's numbers. No
# class of ImageNet belongs to cow, giraffe, skateboard, toilet and none.

# fmt: off
CLASSES = dict(enumerate((
    "person", "bird", "bicycle", "boat", "bus", "bear", "cow", "cat", "giraffe", "potted plant", "horse",
    "motorcycle", "knife", "airplane", "skateboard", "train", "truck", "zebra", "toilet", "dog", "elephant",
    "umbrella", "none", "car",
)))
# A class of the data set -> classes of ImageNet, single or from and to
_OF_IMAGENET = {
    0: ((981, 983),), 1: ((7, 24), (80, 100), (127, 146)), 2: (444, 671), 3: (472, 554, 576, 625, 814, 914),
    4: (654, 779, 874), 5: ((294, 297),), 7: ((281, 287),), 9: ((985, 986),), 10: (339,), 11: (665,),
    12: (499, 623), 13: (404,), 15: (466,), 16: (555, 569, 675, 717, 734, 864, 867), 17: (340,),
    19: ((151, 268),), 20: ((385, 386),), 21: (879,), 23: (407, 436, 468, 511, 609, 627, 656, 661, 751, 817),
}
# fmt: on


def imagenet_map() -> ClassMap:
    of_model: dict[int, int] = {}
    for label, places in _OF_IMAGENET.items():
        for place in places:
            first, last = place if isinstance(place, tuple) else (place, place)
            of_model |= dict.fromkeys(range(first, last + 1), label)
    return ClassMap(of_model=of_model, classes=len(CLASSES))


# YouTube-BoundingBoxes column by column: the whole data set has millions of rows, nearly all of them sound.

NUMBERS = {"timestamp_ms": "float64", "class_id": "int64"}
EDGES = ("xmin", "xmax", "ymin", "ymax")


def read_columns(path: Path, columns: tuple[str, ...], *, has_header: bool) -> pd.DataFrame | None:
    """The table ``labels``; None if a row is unsound and each must be looked at."""
    numbers = NUMBERS | {edge: "float64" for edge in EDGES if edge in columns}
    kinds = {name: numbers.get(name, "category") for name in columns}
    try:
        file = csv_table.read_columns(
            path,
            header=0 if has_header else None,
            names=list(columns),
            index_col=False,
            dtype=kinds,
            na_filter=False,
            skip_blank_lines=False,
            on_bad_lines="error",
        )
    except InputError:  # also a row too long, or a number that is none
        return None
    return _labels(file) if _is_sound(file) else None


def _is_sound(file: pd.DataFrame) -> bool:
    if (
        not file["object_presence"].isin(PRESENCE).all()
        or not np.isfinite(file["timestamp_ms"]).all()
    ):
        return False
    if (file["timestamp_ms"] < 0).any() or not _classes_fit(file):
        return False
    key = [name for name in ("youtube_id", "timestamp_ms", "class_id", "object_id") if name in file]
    if file.duplicated(key).any():
        return False
    if "xmin" not in file:
        return True
    present = file[file["object_presence"] == "present"]
    inside = present[list(EDGES)].ge(0).all(axis=None) and present[list(EDGES)].le(1).all(axis=None)
    return bool(
        inside
        and (present["xmin"] < present["xmax"]).all()
        and (present["ymin"] < present["ymax"]).all()
    )


def plain_name(name: str) -> str:
    return name.strip().casefold().replace("_", " ")


def _classes_fit(file: pd.DataFrame) -> bool:
    """Whether every class exists under the name that stands beside it, or under none."""
    pairs = file[["class_id", "class_name"]].drop_duplicates()
    names = [plain_name(str(name)) for name in pairs["class_name"]]
    return all(
        name in ("", CLASSES.get(int(k))) and int(k) in CLASSES
        for k, name in zip(pairs["class_id"], names, strict=True)
    )


def _labels(file: pd.DataFrame) -> pd.DataFrame:
    label = file["class_id"].astype(str)
    rows = {
        "item": _text(file["youtube_id"]),
        "frame": np.full(len(file), WHOLE_ITEM),
        "time_s": file["timestamp_ms"] / 1000,
        "track": label + "/" + _text(file["object_id"]) if "object_id" in file else label,
        "label": file["class_id"],
        "label_name": file["class_id"].map(CLASSES).astype(object),
    }
    present = (file["object_presence"] == "present").to_numpy()
    for corner, edge in (("x1", "xmin"), ("y1", "ymin"), ("x2", "xmax"), ("y2", "ymax")):
        rows[corner] = (
            np.where(present, file[edge], np.nan) if edge in file else np.full(len(file), np.nan)
        )
    known = {"youtube_id", "class_name", "object_id", "object_presence", *NUMBERS, *EDGES}
    more = {name: _text(file[name]) for name in file.columns if name not in known}
    return check(
        "labels",
        pd.DataFrame(rows | {"source": "ytbb", "presence": _text(file["object_presence"])} | more),
    )


def _text(column: pd.Series) -> pd.Series:
    names = np.array([printable(str(name).strip()) for name in column.cat.categories], object)
    return pd.Series(names[column.cat.codes.to_numpy()], index=column.index, dtype=object)


COMMON = ("youtube_id", "timestamp_ms", "class_id", "class_name")
DETECTION = (*COMMON, "object_id", "object_presence", "xmin", "xmax", "ymin", "ymax")
CLASSIFICATION = (*COMMON, "object_presence")
# What is said once
KEY = ("item", "time_s", "track")
KINDS = {"ytbb-detection": DETECTION, "ytbb-classification": CLASSIFICATION}


def read(path: Path, shard: Shard | None = None) -> Labels:
    """The rows of a file; ``item`` is the YouTube id, ``time_s`` counts from the start of the whole video."""
    first = columns_of(path)
    columns, has_header = header_of(first)
    rows = (
        read_columns(path, columns, has_header=has_header)
        if path.suffix.lower() == ".csv"
        else None
    )
    problems: list[Problem] = []
    if rows is None:
        rows, problems = read_each(path, columns, has_header=has_header)
    if shard is not None:
        problems = [
            replace(p, path=shard.whole, line=int(shard.lines[p.line - 1])) for p in problems
        ]
        rows = (
            rows.assign(line=shard.lines[rows["line"].to_numpy() - 1]) if "line" in rows else rows
        )
    rows, repeated = _each_once(rows, path if shard is None else shard.whole, problems)
    notes = [
        "times count from the start of the whole video on YouTube: a clip cut from it begins later"
    ]
    if repeated:
        notes.append(f"{plural(repeated, 'row')} say the same as an earlier one, and are left out")
    return Labels(
        format="ytbb-detection" if "xmin" in columns else "ytbb-classification",
        path=path,
        rows=rows,
        classes=CLASSES,
        class_map=imagenet_map(),
        box_unit="share",
        problems=tuple(sorted(problems, key=lambda p: p.line)),
        notes=tuple(notes),
    )


def _each_once(rows: pd.DataFrame, path: Path, problems: list[Problem]) -> tuple[pd.DataFrame, int]:
    again = rows.duplicated(list(KEY))
    if again.any():
        columns = [*KEY, "presence", "x1", "y1", "x2", "y2"]
        same = rows.duplicated(columns)
        first = rows[~again].set_index(list(KEY))
        lines = rows["line"] if "line" in rows else pd.Series(0, index=rows.index)
        for place in rows.index[again & ~same]:
            row = rows.loc[place]
            line = int(first.loc[tuple(row[name] for name in KEY)].get("line", 0))
            what = (
                f"contradicts line {line}, which says otherwise of the same object at the same time"
            )
            problems.append(Problem(path=path, line=int(lines[place]), what=what))
        rows = rows[~again].reset_index(drop=True)
        return rows.drop(columns="line", errors="ignore"), int(same.sum())
    return rows.drop(columns="line", errors="ignore"), 0


def read_each(
    path: Path, columns: tuple[str, ...], *, has_header: bool
) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows one by one, with problems of unusable ones; much slower."""
    table = read_table(path, None if has_header else columns)
    rows, problems = usable(table.records, lambda record: {**_row(record), "line": record.line})
    return rows_of(rows), [*table.problems, *problems]


def header_of(first: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """The columns of a file with this first row, and whether that row is a header."""
    for columns in KINDS.values():
        if set(columns) <= set(first):
            return first, True
    return next((c for c in KINDS.values() if len(c) == len(first)), DETECTION), False


def _row(record: Record) -> dict[str, object]:
    presence = record.text("object_presence")
    if presence not in PRESENCE:
        what = f"expected one of {', '.join(PRESENCE)}, got {printable(presence)!r}"
        raise BadValueError(record.problem("object_presence", what))
    label = required(record, "class_id", whole)
    name = record.text("class_name")
    if label not in CLASSES:
        raise BadValueError(
            record.problem("class_id", f"expected a class number 0 to 23, got {label}")
        )
    if name and plain_name(name) != CLASSES[label]:
        what = f"class {label} is {CLASSES[label]}, got {printable(name)!r}"
        raise BadValueError(record.problem("class_name", what))
    time_ms = required(record, "timestamp_ms", number)
    if time_ms < 0:
        raise BadValueError(record.problem("timestamp_ms", f"expected 0 or more, got {time_ms:g}"))
    object_id = record.text("object_id")
    known = {*DETECTION, *CLASSIFICATION}
    return label_row(
        printable(record.text("youtube_id")),
        time_s=time_ms / 1000,
        label=label,
        label_name=CLASSES[label],
        box=_box(record) if presence == "present" and "xmin" in record.values else None,
        source="ytbb",
        more={
            "track": f"{label}/{object_id}" if object_id else str(label),
            "presence": presence,
        }
        | {c: printable(v) for c, v in record.values.items() if c not in known},
    )


def _box(record: Record) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2; the file's order is xmin, xmax, ymin, ymax."""
    x1, x2, y1, y2 = (required(record, c, number) for c in ("xmin", "xmax", "ymin", "ymax"))
    for low, high, column in ((x1, x2, "xmax"), (y1, y2, "ymax")):
        if not 0 <= low < high <= 1:
            raise BadValueError(
                record.problem(column, f"expected 0 <= min < max <= 1, got {low} and {high}")
            )
    return x1, y1, x2, y2


def _sniff(kind: str, path: Path) -> bool:
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    first, columns = columns_of(path), KINDS[kind]
    place = columns.index("object_presence")
    is_row = len(first) == len(columns) and first[place] in PRESENCE
    has_header = set(columns) <= set(first) and (kind == "ytbb-detection" or "xmin" not in first)
    return is_row or has_header


FORMATS = tuple(
    LabelFormat(
        name=name,
        what=f"YouTube-BoundingBoxes {name[5:]} CSV, with or without header",
        sniff=lambda path, name=name: _sniff(name, path),  # type: ignore[misc]
        read=read,
        lists_videos=True,
    )
    for name in KINDS
)
