"""YTBB-Robust (Shankar et al. 2019): anchors in YouTube-BoundingBoxes with their review.

``ytbb_robustness_test_anchors_full.csv`` has the candidates (ytid, time_ms, label), ``anchor_labels.json``
their review, ``pmk_labels.json`` that of the frames about them. The CSV swaps labels 22 and 23 against the
class list: its 22 is a car.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vidrobust.footage.item_tables import WHOLE_ITEM, label_row
from vidrobust.footage.labels.json_file import read_json
from vidrobust.footage.labels.labels import LabelFormat, Labels, read_class_map, rows_of, sets_of
from vidrobust.footage.records import (
    BadValueError,
    Problem,
    Record,
    columns_of,
    read_table,
    required,
    usable,
    whole,
)
from vidrobust.plugins.published.ytbb import CLASSES
from vidrobust.text.printable import printable

# The review of YTBB-Robust: which anchors are good, what is on them, and which frames about them are similar.
#
# Two JSON files of one form, an array ``labels`` of names and an array ``annotations`` of objects with ``key`` and
# ``labels``, numbers into the first. Of ``anchor_labels.json`` a key is ANCHOR, of ``pmk_labels.json`` it is
# ANCHOR,FRAME, each as YTID_MS/frame-NUMBER.jpg. A key that comes twice holds as it stands the last time.

KEY = re.compile(r"(?:.*/)?(.{11})_(\d+)/frame-(\d+)\.jpg")
# Of an anchor, the worst first: one that is good and unsure at once is unsure
VERDICTS = ("bad", "unsure", "good")
SIMILAR, BAD_ANCHOR = "similar", "bad-anchor"
# What takes a frame out although it was called similar (``load_pmk_annotations`` of the authors)
DISSIMILAR = frozenset(
    {
        *(
            "dissimilar",
            "problematic",
            "incorrect",
            "dont know",
            "deformation",
            "background-change",
        ),
        *("occlusion-increased", "blur-increase", BAD_ANCHOR),
    }
)


@dataclass(frozen=True, kw_only=True)
class AnchorPlace:
    """A frame as its key says it: video, time of the anchor in ms, number at the native rate."""

    video: str
    time_ms: int
    frame: int

    @property
    def file(self) -> str:
        return f"{self.video}_{self.time_ms}/frame-{self.frame}.jpg"


@dataclass(frozen=True, kw_only=True)
class Review:
    """What reviewers said of an anchor: its place, the verdict ("" where there is none), what else they saw."""

    place: AnchorPlace
    verdict: str
    seen: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NearbyFrames:
    """The frames about each anchor that are similar to it, and the anchors found bad on the way; by files."""

    similar: Mapping[str, frozenset[int]]
    bad: frozenset[str]


def read_reviews(path: Path, problems: list[Problem]) -> dict[tuple[str, int], Review]:
    """The review of the anchors, by video and time in ms."""
    reviews = {}
    for key, names in _annotations(path, 1, problems):
        verdict = next((v for v in VERDICTS if v in names), "")
        seen = tuple(name for name in names if name not in VERDICTS)
        reviews[key[0].video, key[0].time_ms] = Review(place=key[0], verdict=verdict, seen=seen)
    return reviews


def read_neighbours(path: Path, problems: list[Problem]) -> NearbyFrames:
    """Reviews of the frames about the anchors; those merely similar count."""
    last = {(key[0].file, key[1].frame): set(tags) for key, tags in _annotations(path, 2, problems)}
    similar: dict[str, set[int]] = {}
    for (anchor, frame), names in last.items():
        if SIMILAR in names and not names & DISSIMILAR:
            similar.setdefault(anchor, set()).add(frame)
    bad = frozenset(anchor for (anchor, _), tags in last.items() if BAD_ANCHOR in tags)
    return NearbyFrames(
        similar={a: frozenset(f) for a, f in similar.items() if a not in bad}, bad=bad
    )


def _annotations(
    path: Path, keys: int, problems: list[Problem]
) -> Iterator[tuple[tuple[AnchorPlace, ...], tuple[str, ...]]]:
    """The places in each key, ``keys`` of them, and the names that were ticked."""
    content = read_json(path, dict)
    names = content.get("labels", [])
    for place, entry in enumerate(content.get("annotations", [])):
        text = entry.get("key", "") if isinstance(entry, dict) else ""
        places = tuple(_place(part) for part in str(text).split(","))
        ticked = entry.get("labels", []) if isinstance(entry, dict) else []
        tags = tuple(str(names[k]) for k in ticked if isinstance(k, int) and 0 <= k < len(names))
        good = tuple(one for one in places if one is not None)
        if len(good) != keys or len(places) != keys or len(tags) != len(ticked):
            form = ",".join(["YTID_MS/frame-NUMBER.jpg"] * keys)
            what = f"expected a key as {form}, and labels of the list in the file"
            problems.append(Problem(path=path, column=f"annotations[{place}]", what=what))
            continue
        yield good, tags


def _place(text: str) -> AnchorPlace | None:
    match = KEY.fullmatch(text)
    return match and AnchorPlace(
        video=printable(match[1]), time_ms=int(match[2]), frame=int(match[3])
    )


NAME = "ytbb-robust"
ANCHORS = "ytbb_robustness_test_anchors_full.csv"
REVIEW = "anchor_labels.json"
NEIGHBOURS = "pmk_labels.json"
HEADER = ("ytid", "time_ms", "label")
SWAPPED = {22: 23, 23: 22}
# Frames about an anchor on either side
WITHIN = 10
NUMBER_OF = {name: number for number, name in CLASSES.items()}

Reviews = Mapping[tuple[str, int], Review]


def read(path: Path) -> Labels:
    """The folder, or one of its files."""
    folder = path if path.is_dir() else path.parent
    problems: list[Problem] = []
    reviews = read_reviews(folder / REVIEW, problems) if (folder / REVIEW).is_file() else {}
    about = (
        read_neighbours(folder / NEIGHBOURS, problems) if (folder / NEIGHBOURS).is_file() else None
    )
    anchors = folder / ANCHORS if path.is_dir() or path.suffix != ".csv" else path
    table = read_table(anchors)
    of_records, unusable = usable(table.records, lambda record: _rows(record, reviews))
    rows = [row for of_record in of_records for row in of_record]
    labelled = {(str(row["item"]), int(str(row["frame"]))) for row in rows}
    sets = _sets(reviews, about, labelled)
    map_file = folder / "class_idx_map.json"
    return Labels(
        format=NAME,
        path=path,
        rows=rows_of(rows),
        classes=CLASSES,
        sets=sets,
        judged_by="anchor",
        class_map=read_class_map(map_file, len(CLASSES)) if map_file.is_file() else None,
        problems=(*table.problems, *problems, *unusable),
        notes=_notes(len(table.records), reviews, about, sets),
    )


def _sets(
    reviews: Reviews, about: NearbyFrames | None, labelled: set[tuple[str, int]]
) -> pd.DataFrame:
    """The good anchors that are labelled, and the frames about them."""
    members: list[tuple[str, int, int, str]] = []
    for review in reviews.values():
        anchor = review.place
        is_good = review.verdict == "good" and (about is None or anchor.file not in about.bad)
        if not is_good or (anchor.video, anchor.frame) not in labelled:
            continue
        near = range(max(0, anchor.frame - WITHIN), anchor.frame + WITHIN + 1)
        similar = near if about is None else about.similar.get(anchor.file, frozenset())
        for frame in (anchor.frame, *(f for f in near if f != anchor.frame and f in similar)):
            file = AnchorPlace(video=anchor.video, time_ms=anchor.time_ms, frame=frame).file
            members.append((anchor.video, anchor.frame, frame, file))
    return sets_of(members)


def _rows(record: Record, reviews: Reviews) -> list[dict[str, object]]:
    number = required(record, "label", whole)
    time_ms = required(record, "time_ms", whole)
    item = printable(record.text("ytid"))
    label = SWAPPED.get(number, number)
    if label not in CLASSES:
        raise BadValueError(
            record.problem("label", f"expected a class number 0 to 23, got {number}")
        )
    review = reviews.get((item, time_ms))
    seen = () if review is None else (NUMBER_OF[name] for name in review.seen if name in NUMBER_OF)
    more = {"review": review.verdict if review else "", "file": review.place.file if review else ""}
    return [
        label_row(
            item,
            frame=review.place.frame if review else WHOLE_ITEM,
            time_s=time_ms / 1000,
            label=k,
            label_name=CLASSES[k],
            source=NAME,
            more=more,
        )
        for k in dict.fromkeys((label, *seen))
    ]


def _notes(
    candidates: int, reviews: Reviews, about: NearbyFrames | None, sets: pd.DataFrame
) -> tuple[str, ...]:
    count = Counter(review.verdict for review in reviews.values())
    notes = [
        f"{candidates} candidates, {len(reviews)} reviewed, {count['good']} of them good",
        "the labels 22 and 23 of the CSV are swapped against the class list, and are read as car and none",
        "frames are counted at the native rate of each video, 7 to 30 a second",
    ]
    if about is not None:
        anchors = int((sets["offset"] == 0).sum())
        notes.append(
            f"scored are {anchors} anchors with {len(sets) - anchors} similar frames about them"
        )
    elif reviews:
        notes.append(
            f"{NEIGHBOURS} is not here: all frames within {WITHIN} of a good anchor count, and not those alone "
            "that people found similar, by which 2,030 anchors are scored"
        )
    return tuple(notes)


def _sniff(path: Path) -> bool:
    if path.is_dir():
        return (path / ANCHORS).is_file()
    if path.name in (REVIEW, NEIGHBOURS):
        return (path.parent / ANCHORS).is_file()
    return path.suffix.lower() == ".csv" and path.is_file() and columns_of(path) == HEADER


FORMAT = LabelFormat(
    name=NAME, what=f"the folder with {ANCHORS}, or one of its files", sniff=_sniff, read=read
)
