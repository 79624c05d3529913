"""``detections:FILE``: boxes from a file stand for a detector whose network is not here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from vidrobust.errors import InputError, ModelError, SettingsError
from vidrobust.files.csv_table import read_columns
from vidrobust.models.info import ModelInfo, file_sha256
from vidrobust.models.spec import ModelSpec
from vidrobust.predictions import Detections

COLUMNS = ("frame", "score", "label", "x1", "y1", "x2", "y2")


@dataclass(eq=False, kw_only=True)
class RecordedDetector:
    """Boxes by item and frame; it can be judged along time, but not asked about other pictures.

    boxes  columns item ("" where the file names none), frame, score, label, x1, y1, x2, y2; sorted
    """

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    boxes: pd.DataFrame
    task: Literal["detection"] = "detection"
    needs_pixels: bool = False

    def __call__(self, pixels: torch.Tensor) -> Detections:
        """Raises ModelError: the network is not here."""
        raise ModelError(
            f"model {self.name}: its boxes come from a file, so it cannot be asked about other pictures; this "
            "needs the model itself"
        )

    def predict_frames(self, item: str, index: np.ndarray) -> Detections:
        """The recorded boxes of these frames, (N,) numbers in decoding order; a frame may have none.

        Raises ModelError where the file holds boxes of items, but none of this one.
        """
        mine = self.boxes[self.boxes["item"].isin(("", item, Path(item).stem))]
        if not len(mine) and len(self.boxes):
            names = ", ".join(self.boxes["item"].drop_duplicates()[:5])
            raise ModelError(f"model {self.name}: the file has no boxes of {item}, but of {names}")
        row = pd.Series(np.arange(len(index)), index=index)
        mine = mine[mine["frame"].isin(row.index)]
        frame = row.loc[mine["frame"]].to_numpy()
        order = np.argsort(frame, kind="stable")
        return Detections(
            boxes=mine[["x1", "y1", "x2", "y2"]].to_numpy(np.float32)[order],
            scores=mine["score"].to_numpy(np.float32)[order],
            labels=mine["label"].to_numpy(np.int64)[order],
            frame=frame[order].astype(np.int64),
            num_frames=len(index),
            class_names=self.class_names,
        )


def recorded_detector(spec: ModelSpec, device: torch.device) -> RecordedDetector:
    """The boxes in a file: Parquet or CSV with the columns of ``detections``, or COCO results as JSON."""
    path = spec.file()
    table = _read_coco(path) if path.suffix.lower() == ".json" else _read_table(path)
    table, name = _of_model(table, spec.options.get("model"), spec.text)
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise InputError(f"{path}: lacks the column(s) {', '.join(missing)}; it needs {', '.join(COLUMNS)}")
    numbers = table[list(COLUMNS)].apply(pd.to_numeric, errors="coerce")
    if numbers.isna().any().any():
        row = int(np.flatnonzero(numbers.isna().any(axis=1))[0])
        raise InputError(f"{path}: row {row} holds something that is no number in {', '.join(COLUMNS)}")
    if not numbers["score"].between(0, 1).all() or (numbers["label"] < 0).any():
        raise InputError(f"{path}: expected scores in 0..1 and labels from 0")
    names = _names(table.assign(label=numbers["label"]), spec)
    items = table["item"].fillna("").astype(str) if "item" in table else pd.Series("", index=table.index)
    boxes = numbers.assign(item=items).astype({"frame": "int64", "label": "int64"})
    return RecordedDetector(
        name=name or path.stem,
        class_names=names,
        boxes=boxes.sort_values(["item", "frame"], kind="stable", ignore_index=True),
        info=ModelInfo(
            spec=spec.text,
            engine="a file of boxes",
            device="cpu",
            precision="as recorded",
            preprocessing="as recorded",
            weights=str(path),
            weights_sha256=file_sha256(path),
            num_classes=len(names),
            notes=("boxes were recorded beforehand; what needs the model itself is left out",),
        ),
    )


def _read_table(path: Path) -> pd.DataFrame:
    try:
        return read_columns(path) if path.suffix.lower() == ".csv" else pd.read_parquet(path)
    except Exception as error:
        raise InputError(
            f"{path}: cannot be read as a table ({error}); expected .parquet, .csv or COCO .json"
        ) from error


def _read_coco(path: Path) -> pd.DataFrame:
    """COCO results: a list of {image_id, category_id, bbox [x, y, w, h], score}; image_id is the frame."""
    try:
        rows: Any = json.loads(path.read_text(encoding="utf-8"))
        boxes = np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4)
        return pd.DataFrame(
            {
                "frame": [int(row["image_id"]) for row in rows],
                "label": [int(row["category_id"]) for row in rows],
                "score": [float(row["score"]) for row in rows],
                "x1": boxes[:, 0],
                "y1": boxes[:, 1],
                "x2": boxes[:, 0] + boxes[:, 2],
                "y2": boxes[:, 1] + boxes[:, 3],
            }
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: is no list of COCO results (image_id, category_id, bbox, score): {error!r}"
        ) from error


def _of_model(table: pd.DataFrame, wanted: str | None, spec: str) -> tuple[pd.DataFrame, str]:
    """The rows of one model, and its name where the file says it."""
    if "model" not in table:
        return table, ""
    models = table["model"].astype(str).drop_duplicates().tolist()
    if wanted is None and len(models) > 1:
        raise SettingsError(f"{spec}: holds boxes of {', '.join(models)}; say which: ,model=NAME")
    if wanted is not None and wanted not in models:
        raise SettingsError(f"{spec}: has no model {wanted!r}, but {', '.join(models)}")
    name = wanted or (models[0] if models else "")
    return table[table["model"].astype(str) == name], name


def _names(table: pd.DataFrame, spec: ModelSpec) -> tuple[str, ...]:
    """Class names: given, or from the column label_name, or "class 0" ..."""
    from vidrobust.models.classes import given_names

    given = given_names(spec.options.get("classes"))
    most = int(table["label"].max()) + 1 if len(table) else 0
    if given is not None:
        if len(given) < most:
            raise SettingsError(
                f"{spec.text}: label {most - 1} occurs, but only {len(given)} names are given"
            )
        return given
    known = {}
    if "label_name" in table:
        known = dict(zip(table["label"].astype(int), table["label_name"].astype(str), strict=True))
    return tuple(known.get(label, f"class {label}") for label in range(max(most, 2)))
