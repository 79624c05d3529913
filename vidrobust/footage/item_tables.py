"""The tables ``items`` and ``labels``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from vidrobust.footage.item import Item
from vidrobust.tables import schema as tables
from vidrobust.text.printable import printable

WHOLE_ITEM = -1  # The frame of a label that holds for every frame of its item
NOT_A_CLASS = -1  # The label of a name that is in no list of classes


def items_table(items: Iterable[Item]) -> pd.DataFrame:
    rows = [_row(item) for item in items]
    if not rows:
        return tables.empty("items")
    more = list(
        dict.fromkeys(name for row in rows for name in row if name not in tables.TABLES["items"])
    )
    frame = pd.DataFrame(rows, columns=[*tables.TABLES["items"], *more])
    return tables.check("items", frame.fillna(dict.fromkeys(more, "")))


def labels_table(items: Iterable[Item]) -> pd.DataFrame:
    """Return the labels of the manifest, a row per labelled item (``frame`` -1: all frames)."""
    rows = []
    for item in items:
        for label in dict.fromkeys(text.strip() for text in item.label.split(";") if text.strip()):
            number = int(label) if label.isdecimal() else NOT_A_CLASS
            rows.append(label_row(item.name, label=number, label_name=label, source="manifest"))
    return labels_of(rows)


def label_row(
    item: str,
    *,
    label: int,
    label_name: str,
    source: str,
    frame: int = WHOLE_ITEM,
    time_s: float = math.nan,
    box: Sequence[float] | None = None,
    more: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Return one row of ``labels``; ``box`` is x1, y1, x2, y2, ``more`` are further columns, and the track."""
    x1, y1, x2, y2 = (math.nan,) * 4 if box is None else box
    row: dict[str, object] = {"item": item, "frame": frame, "time_s": time_s, "track": ""}
    row |= {"label": label, "label_name": label_name, "x1": x1, "y1": y1, "x2": x2, "y2": y2}
    return row | {"source": source} | dict(more or {})


def labels_of(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    return tables.check("labels", pd.DataFrame(rows)) if rows else tables.empty("labels")


def _row(item: Item) -> dict[str, object]:
    x, y, w, h = (math.nan,) * 4 if item.roi is None else item.roi
    return {
        **{name: value for name, value in item.more if name not in tables.TABLES["items"]},
        "item": item.name,
        "path": printable(item.path),
        "part": item.part,
        "pass": item.pass_,
        "station": item.station,
        "label": item.label,
        "start_s": math.nan if item.start_s is None else item.start_s,
        "end_s": math.nan if item.end_s is None else item.end_s,
        "roi_x": x,
        "roi_y": y,
        "roi_w": w,
        "roi_h": h,
    }
