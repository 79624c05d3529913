"""COCO of images, or with videos (CocoVID, TAO, YouTube-VIS), whose images know video and frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidrobust.errors import InputError, in_plain_words
from vidrobust.footage.item_tables import WHOLE_ITEM, label_row
from vidrobust.footage.labels.json_file import read_json
from vidrobust.footage.labels.labels import LabelFormat, Labels, rows_of
from vidrobust.footage.records import BadValueError, Problem, usable
from vidrobust.plugins.formats.box_files import MOST_FRAMES, MOST_PX
from vidrobust.shapes.mask import coco_shape
from vidrobust.shapes.shape import read_shape
from vidrobust.text.phrases import nouns
from vidrobust.text.printable import printable

NAME, IMAGES = "coco-video", "coco"
PARTS = ("videos", "images", "annotations", "categories")
# Where a data set keeps its file: Roboflow's, CVAT's
PLACES = ("_annotations.coco.json", "annotations/instances_default.json")
COCO_ATTRIBUTES = ("iscrowd", "ignore", "occluded", "truncated", "visibility", "area")
HEAD_BYTES = 2**20


def read_images(path: Path) -> Labels:
    """Boxes of a data set without videos; an image's place is its frame."""
    return read(
        path if path.is_file() else next(path / at for at in PLACES if (path / at).is_file()),
        PARTS[1:],
    )


def read(path: Path, parts: tuple[str, ...] = PARTS) -> Labels:
    """The boxes of all images; ``frame`` is frame_index (TAO, at the native rate), else frame_id, from 0.

    ``track`` is track_id or instance_id. Crowds and ignored boxes are uncertain. ``file`` is the image's
    name.
    """
    content = read_json(path, dict)
    missing = [part for part in parts if not isinstance(content.get(part), list)]
    if missing:
        raise InputError(
            f"{printable(path)}: lacks the {nouns('array', missing)}; it is no COCO file"
        )
    tables = {
        part: {
            e["id"]: e
            for e in content.get(part, [])
            if isinstance(e, dict) and isinstance(e.get("id"), int | str)
        }
        for part in (*PARTS[:2], "categories")
    }
    name = NAME if "videos" in parts else IMAGES
    rows, problems = usable(
        enumerate(content["annotations"]),
        lambda entry: _row(path, f"annotations[{entry[0]}]", entry[1], tables, name),
    )
    boxed = {row["file"] for row in rows}
    bare = sum(
        printable(str(image.get("file_name", ""))) not in boxed
        for image in tables["images"].values()
    )
    notes = [f"{bare} of {len(tables['images'])} images hold no box"] if bare else []
    return Labels(
        format=name,
        path=path,
        rows=rows_of(rows),
        classes={
            k: printable(str(c.get("name", k))) for k, c in sorted(tables["categories"].items())
        },
        problems=tuple(problems),
        notes=tuple(notes),
    )


def _row(
    path: Path,
    where: str,
    annotation: Any,
    tables: Mapping[str, Mapping[Any, Mapping[str, Any]]],
    form: str,
) -> dict[str, object]:
    if not isinstance(annotation, dict):
        raise BadValueError(Problem(path=path, column=where, what="expected an object"))
    image = _found(path, where, annotation, "image_id", tables["images"])
    size = [image[side] for side in ("width", "height") if side in image]
    if not all(isinstance(side, int | float) and 0 < side <= MOST_PX for side in size):
        what = f"expected a width and a height of more than 0 px, got {size}"
        raise BadValueError(Problem(path=path, column=f"{where}, its image", what=what))
    file = printable(str(image.get("file_name", "")))
    item, frame = file, WHOLE_ITEM
    if form == NAME:
        video = _found(path, f"{where}, its image", image, "video_id", tables["videos"])
        item = printable(str(video.get("name", annotation.get("video_id"))))
        frame = image.get("frame_index", image.get("frame_id"))
    category = _found(path, where, annotation, "category_id", tables["categories"])
    if form == NAME and (not isinstance(frame, int) or not 0 <= frame <= MOST_FRAMES):
        what = f"expected a frame_id or frame_index of its image from 0 to {MOST_FRAMES}, got {frame!r}"
        raise BadValueError(Problem(path=path, column=where, what=what))
    track = annotation.get("track_id", annotation.get("instance_id", ""))
    doubtful = bool(annotation.get("iscrowd")) or bool(annotation.get("ignore"))
    more = {c: str(annotation[c]) for c in COCO_ATTRIBUTES if c in annotation}
    if annotation.get("segmentation"):
        more["shape"] = _shape(path, where, annotation)
    return label_row(
        item,
        frame=frame,
        label=int(annotation["category_id"]),
        label_name=printable(str(category.get("name", ""))),
        box=_box(path, where, annotation),
        source=form,
        more={
            "track": printable(str(track)),
            "presence": "uncertain" if doubtful else "present",
            "file": file,
            **more,
        },
    )


def _found(
    path: Path,
    where: str,
    entry: Mapping[str, Any],
    name: str,
    table: Mapping[Any, Mapping[str, Any]],
) -> Mapping[str, Any]:
    key = entry.get(name)
    if not isinstance(key, int | str) or key not in table:
        raise BadValueError(
            Problem(path=path, column=f"{where}.{name}", what=f"{key!r} is not in the file")
        )
    return table[key]


def _box(
    path: Path, where: str, annotation: Mapping[str, Any]
) -> tuple[float, float, float, float]:
    box = annotation.get("bbox")
    # NaN and numbers beyond any picture are within no limit
    numbers = (
        isinstance(box, list)
        and len(box) == 4
        and all(isinstance(v, int | float) and abs(v) <= MOST_PX for v in box)
    )
    if not numbers or box is None or box[2] < 0 or box[3] < 0:
        what = f"expected x, y, width, height in px, the last two of 0 or more, got {box!r}"
        raise BadValueError(Problem(path=path, column=f"{where}.bbox", what=what))
    x, y, w, h = (float(v) for v in box)
    return x, y, x + w, y + h


def _shape(path: Path, where: str, annotation: Mapping[str, Any]) -> str:
    try:
        text = coco_shape(annotation)
        read_shape(text)
    except (ValueError, KeyError, TypeError) as error:
        what = f"no run lengths and no polygon: {in_plain_words(error)}"
        raise BadValueError(
            Problem(path=path, column=f"{where}.segmentation", what=what)
        ) from error
    return text


def _words(path: Path) -> bytes:
    """Start and end of a .json, which may be large; empty for other files."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return b""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(max(path.stat().st_size - HEAD_BYTES, 0))
        return head + file.read()


def _sniff(path: Path) -> bool:
    return all(word in _words(path) for word in (b'"videos"', b'"category_id"'))


def _sniff_images(path: Path) -> bool:
    if path.is_dir():
        return any((path / at).is_file() for at in PLACES)
    words = _words(path)
    return b'"category_id"' in words and b'"image_id"' in words and b'"videos"' not in words


FORMATS = (
    LabelFormat(name=NAME, what="a COCO JSON with videos", sniff=_sniff, read=read),
    LabelFormat(
        name=IMAGES,
        what="a COCO JSON of images, or its folder",
        sniff=_sniff_images,
        read=read_images,
    ),
)
