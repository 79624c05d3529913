"""CVAT XML for video: tracks of boxes and polygons; ``outside`` says that the object is not to be seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from vidrobust.errors import InputError
from vidrobust.footage.item_tables import NOT_A_CLASS, label_row
from vidrobust.footage.labels.json_file import XmlFile, begins_with
from vidrobust.footage.labels.labels import LabelFormat, Labels, rows_of
from vidrobust.footage.records import BadValueError, Problem
from vidrobust.shapes.polygon import about, polygon_text
from vidrobust.text.printable import printable

NAME = "cvat-video"
CORNERS = ("xtl", "ytl", "xbr", "ybr")
KEPT = ("occluded", "keyframe", "z_order")


def read(path: Path) -> Labels:
    """The boxes of all tracks. ``frame`` is the number in the file, that of the video from 0; times are not known.

    A box that is ``outside`` is absent. Columns behind: occluded, keyframe, z_order, and each attribute; of a
    polygon, which is the box about it, also shape. Points, lines and masks are counted in the notes. Raises
    InputError for CVAT XML of images.
    """
    file = XmlFile(path)
    tracks = file.root.findall("track")
    if not tracks:
        raise InputError(f"{printable(path)}: holds no track; export the task as CVAT for video")
    names = [name.text or "" for name in file.root.iterfind("meta//labels/label/name")]
    names = list(dict.fromkeys([*names, *(t.get("label", "") for t in tracks)]))
    number_of = {name: place for place, name in enumerate(names)}
    item = printable(Path(file.root.findtext("meta/source") or path.stem).stem)
    rows: list[dict[str, object]] = []
    problems: list[Problem] = []
    other: Counter[str] = Counter()
    for track in tracks:
        other.update(shape.tag for shape in track if shape.tag not in ("box", "polygon"))
        for box in (shape for shape in track if shape.tag in ("box", "polygon")):
            try:
                rows.append(_row(file, track, box, item, number_of))
            except BadValueError as error:
                problems.append(error.problem)
    left = ", ".join(f"{count} {tag}" for tag, count in sorted(other.items()))
    notes = (f"shapes that are no boxes and no polygons are left out: {left}",) if left else ()
    return Labels(
        format=NAME,
        path=path,
        rows=rows_of(rows),
        classes={place: printable(name) for name, place in number_of.items()},
        problems=tuple(problems),
        notes=notes,
    )


def _row(
    file: XmlFile, track: Element, box: Element, item: str, number_of: Mapping[str, int]
) -> dict[str, object]:
    frame = file.number(box, "frame")
    if frame < 0 or frame != int(frame):
        raise BadValueError(file.problem(box, "frame", f"expected a frame number, got {frame:g}"))
    ring = _ring(file, box) if box.tag == "polygon" else None
    x1, y1, x2, y2 = about(ring) if ring is not None else (file.number(box, corner) for corner in CORNERS)
    if x1 > x2 or y1 > y2:
        raise BadValueError(file.problem(box, "xtl, ytl, xbr, ybr", f"turned round: {x1} {y1} {x2} {y2}"))
    name = track.get("label", "")
    attributes = {printable(a.get("name", "")): printable(a.text or "") for a in box.iterfind("attribute")}
    presence = "absent" if box.get("outside") == "1" else "present"
    return label_row(
        item,
        frame=int(frame),
        track=printable(track.get("id", "")),
        label=number_of.get(name, NOT_A_CLASS),
        label_name=printable(name),
        box=(x1, y1, x2, y2),
        source=NAME,
        more={
            "presence": presence,
            **{c: box.get(c, "") for c in KEPT},
            **({} if ring is None else {"shape": polygon_text(ring)}),
            **attributes,
        },
    )


def _ring(file: XmlFile, polygon: Element) -> np.ndarray:
    """Its points "x,y;x,y;...": x, y, x, y ..."""
    text = polygon.get("points", "")
    try:
        points = np.array([point.split(",") for point in text.split(";")], np.float64)
    except ValueError as error:
        raise BadValueError(file.problem(polygon, "points", f"expected x,y;x,y;..., got {text!r}")) from error
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        raise BadValueError(file.problem(polygon, "points", f"expected three corners or more, got {text!r}"))
    return points.ravel()


FORMAT = LabelFormat(
    name=NAME,
    what="CVAT XML 1.1 for video",
    sniff=lambda path: begins_with(path, "annotations"),
    read=read,
)
