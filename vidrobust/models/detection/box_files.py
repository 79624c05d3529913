"""Files of boxes as other programs write them, read into one table: CSV, Parquet, COCO, MOTChallenge, Ultralytics.

table      frame, score, label, x1, y1, x2, y2 and, where there are, item, label_name, track, model
MOT        frame, id, x, y, width, height, score, then -1s or a class from 1: counted from 1, x and y as well
COCO       results [{image_id, category_id, bbox, score}], or a data set with images, annotations, categories
Ultralytics  a folder of labels/NAME_FRAME.txt: class, centre x, centre y, width, height of 1, score, id
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.csv_table import read_columns
from vidrobust.text.phrases import nouns

BOX = ("x1", "y1", "x2", "y2")
COLUMNS = ("frame", "score", "label", *BOX)
FORMATS = ".csv or .parquet, COCO .json, MOTChallenge .txt, or a folder of Ultralytics' .txt"
_MOT = ("frame", "track", "x", "y", "w", "h", "score", "class")


@dataclass(frozen=True)
class BoxFile:
    """What a file says, before any frame of footage is known.

    boxes     item ("" where none is named), frame, score, label, x1, y1, x2, y2, track (-1: none) and, where the
              file has them, label_name and model
    first     the number of the first frame, 0 or 1; None where the file does not say
    relative  boxes are shares of the frame's width and height
    looked    (item, frame) of rows without a box: looked at and empty; a frame of -1: the whole item
    names     label -> name, as far as the file says
    """

    boxes: pd.DataFrame
    first: int | None = None
    relative: bool = False
    looked: tuple[tuple[str, int], ...] = ()
    names: dict[int, str] = field(default_factory=dict)


def read_boxes(path: Path, categories: Path | None = None) -> BoxFile:
    """The boxes of a file or folder; categories: a COCO data set whose images and names COCO results go by.

    Raises InputError for what cannot be read, with the row.
    """
    if path.is_dir():
        return _ultralytics(path)
    ending = path.suffix.lower()
    if ending == ".json":
        return _coco(path, categories)
    if ending == ".txt":
        return _mot(path)
    return _table(path)


def _table(path: Path) -> BoxFile:
    try:
        table = read_columns(path) if path.suffix.lower() == ".csv" else pd.read_parquet(path)
    except Exception as error:
        raise InputError(f"{path}: cannot be read as a table ({error}); expected {FORMATS}") from error
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise InputError(f"{path}: lacks the {nouns('column', missing)}; it needs {', '.join(COLUMNS)}")
    items = table["item"].fillna("").astype(str) if "item" in table else pd.Series("", index=table.index)
    table = table.assign(item=items)
    nothing = table[["score", *BOX]].isna().all(axis=1)
    frames = pd.to_numeric(table.loc[nothing, "frame"], errors="coerce").fillna(-1).astype(np.int64)
    looked = tuple(zip(items[nothing].tolist(), frames.tolist(), strict=True))
    return BoxFile(_checked(table[~nothing], path), looked=looked, names=_names_in(table[~nothing]))


def _names_in(table: pd.DataFrame) -> dict[int, str]:
    if "label_name" not in table:
        return {}
    return dict(zip(table["label"].astype(int), table["label_name"].astype(str), strict=True))


def _checked(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The boxes with whole frames and labels, numbers everywhere, x1 < x2 and scores of 0..1."""
    numbers = table[list(COLUMNS)].apply(pd.to_numeric, errors="coerce")
    wrong = ~np.isfinite(numbers.to_numpy(np.float64)).all(axis=1)
    if wrong.any():
        row = table.index[wrong][0]
        raise InputError(
            f"{path}: row {row} holds something that is no number in {', '.join(COLUMNS)}; a frame that was "
            "looked at and is empty has neither score nor box"
        )
    if not numbers["score"].between(0, 1).all() or (numbers["label"] < 0).any():
        raise InputError(f"{path}: expected scores in 0..1 and labels from 0")
    odd = (numbers[["frame", "label"]] % 1 != 0).any(axis=1) | (numbers["frame"] < 0)
    if odd.any():
        raise InputError(f"{path}: row {table.index[odd][0]}: frame and label: expected whole numbers from 0")
    inside_out = (numbers["x2"] < numbers["x1"]) | (numbers["y2"] < numbers["y1"])
    if inside_out.any():
        raise InputError(
            f"{path}: {int(inside_out.sum())} of {len(numbers)} boxes end before they begin, the first in row "
            f"{table.index[inside_out][0]}: expected corners x1, y1, x2, y2; are these x, y, width, height?"
        )
    track = table["track"] if "track" in table else pd.Series(-1, index=table.index)
    whole = pd.to_numeric(track, errors="coerce")
    if whole.isna().any() and track.notna().any():  # names for numbers
        whole = pd.Series(pd.factorize(track)[0], index=table.index)
    extra = [name for name in ("label_name", "model") if name in table]
    kept = numbers.assign(
        item=table["item"].to_numpy(), track=whole.fillna(-1).to_numpy(), **{n: table[n] for n in extra}
    )
    return kept.astype({"frame": "int64", "label": "int64", "track": "int64"}).reset_index(drop=True)


def _mot(path: Path) -> BoxFile:
    """MOTChallenge results; the class is that of the eighth value where it is 1 or more."""
    try:
        values = pd.read_csv(path, header=None, sep=r"[,\s]+", engine="python", comment="#")
    except Exception as error:
        raise InputError(f"{path}: cannot be read as MOTChallenge results ({error})") from error
    if values.shape[1] < 7:
        raise InputError(
            f"{path}: expected MOTChallenge results, frame,id,x,y,width,height,score and more, got "
            f"{values.shape[1]} values a row"
        )
    table = values.iloc[:, : len(_MOT)].apply(pd.to_numeric, errors="coerce")
    table.columns = list(_MOT[: table.shape[1]])
    classes = table["class"] if "class" in table else pd.Series(-1.0, index=table.index)
    label = classes.where(classes >= 1, 1) - 1
    score = table["score"].where(table["score"] >= 0, 1.0)  # -1: the tracker gives none
    boxes = table.assign(
        item="",
        label=label,
        score=score,
        x1=table["x"] - 1,
        y1=table["y"] - 1,
        x2=table["x"] - 1 + table["w"],
        y2=table["y"] - 1 + table["h"],
    )
    return BoxFile(_checked(boxes, path), first=1)


def _coco(path: Path, categories: Path | None) -> BoxFile:
    """COCO results, or a data set whose annotations have scores (1 where not)."""
    found, about = _json(path), {} if categories is None else _json(categories)
    if isinstance(found, dict):
        about, found = {**about, **found}, found.get("annotations", [])
    if not isinstance(about, dict):
        raise InputError(f"{categories}: is no COCO data set with images and categories")
    images = {each["id"]: _image(each) for each in about.get("images", [])}
    names = {int(each["id"]): str(each["name"]) for each in about.get("categories", [])}
    try:
        places = [images.get(row["image_id"]) or ("", int(row["image_id"])) for row in found]
        corners = np.array([row["bbox"] for row in found], np.float64).reshape(-1, 4)
        table = pd.DataFrame(
            {
                "item": [place[0] for place in places],
                "frame": [place[1] for place in places],
                "label": [int(row["category_id"]) for row in found],
                "score": [float(row.get("score", 1.0)) for row in found],
                "track": [int(row.get("track_id", row.get("instance_id", -1))) for row in found],
                "x1": corners[:, 0],
                "y1": corners[:, 1],
                "x2": corners[:, 0] + corners[:, 2],
                "y2": corners[:, 1] + corners[:, 3],
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: is no list of COCO results (image_id, category_id, bbox, score): {error!r}"
        ) from error
    seen = set(zip(table["item"], table["frame"], strict=True))
    looked = tuple(sorted(place for place in images.values() if place not in seen))
    return BoxFile(_checked(table, path), looked=looked, names=names)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error


def _image(image: dict[str, Any]) -> tuple[str, int]:
    """The item and frame of an entry of ``images``: as it says, or from the number at the end of its file name."""
    name = str(image.get("file_name", ""))
    for key in ("frame_id", "frame_index", "frame"):
        if key in image:
            return PurePath(name).parent.name or PurePath(name).stem, int(image[key])
    number = re.search(r"(\d+)$", PurePath(name).stem)
    if number is None:
        return PurePath(name).stem, 0
    item = PurePath(name).stem[: number.start()].rstrip("_-.") or PurePath(name).parent.name
    return item, int(number[1])


def _ultralytics(folder: Path) -> BoxFile:
    """``labels/NAME_FRAME.txt`` as ``predict save_txt save_conf`` and ``track`` write them; frames from 1."""
    inner = folder / "labels"
    files = sorted((inner if inner.is_dir() else folder).glob("*.txt"))
    rows, looked = [], []
    for file in files:
        number = re.fullmatch(r"(.*)_(\d+)", file.stem)
        if number is None:
            raise InputError(f"{file}: expected NAME_FRAME.txt, as Ultralytics names the frames of a video")
        item, frame, lines = number[1], int(number[2]), file.read_text(encoding="utf-8").splitlines()
        looked += [(item, frame)] if not any(line.strip() for line in lines) else []
        for line in lines:
            values = line.split()
            if values and len(values) not in (5, 6, 7):
                raise InputError(
                    f"{file}: expected class, x, y, width, height and score, and an id of tracks, got "
                    f"{len(values)} values; polygons of segments are not read"
                )
            if values:
                rows.append((item, frame, *(float(value) for value in values), *[np.nan] * (7 - len(values))))
    if not files:
        raise InputError(f"{folder}: holds no .txt; expected a folder of Ultralytics' labels")
    table = pd.DataFrame(rows, columns=["item", "frame", "label", "x", "y", "w", "h", "score", "track"])
    if len(table) and table["score"].isna().any():
        raise InputError(f"{folder}: some boxes have no score; predict with save_conf=True")
    boxes = table.assign(
        x1=table["x"] - table["w"] / 2,
        y1=table["y"] - table["h"] / 2,
        x2=table["x"] + table["w"] / 2,
        y2=table["y"] + table["h"] / 2,
    )
    return BoxFile(_checked(boxes, folder), first=1, relative=True, looked=tuple(looked))


def first_frame(text: str | None, spec: str) -> int | None:
    """The option ``first``: 0 or 1, the number of the first frame in the file; None where it is not given."""
    if text is None:
        return None
    if text not in ("0", "1"):
        raise SettingsError(
            f"{spec}: first: expected 0 or 1, the number of the first frame in it, got {text!r}"
        )
    return int(text)
