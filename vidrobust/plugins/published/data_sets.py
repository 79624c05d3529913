"""Downloaded data sets in a folder: what is there, what is missing, what comes next."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidrobust.errors import InputError
from vidrobust.footage.expand import videos_beside
from vidrobust.footage.labels.labels import Labels
from vidrobust.footage.records import columns_of
from vidrobust.models.classes import imagenet_wnids
from vidrobust.plugins.published import vid_robust, ytbb, ytbb_robust
from vidrobust.plugins.published.corruption_error import FLIP_PROBABILITIES
from vidrobust.plugins.published.data_set_names import DataSet
from vidrobust.plugins.published.labelled_images import STRENGTHS, read_layout
from vidrobust.plugins.published.perturbations import imagenet_c
from vidrobust.plugins.published.ytbb import ROWS, is_shard, line_count, split
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable

# Images of the validation set: of each corruption and strength, and films of each sequence, there are as
# many.
IMAGENET_VAL = 50_000


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found: what -> (found, published), and sentences.

    ``manifest`` has rows of path, item and label, or none where the next ``command`` needs none.
    """

    counts: dict[str, tuple[int, int]]
    missing: tuple[str, ...]
    manifest: tuple[tuple[str, str, str], ...]
    command: str
    notes: tuple[str, ...] = ()


def check_imagenet(folder: Path) -> Checked:
    """The validation set, a folder a class: CLASS/*.JPEG."""
    plain = read_layout(folder).plain
    if plain is None:
        raise InputError(
            f"{printable(folder)}: holds corrupted images; give imagenet-c or imagenet-p"
        )
    named = [next(iter(label)) for label in plain.labels]
    classes = set(named)
    known = imagenet_wnids()
    wrong = sorted(classes - set(known))
    lacking = len(known) - len(classes & set(known))
    missing = [f"{lacking} of {len(known)} class folders are not there"] if lacking else []
    missing += [f"{name} is no class of ImageNet's challenge" for name in wrong]
    rows = tuple(
        (str(path.relative_to(folder)), "", str(known.get(name, name)))
        for path, name in zip(plain.paths, named, strict=True)
    )
    return Checked(
        counts={
            "classes": (len(classes & set(known)), len(known)),
            "images": (len(plain), IMAGENET_VAL),
        },
        missing=tuple(missing),
        manifest=rows,
        command=f"vidrobust corruptions {folder} --model SPEC",
    )


def check_imagenet_c(folder: Path) -> Checked:
    """[GROUP/]CORRUPTION/STRENGTH/CLASS/*.JPEG."""
    layout = read_layout(folder)
    if not layout.corrupt:
        raise InputError(
            f"{printable(folder)}: holds no CORRUPTION/STRENGTH/CLASS/*.JPEG of ImageNet-C"
        )
    there = layout.corruptions
    missing = [f"{name} is not there" for name in imagenet_c.TEST if name not in there]
    missing += layout.missing()
    missing += [
        f"{name}/{strength} holds {len(images)} of {IMAGENET_VAL} images"
        for (name, strength), images in layout.corrupt.items()
        if len(images) != IMAGENET_VAL
    ]
    cells = sum(name in imagenet_c.TEST for name, _ in layout.corrupt)
    return Checked(
        counts={
            "corruptions that count": (
                sum(n in imagenet_c.TEST for n in there),
                len(imagenet_c.TEST),
            ),
            "corruptions and strengths": (cells, len(imagenet_c.TEST) * len(STRENGTHS)),
        },
        missing=tuple(missing),
        manifest=(),
        command=f"vidrobust corruptions {folder} --clean VALIDATION_IMAGES --model SPEC",
    )


def check_imagenet_p(folder: Path) -> Checked:
    """[GROUP/]SEQUENCE/CLASS/*.mp4."""
    layout = read_layout(folder)
    if not layout.films:
        raise InputError(f"{printable(folder)}: holds no SEQUENCE/CLASS/*.mp4 of ImageNet-P")
    missing = [f"{name} is not there" for name in FLIP_PROBABILITIES if name not in layout.films]
    missing += [
        f"{name} holds {len(films.paths)} of {IMAGENET_VAL} films"
        for name, films in layout.films.items()
        if len(films.paths) != IMAGENET_VAL
    ]
    return Checked(
        counts={
            "sequences": (
                sum(n in layout.films for n in FLIP_PROBABILITIES),
                len(FLIP_PROBABILITIES),
            )
        },
        missing=tuple(missing),
        manifest=(),
        command=f"vidrobust corruptions {folder} --model SPEC",
    )


def lines(found: Checked, most: int = 20) -> Sequence[str]:
    """What the command prints."""
    printed = [
        f"{what}: {there} of {published}" for what, (there, published) in found.counts.items()
    ]
    printed += [f"  ! {text}" for text in found.missing[:most]]
    if len(found.missing) > most:
        printed.append(f"  ! and {len(found.missing) - most} more")
    return [*printed, *found.notes, f"next: {found.command}"]


# Of ImageNet-Vid-Robust, with the frames about the anchors
VID_ROBUST = {"anchors": 1109, "frames": 22_179}
# That YTBB-Robust scores; without the review of the frames about them more are called good.
YTBB_ANCHORS = 2030
FRAME_SUFFIXES = (".jpg", ".jpeg", ".png")
MOST_PROBLEMS = 1000  # Rows that cannot be used and are said one by one; the rest is counted


def check_youtube_bb(folder: Path) -> Checked:
    """Check a CSV file of YouTube-BB and the videos beside it or in ``videos/``, in pieces."""
    table = youtube_bb_table(folder)
    videos: dict[str, None] = {}
    problems: list[str] = []
    count = segments = unused = 0
    for labels in _pieces(table):
        videos |= dict.fromkeys(labels.rows["item"].unique().tolist())
        count += len(labels.rows)
        segments += labels.rows.groupby(["item", "track"], sort=False).ngroups
        unused += len(labels.problems)
        problems += map(str, labels.problems[: MOST_PROBLEMS - len(problems)])
    beside = videos_beside(table, list(videos))
    missing = [*(f"video {name}.mp4" for name in beside.missing), *problems]
    if unused > len(problems):
        missing.append(f"{unused - len(problems)} more rows of {table.name} cannot be used")
    rows = tuple((str(item.path.relative_to(folder)), "", "") for item in beside.items)
    return Checked(
        counts={"videos": (len(videos) - len(beside.missing), len(videos))},
        missing=tuple(missing),
        manifest=rows,
        command=f"vidrobust stability {table} --labels {table} --crop boxes --model SPEC",
        notes=(f"{plural(count, 'row')} of {plural(segments, 'object')}",),
    )


def youtube_bb_table(folder: Path) -> Path:
    """The first of its CSV files in a folder that is no shard of one."""
    tables = sorted(p for p in folder.glob("*.csv") if not is_shard(p))
    for path in tables:
        if any(form.sniff(path) for form in ytbb.FORMATS):
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
            "of them on disk": (
                sum(path is not None for path in frames.values()),
                VID_ROBUST["frames"],
            ),
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
    for place in (folder, *sorted(p for p in folder.iterdir() if p.is_dir())):
        if all((place / name).is_file() for name in names):
            return place
    raise InputError(f"{printable(folder)}: holds no {' and '.join(names)}, nor has a folder in it")


def _frames(folder: Path, labels: Labels) -> dict[str, Path | None]:
    files: dict[str, Path | None] = {}
    images = (path for path in folder.rglob("*") if path.suffix.lower() in FRAME_SUFFIXES)
    by_end = {"/".join(path.parts[-2:]).casefold(): path for path in images}
    for name in labels.sets["file"].drop_duplicates().astype(str):
        files[name] = by_end.get("/".join(Path(name).parts[-2:]).casefold())
    return files


def _missing(labels: Labels, frames: dict[str, Path | None], folder: Path) -> tuple[str, ...]:
    gone: dict[str, int] = {}
    for name, path in frames.items():
        if path is None:
            gone[str(Path(name).parent)] = gone.get(str(Path(name).parent), 0) + 1
    texts = [f"{printable(video)}: {count} frames are not there" for video, count in gone.items()]
    return (*map(str, labels.problems), *texts)


# The data sets by name.
DATA_SETS: dict[DataSet, Callable[[Path], Checked]] = {
    DataSet.IMAGENET: check_imagenet,
    DataSet.IMAGENET_C: check_imagenet_c,
    DataSet.IMAGENET_P: check_imagenet_p,
    DataSet.YOUTUBE_BB: check_youtube_bb,
    DataSet.VID_ROBUST: check_vid_robust,
    DataSet.YTBB_ROBUST: check_ytbb_robust,
}
