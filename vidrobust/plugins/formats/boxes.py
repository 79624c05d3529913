"""Recorded boxes as other programs write them.

==============  =========================================================================================
mot             frame, id, x, y, width, height, score, then -1s or a class from 1; frames and pixels from 1
json            COCO results or a data set; supervision's JSONSink; Ultralytics' to_json, a list or a line for
                each frame
ultralytics     a folder of labels/NAME_FRAME.txt: class, centre x, centre y, width, height of 1, score, id; or
                class, x, y, x, y ..., score, id: masks, or of four corners turned boxes
data-frame      CSV or Parquet of Ultralytics' to_df, with a column box
==============  =========================================================================================
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, in_plain_words
from vidrobust.files.csv_table import read_columns
from vidrobust.files.json_text import parsed_json
from vidrobust.footage.records import columns_of
from vidrobust.plugins.formats import mot
from vidrobust.plugins.formats.box_files import BOX, BoxFile, BoxFormat, boxes_of_table, checked
from vidrobust.shapes.mask import about, coco_box, coco_shape, polygon_text

Options = Mapping[str, str]
ULTRALYTICS_BOX = 7  # Values of a line of a box at most: class, x, y, width, height, score, id; polygons have more
_MOT = ("frame", "track", "x", "y", "w", "h", "score", "class")


def _mot(path: Path, options: Options) -> BoxFile:
    """MOTChallenge results; the class is that of the eighth value where it is 1 or more."""
    try:
        values = pd.read_csv(path, header=None, sep=r"[,\s]+", engine="python", comment="#")
    except Exception as error:
        raise InputError(
            f"{path}: cannot be read as MOTChallenge results ({in_plain_words(error)})"
        ) from error
    if values.shape[1] < 7:
        raise InputError(
            f"{path}: expected MOTChallenge results, frame,id,x,y,width,height,score and more, got "
            f"{values.shape[1]} values a row"
        )
    table = values.iloc[:, : len(_MOT)].apply(pd.to_numeric, errors="coerce")
    table.columns = list(_MOT[: table.shape[1]])
    classes = table["class"] if "class" in table else pd.Series(-1.0, index=table.index)
    label = classes.where(classes >= 1, 1) - 1
    score = table["score"].where(table["score"] != -1, 1.0)  # -1: the tracker gives none
    # a file with a frame 0 does not count as MOTChallenge does, in its pixels neither
    first = 0 if (table["frame"] == 0).any() else 1
    boxes = table.assign(
        item="",
        label=label,
        score=score,
        x1=table["x"] - first,
        y1=table["y"] - first,
        x2=table["x"] - first + table["w"],
        y2=table["y"] - first + table["h"],
    )
    # the class names of MOTChallenge hold for its own files; a tracker's results may be of anything
    names = (
        {label - 1: name for label, name in mot.CLASSES.items()}
        if path.parent.name in ("gt", "det")
        else {}
    )
    return BoxFile(checked(boxes, path), first=first, names=names)


def _json_boxes(path: Path, options: Options) -> BoxFile:
    content = _json(path)
    first = next((row for row in content if row), None) if isinstance(content, list) else content
    if (
        isinstance(content, dict)
        or first is None
        or (isinstance(first, dict) and "image_id" in first)
    ):
        return _coco(content, path, options)
    frames = [row if isinstance(row, list) else [row] for row in content]
    numbered = isinstance(first, list)
    rows = [_plain(row, k if numbered else None) for k, frame in enumerate(frames) for row in frame]
    looked = tuple(("", k) for k, frame in enumerate(frames) if not frame)
    return dataclasses.replace(boxes_of_table(pd.DataFrame(rows), path), looked=looked)


def _plain(row: dict[str, Any], frame: int | None) -> dict[str, Any]:
    flat = {key: value for key, value in row.items() if key not in ("box", "segments")}
    box, outline = row.get("box"), row.get("segments")
    if isinstance(box, dict) and "x4" in box:
        ring = [float(box[f"{axis}{k}"]) for k in range(1, 5) for axis in "xy"]
        flat |= {**dict(zip(BOX, about(np.array(ring)), strict=True)), "shape": polygon_text(ring)}
    elif isinstance(box, dict):
        flat |= box
    if isinstance(outline, dict) and len(outline["x"]) > 2:
        flat["shape"] = polygon_text(np.stack([outline["x"], outline["y"]], axis=1).ravel())
    return flat if frame is None else {"frame": frame, **flat}


def _data_frame(path: Path, options: Options) -> BoxFile:
    table = pd.read_parquet(path) if path.suffix == ".parquet" else read_columns(path)
    for name in {"box", "segments"} & set(table):
        table[name] = [
            ast.literal_eval(text) if isinstance(text, str) else text for text in table[name]
        ]
    return boxes_of_table(
        pd.DataFrame([_plain(row, None) for row in table.to_dict("records")]), path
    )


def _coco(content: Any, path: Path, options: Options) -> BoxFile:
    """COCO results, or a data set whose annotations have scores (1 where not)."""
    categories = options.get("categories")
    about = {} if categories is None else _json(Path(categories).expanduser())
    if isinstance(content, dict):
        if not isinstance(content.get("annotations"), list):
            raise InputError(f"{path}: has no list of annotations, as a COCO data set has")
        about, content = {**about, **content}, content["annotations"]
    if not isinstance(about, dict):
        raise InputError(f"{categories}: is no COCO data set with images and categories")
    images = {entry["id"]: _image(entry) for entry in about.get("images", [])}
    names = {int(entry["id"]): str(entry["name"]) for entry in about.get("categories", [])}
    try:
        places = [images.get(row["image_id"]) or ("", int(row["image_id"])) for row in content]
        corners = np.array([coco_box(row) for row in content], np.float64).reshape(-1, 4)
        table = pd.DataFrame(
            {
                "item": [place[0] for place in places],
                "frame": [place[1] for place in places],
                "label": [int(row["category_id"]) for row in content],
                "score": [float(row.get("score", 1.0)) for row in content],
                "track": [int(row.get("track_id", row.get("instance_id", -1))) for row in content],
                "x1": corners[:, 0],
                "y1": corners[:, 1],
                "x2": corners[:, 2],
                "y2": corners[:, 3],
                "shape": [coco_shape(row) for row in content],
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: is no list of COCO results (image_id, category_id, bbox, score): "
            f"{in_plain_words(error)}"
        ) from error
    seen = set(zip(table["item"], table["frame"], strict=True))
    looked = tuple(sorted(place for place in images.values() if place not in seen))
    sizes = {
        (int(image["height"]), int(image["width"])) if {"height", "width"} <= set(image) else None
        for image in about.get("images", [])
    }
    size = sizes.pop() if len(sizes) == 1 else None
    if size is not None and min(size) <= 0:
        raise InputError(
            f"{path}: expected images of more than 0 px, got {size[1]} x {size[0]} (width x height)"
        )
    return BoxFile(checked(table, path), looked=looked, names=names, size=size)


def _json(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        with suppress(ValueError):
            return parsed_json(text)
        return [parsed_json(line) for line in text.splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({in_plain_words(error)})") from error


def _image(image: dict[str, Any]) -> tuple[str, int]:
    name = str(image.get("file_name", ""))
    for key in ("frame_id", "frame_index", "frame"):
        if key in image:
            return PurePath(name).parent.name or PurePath(name).stem, int(image[key])
    return _place(name)


def _place(name: str) -> tuple[str, int]:
    """ITEM_000012.jpg, or ITEM/000012.jpg -> the item and 12."""
    number = re.search(r"(\d+)$", PurePath(name).stem)
    if number is None:
        return PurePath(name).stem, 0
    item = PurePath(name).stem[: number.start()].rstrip("_-.") or PurePath(name).parent.name
    return item, int(number[1])


def _ultralytics(folder: Path, options: Options) -> BoxFile:
    """``labels/NAME_FRAME.txt`` as ``predict save_txt save_conf`` and ``track`` write them; frames from 1."""
    inner = folder / "labels"
    files = sorted((inner if inner.is_dir() else folder).glob("*.txt"))
    if not files:
        raise InputError(f"{folder}: holds no .txt; expected a folder of Ultralytics' labels")
    rows, looked = [], []
    for file in files:
        number = re.fullmatch(r"(.*)_(\d+)", file.stem)
        if number is None:
            raise InputError(
                f"{file}: expected NAME_FRAME.txt, as Ultralytics names the frames of a video"
            )
        place = (number[1], int(number[2]))
        lines = [
            line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()
        ]
        looked += [] if lines else [place]
        rows += [(place, _numbers(line, file)) for line in lines]
    table = pd.DataFrame(
        _lines(rows), columns=["item", "frame", "label", *BOX, "score", "track", "shape"]
    )
    if len(table) and table["score"].isna().any():
        raise InputError(f"{folder}: some boxes have no score; predict with save_conf=True")
    return BoxFile(
        checked(table, folder, relative=True), first=1, relative=True, looked=tuple(looked)
    )


def _numbers(words: list[str], file: Path) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise InputError(f"{file}: {in_plain_words(error)}; expected numbers") from error
    if len(values) < 5:
        raise InputError(
            f"{file}: expected class, x, y, width, height, score and maybe an id of tracks, or class and the "
            f"corners of a polygon, got {len(values)} values"
        )
    return values


def _is_box(line: list[float]) -> bool:
    return len(line) < ULTRALYTICS_BOX or (len(line) == ULTRALYTICS_BOX and not line[-1] % 1)


def _lines(rows: list[tuple[tuple[str, int], list[float]]]) -> list[tuple[object, ...]]:
    """item, frame, label, x1, y1, x2, y2, score, track and shape of each line."""
    lines = [values[1:] for _, values in rows if not _is_box(values)]
    # polygons end with a track number where all do
    numbered = bool(lines) and all(
        not len(one) % 2 and one[-1] >= 1 and not one[-1] % 1 for one in lines
    )
    boxes: list[tuple[object, ...]] = []
    for place, (label, *values) in rows:
        if _is_box([label, *values]):
            x, y, w, h, score, track = (*values, *[float("nan")] * (6 - len(values)))
            boxes.append(
                (*place, label, x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, track, "")
            )
            continue
        ring, score, track = _polygon_line(values, numbered)
        boxes.append((*place, label, *about(np.array(ring)), score, track, polygon_text(ring)))
    return boxes


def _polygon_line(values: Sequence[float], numbered: bool) -> tuple[Sequence[float], float, float]:
    """Ring, score and track (NaN if absent); ``numbered``: the last value is a track, behind a score."""
    if len(values) % 2:
        return values[:-1], values[-1], float("nan")
    return (
        (values[:-2], values[-2], values[-1]) if numbered else (values, float("nan"), float("nan"))
    )


FORMATS = tuple(
    BoxFormat(name=name, what=what, sniff=sniff, read=read)
    for name, what, sniff, read in (
        ("ultralytics", "a folder of labels/NAME_FRAME.txt", Path.is_dir, _ultralytics),
        (
            "json",
            "COCO, supervision or Ultralytics",
            lambda path: path.suffix.lower() in (".json", ".jsonl"),
            _json_boxes,
        ),
        ("mot", "MOTChallenge .txt", lambda path: path.suffix.lower() == ".txt", _mot),
        (
            "data-frame",
            "a table of Ultralytics' to_df",
            lambda path: path.suffix.lower() in (".csv", ".parquet") and "box" in columns_of(path),
            _data_frame,
        ),
    )
)
