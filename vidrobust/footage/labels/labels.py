"""Labels in one form whatever the file's format; and LabelFormat, a reader of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, in_plain_words
from vidrobust.files.json_text import file_text, parsed_json
from vidrobust.footage.item_tables import labels_of
from vidrobust.footage.records import Problem
from vidrobust.tables import schema as tables
from vidrobust.text.printable import printable

# Formats whose bare numbers are class indices; those of annotation formats count the file's own classes.
NUMBERS_ARE_CLASSES = ("manifest",)

# Classes of a model as classes of a data set.


@dataclass(frozen=True, kw_only=True)
class ClassMap:
    """Which class of a data set each class of a model belongs to."""

    # number of the model's class -> number of the data set's; classes left out belong to none
    of_model: Mapping[int, int]
    classes: int  # number of classes of the data set; those without a class of the model are never predicted

    def __post_init__(self) -> None:
        wrong = [k for k, c in self.of_model.items() if k < 0 or not 0 <= c < self.classes]
        if wrong:
            raise ValueError(
                f"ClassMap.of_model: class {wrong[0]} of the model maps outside 0..{self.classes - 1}"
            )

    @property
    def unmapped(self) -> tuple[int, ...]:
        """The classes of the data set that the model cannot predict."""
        return tuple(sorted(set(range(self.classes)) - set(self.of_model.values())))

    def scores(self, scores: np.ndarray) -> np.ndarray:
        """Return scores (N, classes) float64 of the data set's classes, the largest of the model's.

        ``scores`` are (N, K) probabilities or logits. A class that none belongs to gets minus infinity, since
        0 would win where logits are negative (Shankar et al. 2019, the corrected score_predictions.py).
        """
        largest = np.full((len(scores), self.classes), -np.inf)
        for target in sorted(set(self.of_model.values())):
            members = [k for k, c in self.of_model.items() if c == target]
            largest[:, target] = scores[:, members].max(axis=1)
        return largest

    def shifted(self, places: int) -> ClassMap:
        """The map of a model whose classes come so many places later."""
        return ClassMap(
            of_model={k + places: c for k, c in self.of_model.items()}, classes=self.classes
        )


def read_class_map(path: Path, classes: int | None = None) -> ClassMap:
    """Read a JSON object, number of the model's class -> the data set's; raises InputError."""
    try:
        content = parsed_json(file_text(path))
        of_model = {int(k): int(c) for k, c in content.items()}
        return ClassMap(of_model=of_model, classes=classes or max(of_model.values()) + 1)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"{printable(path)}: is no class map, an object of class numbers: {in_plain_words(error)}"
        ) from error


# Whether the object is to be seen; absent and uncertain rows say so for a frame that was looked at
PRESENCE = ("present", "absent", "uncertain")
BOX_UNITS = ("px", "share")
SET_COLUMNS = ("item", "anchor", "frame", "offset", "file")


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What an annotation file or folder says."""

    format: str  # name of the format
    path: Path  # what was read
    # the table ``labels``: a set of labels is several rows; ``item`` is the name in the file, ``frame``
    # counts from 0 (-1: not known, or all frames), ``time_s`` is NaN where only frames are counted. Behind
    # its columns: ``presence`` (one of PRESENCE) and what else the file says
    rows: pd.DataFrame
    # number -> name of the classes the file or its format lists
    classes: Mapping[int, str] = field(default_factory=dict)
    box_unit: str = "px"  # px of the frame, or shares of its width and height
    # Whether the format does not say if frames count from 0 or 1, and the lowest in the file is 1
    may_count_from_1: bool = False
    # anchors and the frames about them: item, anchor, frame, offset (0: the anchor), file (of the frame)
    sets: pd.DataFrame = field(default_factory=lambda: sets_of(()))
    # whose labels a frame about an anchor is judged by: its "own", or the "anchor"'s
    judged_by: Literal["own", "anchor"] = "own"
    # from the classes of a model to these, if the data set has one
    class_map: ClassMap | None = None
    problems: tuple[Problem, ...] = ()  # what could not be used, with file, line and column
    notes: tuple[str, ...] = ()  # what is odd but harmless, a sentence each

    def __post_init__(self) -> None:
        tables.check("labels", self.rows)
        if self.box_unit not in BOX_UNITS:
            raise ValueError(
                f"Labels.box_unit: expected one of {', '.join(BOX_UNITS)}, got {self.box_unit!r}"
            )
        if list(self.sets.columns) != list(SET_COLUMNS):
            raise ValueError(
                f"Labels.sets: expected columns {SET_COLUMNS}, got {tuple(self.sets.columns)}"
            )
        if len(self.rows) and not self.rows["presence"].isin(PRESENCE).all():
            raise ValueError(f"Labels.rows.presence: expected one of {', '.join(PRESENCE)}")


@dataclass(frozen=True, kw_only=True)
class LabelFormat:
    """A reader of one format."""

    name: str  # what the user writes
    what: str  # which files it reads, in a sentence
    # path -> whether it is of this format; must not raise, nor read a large file whole
    sniff: Callable[[Path], bool]
    read: Callable[[Path], Labels]  # path -> Labels; raises InputError where nothing can be read
    # whether the file can be a source for the videos beside it, named as its items
    lists_videos: bool = False


def rows_of(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Return rows of ``item_tables.label_row`` as a table, ``presence`` filled in."""
    table = labels_of(rows)
    if "presence" not in table:
        table["presence"] = pd.Series("present", index=table.index, dtype=object)
    table["presence"] = table["presence"].fillna("present")
    return table


def sets_of(rows: Sequence[tuple[str, int, int, str]]) -> pd.DataFrame:
    """Return the table of anchors and frames about them; offset = frame - anchor."""
    table = pd.DataFrame(list(rows), columns=["item", "anchor", "frame", "file"])
    table = table.astype({"item": object, "anchor": "int64", "frame": "int64", "file": object})
    return table.assign(offset=table["frame"] - table["anchor"])[list(SET_COLUMNS)]
