"""Files of boxes as other programs write them, read into one table.

===========  ============================================================================================
CSV, Parquet  frame, score, label, x1, y1, x2, y2 and, where there are, item, label_name, track, model, shape
MOT          frame, id, x, y, width, height, score, then -1s or a class from 1; frames, x and y counted from 1
KITTI        tracking results: frame, id, type, ... box ..., score; counted from 0 COCO         results
[{image_id, category_id, bbox, score}], or a data set with images, annotations, categories Ultralytics  a
folder of labels/NAME_FRAME.txt: class, centre x, centre y, width, height of 1, score, id; or class,
             x, y, x, y ..., score, id: masks, or of four corners turned boxes
DOTA         a folder of Task1_CLASS.txt: picture, score, four corners x, y
===========  ============================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.csv_table import read_columns
from vidrobust.files.json_text import parsed_json
from vidrobust.footage.labels import kitti, mot
from vidrobust.shapes.polygon import about, coco_box, coco_shape, polygon_text
from vidrobust.shapes.shape import read_shape
from vidrobust.text.phrases import nouns

BOX = ("x1", "y1", "x2", "y2")


COLUMNS = ("frame", "score", "label", *BOX)


FORMATS = (
    ".csv or .parquet, COCO .json, MOTChallenge or KITTI .txt, or a folder of Ultralytics' or DOTA's .txt"
)


# Values of a line of a box at most: class, x, y, width, height, score, id; polygons have more
ULTRALYTICS_BOX = 7


_MOT = ("frame", "track", "x", "y", "w", "h", "score", "class")


DOTA = "Task1_*.txt"  # Results of DOTA's first task: a file a class, lines of picture, score and four corners


CORNERS = 8

# Where all corners of a file are below so many px, they are shares of the frame: a detector's shares may exceed 1.
MOST_SHARE = 2.0


@dataclass(frozen=True)
class BoxFile:
    """What a file says, before any frame of footage is known."""

    # item ("" where none is named), frame, score, label, x1, y1, x2, y2, track (-1: none), shape ("": the box
    # itself; as in the table ``detections``), row (of the file) and, where the file has them, label_name,
    # model
    boxes: pd.DataFrame
    first: int | None = None  # Number of the first frame, 0 or 1; None where the file does not say
    relative: bool = False  # Whether boxes are shares of the frame's width and height
    # (item, frame) of rows without a box: looked at and empty; a frame of -1: the whole item
    looked: tuple[tuple[str, int], ...] = ()
    names: dict[int, str] = field(default_factory=dict)  # Label -> name, as far as the file says


def read_boxes(path: Path, categories: Path | None = None) -> BoxFile:
    """Read the boxes of a file or folder.

    Parameters
    ----------
    path
        In one of the layouts above.
    categories
        A COCO data set whose images and names COCO results go by.

    Raises
    ------
    InputError
        For what cannot be read, with the row.
    """
    if path.is_dir():
        return _dota(path) if any(path.glob(DOTA)) else _ultralytics(path)
    ending = path.suffix.lower()
    if ending == ".json":
        return _coco(path, categories)
    if ending == ".txt":
        return _kitti(path) if kitti.looks_like(path) else _mot(path)
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


def _checked(table: pd.DataFrame, path: Path, *, relative: bool = False) -> pd.DataFrame:
    """The boxes with whole frames and labels, numbers everywhere, x1 < x2 and scores of 0..1."""
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
        raise InputError(f"{path}: row {table.index[odd][0]}: frame and label: expected whole numbers from 0")
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
    if whole.isna().any() and track.notna().any():  # names for numbers
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
    return kept.astype({"frame": "int64", "label": "int64", "track": "int64"}).reset_index(drop=True)


def _check_shapes(shapes: pd.Series, path: Path) -> None:
    for row, text in shapes[shapes != ""].items():
        try:
            read_shape(text)
        except ValueError as error:
            raise InputError(
                f"{path}: row {row}: shape: {error}; expected rle HEIGHT WIDTH COUNTS, or polygon x y x y ..."
            ) from error


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
        {label - 1: name for label, name in mot.CLASSES.items()} if path.parent.name in ("gt", "det") else {}
    )
    return BoxFile(_checked(boxes, path), first=first, names=names)


def _kitti(path: Path) -> BoxFile:
    """Results of KITTI tracking; a line without a score counts as sure, one of DontCare is left out."""
    records, problems = kitti.records_of(path)
    if problems:
        raise InputError(str(problems[0]))
    boxes = [record for record in records if record.text("type") != kitti.DONT_CARE]
    unknown = [record for record in boxes if record.text("type") not in kitti.TYPES]
    if unknown:
        raise InputError(str(unknown[0].problem("type", f"expected {', '.join(kitti.TYPES)}")))
    rows = [
        {
            **{name: record.text(name) for name in ("frame", "track", *BOX)},
            "score": record.text("score") or 1.0,
            "label": kitti.TYPES.index(record.text("type")),
        }
        for record in boxes
    ]
    table = pd.DataFrame(rows, columns=["frame", "track", *BOX, "score", "label"]).assign(item="")
    return BoxFile(_checked(table, path), first=0, names=dict(enumerate(kitti.TYPES)))


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
        corners = np.array([coco_box(row) for row in found], np.float64).reshape(-1, 4)
        table = pd.DataFrame(
            {
                "item": [place[0] for place in places],
                "frame": [place[1] for place in places],
                "label": [int(row["category_id"]) for row in found],
                "score": [float(row.get("score", 1.0)) for row in found],
                "track": [int(row.get("track_id", row.get("instance_id", -1))) for row in found],
                "x1": corners[:, 0],
                "y1": corners[:, 1],
                "x2": corners[:, 2],
                "y2": corners[:, 3],
                "shape": [coco_shape(row) for row in found],
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
        return parsed_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error


def _image(image: dict[str, Any]) -> tuple[str, int]:
    """The item and frame of an entry of ``images``: as it says, or from the number at the end of its file name."""
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


def _dota(folder: Path) -> BoxFile:
    """Results of DOTA's first task; pictures are named ITEM_000012, or ITEM__000012."""
    table = pd.DataFrame(
        _dota_rows(folder), columns=["picture", "label", "label_name", "score", *BOX, "shape"]
    )
    places = [_place(f"{name}.png") for name in table["picture"]]
    table = table.assign(item=[item for item, _ in places], frame=[frame for _, frame in places])
    names = [file.stem.partition("_")[2] for file in sorted(folder.glob(DOTA))]
    return BoxFile(_checked(table, folder), names=dict(enumerate(names)))


def _dota_rows(folder: Path) -> list[dict[str, Any]]:
    """A row for each turned box: picture, class number and name, score, x1 ... shape."""
    rows = []
    for number, file in enumerate(sorted(folder.glob(DOTA))):
        name = file.stem.partition("_")[2]
        for line, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            words = text.split()
            if words:
                rows.append({"label": number, "label_name": name, **_dota_row(words, f"{file}: line {line}")})
    return rows


def _dota_row(words: list[str], where: str) -> dict[str, Any]:
    try:
        score, *ring = (float(word) for word in words[1:])
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    if len(ring) != CORNERS:
        raise InputError(
            f"{where}: expected picture, score and {CORNERS} coordinates, got {len(words)} values"
        )
    box = dict(zip(("x1", "y1", "x2", "y2"), about(np.array(ring)), strict=True))
    return {"picture": words[0], "score": score, **box, "shape": polygon_text(ring)}


def _ultralytics(folder: Path) -> BoxFile:
    """``labels/NAME_FRAME.txt`` as ``predict save_txt save_conf`` and ``track`` write them; frames from 1."""
    inner = folder / "labels"
    files = sorted((inner if inner.is_dir() else folder).glob("*.txt"))
    if not files:
        raise InputError(
            f"{folder}: holds no .txt; expected a folder of Ultralytics' labels, or DOTA's {DOTA}"
        )
    rows, looked = [], []
    for file in files:
        number = re.fullmatch(r"(.*)_(\d+)", file.stem)
        if number is None:
            raise InputError(f"{file}: expected NAME_FRAME.txt, as Ultralytics names the frames of a video")
        place = (number[1], int(number[2]))
        lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        looked += [] if lines else [place]
        rows += [(place, _numbers(line, file)) for line in lines]
    table = pd.DataFrame(_lines(rows), columns=["item", "frame", "label", *BOX, "score", "track", "shape"])
    if len(table) and table["score"].isna().any():
        raise InputError(f"{folder}: some boxes have no score; predict with save_conf=True")
    return BoxFile(_checked(table, folder, relative=True), first=1, relative=True, looked=tuple(looked))


def _numbers(words: list[str], file: Path) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise InputError(f"{file}: {error}; expected numbers") from error
    if len(values) < 5:
        raise InputError(
            f"{file}: expected class, x, y, width, height, score and maybe an id of tracks, or class and the "
            f"corners of a polygon, got {len(values)} values"
        )
    return values


def _is_box(line: list[float]) -> bool:
    """Whether a line is class, x, y, width, height, and maybe score and id; if not it is a polygon."""
    return len(line) < ULTRALYTICS_BOX or (len(line) == ULTRALYTICS_BOX and not line[-1] % 1)


def _lines(rows: list[tuple[tuple[str, int], list[float]]]) -> list[tuple[object, ...]]:
    """item, frame, label, x1, y1, x2, y2, score, track and shape of each line of boxes or of polygons."""
    numbered = _are_numbered([values[1:] for _, values in rows if not _is_box(values)])
    found: list[tuple[object, ...]] = []
    for place, (label, *values) in rows:
        if _is_box([label, *values]):
            x, y, w, h, score, track = (*values, *[float("nan")] * (6 - len(values)))
            found.append((*place, label, x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, track, ""))
            continue
        ring, score, track = _polygon_line(values, numbered)
        found.append((*place, label, *about(np.array(ring)), score, track, polygon_text(ring)))
    return found


def _polygon_line(values: Sequence[float], numbered: bool) -> tuple[Sequence[float], float, float]:
    """Ring, score and track (NaN where not told) of an Ultralytics line without its class.

    ``numbered``: whether its last value is the number of a track, behind a score.
    """
    if len(values) % 2:
        return values[:-1], values[-1], float("nan")
    return (values[:-2], values[-2], values[-1]) if numbered else (values, float("nan"), float("nan"))


def _are_numbered(lines: Sequence[Sequence[float]]) -> bool:
    """Whether polygons of a folder, without their classes, end with the number of a track: all or none do."""
    return bool(lines) and all(
        not len(values) % 2 and values[-1] >= 1 and not values[-1] % 1 for values in lines
    )


def first_frame(text: str | None, spec: str) -> int | None:
    """Return the option ``first``, the number of the first frame in the file; None where it is not given."""
    if text is None:
        return None
    if text not in ("0", "1"):
        raise SettingsError(
            f"{spec}: first: expected 0 or 1, the number of the first frame in it, got {text!r}"
        )
    return int(text)
