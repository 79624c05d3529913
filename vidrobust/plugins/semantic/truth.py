"""Label maps of frames: the label format ``class-maps``, and maps of a model judged by them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from vidrobust.errors import InputError
from vidrobust.footage.item_tables import label_row
from vidrobust.footage.labels.labels import LabelFormat, Labels, rows_of
from vidrobust.plugins.semantic import maps
from vidrobust.plugins.semantic.maps import UNKNOWN
from vidrobust.text.printable import printable

FORMAT_NAME = "class-maps"
CLASSES = "classes.txt"  # names of the classes, one a line; a folder with it is a folder of maps


def names_in(folder: Path) -> tuple[str, ...] | None:
    path = folder / CLASSES
    return tuple(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else None


def map_files(folder: Path) -> Iterator[tuple[str, int, Path]]:
    """Yield input, number of the frame and path of each map: ``INPUT/NAME_000012.png``, or without INPUT."""
    for path in sorted(folder.rglob("*.png")):
        number = re.search(r"(\d+)$", path.stem)
        if number:
            item = path.parent.relative_to(folder).as_posix()
            yield "" if item == "." else item, int(number.group(1)), path


def read_map(path: Path) -> np.ndarray:
    """Return a PNG of class numbers, grey or with a palette, as (H, W) uint8; UNKNOWN is 255."""
    try:
        with Image.open(path) as image:
            labels = np.asarray(image)
    except OSError as error:
        raise InputError(
            f"{printable(path)}: cannot be read as a map of classes ({error})"
        ) from error
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise InputError(
            f"{printable(path)}: expected a grey or palette PNG, got {labels.dtype} {labels.shape}"
        )
    return labels


def read(path: Path) -> Labels:
    """Return a row a map: item and frame, and ``file``, its path."""
    names = names_in(path) or ()
    rows = [
        label_row(
            item,
            label=-1,
            label_name="class map",
            source=FORMAT_NAME,
            frame=frame,
            more={"file": str(file)},
        )
        for item, frame, file in map_files(path)
    ]
    if not rows:
        raise InputError(f"{printable(path)}: holds no map such as INPUT/000012.png")
    return Labels(format=FORMAT_NAME, path=path, rows=rows_of(rows), classes=dict(enumerate(names)))


FORMAT = LabelFormat(
    name=FORMAT_NAME,
    what=f"a folder of PNG maps of class numbers, INPUT/000012.png, with {CLASSES}",
    sniff=lambda path: (path / CLASSES).is_file(),
    read=read,
)


def judged_frames(run: Any, model: Any) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Return rows of ``task_truth`` of a model, and the confusion table of each; classes are matched by name."""
    from vidrobust.models.predict import predict_footage

    known, names = run.inputs.known.labels, run.inputs.known.class_names
    known = known[known["source"] == FORMAT_NAME] if "file" in known else known.iloc[:0]
    place = {name: number for number, name in enumerate(model.class_names)}
    to_model = np.full(UNKNOWN + 1, UNKNOWN, np.uint8)
    for number, name in enumerate(names):
        to_model[number] = place.get(name, UNKNOWN)
    if not names:  # maps without names count classes as the model does
        to_model[: len(model.class_names)] = np.arange(len(model.class_names))
    seen = run.table("task_frames")
    there = seen[seen["model"] == model.name].set_index(["item", "frame"])["time_s"]
    rows, tables = [], []
    for item, of in known.groupby("item", sort=False):
        wanted = of[[(item, frame) in there.index for frame in of["frame"]]].sort_values("frame")
        if wanted.empty:
            continue
        with run.opened(str(item)) as source:
            for frame, file in zip(wanted["frame"], wanted["file"], strict=True):
                answer = predict_footage(model, source.at([int(frame)]))
                truth = to_model[read_map(Path(file))]
                labels = maps.at_size(answer.labels[0], truth.shape)
                tables.append(maps.confusion(truth, labels, len(model.class_names)))
                of_frame = {
                    "item": str(item),
                    "frame": int(frame),
                    "time_s": float(there[item, frame]),
                }
                rows.append(
                    {**of_frame, "model": model.name, "frame_iou": maps.mean_iou(tables[-1])}
                )
    return pd.DataFrame(rows), tables
