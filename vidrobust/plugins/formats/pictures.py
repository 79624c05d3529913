"""Labels of pictures as annotation tools and published sets keep them: a function a format.

Each yields ``Annotation`` records, or a ``Problem``. A picture is named by its file, a frame in a folder of
pictures.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from vidrobust.errors import InputError, in_plain_words
from vidrobust.footage.expand import IMAGE_SUFFIXES, natural_key
from vidrobust.footage.item_tables import NOT_A_CLASS, WHOLE_ITEM, label_row
from vidrobust.footage.labels.json_file import XmlFile, begins_with
from vidrobust.footage.labels.labels import LabelFormat, Labels, rows_of
from vidrobust.footage.records import (
    SUFFIXES,
    BadValueError,
    Problem,
    columns_of,
    number,
    read_table,
)
from vidrobust.models.classes import imagenet_wnids
from vidrobust.shapes.mask import about, polygon_text
from vidrobust.text.printable import printable

Box = tuple[float, ...]
CORNERS = ("x1", "y1", "x2", "y2")
VOC_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """One object of a picture, or the class of all of it."""

    file: str
    name: str | int  # Of the class, or its number
    box: Box | None = None  # x1, y1, x2, y2
    ring: Sequence[float] = ()  # x, y, x, y ... of a polygon, whose box is the one about it
    track: str = ""
    frame: int = WHOLE_ITEM
    time_s: float = math.nan
    more: Mapping[str, object] = field(default_factory=dict)


Annotations = Iterator[Annotation | Problem]


def _read(
    path: Path, form: str, marks: Callable[[Path, dict[int, str]], Annotations], unit: str
) -> Labels:
    classes: dict[int, str] = {}
    marked, problems = [], []
    for mark in marks(path, classes):
        if isinstance(mark, Problem):
            problems.append(mark)
        else:
            marked.append(mark)
    numbers = {name: k for k, name in classes.items()}
    for name in sorted({str(m.name) for m in marked if isinstance(m.name, str)} - set(numbers)):
        numbers[name] = max(numbers.values(), default=-1) + 1
    rows = []
    for mark in marked:
        box = about(mark.ring) if len(mark.ring) else mark.box  # type: ignore[arg-type]
        if box is not None and not (
            all(map(math.isfinite, box)) and box[0] <= box[2] and box[1] <= box[3]
        ):
            problems.append(Problem(path=path, what=f"{printable(mark.file)}: {box} is no box"))
            continue
        label = mark.name if isinstance(mark.name, int) else numbers.get(mark.name, NOT_A_CLASS)
        name = classes.get(label, str(label)) if isinstance(mark.name, int) else mark.name
        file = (
            {"file": printable(mark.file)}
            if mark.frame == WHOLE_ITEM and math.isnan(mark.time_s)
            else {}
        )
        shape = {"shape": polygon_text(mark.ring)} if len(mark.ring) and unit == "px" else {}
        rows.append(
            label_row(
                printable(mark.file), frame=mark.frame, time_s=mark.time_s,
                label=label, label_name=printable(name), box=box, source=form,
                more={"track": printable(mark.track), **file, **shape, **mark.more},
            )
        )  # fmt: skip
    return Labels(
        format=form,
        path=path,
        rows=rows_of(rows),
        classes={k: printable(name) for name, k in numbers.items()},
        box_unit=unit,
        may_count_from_1=form == "table" and min((m.frame for m in marked), default=0) == 1,
        problems=tuple(problems),
    )


def _each(
    path: Path, entries: Iterable[Any], of: Callable[[Any], Iterator[Annotation]], name: str = ""
) -> Annotations:
    for place, entry in enumerate(entries):
        try:
            yield from of(entry)
        except BadValueError as error:
            yield error.problem
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            what = f"not as expected: {in_plain_words(error)}"
            yield Problem(path=path, column=f"{name}[{place}]", what=what)


def _files(path: Path, *patterns: str) -> list[Path]:
    files = (
        [path] if path.is_file() else {file for pattern in patterns for file in path.glob(pattern)}
    )
    return sorted(files, key=lambda file: natural_key(str(file)))


# Text: YOLO's folders, lists of ImageNet


def _yolo_names(path: Path) -> tuple[dict[int, str], bool]:
    """Names of data.yaml, obj.names or classes.txt beside or above, and whether lines hold key points."""
    for folder in (path if path.is_dir() else path.parent, *path.parents[:3]):
        for file in (folder / "data.yaml", *sorted(folder.glob("*.yaml"))):
            if file.is_file() and "names" in (text := file.read_text(encoding="utf-8")):
                return _yaml_names(text), "kpt_shape" in text
        for file in (folder / "obj.names", folder / "classes.txt"):
            if file.is_file():
                return dict(enumerate(file.read_text(encoding="utf-8").split("\n"))), False
    return {}, False


def _yaml_names(text: str) -> dict[int, str]:
    match = re.search(r"^names:[ \t]*(.*(?:\n(?:[ \t]+|- ).*)*)", text, re.MULTILINE)
    body = match[1].strip() if match else ""
    parts = re.split(r",|\n", body.strip("[]{}"))
    names = [re.sub(r"^\s*-\s*|\s+#.*$", "", part).strip() for part in parts if part.strip()]
    keyed = [re.fullmatch(r"(\d+)\s*:\s*(.*)", name) for name in names]
    pairs = [(int(k[1]), k[2]) for k in keyed if k] if all(keyed) else list(enumerate(names))
    return {number: name.strip("'\"") for number, name in pairs}


def _yolo_files(path: Path) -> list[Path]:
    if path.suffix.lower() in (".yaml", ".data"):
        path = path.parent
    if path.is_file():
        return [path]
    files = _files(path, "labels/**/*.txt", "*/labels/**/*.txt", "obj_*_data/**/*.txt")
    return files or [file for file in _files(path, "*.txt") if file.name != "classes.txt"]


def _is_yolo(path: Path) -> bool:
    if not (path.is_dir() or path.suffix.lower() in (".txt", ".yaml", ".data")):
        return False
    for file in _yolo_files(path)[:50]:
        with file.open(encoding="utf-8", errors="replace") as lines:
            words = next(lines, "").split()
        if words:
            return _is_yolo_line(words)
    return path.suffix.lower() == ".yaml" and "names:" in path.read_text(
        encoding="utf-8", errors="replace"
    )


def _is_yolo_line(words: Sequence[str]) -> bool:
    numbers = [re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", word) is not None for word in words]
    return (
        len(words) >= 5
        and all(numbers)
        and words[0].isdecimal()
        and max(map(float, words[1:5])) <= 1.01
    )


def _yolo(path: Path, classes: dict[int, str]) -> Annotations:
    names, points = _yolo_names(path)
    classes |= {number: name for number, name in names.items() if name}

    def marks(file: Path, line: tuple[int, str]) -> Iterator[Annotation]:
        label, *values = line[1].split()
        x, y, w, h, *rest = map(float, values)
        if rest and not points:
            yield Annotation(file=file.stem, name=int(label), ring=[x, y, w, h, *rest])
        else:
            yield Annotation(
                file=file.stem, name=int(label), box=(x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            )

    for file in _yolo_files(path):
        lines = [
            (k, text) for k, text in enumerate(file.read_text().splitlines(), 1) if text.strip()
        ]
        yield from _each(file, lines, partial(marks, file), "line")


WNID_FILE = re.compile(r"(?:.*/)?(n\d{8})_\d+\.\w+")
LISTED = re.compile(r"(\S.*\.(?:jpe?g|png|bmp|webp))\s+(\d+|n\d{8})", re.IGNORECASE)


def _is_flat(path: Path) -> bool:
    if path.is_dir():
        pictures = [p.name for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES]
        return bool(pictures) and all(map(WNID_FILE.fullmatch, pictures))
    if path.suffix.lower() != ".txt" or not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as lines:
        return LISTED.fullmatch(next(lines, "").strip()) is not None


def _flat(path: Path, classes: dict[int, str]) -> Annotations:
    """Pictures named n02123045_12.JPEG; or a list, FILE and the number or WordNet number of its class a line."""
    if path.is_dir():
        names = sorted(
            (p.name for p in path.iterdir() if WNID_FILE.fullmatch(p.name)), key=natural_key
        )
        pairs = [(name, name[:9]) for name in names]
    else:
        lines = map(LISTED.fullmatch, map(str.strip, path.read_text(encoding="utf-8").splitlines()))
        pairs = [(match[1], match[2]) for match in lines if match]
    wnids = imagenet_wnids()
    classes |= {wnids[name]: name for _, name in pairs if name in wnids}
    yield from (Annotation(file=f, name=int(c) if c.isdecimal() else c) for f, c in pairs)


# XML: PASCAL VOC


def _is_voc(path: Path) -> bool:
    file = next(iter(_voc_files(path)), None)
    if file is None or not begins_with(file, "annotation"):
        return False
    text = file.read_bytes()
    # ImageNet VID, a format of its own
    of_video = b"<trackid>" in text or b"<database>ILSVRC" in text
    return not of_video and (b"<bndbox>" in text or b"<object>" not in text)


def _voc_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix.lower() == ".xml" else []
    return _files(path, "Annotations/*.xml", "*/*.xml", "*.xml")


def _voc(path: Path, classes: dict[int, str]) -> Annotations:
    """The objects of each file; difficult ones are uncertain.

    PASCAL VOC names the first and the last pixel of a box, counted from 1 (development kit of 2012, section
    "Annotation"). Tools that write the format with other corners, as lines between pixels, betray themselves
    by a 0 or a fraction in any file; these corners are taken as they are.
    """

    def marks(file: XmlFile, node: Any) -> Iterator[Annotation]:
        box = node.find("bndbox")
        hard = {"presence": "uncertain"} if node.findtext("difficult") == "1" else {}
        more = {c: node.findtext(c) for c in ("truncated", "occluded", "pose") if node.findtext(c)}
        x1, y1, x2, y2 = (file.number(box, corner) for corner in VOC_CORNERS)
        corners = (x1 - first, y1 - first, x2, y2)
        name = file.root.findtext("filename") or file.path.stem
        yield Annotation(
            file=name, name=node.findtext("name").strip(), box=corners, more=more | hard
        )

    files = []
    for file in _voc_files(path):
        try:
            files.append(XmlFile(file))
        except InputError as error:
            yield Problem(path=file, what=str(error))
    texts = [
        (box.findtext(corner) or "").strip()
        for xml in files
        for box in xml.root.iter("bndbox")
        for corner in VOC_CORNERS
    ]
    first = int(all(text.isdecimal() and int(text) > 0 for text in texts))
    for xml in files:
        yield from _each(xml.path, xml.root.iter("object"), partial(marks, xml), "object")


# Tables: frame, label; TensorFlow's and Roboflow's CSV; classes as columns

NAMES = ("label_name", "label", "class_name", "class")
PICTURES = ("filename", "file", "image", "image_path", "ImageId")


def _is_table(path: Path) -> bool:
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    named = columns_of(path)
    columns = {*named}
    one_hot = len(named) > 2 and named[0] == "filename" and "region_count" not in columns
    placed = columns & {"frame", "time_s", *PICTURES}
    return bool(placed) and "path" not in columns and (bool(columns & {*NAMES}) or one_hot)


def _table(path: Path, classes: dict[int, str]) -> Annotations:
    """frame (or time_s, or a file of a picture), label (a name or number), and x1 to y2 or xmin to ymax."""
    columns = columns_of(path)
    name = next((column for column in NAMES if column in columns), None)
    picture = next((column for column in PICTURES if column in columns), None)
    corners = next((c for c in (CORNERS, VOC_CORNERS) if set(c) <= set(columns)), None)

    def marks(row: Any) -> Iterator[Annotation]:
        file = row.text(picture) if picture else row.text("item")
        frame, time = number(row, "frame") if not picture else None, number(row, "time_s")
        names = [row.text(name)] if name else [c for c in columns[1:] if row.text(c) == "1"]
        box = tuple(number(row, c) for c in corners) if corners and row.text(corners[0]) else None
        for label in filter(None, names):
            yield Annotation(
                file=file, name=int(label) if label.isdecimal() else label, box=box, track=row.text("track"),  # type: ignore[arg-type]
                frame=WHOLE_ITEM if frame is None else int(frame),
                time_s=math.nan if time is None or frame is not None else time,
            )  # fmt: skip

    table = read_table(path)
    yield from table.problems
    yield from _each(path, table.records, marks, "row")


FORMATS = tuple(
    LabelFormat(name=name, what=what, sniff=sniff, read=partial(_read, form=name, marks=marks, unit=unit))
    for name, what, sniff, marks, unit in (
        ("yolo", "data.yaml, its folder, or a folder of labels", _is_yolo, _yolo, "share"),
        ("imagenet-flat", "a flat folder of n02123045_12.JPEG, or a list FILE CLASS", _is_flat, _flat, "px"),
        ("voc", "PASCAL VOC: a folder of XML, or one", _is_voc, _voc, "px"),
        ("table", "CSV or Parquet of frame, label", _is_table, _table, "px"),
    )
)  # fmt: skip
