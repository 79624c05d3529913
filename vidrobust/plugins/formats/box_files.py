"""Boxes that other programs wrote: reading and checking them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError, in_plain_words, reading
from vidrobust.extensions import Extensions, extensions
from vidrobust.files.csv_table import read_columns
from vidrobust.footage.labels.matching import AnswerTimes, by_time
from vidrobust.shapes.shape import read_shape
from vidrobust.text.phrases import nouns

GROUP = "vidrobust.formats"  # The group of entry points in which a package names a BoxFormat
BOX = ("x1", "y1", "x2", "y2")
COLUMNS = ("frame", "score", "label", *BOX)
# What other programs call the columns; the first that is there counts
ALIASES = {
    "frame": ("frame_index", "frame_number", "frame_id", "frame_idx"),
    "score": ("confidence", "conf"),
    "label": ("class_id", "class", "category_id", "label_name", "class_name", "name"),
    "label_name": ("class_name", "name"),
    "track": ("tracker_id", "track_id"),
    **{
        side: (f"{side[0]}_{end}", f"{side[0]}{end}", f"box.{side}", f"box_{side}")
        for side, end in zip(BOX, ("min", "min", "max", "max"), strict=True)
    },
}
# Where all corners of a file are below so many px, they are shares of the frame: a detector's shares may exceed 1.
MOST_SHARE = 2.0
# Beyond these a value is damaged or means something else: pictures and networks have fewer pixels and classes, and
# ten million frames are four days.
MOST_PX, MOST_CLASSES, MOST_FRAMES = 2.0**24, 100_000, 10_000_000
MOST_TRACK = 2.0**53  # larger numbers of tracks are names


@dataclass(frozen=True)
class BoxFile:
    """What a file says."""

    # item ("" where none is named), frame, score, label, x1, y1, x2, y2, track (-1: none), shape ("": the box
    # itself; as in the table ``detections``), row (of the file) and, where the file has them, label_name,
    # model
    boxes: pd.DataFrame
    first: int | None = None  # Number of the first frame, 0 or 1; None where the file does not say
    relative: bool = False  # Whether boxes are shares of the frame's width and height
    # (item, frame) of rows without a box: looked at and empty; a frame of -1: the whole item
    looked: tuple[tuple[str, int], ...] = ()
    names: dict[int, str] = field(default_factory=dict)  # Label -> name, as far as the file says
    times: AnswerTimes | None = None  # Where the file gives times instead of numbers of frames
    size: tuple[int, int] | None = None  # (height, width) of all frames, px, where the file says it


@dataclass(frozen=True, kw_only=True)
class BoxFormat:
    """A reader of one format of recorded boxes."""

    name: str
    what: str  # Which files it reads
    sniff: Callable[[Path], bool]  # Whether a file or folder is of this format; must not raise
    # (path, options of the spec, as ``categories``) -> boxes; raises InputError with the row
    read: Callable[[Path, Mapping[str, str]], BoxFile]


def provided() -> Extensions[BoxFormat]:
    return extensions(GROUP, BoxFormat, lambda form: form.name, {"table"})


def read_boxes(path: Path, options: Mapping[str, str] = MappingProxyType({})) -> BoxFile:
    """Read a file or folder of boxes, by a plugin's format or else as the table described in ``BoxFile``."""
    formats = provided().records
    with reading(path, "recorded boxes"):
        for form in formats:
            if form.sniff(path):
                return form.read(path, options)
        if path.suffix.lower() in (".csv", ".parquet"):
            return _table(path)
    listed = "".join(f"; {kind.name}: {kind.what}" for kind in formats)
    raise InputError(
        f"{path}: boxes not recognised; table: a CSV or Parquet of {', '.join(COLUMNS)}{listed}"
    )


def _table(path: Path) -> BoxFile:
    try:
        table = read_columns(path) if path.suffix.lower() == ".csv" else pd.read_parquet(path)
    except Exception as error:
        raise InputError(f"{path}: cannot be read as a table: {in_plain_words(error)}") from error
    return boxes_of_table(table, path)


def boxes_of_table(table: pd.DataFrame, path: Path) -> BoxFile:
    """Return the boxes of a table, a row each, by any program's column names."""
    for column, others in ALIASES.items():
        other = next((name for name in others if name in table), None)
        if column not in table and other is not None:
            table = table.assign(**{column: table[other]})
    items = (
        table["item"].fillna("").astype(str)
        if "item" in table
        else pd.Series("", index=table.index)
    )
    table, times = by_time(table.assign(item=items), path)
    missing = [column for column in COLUMNS if column not in table]
    if missing == ["frame"]:
        raise InputError(
            f"{path}: lacks the column frame (or time_s): record the number of the frame with its boxes, as "
            "sink.append(detections, custom_data={'frame': index}) with supervision"
        )
    if missing:
        raise InputError(
            f"{path}: lacks the {nouns('column', missing)}; it needs {', '.join(COLUMNS)}"
        )
    label = table["label"]
    if pd.to_numeric(label, errors="coerce").isna().ne(label.isna()).any():  # names
        numbers = {name: k for k, name in enumerate(sorted(label.dropna().astype(str).unique()))}
        table = table.assign(
            label=label.astype(str).map(numbers).where(label.notna()), label_name=label
        )
    nothing = table[["score", *BOX]].isna().all(axis=1)
    frames = pd.to_numeric(table.loc[nothing, "frame"], errors="coerce").fillna(-1).astype(np.int64)
    looked = tuple(zip(items[nothing].tolist(), frames.tolist(), strict=True))
    boxes = checked(table[~nothing], path)
    return BoxFile(boxes, looked=looked, names=_names_in(table[~nothing]), times=times)


def _names_in(table: pd.DataFrame) -> dict[int, str]:
    if "label_name" not in table:
        return {}
    return dict(zip(table["label"].astype(int), table["label_name"].astype(str), strict=True))


def checked(table: pd.DataFrame, path: Path, *, relative: bool = False) -> pd.DataFrame:
    """Return the boxes after checking frames, labels, numbers, x1 < x2 and scores in [0, 1]."""
    numbers = table[list(COLUMNS)].apply(pd.to_numeric, errors="coerce")
    wrong = ~np.isfinite(numbers.to_numpy(np.float64)).all(axis=1)
    if wrong.any():
        row = table.index[wrong][0]
        raise InputError(
            f"{path}: row {row} holds something that is no number in {', '.join(COLUMNS)}; a frame that was "
            "looked at and is empty has neither score nor box"
        )
    beyond = ~numbers["score"].between(0, 1)
    if beyond.any():
        row = table.index[beyond][0]
        raise InputError(
            f"{path}: row {row}: expected scores in 0..1, got {numbers['score'][row]:g}; map the scores to "
            "probabilities, such as by a sigmoid"
        )
    unnamed = numbers["label"] < 0
    if unnamed.any():
        row = table.index[unnamed][0]
        raise InputError(
            f"{path}: row {row}: label: expected a class from 0, got {numbers['label'][row]:g}; number the "
            "classes from 0, or write 0 everywhere where there is one class alone"
        )
    odd = (numbers[["frame", "label"]] % 1 != 0).any(axis=1) | (numbers["frame"] < 0)
    if odd.any():
        raise InputError(
            f"{path}: row {table.index[odd][0]}: frame and label: expected whole numbers from 0"
        )
    for names, most in (
        (("frame",), MOST_FRAMES),
        (("label",), MOST_CLASSES),
        (BOX, MOST_PX),
    ):
        values = numbers[list(names)].abs().max(axis=1)
        if (values > most).any():
            row = values.idxmax()
            raise InputError(
                f"{path}: row {row}: {nouns('column', names)}: expected at most {most:.0f}, got {values[row]:g}"
            )
    inside_out = (numbers["x2"] < numbers["x1"]) | (numbers["y2"] < numbers["y1"])
    if inside_out.any():
        raise InputError(
            f"{path}: {int(inside_out.sum())} of {len(numbers)} boxes end before they begin, the first in row "
            f"{table.index[inside_out][0]}: expected corners x1, y1, x2, y2; are these x, y, width, height?"
        )
    if len(numbers) and not relative and numbers[list(BOX)].to_numpy().max() <= MOST_SHARE:
        raise InputError(
            f"{path}: row {table.index[0]}: all boxes lie within {MOST_SHARE:g} px of the corner of the frame, "
            "so these are shares of its width and height; multiply them by the frame's size in px"
        )
    track = table["track"] if "track" in table else pd.Series(-1, index=table.index)
    whole = pd.to_numeric(track, errors="coerce")
    is_number = whole.abs().le(MOST_TRACK) & (whole % 1 == 0)
    if not is_number.all() and track.notna().any():  # names for numbers
        whole = pd.Series(pd.factorize(track)[0], index=table.index)
    extra = [name for name in ("label_name", "model") if name in table]
    shape = table["shape"].fillna("").astype(str) if "shape" in table else ""
    kept = numbers.assign(
        item=table["item"].to_numpy(),
        track=whole.fillna(-1).to_numpy(),
        shape=shape,
        row=table.index,
        **{n: table[n] for n in extra},
    )
    _check_shapes(kept["shape"], path)
    return kept.astype({"frame": "int64", "label": "int64", "track": "int64"}).reset_index(
        drop=True
    )


def _check_shapes(shapes: pd.Series, path: Path) -> None:
    for row, text in shapes[shapes != ""].items():
        try:
            read_shape(text)
        except ValueError as error:
            raise InputError(
                f"{path}: row {row}: shape: {in_plain_words(error)}; expected rle HEIGHT "
                "WIDTH COUNTS, or polygon x y x y ..."
            ) from error


def first_frame(text: str | None, spec: str) -> int | None:
    """Return the option ``first``, the number of the file's first frame; None if not given."""
    if text is None:
        return None
    if text not in ("0", "1"):
        raise SettingsError(
            f"{spec}: first: expected 0 or 1, the number of the first frame in it, got {text!r}"
        )
    return int(text)
