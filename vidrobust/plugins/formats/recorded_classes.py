"""``predictions:FILE``: class answers of another program, such as a smart camera, read from a table.

Three layouts, distinguished by their columns:

    frame, label, probability    one row a frame: the leading class alone
    frame, label, probability    several rows a frame: as many classes as there are rows
    frame, good, scratched, ...  one row a frame, a column of probabilities for each class

``probability`` may be absent (1 is taken), ``label`` may be called ``class``, ``item`` names the video, and
``time_s`` may take the place of ``frame``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

import numpy as np
import pandas as pd
import torch

from vidrobust.errors import InputError, ModelError, SettingsError, in_plain_words, reading
from vidrobust.files.csv_table import read_columns
from vidrobust.footage.labels.matching import AnswerTimes, by_time
from vidrobust.models.classes import given_names, numbered
from vidrobust.models.info import ModelInfo, file_sha256
from vidrobust.models.spec import Form, ModelKind, ModelSpec
from vidrobust.plugins.formats.box_files import MOST_FRAMES
from vidrobust.predictions import Classifications, Classifier

REST = "(other)"  # The class that holds the probability of all classes the file does not name for a frame


_NOT_CLASSES = ("item", "frame", "time_s", "label", "class", "probability", "model")


# Rows may miss 1 by so much, as files with three decimals do; they are then scaled to 1
_ROUNDING = 5e-3


@dataclass(eq=False, kw_only=True)
class RecordedClassifier:
    """The answers of a file, looked up by item and frame number (or time)."""

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    path: Path
    table: np.ndarray  # (M, K) probabilities
    # "" (any item, where the file has no column ``item``) or item -> number of the frame -> row of ``table``
    rows: dict[str, dict[int, int]]
    partial: bool  # As in ``Classifications``
    times: AnswerTimes | None = None  # Where the file gives times instead of numbers
    task: Literal["classification"] = "classification"
    needs_pixels: bool = False
    seen: str | None = None

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        """Raise ModelError: nothing is known of new pixels."""
        raise ModelError(
            f"model {self.name}: its answers were read from {self.path} and cannot be had for new pixels; what "
            "perturbs or replays frames needs the model itself"
        )

    def predict_frames(self, item: str, index: np.ndarray) -> Classifications:
        """Return the answers to frames; ModelError for missing ones."""
        rows = self._of_item(item)
        wanted = [int(i) for i in index]
        missing = [i for i in wanted if i not in rows]
        if missing:
            raise ModelError(
                f"model {self.name}: {self.path} says nothing of {len(missing)} of {len(wanted)} frames of "
                f"{item}"
                + (
                    ""
                    if self.times
                    else f", the first is {missing[0]}; frames are counted from 0 as decoded"
                )
            )
        return Classifications(
            self.table[[rows[i] for i in wanted]],
            self.class_names,
            # the rest stands for many classes, none of which is known to lead
            thresholds=((len(self.class_names) - 1, float("inf")),) if self.partial else (),
            partial=self.partial,
        )

    def last_frame(self, item: str) -> int:
        """Return the highest frame number of an item in the file; -1 if none."""
        return max(self._of_item(item), default=-1)

    def frames_of(self, item: str) -> np.ndarray:
        """Return the numbers of the frames of an item in the file, sorted."""
        return np.array(sorted(self._of_item(item)), np.int64)

    def _of_item(self, item: str) -> dict[int, int]:
        if "" in self.rows:
            self.seen = self.seen or item
            if item != self.seen:
                raise ModelError(
                    f"model {self.name}: {self.path} has no column item, so it can be about one video only: "
                    f"{self.seen} or {item}?"
                )
            return self.rows[""]
        if item not in self.rows:
            some = ", ".join(list(self.rows)[:3])
            raise ModelError(
                f"model {self.name}: {self.path} has nothing of {item}, but of {some} ..."
            )
        return self.rows[item]


def recorded_classifier(spec: ModelSpec, device: torch.device) -> Classifier:
    """Load answers from a file; InputError if it contradicts itself."""
    path = spec.file()
    table, times = read_rows(path)
    if "label" in table:
        probabilities, names, keys, note = _long(
            table, given_names(spec.options.get("classes")), path
        )
    else:
        probabilities, names, keys, note = _wide(table, path)
    rows: dict[str, dict[int, int]] = {}
    for row, (item, frame) in enumerate(keys):
        rows.setdefault(item, {})[frame] = row
    return RecordedClassifier(
        name=path.stem,
        class_names=names,
        path=path,
        table=probabilities,
        rows=rows,
        partial=names[-1] == REST,
        times=times,
        info=ModelInfo(
            spec=spec.text,
            engine="answers from a file",
            device="",
            precision="",
            preprocessing="unknown",
            weights=str(path),
            weights_sha256=file_sha256(path),
            num_classes=len(names),
            reading="probabilities",
            notes=(note,) if note else (),
        ),
    )


def read_rows(path: Path) -> tuple[pd.DataFrame, AnswerTimes | None]:
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            table = pd.read_parquet(path)
        elif path.suffix.lower() in (".npz", ".npy"):
            table = _of_arrays(path)
        else:
            table = read_columns(path, dtype={"item": str, "label": str, "class": str})
    except Exception as error:
        raise InputError(f"{path}: cannot be read as a table: {in_plain_words(error)}") from error
    if "label" not in table and "class" in table:
        table = table.rename(columns={"class": "label"})
    item = table["item"].map(lambda name: PurePath(str(name)).stem) if "item" in table else ""
    table, times = by_time(table.assign(item=item), path)
    if "frame" not in table or not len(table):
        raise InputError(
            f"{path}: expected a column frame or time_s, and rows, got {len(table)} rows of {list(table)[:5]}"
        )
    with reading(path, "a table"):
        frames = pd.to_numeric(table["frame"], errors="coerce")
    wrong = np.flatnonzero(~frames.between(0, MOST_FRAMES) | (frames % 1 != 0))
    if len(wrong):
        raise InputError(
            f"{path}: row {wrong[0] + 1}: frame: expected a whole number from 0 to {MOST_FRAMES}"
        )
    return table.assign(frame=frames.astype(np.int64)), times


def _of_arrays(path: Path) -> pd.DataFrame:
    loaded = np.load(path, allow_pickle=False)
    arrays = {"probabilities": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    rows = arrays.get("probabilities", next(iter(arrays.values())))
    if rows.ndim != 2:
        raise ValueError(f"expected an array probabilities (N, K), got {rows.shape}")
    names = arrays.get("class_names", numbered(rows.shape[1]))
    table = pd.DataFrame(rows.astype(np.float64), columns=[str(name) for name in names])
    keys = {key: arrays[key] for key in ("frame", "item") if key in arrays}
    return table.assign(**{"frame": np.arange(len(rows)), **keys})


def _wide(
    table: pd.DataFrame, path: Path
) -> tuple[np.ndarray, tuple[str, ...], list[tuple[str, int]], str]:
    names = tuple(c for c in table.columns if c not in _NOT_CLASSES)
    if len(names) < 2:
        raise SettingsError(
            f"{path}: has no column label, and {len(names)} columns of probabilities; expected frame, label, "
            "probability, or frame and a column for each of two classes or more"
        )
    try:
        values = table[list(names)].to_numpy(np.float64)
    except ValueError as error:
        raise InputError(
            f"{path}: columns {', '.join(names[:3])} ... are no probabilities: {in_plain_words(error)}"
        ) from error
    keys = list(zip(table["item"], table["frame"].tolist(), strict=True))
    if len(set(keys)) < len(keys):
        raise InputError(f"{path}: some frame of an input has two rows")
    _check_shares(values, path)
    totals = values.sum(axis=1)
    far = np.flatnonzero(np.abs(totals - 1) > _ROUNDING)
    if len(far):
        raise InputError(
            f"{path}: row {far[0] + 1}: probabilities sum to {totals[far[0]]:.4g}, expected 1"
        )
    return values / totals[:, None], names, keys, ""


def _numbers(column: pd.Series, path: Path) -> np.ndarray:
    try:
        return column.to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        wrong = column[pd.to_numeric(column, errors="coerce").isna()]
        some = repr(wrong.iloc[0]) if len(wrong) else str(error)
        raise InputError(
            f"{path}: column probability: expected numbers from 0 to 1, got {some}"
        ) from error


def _long(
    table: pd.DataFrame, names: tuple[str, ...] | None, path: Path
) -> tuple[np.ndarray, tuple[str, ...], list[tuple[str, int]], str]:
    if table["label"].isna().any():
        raise InputError(f"{path}: row {int(table['label'].isna().argmax()) + 1}: label is empty")
    labels = table["label"].astype(str)
    names = names or tuple(sorted(labels.unique()))
    unknown = sorted(set(labels) - set(names))
    if unknown:
        raise SettingsError(f"{path}: label {unknown[0]!r} is not among the classes given")
    shares = _numbers(table["probability"], path) if "probability" in table else np.ones(len(table))
    _check_shares(shares, path)
    grouped = table.groupby(["item", "frame"], sort=True)
    keys = [(str(item), int(frame)) for item, frame in grouped.groups]
    values = np.zeros((len(keys), len(names)))
    row, column = (
        grouped.ngroup().to_numpy(),
        labels.map({n: k for k, n in enumerate(names)}).to_numpy(),
    )
    np.add.at(values, (row, column), shares)
    if len(table) != len(set(zip(row.tolist(), column.tolist(), strict=True))):
        raise InputError(f"{path}: some frame has two rows of one label")
    rest = 1 - values.sum(axis=1)
    if rest.min() < -_ROUNDING:
        item, frame = keys[int(rest.argmin())]
        raise InputError(f"{path}: {item} frame {frame}: probabilities sum to {1 - rest.min():.4g}")
    if rest.max() <= _ROUNDING and len(names) > 1:
        return values / values.sum(axis=1, keepdims=True), names, keys, ""
    whole = np.concatenate([values, np.maximum(rest, 0)[:, None]], axis=1)
    note = (
        f"the file names part of the classes of a frame; the others together are {REST!r} and never lead: labels "
        "can be compared, distances between distributions cannot"
    )
    return whole / whole.sum(axis=1, keepdims=True), (*names, REST), keys, note


def _check_shares(values: np.ndarray, path: Path) -> None:
    wrong = np.argwhere(~((values >= 0) & (values <= 1)))
    if len(wrong):
        raise InputError(f"{path}: row {wrong[0][0] + 1}: expected probabilities in 0..1")


KIND = ModelKind(
    scheme="predictions",
    load=recorded_classifier,
    options=("classes",),
    forms=(
        Form(
            spec="predictions:FILE",
            what="answers of a smart camera or another program: CSV, Parquet, or NPZ of probabilities",
            example="predictions:line4.csv",
        ),
    ),
)
