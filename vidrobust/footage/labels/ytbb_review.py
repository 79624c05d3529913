"""The review of YTBB-Robust: which anchors are good, what is on them, and which frames about them are similar.

Two JSON files of one form, an array ``labels`` of names and an array ``annotations`` of objects with ``key`` and
``labels``, numbers into the first. Of ``anchor_labels.json`` a key is ANCHOR, of ``pmk_labels.json`` it is
ANCHOR,FRAME, each as YTID_MS/frame-NUMBER.jpg. A key that comes twice holds as it stands the last time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vidrobust.footage.labels.json_file import read_json
from vidrobust.footage.records import Problem
from vidrobust.text.printable import printable

KEY = re.compile(r"(?:.*/)?(.{11})_(\d+)/frame-(\d+)\.jpg")
VERDICTS = ("bad", "unsure", "good")
"""Of an anchor, the worst first: one that is good and unsure at once is unsure."""
SIMILAR, BAD_ANCHOR = "similar", "bad-anchor"
DISSIMILAR = frozenset(
    {
        *("dissimilar", "problematic", "incorrect", "dont know", "deformation", "background-change"),
        *("occlusion-increased", "blur-increase", BAD_ANCHOR),
    }
)
"""What takes a frame out although it was called similar (``load_pmk_annotations`` of the authors)."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A frame as its key says it: video, time of the anchor in ms, number at the native rate."""

    video: str
    time_ms: int
    frame: int

    @property
    def file(self) -> str:
        """The key without what stands before it."""
        return f"{self.video}_{self.time_ms}/frame-{self.frame}.jpg"


@dataclass(frozen=True, kw_only=True)
class Review:
    """What reviewers said of an anchor: its place, the verdict ("" where there is none), what else they saw."""

    place: Place
    verdict: str
    seen: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The frames about each anchor that are similar to it, and the anchors found bad on the way; by files."""

    similar: Mapping[str, frozenset[int]]
    bad: frozenset[str]


def read_reviews(path: Path, problems: list[Problem]) -> dict[tuple[str, int], Review]:
    """The review of the anchors, by video and time in ms."""
    found = {}
    for key, said in _annotations(path, 1, problems):
        verdict = next((v for v in VERDICTS if v in said), "")
        seen = tuple(name for name in said if name not in VERDICTS)
        found[key[0].video, key[0].time_ms] = Review(place=key[0], verdict=verdict, seen=seen)
    return found


def read_neighbours(path: Path, problems: list[Problem]) -> Neighbours:
    """The review of the frames about the anchors; those count that are similar, and nothing worse."""
    last = {(key[0].file, key[1].frame): set(said) for key, said in _annotations(path, 2, problems)}
    similar: dict[str, set[int]] = {}
    for (anchor, frame), said in last.items():
        if SIMILAR in said and not said & DISSIMILAR:
            similar.setdefault(anchor, set()).add(frame)
    bad = frozenset(anchor for (anchor, _), said in last.items() if BAD_ANCHOR in said)
    return Neighbours(similar={a: frozenset(f) for a, f in similar.items() if a not in bad}, bad=bad)


def _annotations(
    path: Path, keys: int, problems: list[Problem]
) -> Iterator[tuple[tuple[Place, ...], tuple[str, ...]]]:
    """The places in each key, ``keys`` of them, and the names that were ticked."""
    content = read_json(path, dict)
    names = content.get("labels", [])
    for place, entry in enumerate(content.get("annotations", [])):
        text = entry.get("key", "") if isinstance(entry, dict) else ""
        places = tuple(_place(part) for part in str(text).split(","))
        ticked = entry.get("labels", []) if isinstance(entry, dict) else []
        said = tuple(str(names[k]) for k in ticked if isinstance(k, int) and 0 <= k < len(names))
        good = tuple(each for each in places if each is not None)
        if len(good) != keys or len(places) != keys or len(said) != len(ticked):
            form = ",".join(["YTID_MS/frame-NUMBER.jpg"] * keys)
            what = f"expected a key as {form}, and labels of the list in the file"
            problems.append(Problem(path=path, column=f"annotations[{place}]", what=what))
            continue
        yield good, said


def _place(text: str) -> Place | None:
    match = KEY.fullmatch(text)
    return match and Place(video=printable(match[1]), time_ms=int(match[2]), frame=int(match[3]))
