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
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from vidrobust.errors import InputError, in_plain_words
from vidrobust.footage.expand import IMAGE_SUFFIXES, natural_key
from vidrobust.footage.item_tables import NOT_A_CLASS, WHOLE_ITEM, label_row
from vidrobust.footage.labels.json_file import XmlFile, begins_with, read_json, with_lines
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
    found, problems = [], []
    for mark in marks(path, classes):
        if isinstance(mark, Problem):
            problems.append(mark)
        else:
            found.append(mark)
    numbers = {name: k for k, name in classes.items()}
    for name in sorted({str(m.name) for m in found if isinstance(m.name, str)} - set(numbers)):
        numbers[name] = max(numbers.values(), default=-1) + 1
    rows = []
    for mark in found:
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
                printable(mark.file), frame=mark.frame, time_s=mark.time_s, track=printable(mark.track),
                label=label, label_name=printable(name), box=box, source=form,
                more={**file, **shape, **mark.more},
            )
        )  # fmt: skip
    return Labels(
        format=form,
        path=path,
        rows=rows_of(rows),
        classes={k: printable(name) for name, k in numbers.items()},
        box_unit=unit,
        may_count_from_1=form == "table" and min((m.frame for m in found), default=0) == 1,
        problems=with_lines(problems),
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
    found = (
        [path] if path.is_file() else {file for pattern in patterns for file in path.glob(pattern)}
    )
    return sorted(found, key=lambda file: natural_key(str(file)))


# Text: YOLO's folders, KITTI's objects, lists of ImageNet


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
    found = re.search(r"^names:[ \t]*(.*(?:\n(?:[ \t]+|- ).*)*)", text, re.MULTILINE)
    body = found[1].strip() if found else ""
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
    found = _files(path, "labels/**/*.txt", "*/labels/**/*.txt", "obj_*_data/**/*.txt")
    return found or [file for file in _files(path, "*.txt") if file.name != "classes.txt"]


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


def _is_kitti(path: Path) -> bool:
    for file in _kitti_files(path) if path.is_dir() or path.suffix == ".txt" else ():
        words = file.read_text(encoding="utf-8", errors="replace").partition("\n")[0].split()
        if words:
            return len(words) in (15, 16) and not words[0][0].isdigit() and "." in words[-1]
    return False


def _kitti_files(path: Path) -> list[Path]:
    return _files(path, "label_2/*.txt", "training/label_2/*.txt") or _files(path, "*.txt")


def _kitti(path: Path, classes: dict[int, str]) -> Annotations:
    """type, truncated, occluded, alpha, box and 3D box; a file a picture."""

    def marks(file: Path, line: str) -> Iterator[Annotation]:
        kind, truncated, occluded, _, *box = line.split()[:8]
        more = {"truncated": truncated, "occluded": occluded}
        doubtful = {"presence": "uncertain"} if kind == "DontCare" else {}
        name = file.stem
        # beside it lie the pictures, and others of the same names
        if file.parent.name == "label_2":
            name = f"{file.parents[1].name}/image_2/{name}.png"
        yield Annotation(file=name, name=kind, box=tuple(map(float, box)), more=more | doubtful)

    for file in _kitti_files(path):
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
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
        found = map(LISTED.fullmatch, map(str.strip, path.read_text(encoding="utf-8").splitlines()))
        pairs = [(match[1], match[2]) for match in found if match]
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

    def marks(file: XmlFile, each: Any) -> Iterator[Annotation]:
        box = each.find("bndbox")
        hard = {"presence": "uncertain"} if each.findtext("difficult") == "1" else {}
        more = {c: each.findtext(c) for c in ("truncated", "occluded", "pose") if each.findtext(c)}
        x1, y1, x2, y2 = (file.number(box, corner) for corner in VOC_CORNERS)
        corners = (x1 - first, y1 - first, x2, y2)
        name = file.root.findtext("filename") or file.path.stem
        yield Annotation(
            file=name, name=each.findtext("name").strip(), box=corners, more=more | hard
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


# JSON: Label Studio


def _begins(path: Path, *words: bytes) -> bool:
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(1 << 16)
    return all(word in head for word in words)


def _studio(path: Path, classes: dict[int, str]) -> Annotations:
    def file_of(task: Mapping[str, Any]) -> str:
        data = task.get("data", task)
        addresses = [v for v in data.values() if isinstance(v, str)]
        # local files stand behind ?d=, a presigned address before its ?
        paths = [
            unquote(urlsplit(a).path if "?d=" not in a else a.rpartition("?d=")[2])
            for a in addresses
        ]
        named = [p for p in paths if PurePosixPath(p).suffix] or [p for p in paths if "/" in p]
        path = next(iter(named or paths), "")
        name = PurePosixPath(path).name
        return re.sub(r"^[0-9a-f]{8}-", "", name) if "/upload/" in path else name

    def corners(value: Mapping[str, float]) -> Box:
        x, y, w, h = (float(value[key]) / 100 for key in ("x", "y", "width", "height"))
        return x, y, x + w, y + h

    def result(file: str, each: Mapping[str, Any]) -> Iterator[Annotation]:
        value = each.get("value", each)
        kind = each.get(
            "type", next((k for k in value if k.endswith("labels") or k == "choices"), "")
        )
        names = value.get(kind, value.get("labels", value.get("rectanglelabels", [""])))
        name = str(names[0])
        if "sequence" in value:
            yield from video(file, name, str(each.get("id", "")), value["sequence"])
        elif "points" in value:
            yield Annotation(
                file=file, name=name, ring=[c / 100 for point in value["points"] for c in point]
            )
        else:
            yield Annotation(file=file, name=name, box=corners(value) if "width" in value else None)

    def video(
        file: str, name: str, track: str, keys: Sequence[Mapping[str, Any]]
    ) -> Iterator[Annotation]:
        for a, b in zip(keys, [*keys[1:], None], strict=True):
            last = (
                int(b["frame"]) if b is not None and a.get("enabled", True) else int(a["frame"]) + 1
            )
            for frame in range(int(a["frame"]), last):
                share = (frame - a["frame"]) / (last - a["frame"]) if b is not None else 0.0
                sides = zip(corners(a), corners(b or a), strict=True)
                box = tuple(p + share * (q - p) for p, q in sides)
                yield Annotation(file=file, name=name, box=box, track=track, frame=frame - 1)

    def task(entry: Mapping[str, Any]) -> Iterator[Annotation]:
        file = file_of(entry)
        done = entry.get("annotations", entry.get("completions"))
        found = (
            [r for a in done[:1] for r in a["result"]]
            if done is not None
            else entry.get("label", [])
        )
        for each in found:
            yield from result(file, each)

    return _each(path, read_json(path, list), task, "")


# Datumaro and LabelMe


def _datumaro_files(path: Path) -> list[Path]:
    return _files(path, "annotations/*.json")


def _is_datumaro(path: Path) -> bool:
    file = next(iter(_datumaro_files(path)), path)
    return _begins(file, b'"categories"', b'"items"') and not _begins(file, b'"images"')


def _datumaro(path: Path, classes: dict[int, str]) -> Annotations:
    """Boxes, polygons and labels of the items of every subset; frames of videos by their number."""

    def entry(each: Mapping[str, Any]) -> Iterator[Annotation]:
        video, image = each.get("video_frame"), each.get("image") or {}
        file, frame = image.get("path") or each["id"], WHOLE_ITEM
        if video is not None:
            file, frame = str(video["video_path"]), int(video["frame_index"])
        for mark in each["annotations"]:
            kind, label = mark["type"], int(mark.get("label_id") or 0)
            more = mark.get("attributes") or {}
            about_it: dict[str, Any] = {
                "file": file,
                "name": label,
                "frame": frame,
                "track": str(more.get("track_id", "")),
                "more": {"occluded": str(int(bool(more.get("occluded"))))},
            }
            if kind == "bbox":
                x, y, w, h = map(float, mark["bbox"])
                yield Annotation(**about_it, box=(x, y, x + w, y + h))
            elif kind == "polygon":
                yield Annotation(**about_it, ring=[float(value) for value in mark["points"]])
            elif kind == "label":
                yield Annotation(**about_it)

    for file in _datumaro_files(path):
        content = read_json(file, dict)
        listed = content["categories"].get("label", {}).get("labels", [])
        classes |= {number: str(each["name"]) for number, each in enumerate(listed)}
        yield from _each(file, content["items"], entry, "items")


def _labelme_files(path: Path) -> list[Path]:
    return _files(path, "*.json", "Annotations/**/*.xml", "*.xml")


def _is_labelme(path: Path) -> bool:
    file = next(iter(_labelme_files(path)), None)
    if file is None or file.suffix.lower() != ".xml":
        return file is not None and _begins(file, b'"shapes"', b'"imagePath"')
    text = file.read_bytes() if begins_with(file, "annotation") else b""
    return b"<polygon>" in text or b"<segm>" in text


def _labelme(path: Path, classes: dict[int, str]) -> Annotations:
    """Shapes of labelme's JSON, and objects of the older LabelMe's XML, a file a picture."""

    def shape(file: str, each: Mapping[str, Any]) -> Iterator[Annotation]:
        points = [(float(x), float(y)) for x, y in each["points"]]
        flat = [value for point in points for value in point]
        group = each.get("group_id")
        given: dict[str, Any] = {
            "file": file,
            "name": each["label"],
            "track": "" if group is None else str(group),
        }
        kind = each.get("shape_type") or "polygon"
        if kind == "circle":  # its centre, and a point on it
            (x, y), (far_x, far_y) = points
            radius = math.hypot(far_x - x, far_y - y)
            yield Annotation(**given, box=(x - radius, y - radius, x + radius, y + radius))
        elif kind in ("rectangle", "mask"):
            yield Annotation(**given, box=about(np.array(flat)))
        elif kind == "polygon":
            yield Annotation(**given, ring=flat)

    def element(file: XmlFile, each: Any) -> Iterator[Annotation]:
        if each.findtext("deleted") == "1":
            return
        folder, name = (file.root.findtext(key, "").strip() for key in ("folder", "filename"))
        given: dict[str, Any] = {
            "file": f"{folder}/{name}" if folder else name,
            "name": each.findtext("name", "").strip(),
            "more": {"occluded": str(int(each.findtext("occluded") == "yes"))},
        }
        box = each.find("segm/box")
        if box is not None:
            x1, y1, x2, y2 = (file.number(box, corner) for corner in VOC_CORNERS)
            yield Annotation(**given, box=(x1, y1, x2, y2))
        else:
            points = each.iterfind("polygon/pt")
            yield Annotation(**given, ring=[file.number(p, c) for p in points for c in ("x", "y")])

    for file in _labelme_files(path):
        if file.suffix.lower() == ".xml":
            xml = XmlFile(file)
            yield from _each(file, xml.root.iter("object"), partial(element, xml), "object")
            continue
        content = read_json(file, dict)
        name = PureWindowsPath(str(content["imagePath"])).name
        yield from (
            Annotation(file=name, name=flag)
            for flag, on in (content.get("flags") or {}).items()
            if on
        )
        yield from _each(file, content["shapes"], partial(shape, name), "shapes")


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
    name = next((each for each in NAMES if each in columns), None)
    picture = next((each for each in PICTURES if each in columns), None)
    corners = next((c for c in (CORNERS, VOC_CORNERS) if set(c) <= set(columns)), None)

    def marks(row: Any) -> Iterator[Annotation]:
        file = row.text(picture) if picture else row.text("item")
        frame, time = number(row, "frame") if not picture else None, number(row, "time_s")
        names = [row.text(name)] if name else [c for c in columns[1:] if row.text(c) == "1"]
        box = tuple(number(row, c) for c in corners) if corners and row.text(corners[0]) else None
        for each in filter(None, names):
            yield Annotation(
                file=file, name=int(each) if each.isdecimal() else each, box=box, track=row.text("track"),  # type: ignore[arg-type]
                frame=WHOLE_ITEM if frame is None else int(frame),
                time_s=math.nan if time is None or frame is not None else time,
            )  # fmt: skip

    table = read_table(path)
    yield from table.problems
    yield from _each(path, table.records, marks, "row")


FORMATS = tuple(
    LabelFormat(name=name, what=what, sniff=sniff, read=partial(_read, form=name, marks=marks, unit=unit))
    for name, what, sniff, marks, unit in (
        ("kitti-objects", "KITTI's label_2, or the folder above", _is_kitti, _kitti, "px"),
        ("yolo", "data.yaml, its folder, or a folder of labels", _is_yolo, _yolo, "share"),
        ("imagenet-flat", "a flat folder of n02123045_12.JPEG, or a list FILE CLASS", _is_flat, _flat, "px"),
        ("voc", "PASCAL VOC: a folder of XML, or one", _is_voc, _voc, "px"),
        ("label-studio", "a JSON export of Label Studio",
         lambda p: _begins(p, b'"data"', b'"annotations"', b'"result"') or _begins(p, b'"original_width"'),
         _studio, "share"),
        ("datumaro", "Datumaro's folder of annotations, or one of its files", _is_datumaro, _datumaro, "px"),
        ("labelme", "JSON of labelme, or XML of LabelMe: a folder, or one", _is_labelme, _labelme, "px"),
        ("table", "CSV or Parquet of frame, label", _is_table, _table, "px"),
    )
)  # fmt: skip
