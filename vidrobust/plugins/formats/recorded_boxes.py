"""``detections:FILE``: boxes from a file in place of a detector."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from vidrobust.errors import ModelError, SettingsError
from vidrobust.footage.labels.matching import AnswerTimes
from vidrobust.models.classes import given_names
from vidrobust.models.info import ModelInfo, file_sha256
from vidrobust.models.spec import Form, ModelKind, ModelSpec
from vidrobust.plugins.formats.box_files import BOX, BoxFile, first_frame, read_boxes
from vidrobust.predictions import Detections
from vidrobust.shapes.shape import read_shape, shape_array

# A stride is known only from gaps between frames with boxes: at least so many frames, and most of those it leaves.
LEAST_OF_STRIDE = 8
MOST_OF_STRIDE = 0.5
# Boxes of larger frames: one in twenty reaches so many times the frame's width or height.
SCALED, OFTEN = 1.5, 0.95


@dataclass(eq=False, kw_only=True)
class RecordedDetector:
    """Boxes by item and frame; it can be judged along time, but not on new pictures."""

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    file: BoxFile  # What was read
    # Number of the first frame in it. None: as ``about`` finds for each item.
    first: int | None = None
    task: Literal["detection"] = "detection"
    needs_pixels: bool = False
    shaped: bool = False  # Whether any box of it has a mask or is turned
    _counted_from: dict[str, int] = field(default_factory=dict)
    _only_item: str = ""
    _fits: set[tuple[str, tuple[int, int]]] = field(default_factory=set)

    @property
    def times(self) -> AnswerTimes | None:
        return self.file.times

    def __call__(self, pixels: torch.Tensor) -> Detections:
        """Raise ModelError: the network is not here."""
        raise ModelError(
            f"model {self.name}: its boxes come from a file, so it cannot be asked about other pictures; this "
            "needs the model itself"
        )

    def about(self, item: str, num_frames: int | None) -> dict[str, Any]:
        """Return what the file says of an item, and how its frames are counted.

        Keys: counted_from (0 or 1), why, rows, frames with a box, beyond (rows behind the last frame), stride
        (1 unless frames are missing regularly) and compact (k if the file ends after a k-th of the frames,
        else 1). Raises ModelError if the file has boxes of other items only, or none of this item's frames.
        """
        mine = self._of(item)
        if self.times:
            self._counted_from[item] = 0
            known = {"counted_from": 0, "why": "frames are found by time", "rows": len(mine)}
            counts = {"frames": mine["frame"].nunique(), "beyond": 0, "stride": 1, "compact": 1}
            return known | counts
        first, why = self._first_of(mine["frame"].to_numpy(np.int64), num_frames)
        self._counted_from[item] = first
        frames = mine["frame"].to_numpy(np.int64) - first
        beyond = frames < 0 if num_frames is None else (frames < 0) | (frames >= num_frames)
        if len(mine) and beyond.all():
            raise ModelError(
                f"model {self.name}: all {len(mine)} boxes of {item} are of frames {frames.min() + first} to "
                f"{frames.max() + first}, and the input has {num_frames}"
            )
        return {
            "counted_from": first,
            "why": why,
            "rows": len(mine),
            "frames": int(np.unique(frames[~beyond]).size),
            "beyond": int(beyond.sum()),
            **self._recorded(item, frames, num_frames),
        }

    def _recorded(self, item: str, frames: np.ndarray, num_frames: int | None) -> dict[str, int]:
        names = ("", item, Path(item).stem)
        first = self._counted_from[item]
        empty = [frame - first for name, frame in self.file.looked if name in names and frame >= 0]
        every = np.unique(np.concatenate([frames, np.array(empty, np.int64)]))
        if len(every) < LEAST_OF_STRIDE:
            return {"stride": 1, "compact": 1}
        stride = int(np.gcd.reduce(np.diff(every)))
        seen = len(every) / ((every[-1] - every[0]) // stride + 1)
        if stride > 1 and seen >= MOST_OF_STRIDE:
            return {"stride": stride, "compact": 1}
        parts = round(num_frames / (every[-1] + 1)) if num_frames else 1
        ends = (
            parts > 1 and num_frames is not None and abs(num_frames / parts - (every[-1] + 1)) <= 1
        )
        return {"stride": 1, "compact": parts if ends else 1}

    def last_frame(self, item: str) -> int:
        """Return the highest frame number of an item in the file, from 0; -1 if none."""
        return int(max(self.frames_of(item), default=-1))

    def frames_of(self, item: str) -> np.ndarray:
        """Return the numbers of the frames of an item with a box, from 0, sorted."""
        frames = np.unique(self._of(item)["frame"].to_numpy(np.int64))
        return frames - self._first_of(frames, None)[0] if len(frames) else frames

    def predict_frames(
        self, item: str, index: np.ndarray, size: tuple[int, int] | None = None
    ) -> Detections:
        mine = self._of(item)
        if item not in self._counted_from:
            self.about(item, None)
        if size is not None and not self.file.relative:
            self._check_scale(item, mine, size)
        frames = mine["frame"].to_numpy(np.int64) - self._counted_from[item]
        row = pd.Series(np.arange(len(index)), index=index)
        here = np.isin(frames, index)
        mine, place = mine[here], row.loc[frames[here]].to_numpy()
        order = np.argsort(place, kind="stable")
        texts, scale = mine["shape"].to_numpy(object)[order], (1.0, 1.0)
        if self.file.relative:
            if size is None:
                raise ModelError(
                    f"model {self.name}: its boxes are shares of a frame whose size is not known"
                )
            scale = (float(size[1]), float(size[0]))
        boxes = mine[list(BOX)].to_numpy(np.float64)[order] * [*scale, *scale]
        track = mine["track"].to_numpy(np.int64)[order]
        return Detections(
            boxes=boxes.astype(np.float32),
            scores=mine["score"].to_numpy(np.float32)[order],
            labels=mine["label"].to_numpy(np.int64)[order],
            frame=place[order].astype(np.int64),
            num_frames=len(index),
            class_names=self.class_names,
            tracks=track if (self.file.boxes["track"] >= 0).any() else None,
            shapes=shape_array(read_shape(text, scale) for text in texts) if self.shaped else None,
        )

    def _check_scale(self, item: str, mine: pd.DataFrame, size: tuple[int, int]) -> None:
        if (item, size) in self._fits:
            return
        self._fits.add((item, size))
        reach = np.maximum(mine["x2"] / size[1], mine["y2"] / size[0])
        if len(reach) and reach.quantile(OFTEN) >= SCALED:
            row = reach.idxmax()
            raise ModelError(
                f"{self.info.weights}: row {mine['row'][row]}: the box ends at {mine['x2'][row]:g}, "
                f"{mine['y2'][row]:g} px, but the frames of {item} have {size[1]} x {size[0]} px, and other boxes "
                f"reach as far; scale the boxes to that size, or pass the footage in which they were found"
            )

    def _of(self, item: str) -> pd.DataFrame:
        boxes, names = self.file.boxes, ("", item, Path(item).stem)
        mine = boxes[boxes["item"].isin(names)]
        looked = {name for name, _ in self.file.looked}
        known = set(boxes["item"]) | looked
        if known and not known & set(names):
            some = ", ".join(sorted(known)[:5])
            raise ModelError(
                f"model {self.name}: the file has no boxes of {item}, but of {some}; if it was looked at and "
                "nothing found, say so in a row with its name in the column item and no score and box"
            )
        if known == {""}:
            self._only_item = self._only_item or item
            if item != self._only_item:
                raise ModelError(
                    f"model {self.name}: the file has no column item, so it can be about one video only: "
                    f"{self._only_item} or {item}?"
                )
        return mine

    def _first_of(self, frames: np.ndarray, num_frames: int | None) -> tuple[int, str]:
        if self.first is not None:
            return self.first, "as said"
        if self.file.first is not None:
            return self.file.first, "as its format counts"
        looked = [frame for _, frame in self.file.looked if frame >= 0]
        every = np.concatenate(
            [self.file.boxes["frame"].to_numpy(np.int64), np.array(looked, np.int64)]
        )
        if not len(frames) or every.min() == 0:
            return 0, "frame 0 has boxes"
        if num_frames is not None and frames.max() == num_frames:
            return 1, f"no row has frame 0, and the last has {num_frames} of {num_frames} frames"
        if every.min() == 1 and (num_frames is None or frames.max() < num_frames - 1):
            return 1, "no row has frame 0, the first has 1"
        return 0, "nothing says otherwise"


def recorded_detector(spec: ModelSpec, device: torch.device) -> RecordedDetector:
    path = Path(spec.target).expanduser()
    path = path if path.is_dir() else spec.file()
    file = read_boxes(path, spec.options)
    boxes, name = _of_model(file.boxes, spec.options.get("model"), spec.text)
    names = _class_names(boxes, file.names, spec)
    # maybe in another order
    if "classes" in spec.options and set(file.names.values()) <= set(names):
        place = {number: names.index(name) for number, name in file.names.items()}
        boxes = boxes.assign(label=boxes["label"].map(lambda number: place.get(number, number)))
    order = boxes.sort_values(["item", "frame"], kind="stable", ignore_index=True)
    notes = ["boxes were recorded beforehand; what needs the model itself is left out"]
    if (order["track"] >= 0).any():
        notes.append("its own tracks were recorded as well: their IDs are judged beside the boxes")
    return RecordedDetector(
        name=name or path.stem,
        class_names=names,
        shaped=bool((order["shape"] != "").any()),
        file=replace(file, boxes=order),
        first=first_frame(spec.options.get("first"), spec.text),
        info=ModelInfo(
            spec=spec.text,
            engine="a file of boxes",
            device="cpu",
            precision="as recorded",
            preprocessing="as recorded",
            weights=str(path),
            weights_sha256=file_sha256(path) if path.is_file() else _folder_sha256(path),
            num_classes=len(names),
            notes=tuple(notes),
        ),
    )


def _folder_sha256(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.txt")):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _of_model(table: pd.DataFrame, wanted: str | None, spec: str) -> tuple[pd.DataFrame, str]:
    if "model" not in table:
        return table, ""
    models = table["model"].astype(str).drop_duplicates().tolist()
    if wanted is None and len(models) > 1:
        raise SettingsError(f"{spec}: holds boxes of {', '.join(models)}; say which: ,model=NAME")
    if wanted is not None and wanted not in models:
        raise SettingsError(f"{spec}: has no model {wanted!r}, but {', '.join(models)}")
    name = wanted or (models[0] if models else "")
    return table[table["model"].astype(str) == name], name


def _class_names(table: pd.DataFrame, known: dict[int, str], spec: ModelSpec) -> tuple[str, ...]:
    given = given_names(spec.options.get("classes"), fewest=1)
    most = max(int(table["label"].max()) + 1 if len(table) else 0, max(known, default=-1) + 1)
    if given is not None:
        if len(given) < most:
            raise SettingsError(
                f"{spec.text}: label {most - 1} occurs, but only {len(given)} names are given"
            )
        return given
    return tuple(known.get(label, f"class {label}") for label in range(max(most, 1)))


KIND = ModelKind(
    scheme="detections",
    load=recorded_detector,
    options=("model", "classes", "categories", "first"),
    forms=(
        Form(
            spec="detections:FILE",
            what="recorded boxes: CSV, supervision, Ultralytics, COCO and MOT",
            example="detections:boxes.csv",
        ),
    ),
)
