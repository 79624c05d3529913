"""Data sets of video in a folder: YouTube-BoundingBoxes, ImageNet-Vid-Robust and YTBB-Robust."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vidrobust.accuracy.answers import Checked
from vidrobust.errors import InputError
from vidrobust.footage.expand import VIDEO_SUFFIXES, videos_beside
from vidrobust.footage.labels.labels import Labels
from vidrobust.footage.records import columns_of
from vidrobust.plugins.published import vid_robust, ytbb, ytbb_robust
from vidrobust.plugins.published.ytbb import ROWS, is_shard, line_count, split
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable

# Of ImageNet-Vid-Robust, with the frames about the anchors.
VID_ROBUST = {"anchors": 1109, "frames": 22_179}
# That YTBB-Robust scores; without the review of the frames about them more are called good.
YTBB_ANCHORS = 2030
# Rows that cannot be used and are said one by one; the rest is counted.
MOST_PROBLEMS = 1000


@dataclass
class _Rows:
    """What the rows of a file come to, piece by piece."""

    ids: dict[str, None] = field(default_factory=dict)
    rows: int = 0
    segments: int = 0
    problems: list[str] = field(default_factory=list)
    unused: int = 0

    def add(self, labels: Labels) -> None:
        """One more piece, which holds all rows of its videos."""
        self.ids |= dict.fromkeys(labels.rows["item"].unique().tolist())
        self.rows += len(labels.rows)
        self.segments += labels.rows.groupby(["item", "track"], sort=False).ngroups
        self.unused += len(labels.problems)
        room = MOST_PROBLEMS - len(self.problems)
        self.problems += [str(problem) for problem in labels.problems[:room]]


def check_youtube_bb(folder: Path) -> Checked:
    """Check a CSV file of YouTube-BB and the videos beside it or in ``videos/``, in pieces; write a manifest."""
    table = youtube_bb_table(folder)
    found = _Rows()
    for labels in _pieces(table):
        found.add(labels)
    beside = videos_beside(table, list(found.ids), VIDEO_SUFFIXES)
    missing = [f"video {name}.mp4" for name in beside.missing]
    missing += found.problems
    if found.unused > len(found.problems):
        missing.append(f"{found.unused - len(found.problems)} more rows of {table.name} cannot be used")
    rows = tuple((str(item.path.relative_to(folder)), "", "") for item in beside.items)
    return Checked(
        counts={"videos": (len(found.ids) - len(beside.missing), len(found.ids))},
        missing=tuple(missing),
        manifest=rows,
        command=f"vidrobust stability {table} --labels {table} --crop boxes --model SPEC",
        notes=(f"{plural(found.rows, 'row')} of {plural(found.segments, 'object')}",),
    )


def youtube_bb_table(folder: Path) -> Path:
    """The first of its CSV files in a folder that is no shard of one; InputError without one."""
    tables = sorted(p for p in folder.glob("*.csv") if not is_shard(p))
    for path in tables:
        if any(each.sniff(path) for each in ytbb.FORMATS):
            return path
    raise InputError(f"{printable(folder)}: holds no CSV of YouTube-BoundingBoxes")


def _pieces(table: Path) -> Iterator[Labels]:
    count = math.ceil(line_count(table) / ROWS)
    if count <= 1:
        yield ytbb.read(table)
        return
    with tempfile.TemporaryDirectory(prefix="vidrobust-") as made:
        _, has_header = ytbb.header_of(columns_of(table))
        for shard in split(table, Path(made), count, has_header=has_header):
            yield ytbb.read(shard.path, shard)
            shard.path.unlink()


def check_vid_robust(folder: Path) -> Checked:
    """pmsets.json and labels.json, in the folder or one in it, and frames as val/VIDEO/000432.JPEG."""
    metadata = _holding(folder, vid_robust.FILES)
    labels = vid_robust.read(metadata)
    frames = _frames(folder, labels)
    anchors = labels.sets[labels.sets["offset"] == 0]
    missing = _missing(labels, frames, folder)
    videos = sorted({path.parent for path in frames.values() if path is not None})
    return Checked(
        counts={
            "anchors": (len(anchors), VID_ROBUST["anchors"]),
            "labelled frames": (labels.rows["file"].nunique(), VID_ROBUST["frames"]),
            "of them on disk": (sum(path is not None for path in frames.values()), VID_ROBUST["frames"]),
        },
        missing=missing,
        manifest=tuple((str(video.relative_to(folder)), video.name, "") for video in videos),
        command=f"vidrobust stability {folder} --labels {metadata} --model SPEC",
        notes=labels.notes,
    )


def check_ytbb_robust(folder: Path) -> Checked:
    """The anchors' CSV and their reviews, in the folder or one in it, and frames as YTID_MS/frame-NUMBER.jpg."""
    metadata = _holding(folder, (ytbb_robust.ANCHORS,))
    labels = ytbb_robust.read(metadata)
    frames = _frames(folder, labels)
    names = (ytbb_robust.REVIEW, ytbb_robust.NEIGHBOURS, "class_idx_map.json")
    lacking = [f"{name} is not there" for name in names if not (metadata / name).is_file()]
    videos = sorted({path.parent for path in frames.values() if path is not None})
    return Checked(
        counts={
            "anchors": (int((labels.sets["offset"] == 0).sum()), YTBB_ANCHORS),
            "frames on disk": (sum(path is not None for path in frames.values()), len(frames)),
        },
        missing=(*lacking, *_missing(labels, frames, folder)),
        manifest=tuple((str(video.relative_to(folder)), video.name, "") for video in videos),
        command=f"vidrobust stability {folder} --labels {metadata} --model SPEC",
        notes=labels.notes,
    )


def _holding(folder: Path, names: tuple[str, ...]) -> Path:
    """The folder, or one directly in it, that holds these files; InputError where none does."""
    for place in (folder, *sorted(p for p in folder.iterdir() if p.is_dir())):
        if all((place / name).is_file() for name in names):
            return place
    raise InputError(f"{printable(folder)}: holds no {' and '.join(names)}, nor has a folder in it")


def _frames(folder: Path, labels: Labels) -> dict[str, Path | None]:
    """Every frame that the sets name, and where it lies: as it is called, or by its last two names in a folder."""
    found: dict[str, Path | None] = {}
    by_end = {"/".join(path.parts[-2:]).casefold(): path for path in _images(folder)}
    for name in labels.sets["file"].drop_duplicates().astype(str):
        found[name] = by_end.get("/".join(Path(name).parts[-2:]).casefold())
    return found


def _images(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
            yield path


def _missing(labels: Labels, frames: dict[str, Path | None], folder: Path) -> tuple[str, ...]:
    """Problems of the labels, and frames that are not there, by their video."""
    gone: dict[str, int] = {}
    for name, path in frames.items():
        if path is None:
            gone[str(Path(name).parent)] = gone.get(str(Path(name).parent), 0) + 1
    said = [f"{printable(video)}: {count} frames are not there" for video, count in gone.items()]
    return (*map(str, labels.problems), *said)
