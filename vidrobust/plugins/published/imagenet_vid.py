"""ImageNet VID: one XML a frame, or a folder of them a video; boxes with track, occlusion and synset."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from vidrobust.errors import InputError
from vidrobust.footage.expand import natural_key
from vidrobust.footage.item_tables import NOT_A_CLASS, label_row
from vidrobust.footage.labels.json_file import XmlFile, begins_with
from vidrobust.footage.labels.labels import LabelFormat, Labels, rows_of
from vidrobust.footage.records import BadValueError, Problem, usable
from vidrobust.text.printable import printable

# The 30 classes of ImageNet VID, in the order of their names, which is the order of their numbers.

# fmt: off
SYNSETS = {
    "n02691156": "airplane", "n02419796": "antelope", "n02131653": "bear", "n02834778": "bicycle",
    "n01503061": "bird", "n02924116": "bus", "n02958343": "car", "n02402425": "cattle", "n02084071": "dog",
    "n02121808": "domestic_cat", "n02503517": "elephant", "n02118333": "fox", "n02510455": "giant_panda",
    "n02342885": "hamster", "n02374451": "horse", "n02129165": "lion", "n01674464": "lizard",
    "n02484322": "monkey", "n03790512": "motorcycle", "n02324045": "rabbit", "n02509815": "red_panda",
    "n02411705": "sheep", "n01726692": "snake", "n02355227": "squirrel", "n02129604": "tiger",
    "n04468005": "train", "n01662784": "turtle", "n04530566": "watercraft", "n02062744": "whale",
    "n02391049": "zebra",
}
# fmt: on

# Number -> name, as ImageNet-Vid-Robust numbers them
VID_CLASSES = dict(enumerate(SYNSETS.values()))
NUMBER_OF = {synset: number for number, synset in enumerate(SYNSETS)}


NAME = "imagenet-vid"
CORNERS = ("xmin", "ymin", "xmax", "ymax")  # By name: the files write xmax before xmin


def read(path: Path) -> Labels:
    """A frame's file, or all those of a folder. Frames are numbered by the names of their files, from 0."""
    files = (
        sorted(path.glob("*.xml"), key=lambda p: natural_key(p.name)) if path.is_dir() else [path]
    )
    if not files:
        raise InputError(f"{printable(path)}: holds no .xml file")
    rows: list[dict[str, object]] = []
    problems: list[Problem] = []
    bare = 0
    for file in files:
        try:
            objects = _objects(XmlFile(file), problems)
        except InputError as error:
            if len(files) == 1:
                raise
            problems.append(Problem(path=file, what=str(error)))
            continue
        bare += not objects
        rows += objects
    notes = (f"{bare} of {len(files)} frames hold no object",) if bare else ()
    return Labels(
        format=NAME,
        path=path,
        rows=rows_of(rows),
        classes=VID_CLASSES,
        problems=tuple(problems),
        notes=notes,
    )


def _objects(file: XmlFile, problems: list[Problem]) -> list[dict[str, object]]:
    item = file.root.findtext("folder") or file.path.parent.name
    name = file.root.findtext("filename") or file.path.stem
    if not name.isdecimal():
        problems.append(
            Problem(
                path=file.path,
                column="filename",
                what=f"expected a number, got {printable(name)!r}",
            )
        )
        return []
    rows, unusable = usable(
        file.root.iter("object"), lambda node: _row(file, node, printable(item), int(name))
    )
    problems += unusable
    return rows


def _row(file: XmlFile, element: Element, item: str, frame: int) -> dict[str, object]:
    box = element.find("bndbox")
    if box is None:
        raise BadValueError(file.problem(element, "bndbox", "is missing"))
    x1, y1, x2, y2 = (file.number(box, corner) for corner in CORNERS)
    if x1 > x2 or y1 > y2:
        raise BadValueError(
            file.problem(box, "bndbox", f"expected min <= max, got {x1} {y1} {x2} {y2}")
        )
    synset = (element.findtext("name") or "").strip()
    more = {c: element.findtext(c) or "" for c in ("occluded", "generated")}
    return label_row(
        item,
        frame=frame,
        label=NUMBER_OF.get(synset, NOT_A_CLASS),
        label_name=SYNSETS.get(synset, printable(synset)),
        box=(x1, y1, x2, y2),
        source=NAME,
        more={
            "track": (element.findtext("trackid") or "").strip(),
            "synset": printable(synset),
            **more,
            "file": f"{item}/{file.path.stem}.JPEG",
        },
    )


def _sniff(path: Path) -> bool:
    if path.is_dir():
        first = next(iter(sorted(path.glob("*.xml"))), None)
        return first is not None and begins_with(first, "annotation") and _is_of_vid(first)
    return begins_with(path, "annotation") and _is_of_vid(path)


def _is_of_vid(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(4096)
    return "<database>ILSVRC" in head or "<trackid>" in head


FORMAT = LabelFormat(
    name=NAME, what="an XML of ImageNet VID, or the folder of a video's", sniff=_sniff, read=read
)
