"""Labels brought onto footage: names to items, times to frames, shares to pixels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, ModelError
from vidrobust.footage.expand import IMAGE_SUFFIXES, images_in
from vidrobust.footage.item import BEFORE, Item, on_clip
from vidrobust.footage.item_tables import WHOLE_ITEM
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable

# Image files that labels name, as frames of folders of images.


class FrameFiles:
    """Finds VIDEO/000432.JPEG among items that are folders of images, by the end of the folder's path.

    A folder may lack frames of a video, so the file's name counts and not its place.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._folders: dict[str, list[Item]] = {}
        self._numbers: dict[Path, dict[str, int]] = {}
        for item in items:
            if item.path.is_dir():
                for end in dict.fromkeys([item.name, *ends_of(item.path)]):
                    self._folders.setdefault(end, []).append(item)

    def __len__(self) -> int:
        return len(self._folders)

    def find(self, file: str, *, anywhere: bool = False) -> list[tuple[str, int]] | None:
        """Return items and frame numbers, several where windows of a folder are items."""
        path = PurePosixPath(file)
        folder = path.parts[:-1] if path.suffix.lower() in IMAGE_SUFFIXES else ()
        for start in range(len(folder)):
            items = self._folders.get("/".join(folder[start:]).lstrip("/"))
            if items:
                placed = [(item.name, self._place(path, item)) for item in items]
                return [(name, place) for name, place in placed if place is not None]
        if anywhere:
            every = {item.name: item for of in self._folders.values() for item in of}.values()
            held = [
                (item, place) for item in every if (place := self._place(path, item)) is not None
            ]
            if len({item.path for item, _ in held}) == 1:
                return [(item.name, place) for item, place in held]
        return None

    def _place(self, path: PurePosixPath, item: Item) -> int | None:
        numbers = self._of(item.path)
        return numbers.get(path.name, numbers.get(path.stem))

    def _of(self, folder: Path) -> dict[str, int]:
        if folder not in self._numbers:
            files = images_in(folder)
            stems = {printable(path.stem): number for number, path in enumerate(files)}
            self._numbers[folder] = stems | {
                printable(path.name): n for n, path in enumerate(files)
            }
        return self._numbers[folder]


def ends_of(path: Path) -> list[str]:
    """The ends of a path, the shortest first: clip, b/clip, a/b/clip ..."""
    parts = Path(printable(path)).parts
    return ["/".join(parts[-depth:]).lstrip("/") for depth in range(1, len(parts) + 1)]


# CLIP_000012.jpg, CLIP-12.png, CLIP/frame_000012.jpg, and Roboflow's CLIP_mp4-12_jpg.rf.0a1b2c.jpg
_EXTRACTED = re.compile(
    r"(?P<clip>.*?)(?:_(?:mp4|mov|avi|mkv|webm|m4v))?[-_. ]?(?:frame|img|image)?[-_. ]?(?P<frame>\d+)"
    r"(?:_(?:jpg|jpeg|png|bmp|webp))?(?:\.rf\.[0-9A-Za-z]+)?",
    re.IGNORECASE,
)


def extracted_from(file: str) -> tuple[str, int] | None:
    """Return the video that the name of an extracted frame speaks of, "" for none, and its number.

    >>> extracted_from("line4_mp4-0012_jpg.rf.0a1b2c.jpg")
    ('line4', 12)
    """
    path = PurePosixPath(file)
    stem = path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name
    match = _EXTRACTED.fullmatch(stem)
    if match is None:
        return None
    clip = match["clip"].rstrip("-_. ")
    return clip or path.parent.name, int(match["frame"])


BOX = ("x1", "y1", "x2", "y2")


@dataclass(frozen=True, kw_only=True)
class MatchedLabels:
    """Labels of the items at hand."""

    rows: pd.DataFrame  # the table ``labels`` with the names of the items
    without: tuple[str, ...]  # names in the labels without an item
    unlabelled: tuple[str, ...]  # names of items without a label
    missing: int  # rows whose image a known folder lacks
    first_extracted: int | None = None  # lowest number in names of frames extracted from videos


def on_items(rows: pd.DataFrame, items: Iterable[Item]) -> MatchedLabels:
    """Match labels to items by name, file, folder, or the ends of the path."""
    all_items = list(items)
    rows = rows.reset_index(drop=True)
    by_file, known = _by_file(rows, all_items)
    named: dict[str, list[str]] = {}
    for item in all_items:
        for key in _keys(item):
            named.setdefault(key, []).append(item.name)
    open_ = rows[~known]
    places = open_.groupby("item", sort=False).indices
    items_of = {
        label: next((named[key] for key in _tails(label) if key in named), []) for label in places
    }
    if "" in items_of and len(all_items) == 1:  # a file that names no input is about the only one
        items_of[""] = [all_items[0].name]
    numbers = _on_videos(open_, items_of, named, all_items)
    open_ = open_.assign(frame=open_["item"].map(numbers).fillna(open_["frame"]).astype(np.int64))
    offset = {item.name: item.label_offset for item in all_items}
    parts = [
        on_clip(open_.iloc[places[label]].assign(item=name), offset[name], name)
        for label, names in items_of.items()
        for name in names
    ]
    joined = pd.concat([by_file, *parts], ignore_index=True)
    have = set(joined["item"])
    return MatchedLabels(
        rows=joined,
        without=tuple(label for label, names in items_of.items() if not names),
        unlabelled=tuple(item.name for item in all_items if item.name not in have),
        missing=int(known.sum()) - by_file.index.nunique(),
        first_extracted=min(numbers.values(), default=None),
    )


def _on_videos(
    rows: pd.DataFrame,
    found: dict[str, list[str]],
    named: Mapping[str, list[str]],
    items: Sequence[Item],
) -> dict[str, int]:
    """Frame of labels of images that were extracted from videos; ``found`` learns whose they are."""
    videos = {item.name for item in items if not item.path.is_dir()}
    untimed = rows["time_s"].isna() if "time_s" in rows else True
    whole = set(rows.loc[(rows["frame"] == WHOLE_ITEM) & untimed, "item"])
    numbers = {}
    for label in whole & {label for label, names in found.items() if not names}:
        extracted = extracted_from(label)
        if extracted is None:
            continue
        clip, frame = extracted
        holders = next((named[key] for key in _tails(clip) if key in named), [])
        if not holders and not clip and len(items) == 1:
            holders = [items[0].name]
        holders = [name for name in holders if name in videos]
        if holders:
            found[label], numbers[label] = holders, frame
    return numbers


def _by_file(rows: pd.DataFrame, items: Sequence[Item]) -> tuple[pd.DataFrame, np.ndarray]:
    files = FrameFiles(items)
    known = np.zeros(len(rows), bool)
    if not len(files) or "file" not in rows:
        return rows.iloc[:0], known
    named = rows[["file", "item"]].dropna().drop_duplicates("file").to_numpy()
    places = {file: files.find(file, anywhere=file == item) for file, item in named if file}
    placed: list[tuple[int, str, int]] = []
    for row, file in enumerate(rows["file"]):
        at = places.get(file)
        known[row] = at is not None
        placed += [(row, name, frame) for name, frame in at or ()]
    table = rows.loc[[row for row, _, _ in placed]]
    table = table.assign(
        item=[name for _, name, _ in placed], frame=[frame for _, _, frame in placed]
    )
    return table, known


def sets_on_items(sets: pd.DataFrame, items: Iterable[Item]) -> tuple[pd.DataFrame, int]:
    """Return anchors and their frames as frames of the footage, and how many are missing."""
    wanted = sets.assign(named=sets["item"])
    there = on_items(wanted, items).rows
    keys = ["named", "anchor", "item"]
    anchors = there.loc[there["offset"] == 0, [*keys, "frame"]].rename(columns={"frame": "place"})
    placed = there.merge(anchors, on=keys)
    asked = wanted.merge(anchors[["named", "anchor"]].drop_duplicates(), on=["named", "anchor"])
    got = placed.drop_duplicates(["named", "anchor", "offset"])
    table = placed.drop(columns=["anchor", "named"]).rename(columns={"place": "anchor"})
    return table[list(sets.columns)].reset_index(drop=True), len(asked) - len(got)


def at_frames(rows: pd.DataFrame, time_s: np.ndarray) -> pd.DataFrame:
    """Return the rows of one item with the frame shown at their time, by its time stamps."""
    rows = rows.copy()
    counted = (rows["frame"] >= 0) & rows["time_s"].isna()
    inside = counted & (rows["frame"] < len(time_s))
    rows.loc[inside, "time_s"] = time_s[rows.loc[inside, "frame"].to_numpy()]
    timed = (rows["frame"] == WHOLE_ITEM) & rows["time_s"].notna()
    nearest, distance = nearest_frames(time_s, rows.loc[timed, "time_s"].to_numpy(np.float64))
    rows.loc[timed, "frame"] = nearest
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else np.inf
    far = pd.Series(False, index=rows.index)
    far[timed] = ~(distance <= step)
    return rows[~far & ~(counted & ~inside)].reset_index(drop=True)


def in_pixels(rows: pd.DataFrame, box_unit: str, width: int, height: int) -> pd.DataFrame:
    if box_unit == "px":
        return rows
    size: Mapping[str, int] = {"x1": width, "y1": height, "x2": width, "y2": height}
    return rows.assign(**{corner: rows[corner] * size[corner] for corner in BOX})


def nearest_frames(times: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the nearest frame in time, the earlier of two, and its distance."""
    if not len(times):
        return np.zeros(len(wanted), np.int64), np.full(len(wanted), np.inf)
    order = np.argsort(times, kind="stable")
    ranked = times[order]
    right = np.clip(np.searchsorted(ranked, wanted), 1, len(ranked) - 1) if len(ranked) > 1 else 0
    left = np.maximum(right - 1, 0)
    place = np.where(wanted - ranked[left] <= ranked[right] - wanted, left, right)
    return order[place], np.abs(ranked[place] - wanted)


@dataclass(frozen=True)
class AnswerTimes:
    """Times of recorded answers, which are numbered in their order."""

    seconds: Mapping[str, np.ndarray]  # item ("" where none is named) -> rising times in s

    def numbers(self, item: str, index: np.ndarray, time_s: np.ndarray) -> np.ndarray:
        """Return each frame's answer, at most half a step away, else a number without one."""
        names = (name for name in ("", item, Path(item).stem) if name in self.seconds)
        times = self.seconds.get(next(names, ""), np.empty(0))
        step = float(np.median(np.diff(times))) if len(times) > 1 else np.inf
        apart = float(np.median(np.diff(time_s))) if len(time_s) > 1 else step
        if np.isfinite(step) and step > 1.5 * apart:
            raise ModelError(
                f"{item}: answers were recorded every {step:.3g} s, frames are {apart:.3g} s apart: use --fps "
                f"{1 / step:.4g}, or write a row for each frame that was looked at"
            )
        nearest, distance = nearest_frames(times, time_s)
        return np.where(distance <= min(step, apart) / 2, nearest, len(times) + index)


def by_time(table: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, AnswerTimes | None]:
    """Number answers (item, time_s) by time where no frames are counted."""
    if "frame" in table or "time_s" not in table:
        return table, None
    times = pd.to_numeric(table["time_s"], errors="coerce")
    if not np.isfinite(times).all():
        row = int(np.flatnonzero(~np.isfinite(times))[0]) + 1
        raise InputError(
            f"{path}: row {row}: time_s: expected seconds, got {table['time_s'].iloc[row - 1]!r}"
        )
    of_item = times.groupby(table["item"])
    table = table.assign(frame=of_item.rank(method="dense").astype(np.int64) - 1)
    return table, AnswerTimes({str(item): np.unique(group) for item, group in of_item})


def _keys(item: Item) -> list[str]:
    names = [item.name, *ends_of(item.path), *ends_of(item.path.with_suffix(""))]
    # the pictures of a sequence of MOTChallenge, named after the folder above
    if item.path.name == "img1":
        names += ends_of(item.path.parent)
    whole, plus, _ = item.path.stem.rpartition("+")
    return list(dict.fromkeys([*names, *([whole] if plus and item.label_offset else [])]))


def _tails(label: str) -> list[str]:
    parts = PurePosixPath(label).parts or (label,)
    tails = ["/".join(parts[start:]).lstrip("/") for start in range(len(parts))]
    return [
        key
        for tail in tails
        for key in (tail, str(PurePosixPath(tail).with_suffix("")) if tail else tail)
    ]


# Labels that fall on no frame.

REASONS = ("before", "after", "window", "between")
Window = tuple[float | None, float | None]
WORDS = {
    "before": "before the first frame",
    "after": "behind the last frame",
    "window": "outside the stretch that was asked for",
    "between": "where no frame was looked at",
}


@dataclass(frozen=True, kw_only=True)
class LabelsOutside:
    """Labels that fall on no frame."""

    counts: dict[str, int]  # one of REASONS -> rows of visible objects
    labels: int  # all rows of visible objects
    hidden: int  # rows that say absent or uncertain
    # first_s, last_s: the times of the rows outside, s; NaN if none
    first_s: float
    last_s: float

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def as_dict(self) -> dict[str, int]:
        return {"labels": self.labels, "hidden": self.hidden, **self.counts}

    def sentence(self) -> str:
        """Return what was lost and the way out, or ""."""
        if not self.labels and self.hidden:
            return f"all {plural(self.hidden, 'label')} say absent or uncertain: they judge nothing"
        if not self.total:
            return ""
        parts = [f"{self.counts[name]} {WORDS[name]}" for name in REASONS if self.counts[name]]
        times = f" ({self.first_s:g} to {self.last_s:g} s)" if np.isfinite(self.first_s) else ""
        falls = "falls" if self.total == 1 else "fall"
        text = f"{self.total} of {plural(self.labels, 'label')} {falls} on no frame{times}: {', '.join(parts)}"
        if not self.counts["before"] + self.counts["after"] and self.total < self.labels:
            return text
        return (
            f"{text}. Where a clip was cut from a longer video, say where it begins: --label-offset, or a column "
            "label_offset of the manifest"
        )


def outside(
    labels: pd.DataFrame, frames: pd.DataFrame, windows: Mapping[str, Window] | None = None
) -> LabelsOutside:
    """Find the rows of ``labels`` on none of the frames looked at (item, frame, time_s).

    Rows for whole items fall on all. A time lies between frames if the nearest is further away than the usual
    step; so do labels of items without frames. ``windows`` are start and end, s, of items used in part.
    """
    rows = labels[labels["presence"] == "present"] if "presence" in labels else labels
    placed = rows[(rows["frame"] != WHOLE_ITEM) | rows["time_s"].notna()]
    shown = {str(item): of for item, of in frames.groupby("item", sort=False)}
    counts: Counter[str] = Counter()
    times: list[float] = []
    for item, mine in placed.groupby("item", sort=False):
        reasons = _reasons(mine, shown.get(str(item)), (windows or {}).get(str(item), (None, None)))
        counts.update(reasons[reasons != ""].tolist())
        times += mine["time_s"][reasons != ""].dropna().tolist()
    return LabelsOutside(
        counts={name: counts[name] for name in REASONS},
        labels=len(rows),
        hidden=len(labels) - len(rows),
        first_s=min(times, default=np.nan),
        last_s=max(times, default=np.nan),
    )


def _reasons(rows: pd.DataFrame, shown: pd.DataFrame | None, window: Window) -> np.ndarray:
    """Return (n,) one of REASONS, or "" where the row falls on a frame."""
    reasons = np.full(len(rows), "", dtype=object)
    if shown is None or not len(shown):
        reasons[:] = "between"
        return reasons
    frame, time = rows["frame"].to_numpy(np.int64), rows["time_s"].to_numpy(np.float64)
    numbers, times = (
        np.sort(shown["frame"].to_numpy(np.int64)),
        np.sort(shown["time_s"].to_numpy(np.float64)),
    )
    counted = frame >= 0
    reasons[frame == BEFORE] = "before"
    reasons[counted & ~np.isin(frame, numbers)] = "between"
    reasons[counted & (frame < numbers[0])] = "before"
    reasons[counted & (frame > numbers[-1])] = "after"
    timed = (frame == WHOLE_ITEM) & np.isfinite(time)
    _, distance = nearest_frames(times, time)
    step = float(np.median(np.diff(times))) if len(times) > 1 else np.inf
    far = timed & ~(distance <= step)
    reasons[far] = "between"
    reasons[far & (time < times[0])] = "before"
    reasons[far & (time > times[-1])] = "after"
    start, end = window
    before = (reasons == "before") & (start is not None)
    if timed.any():
        before &= time >= 0
    reasons[before | ((reasons == "after") & (end is not None))] = "window"
    return reasons
