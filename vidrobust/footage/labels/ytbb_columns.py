"""YouTube-BoundingBoxes column by column: the whole data set has millions of rows, nearly all of them sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.files import csv_table
from vidrobust.footage.item_tables import WHOLE_ITEM
from vidrobust.footage.labels.labels import PRESENCE
from vidrobust.footage.labels.ytbb_classes import CLASSES
from vidrobust.tables.schema import check
from vidrobust.text.printable import printable

NUMBERS = {"timestamp_ms": "float64", "class_id": "int64"}
EDGES = ("xmin", "xmax", "ymin", "ymax")


def read_columns(path: Path, columns: tuple[str, ...], *, has_header: bool) -> pd.DataFrame | None:
    """The rows as the table ``labels``, or None where any of them is not sound and each must be looked at.

    columns  of the file, in its order
    """
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
    if not file["object_presence"].isin(PRESENCE).all() or not np.isfinite(file["timestamp_ms"]).all():
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
        inside and (present["xmin"] < present["xmax"]).all() and (present["ymin"] < present["ymax"]).all()
    )


def plain_name(name: str) -> str:
    """A class name in small letters, with blanks for underscores."""
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
        rows[corner] = np.where(present, file[edge], np.nan) if edge in file else np.full(len(file), np.nan)
    known = {"youtube_id", "class_name", "object_id", "object_presence", *NUMBERS, *EDGES}
    more = {name: _text(file[name]) for name in file.columns if name not in known}
    return check(
        "labels", pd.DataFrame(rows | {"source": "ytbb", "presence": _text(file["object_presence"])} | more)
    )


def _text(column: pd.Series) -> pd.Series:
    """A column of categories as text; each category is looked at once."""
    names = np.array([printable(str(name).strip()) for name in column.cat.categories], object)
    return pd.Series(names[column.cat.codes.to_numpy()], index=column.index, dtype=object)
