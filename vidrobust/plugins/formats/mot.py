"""MOTChallenge: ``gt.txt`` with frame, track, x, y, width, height, confidence, class, visibility.

``gt/labels.txt`` names the classes (from 1; default those of MOT16, MOT17 and MOT20), ``seqinfo.ini`` the
frame rate.
"""

from __future__ import annotations

import configparser
from pathlib import Path

import pandas as pd

from vidrobust.errors import InputError
from vidrobust.footage.item_tables import label_row
from vidrobust.footage.labels.labels import LabelFormat, Labels, rows_of
from vidrobust.footage.records import (
    BadValueError,
    Record,
    number,
    read_table,
    required,
    usable,
    whole,
)
from vidrobust.text.printable import printable

NAME = "mot"
NINE = ("frame", "id", "x", "y", "w", "h", "confidence", "class", "visibility")
TEN = (*NINE[:7], "world_x", "world_y", "world_z")  # MOT15: no class, a place in the world
LAYOUTS = {7: NINE[:7], 9: NINE, 10: TEN}  # seven: det.txt of MOT16 and MOT17
# Classes of MOT16 and later (Milan et al. 2016, table 3); MOT15 has pedestrians alone.
CLASSES = dict(
    enumerate(
        (
            "pedestrian",
            "person on vehicle",
            "car",
            "bicycle",
            "motorbike",
            "non motorized vehicle",
            "static person",
            "distractor",
            "occluder",
            "occluder on the ground",
            "occluder full",
            "reflection",
            "crowd",
        ),
        1,
    )
)
PEDESTRIAN = 1
NO_CLASS = -1


def read(path: Path) -> Labels:
    """Read a sequence, its folder ``gt``, ``gt.txt`` or ``det.txt``, or a folder of sequences.

    Frames and pixels are counted from 0. Rows of confidence 0, which the challenge does not score, are
    uncertain. A track of -1 is none; a row without a class is a pedestrian.
    """
    file = _gt_file(path)
    if file is not None:
        return _sequence(file, path)
    parts = [_sequence(file, path) for file in _sequences(path)]
    if not parts:
        raise InputError(f"{printable(path)}: holds no gt/gt.txt")
    several = {file.parent.parent.name.rpartition("-")[0] for file in _sequences(path)}
    thrice = len(several) < len(parts) and path.name.startswith("MOT17")
    return Labels(
        format=NAME,
        path=path,
        rows=pd.concat([part.rows for part in parts], ignore_index=True),
        classes=parts[0].classes,
        problems=tuple(problem for part in parts for problem in part.problems),
        notes=(
            *dict.fromkeys(note for part in parts for note in part.notes),
            *(
                ("each sequence is there once for each detector; name one, such as '*-SDP'",)
                if thrice
                else ()
            ),
        ),
    )


def _sequence(file: Path, path: Path) -> Labels:
    with file.open(encoding="utf-8", errors="replace") as lines:
        values = next(lines, "").count(",") + 1
    if values not in LAYOUTS:
        raise InputError(f"{printable(file)}, line 1: expected 7, 9 or 10 values, got {values}")
    table = read_table(file, LAYOUTS[values])
    classes, rate = (
        _classes(file.parent / "labels.txt"),
        _frame_rate(file.parent.parent / "seqinfo.ini"),
    )
    item = file.parent.parent.name if file.parent.name in ("gt", "det") else file.stem
    rows, problems = usable(
        table.records, lambda record: _row(record, printable(item), classes, rate)
    )
    notes = ["frames and pixels are counted from 1 in MOTChallenge, here from 0"]
    if any(record.text("class") in ("", "-1") for record in table.records):
        notes.append("rows without a class are pedestrians")
    if rate is None:
        notes.append("no seqinfo.ini with the frame rate: times are not known")
    return Labels(
        format=NAME,
        path=path,
        rows=rows_of(rows),
        classes=classes,
        problems=(*table.problems, *problems),
        notes=tuple(notes),
    )


def _row(
    record: Record, item: str, classes: dict[int, str], rate: float | None
) -> dict[str, object]:
    frame = required(record, "frame", whole) - 1
    if frame < 0:
        raise BadValueError(record.problem("frame", f"expected 1 or more, got {frame + 1}"))
    x, y, w, h = (required(record, c, number) for c in ("x", "y", "w", "h"))
    if w <= 0 or h <= 0:
        raise BadValueError(record.problem("w, h", f"expected more than 0, got {w} and {h}"))
    label = whole(record, "class") if "class" in record.values else None
    if label is not None and label < 1 and label != NO_CLASS:
        raise BadValueError(
            record.problem("class", f"expected a class from 1, or -1 for none, got {label}")
        )
    label = PEDESTRIAN if label in (None, NO_CLASS) else label
    track = required(record, "id", whole)
    considered = required(record, "confidence", number) != 0
    more: dict[str, object] = {"presence": "present" if considered else "uncertain"}
    return label_row(
        item,
        frame=frame,
        time_s=frame / rate if rate else float("nan"),
        label=label,
        label_name=classes.get(label, str(label)),
        box=(x - 1, y - 1, x - 1 + w, y - 1 + h),
        source=NAME,
        more={"track": "" if track < 0 else str(track), **more}
        | {c: record.text(c) for c in ("confidence", "visibility") if c in record.values},
    )


def _classes(path: Path) -> dict[int, str]:
    if not path.is_file():
        return CLASSES
    names = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {place: printable(name.strip()) for place, name in enumerate(names, 1) if name.strip()}


def _frame_rate(path: Path) -> float | None:
    parser = configparser.ConfigParser()
    try:
        parser.read(path, encoding="utf-8")
        rate = parser.getfloat("Sequence", "frameRate", fallback=0.0)
    except (configparser.Error, ValueError, UnicodeDecodeError):
        return None
    return rate if rate > 0 else None


def _gt_file(path: Path) -> Path | None:
    places = (
        path,
        path / "gt.txt",
        path / "gt" / "gt.txt",
        path / "det.txt",
        path / "det" / "det.txt",
    )
    return next((p for p in places if p.name in ("gt.txt", "det.txt") and p.is_file()), None)


def _sequences(path: Path) -> list[Path]:
    """Those of a folder of sequences, and of MOT17 as downloaded, whose folders are train and test."""
    return (
        sorted([*path.glob("*/gt/gt.txt"), *path.glob("train/*/gt/gt.txt")])
        if path.is_dir()
        else []
    )


FORMAT = LabelFormat(
    name=NAME,
    what="a sequence of MOTChallenge, its gt.txt or det.txt, or a folder of sequences",
    sniff=lambda path: _gt_file(path) is not None or bool(_sequences(path)),
    read=read,
)
