"""ImageNet-Vid-Robust (Shankar et al. 2019).

``pmsets.json`` names the frames about each anchor, ``labels.json`` the labels of each frame,
``class_idx_map.json`` the class of each ImageNet class.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from vidrobust.footage.item_tables import label_row
from vidrobust.footage.labels.json_file import read_json
from vidrobust.footage.labels.labels import LabelFormat, Labels, read_class_map, rows_of, sets_of
from vidrobust.footage.records import BadValueError, Problem, usable
from vidrobust.plugins.published.imagenet_vid import VID_CLASSES
from vidrobust.text.printable import printable

NAME = "imagenet-vid-robust"
FILES = ("pmsets.json", "labels.json")
KEY = re.compile(r"(?:[^/]+/)*([^/]+)/(\d+)\.[A-Za-z]+")


def read(path: Path) -> Labels:
    """The folder, or one of its files. ``file`` keeps the key of each frame; ``frame`` is the number in it."""
    folder = path if path.is_dir() else path.parent
    problems: list[Problem] = []
    labels_file, sets_file = folder / "labels.json", folder / "pmsets.json"
    rows = [
        row
        for key, labels in read_json(labels_file, dict).items()
        for row in _rows(labels_file, key, labels, problems)
    ]
    known = {str(row["file"]) for row in rows}
    members, unusable = usable(
        read_json(sets_file, dict).items(),
        lambda entry: _members(sets_file, entry[0], entry[1], known),
    )
    sets = sets_of([member for of_anchor in members for member in of_anchor])
    map_file = folder / "class_idx_map.json"
    return Labels(
        format=NAME,
        path=path,
        rows=rows_of(rows),
        classes=VID_CLASSES,
        sets=sets,
        class_map=read_class_map(map_file, len(VID_CLASSES)) if map_file.is_file() else None,
        problems=(*problems, *unusable),
        notes=_notes(sets, map_file),
    )


def frame_of(key: str) -> tuple[str, int] | None:
    """Video and frame number of a key as val/ILSVRC2015_val_00000000/000432.JPEG."""
    match = KEY.fullmatch(key)
    return None if match is None else (printable(match[1]), int(match[2]))


def _rows(path: Path, key: str, labels: object, problems: list[Problem]) -> list[dict[str, object]]:
    place = frame_of(key)
    if place is None:
        problems.append(
            Problem(path=path, column=key, what="expected a key as val/VIDEO/000000.JPEG")
        )
        return []
    if (
        not isinstance(labels, list)
        or not labels
        or not all(label in VID_CLASSES for label in labels)
    ):
        problems.append(
            Problem(path=path, column=key, what=f"expected class numbers 0 to 29, got {labels!r}")
        )
        return []
    item, frame = place
    more = {"file": printable(key)}
    return [
        label_row(item, frame=frame, label=k, label_name=VID_CLASSES[k], source=NAME, more=more)
        for k in sorted(set(labels))
    ]


def _members(
    path: Path, anchor: str, neighbours: object, known: set[str]
) -> list[tuple[str, int, int, str]]:
    """The anchor, offset 0, and the frames about it; raises BadValueError where one has no labels."""
    keys = [anchor, *(neighbours if isinstance(neighbours, list) else [None])]
    frames = []
    for key in dict.fromkeys(keys):
        place = frame_of(key) if isinstance(key, str) and printable(key) in known else None
        if place is None:
            raise BadValueError(
                Problem(path=path, column=anchor, what=f"{key!r} is no frame of labels.json")
            )
        frames.append((*place, printable(str(key))))
    item, first, _ = frames[0]
    if any(other != item for other, _, _ in frames):
        raise BadValueError(Problem(path=path, column=anchor, what="holds frames of another video"))
    return [(item, first, frame, file) for _, frame, file in frames]


def _notes(sets: pd.DataFrame, map_file: Path) -> tuple[str, ...]:
    sizes = sets.groupby(["item", "anchor"]).size() - 1
    notes = [
        f"{len(sizes)} anchors with {int(sizes.sum())} frames about them, "
        f"{int((sizes == 20).sum())} anchors have all 20, {int((sizes == 0).sum())} none"
    ]
    notes.append("frames with more blur or more occlusion than the anchor were taken out by hand")
    if not map_file.is_file():
        notes.append(f"{map_file.name} is not here: the classes of a model cannot be mapped")
    return tuple(notes)


def _sniff(path: Path) -> bool:
    folder = path if path.is_dir() else path.parent
    return (path.is_dir() or path.name in FILES) and all(
        (folder / name).is_file() for name in FILES
    )


FORMAT = LabelFormat(
    name=NAME,
    what="the folder with pmsets.json and labels.json, or one of the two",
    sniff=_sniff,
    read=read,
)
