"""KITTI tracking: ``label_02/0000.txt``, a line a box.

frame, track, type, truncated, occluded, alpha, box and 3D box: seventeen values; a result's score follows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vidrobust.errors import InputError
from vidrobust.footage.item_tables import label_row
from vidrobust.footage.labels.labels import LabelFormat, Labels, rows_of
from vidrobust.footage.records import BadValueError, Problem, Record, number, required, whole
from vidrobust.text.printable import printable

NAME = "kitti"
COLUMNS = (
    *("frame", "track", "type", "truncated", "occluded", "alpha", "x1", "y1", "x2", "y2"),
    *("height", "width", "length", "x", "y", "z", "rotation", "score"),
)
# Its classes, numbered in this order from 0; ``DontCare`` is a region whose objects are not told
TYPES = ("Car", "Van", "Truck", "Pedestrian", "Person", "Person_sitting", "Cyclist", "Tram", "Misc")
PLACES = (".", "label_02", "training/label_02")  # of the files, from a folder of the data set
DONT_CARE = "DontCare"


def records_of(file: Path) -> tuple[list[Record], list[Problem]]:
    """Lines with seventeen or eighteen values, and all others."""
    records, problems = [], []
    for line, text in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        words = text.split()
        if len(words) in (len(COLUMNS) - 1, len(COLUMNS)):
            values = dict(zip(COLUMNS, words, strict=False))
            records.append(Record(path=file, line=line, values=values))
        elif words:
            what = f"expected {len(COLUMNS) - 1} or {len(COLUMNS)} values, got {len(words)}"
            problems.append(Problem(path=file, line=line, what=what))
    return records, problems


def looks_like(file: Path) -> bool:
    """Whether the first line of a file is one of KITTI tracking."""
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            words = next(lines, "").split()
    except OSError:
        return False
    return len(words) in (len(COLUMNS) - 1, len(COLUMNS)) and words[2] in (*TYPES, DONT_CARE)


def box_of(record: Record) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 px, counted from 0; raises BadValueError."""
    x1, y1, x2, y2 = (required(record, side, number) for side in ("x1", "y1", "x2", "y2"))
    if x2 < x1 or y2 < y1:
        raise BadValueError(record.problem("x2, y2", f"expected a box that ends behind {x1}, {y1}"))
    return x1, y1, x2, y2


def read(path: Path) -> Labels:
    """A sequence's file, or a folder of them; an item is called as its file. Raises InputError without any."""
    files = list(_files(path))
    if not files:
        raise InputError(
            f"{printable(path)}: holds no file of KITTI tracking, such as label_02/0000.txt"
        )
    rows, problems = [], []
    for file in files:
        records, wrong = records_of(file)
        problems += wrong
        for record in records:
            try:
                rows.append(_row(record, printable(file.stem)))
            except BadValueError as error:
                problems.append(error.problem)
    return Labels(
        format=NAME,
        path=path,
        rows=rows_of(rows),
        classes=dict(enumerate(TYPES)),
        problems=tuple(problems),
        notes=(
            "no frame rate is known: times are not known",
            f"regions of {DONT_CARE} are uncertain",
        ),
    )


def _row(record: Record, item: str) -> dict[str, object]:
    frame = required(record, "frame", whole)
    if frame < 0:
        raise BadValueError(record.problem("frame", f"expected 0 or more, got {frame}"))
    kind, track = record.text("type"), required(record, "track", whole)
    if kind not in (*TYPES, DONT_CARE):
        raise BadValueError(
            record.problem("type", f"expected {', '.join((*TYPES, DONT_CARE))}, got {kind!r}")
        )
    unknown = kind == DONT_CARE
    return label_row(
        item,
        frame=frame,
        track="" if unknown or track < 0 else str(track),
        label=-1 if unknown else TYPES.index(kind),
        label_name="" if unknown else kind,
        box=box_of(record),
        source=NAME,
        more={
            "presence": "uncertain" if unknown else "present",
            **{name: record.text(name) for name in ("truncated", "occluded")},
        },
    )


def _files(path: Path) -> Iterator[Path]:
    files = (
        [path]
        if path.is_file()
        else sorted(file for place in PLACES for file in (path / place).glob("*.txt"))
    )
    return (file for file in files if looks_like(file))


FORMAT = LabelFormat(
    name=NAME,
    what="a sequence of KITTI tracking, or a folder of them such as label_02",
    sniff=lambda path: any(True for _ in _files(path)),
    read=read,
)
