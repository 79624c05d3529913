"""Labels: what an annotation file says, in one form whatever the format; and LabelFormat: a reader of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from vidrobust.footage.item_tables import labels_of
from vidrobust.footage.labels.class_map import ClassMap
from vidrobust.footage.records import Problem
from vidrobust.tables import schema as tables

PRESENCE = ("present", "absent", "uncertain")
"""Whether the object is to be seen; absent and uncertain rows say so for a frame that was looked at."""
BOX_UNITS = ("px", "share")
SET_COLUMNS = ("item", "anchor", "frame", "offset", "file")


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What an annotation file or folder says.

    format      name of the format
    path        what was read
    rows        the table ``labels``: a set of labels is several rows; ``item`` is the name in the file, ``frame``
                counts from 0 (-1: not known, or all frames), ``time_s`` is NaN where only frames are counted.
                Behind its columns: ``presence`` (one of PRESENCE) and what else the file says
    classes     number -> name of the classes the file or its format lists
    box_unit    px of the frame, or shares of its width and height
    sets        anchors and the frames about them: item, anchor, frame, offset, file (of the frame, as the set
                calls it); offset 0 is the anchor itself
    judged_by   whose labels a frame about an anchor is judged by: its "own", or the "anchor"'s
    class_map   from the classes of a model to these, where the data set comes with one
    problems    what could not be used, with file, line and column
    notes       what is odd but harmless, a sentence each
    """

    format: str
    path: Path
    rows: pd.DataFrame
    classes: Mapping[int, str] = field(default_factory=dict)
    box_unit: str = "px"
    sets: pd.DataFrame = field(default_factory=lambda: sets_of(()))
    judged_by: Literal["own", "anchor"] = "own"
    class_map: ClassMap | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        tables.check("labels", self.rows)
        if self.box_unit not in BOX_UNITS:
            raise ValueError(
                f"Labels.box_unit: expected one of {', '.join(BOX_UNITS)}, got {self.box_unit!r}"
            )
        if list(self.sets.columns) != list(SET_COLUMNS):
            raise ValueError(f"Labels.sets: expected columns {SET_COLUMNS}, got {tuple(self.sets.columns)}")
        if len(self.rows) and not self.rows["presence"].isin(PRESENCE).all():
            raise ValueError(f"Labels.rows.presence: expected one of {', '.join(PRESENCE)}")


@dataclass(frozen=True, kw_only=True)
class LabelFormat:
    """A reader of one format.

    name   what the user writes
    what   which files it reads, in a sentence
    sniff  path -> whether it is of this format; must not raise, and must not read a large file whole
    read   path -> Labels; raises InputError where nothing can be read
    """

    name: str
    what: str
    sniff: Callable[[Path], bool]
    read: Callable[[Path], Labels]


def rows_of(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """The rows made by ``item_tables.label_row``, with ``presence`` filled in where none is given."""
    table = labels_of(rows)
    if "presence" not in table:
        table["presence"] = pd.Series("present", index=table.index, dtype=object)
    table["presence"] = table["presence"].fillna("present")
    return table


def sets_of(rows: Sequence[tuple[str, int, int, str]]) -> pd.DataFrame:
    """The table of anchors and the frames about them, of (item, anchor, frame, file); offset = frame - anchor."""
    table = pd.DataFrame(list(rows), columns=["item", "anchor", "frame", "file"])
    table = table.astype({"item": object, "anchor": "int64", "frame": "int64", "file": object})
    return table.assign(offset=table["frame"] - table["anchor"])[list(SET_COLUMNS)]
