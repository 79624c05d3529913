"""CVAT XML: of video, tracks with boxes and polygons, ``outside`` where hidden; of images, their shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePath
from xml.etree.ElementTree import Element

import numpy as np

from vidrobust.errors import InputError
from vidrobust.footage.item_tables import NOT_A_CLASS, WHOLE_ITEM, label_row
from vidrobust.footage.labels.json_file import XmlFile, begins_with
from vidrobust.footage.labels.labels import LabelFormat, Labels, rows_of
from vidrobust.footage.records import BadValueError, usable
from vidrobust.shapes.mask import about, polygon_text
from vidrobust.text.printable import printable

NAME, IMAGES = "cvat-video", "cvat-images"
CORNERS = ("xtl", "ytl", "xbr", "ybr")
CVAT_ATTRIBUTES = ("occluded", "keyframe", "z_order")


def read(path: Path) -> Labels:
    """The boxes of all tracks."""
    file = XmlFile(path)
    tracks = file.root.findall("track")
    images = [] if tracks else file.root.findall("image")
    if not tracks and not images:
        raise InputError(f"{printable(path)}: holds no track and no image")
    names = [name.text or "" for name in file.root.iterfind("meta//labels/label/name")]
    names += [tag.get("label", "") for of in (*tracks, *images) for tag in (of, *of)]
    names = list(dict.fromkeys(filter(None, names)))
    number_of = {name: place for place, name in enumerate(names)}
    # exports name the video in their meta data, the older ones below the task; without it the file speaks
    # of the only source
    source = file.root.findtext("meta//source") or ("" if path.stem == "annotations" else path.stem)
    item = printable(PurePath(source).stem)
    kinds = ("box", "polygon") if tracks else ("box", "polygon", "tag")
    shapes = [(track, shape) for track in (*tracks, *images) for shape in track]
    other = Counter(shape.tag for _, shape in shapes if shape.tag not in kinds)

    def row(pair: tuple[Element, Element]) -> dict[str, object]:
        track, shape = pair
        name = printable(track.get("name", "")) if images else item
        return _row(file, shape if images else track, shape, name, number_of)

    rows, problems = usable([pair for pair in shapes if pair[1].tag in kinds], row)
    left = ", ".join(f"{count} {tag}" for tag, count in sorted(other.items()))
    notes = (f"shapes that are no boxes and no polygons are left out: {left}",) if left else ()
    return Labels(
        format=IMAGES if images else NAME,
        path=path,
        rows=rows_of(rows),
        classes={place: printable(name) for name, place in number_of.items()},
        problems=tuple(problems),
        notes=notes,
    )


def _row(
    file: XmlFile, track: Element, box: Element, item: str, number_of: Mapping[str, int]
) -> dict[str, object]:
    frame = WHOLE_ITEM if track is box else file.number(box, "frame")
    if frame != int(frame) or (frame < 0 and track is not box):
        raise BadValueError(file.problem(box, "frame", f"expected a frame number, got {frame:g}"))
    ring = _ring(file, box) if box.tag == "polygon" else None
    corners = None if box.tag == "tag" else about(ring) if ring is not None else _corners(file, box)
    name = track.get("label", "")
    attributes = {
        printable(a.get("name", "")): printable(a.text or "") for a in box.iterfind("attribute")
    }
    presence = "absent" if box.get("outside") == "1" else "present"
    return label_row(
        item,
        frame=int(frame),
        label=number_of.get(name, NOT_A_CLASS),
        label_name=printable(name),
        box=corners,
        source=IMAGES if track is box else NAME,
        more={
            "track": printable(track.get("id", "")),
            "presence": presence,
            **({"file": item} if track is box else {}),
            **{c: box.get(c, "") for c in CVAT_ATTRIBUTES},
            **({} if ring is None else {"shape": polygon_text(ring)}),
            **attributes,
        },
    )


def _corners(file: XmlFile, box: Element) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (file.number(box, corner) for corner in CORNERS)
    if x1 > x2 or y1 > y2:
        raise BadValueError(
            file.problem(box, "xtl, ytl, xbr, ybr", f"turned round: {x1} {y1} {x2} {y2}")
        )
    return x1, y1, x2, y2


def _ring(file: XmlFile, polygon: Element) -> np.ndarray:
    text = polygon.get("points", "")
    try:
        points = np.array([point.split(",") for point in text.split(";")], np.float64)
    except ValueError as error:
        raise BadValueError(
            file.problem(polygon, "points", f"expected x,y;x,y;..., got {text!r}")
        ) from error
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        raise BadValueError(
            file.problem(polygon, "points", f"expected three corners or more, got {text!r}")
        )
    return points.ravel()


def _is_of_video(path: Path) -> bool:
    text = path.read_bytes()
    track, image = text.find(b"<track"), text.find(b"<image")
    return image < 0 or 0 <= track < image


FORMATS = (
    LabelFormat(
        name=NAME,
        what="CVAT XML 1.1 for video",
        sniff=lambda path: begins_with(path, "annotations") and _is_of_video(path),
        read=read,
    ),
    LabelFormat(
        name=IMAGES,
        what="CVAT XML 1.1 for images",
        sniff=lambda path: begins_with(path, "annotations") and not _is_of_video(path),
        read=read,
    ),
)
