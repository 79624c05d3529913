"""YTBB-Robust (Shankar et al. 2019): anchors in YouTube-BoundingBoxes, with what the reviewers saw.

``ytbb_robustness_test_anchors_full.csv`` has the candidates (ytid, time_ms, label), ``anchor_labels.json`` the
review: good, unsure or bad, further labels, and the frame at the native rate in its key
``YTID_MS/frame-NUMBER.jpg``. The CSV swaps the labels 22 and 23 against the class list: its 22 is a car.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from vidrobust.footage.item_tables import WHOLE_ITEM, label_row
from vidrobust.footage.labels.class_map import read_class_map
from vidrobust.footage.labels.json_file import read_json
from vidrobust.footage.labels.labels import LabelFormat, Labels, rows_of
from vidrobust.footage.records import BadValueError, Problem, Record, columns_of, read_table, required, whole
from vidrobust.shown import shown

NAME = "ytbb-robust"
ANCHORS = "ytbb_robustness_test_anchors_full.csv"
REVIEW = "anchor_labels.json"
HEADER = ("ytid", "time_ms", "label")
SWAPPED = {22: 23, 23: 22}
VERDICTS = ("good", "unsure", "bad")
KEY = re.compile(r"(?:.*/)?(.{11})_(\d+)/frame-(\d+)\.jpg")
# fmt: off
CLASSES = dict(enumerate((
    "person", "bird", "bicycle", "boat", "bus", "bear", "cow", "cat", "giraffe", "potted plant", "horse",
    "motorcycle", "knife", "airplane", "skateboard", "train", "truck", "zebra", "toilet", "dog", "elephant",
    "umbrella", "none", "car",
)))
# fmt: on


@dataclass(frozen=True, kw_only=True)
class Review:
    """What reviewers said of an anchor: its frame at the native rate, the verdict, and what else they saw."""

    frame: int
    verdict: str
    seen: tuple[int, ...]


def read(path: Path) -> Labels:
    """The folder, or its CSV. One row an anchor and label; all labels of an anchor hold for its neighbours.

    Column ``review`` is good, unsure, bad, or empty where nobody looked.
    """
    folder = path if path.is_dir() else path.parent
    problems: list[Problem] = []
    reviews = _reviews(folder / REVIEW, problems) if (folder / REVIEW).is_file() else {}
    anchors = folder / ANCHORS if path.is_dir() or path.suffix != ".csv" else path
    table = read_table(anchors)
    rows: list[dict[str, object]] = []
    for record in table.records:
        try:
            rows += _rows(record, reviews)
        except BadValueError as error:
            problems.append(error.problem)
    map_file = folder / "class_idx_map.json"
    return Labels(
        format=NAME,
        path=path,
        rows=rows_of(rows),
        classes=CLASSES,
        class_map=read_class_map(map_file, len(CLASSES)) if map_file.is_file() else None,
        problems=(*table.problems, *problems),
        notes=_notes(len(table.records), reviews),
    )


def _reviews(path: Path, problems: list[Problem]) -> dict[tuple[str, int], Review]:
    """Review by (youtube id, time in ms)."""
    content = read_json(path, dict)
    names = content.get("labels", [])
    number_of = {name: number for number, name in CLASSES.items()}
    found = {}
    for place, entry in enumerate(content.get("annotations", [])):
        key = KEY.fullmatch(entry.get("key", "")) if isinstance(entry, dict) else None
        said = [names[k] for k in entry["labels"] if k in range(len(names))] if key else []
        if key is None or len(said) != len(entry["labels"]):
            what = "expected a key as YTID_MS/frame-NUMBER.jpg, and labels of the list in the file"
            problems.append(Problem(path=path, column=f"annotations[{place}]", what=what))
            continue
        verdict = next((v for v in VERDICTS if v in said), "")
        seen = tuple(number_of[name] for name in said if name in number_of)
        found[key[1], int(key[2])] = Review(frame=int(key[3]), verdict=verdict, seen=seen)
    return found


def _rows(record: Record, reviews: dict[tuple[str, int], Review]) -> list[dict[str, object]]:
    number = required(record, "label", whole)
    time_ms = required(record, "time_ms", whole)
    item = record.text("ytid")
    label = SWAPPED.get(number, number)
    if label not in CLASSES:
        raise BadValueError(record.problem("label", f"expected a class number 0 to 23, got {number}"))
    review = reviews.get((item, time_ms))
    more = {"review": review.verdict if review else ""}
    return [
        label_row(
            shown(item),
            frame=review.frame if review else WHOLE_ITEM,
            time_s=time_ms / 1000,
            label=k,
            label_name=CLASSES[k],
            source=NAME,
            more=more,
        )
        for k in dict.fromkeys((label, *(review.seen if review else ())))
    ]


def _notes(candidates: int, reviews: dict[tuple[str, int], Review]) -> tuple[str, ...]:
    count = Counter(review.verdict for review in reviews.values())
    return (
        f"{candidates} candidates, {len(reviews)} reviewed, {count['good']} of them good",
        "the labels 22 and 23 of the CSV are swapped against the class list, and are read as car and none",
        "scored are 2,030 anchors, those with reviewed neighbours, which are in a file not read here",
        "frames are counted at the native rate of each video, 7 to 30 a second",
    )


def _sniff(path: Path) -> bool:
    if path.is_dir():
        return (path / ANCHORS).is_file()
    if path.name == REVIEW:
        return (path.parent / ANCHORS).is_file()
    return path.suffix.lower() == ".csv" and path.is_file() and columns_of(path) == HEADER


FORMAT = LabelFormat(name=NAME, what=f"the folder with {ANCHORS}, or that file", sniff=_sniff, read=read)
