"""SOURCES of the command line become items."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vidrobust.errors import InputError
from vidrobust.footage.item import Item, LabelOffset
from vidrobust.footage.manifest import is_manifest, list_rows, with_names
from vidrobust.footage.records import SUFFIXES, Problem
from vidrobust.text.printable import printable, without_secrets

# Videos beside an annotation file, named by the id that the file gives them.

# A name that ends with the second at which its clip begins
CUT = re.compile(r".+\+(\d+(?:\.\d+)?)")
PLACES = (".", "videos")  # Folders that are looked through, from the file's own

MISSING = "No such file"  # begins what is said of a source that is not there


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Items of the videos found, and the ids of those missing."""

    items: tuple[Item, ...]
    missing: tuple[str, ...]


def videos_beside(annotations: Path, ids: Sequence[str]) -> Beside:
    """Find ID.mp4, or ID followed by +, blank or underscore, in the folder or its ``videos``.

    An id may have several files, each an item. ID+238.mp4 is a clip cut from second 238 on: its labels count
    from there (``Item.label_offset``).
    """
    by_stem: dict[str, list[Path]] = {}
    for place in PLACES:
        folder = annotations.parent / place
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.suffix.lower() in VIDEO_SUFFIXES:
                ends = (match.start() for match in re.finditer(r"[+ _]|$", path.stem))
                for key in {path.stem[:end] for end in ends}:
                    by_stem.setdefault(key, []).append(path)
    paths = [path for video in ids for path in by_stem.get(video, [])]
    return Beside(
        items=tuple(
            Item(name="", path=path, label_offset=_cut_at(path)) for path in dict.fromkeys(paths)
        ),
        missing=tuple(printable(video) for video in ids if video not in by_stem),
    )


def _cut_at(path: Path) -> LabelOffset | None:
    match = CUT.fullmatch(path.stem)
    return None if match is None else LabelOffset(value=float(match[1]), unit="s")


# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".264", ".265", ".3g2", ".3gp", ".apng", ".asf", ".av1", ".avi", ".dv", ".flv", ".gif", ".h264", ".h265",
    ".hevc", ".ivf", ".m1v", ".m2ts", ".m2v", ".m4v", ".mj2", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4",
    ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".obu", ".ogg", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m",
})
IMAGE_SUFFIXES = frozenset({
    ".bmp", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp",
})
# fmt: on

# The name of a class folder of ImageNet: its images are stills of one class, no frames of one video
WNID = re.compile(r"n\d{8}")
RUN_FILE = "run.json"  # A folder that holds this is a result, and its pictures are no footage


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A file met inside a folder that is no footage."""

    path: Path
    reason: str


@dataclass(frozen=True, kw_only=True)
class Expanded:
    """What the sources hold: items, problems, and files passed over."""

    items: tuple[Item, ...]
    # One sentence a source or manifest row that names nothing usable; it begins with the source
    problems: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    # Those of the problems that are rows of manifests, with line and column
    bad_rows: tuple[Problem, ...] = ()


@dataclass
class _Found:
    paths: list[Path] = field(default_factory=list)
    listed: list[Item] = field(default_factory=list)
    bad_rows: list[Problem] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def pass_over(self, path: Path, reason: str) -> None:
        self.left_out.append(LeftOut(path=path, reason=reason))


def expand_sources(paths: Sequence[str | os.PathLike[str]]) -> Expanded:
    """Return the items that ``paths`` name: videos, folders of videos or frames, globs, manifests.

    Folders are searched through. A file named by itself is an item, whatever its suffix. A folder of images
    is one item, and so are all its images named one by one, as in ``frames/*.png``; in a class folder of
    ImageNet (n02123045) each image is one. A CSV or Parquet file with a column ``path`` is a manifest; a CSV
    of YouTube-BoundingBoxes stands for the videos beside it. What is missing or empty becomes a problem.
    Names are the shortest that tell the items apart.
    """
    collected = _Found()
    for source in paths:
        _expand(os.fspath(source), collected)
    unique = {os.path.abspath(path): path for path in _frames_as_folders(collected.paths)}.values()
    return Expanded(
        items=with_names([*(Item(name="", path=p) for p in unique), *collected.listed]),
        problems=(*collected.problems, *map(str, collected.bad_rows)),
        left_out=tuple(collected.left_out),
        bad_rows=tuple(collected.bad_rows),
    )


def images_in(folder: Path) -> list[Path]:
    """Return the images of a folder in the order of the numbers in their names; raises OSError."""
    entries = (
        p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not _is_hidden(p)
    )
    return sorted((p for p in entries if os.path.isfile(p)), key=lambda p: natural_key(p.name))


def natural_key(name: str) -> list[tuple[bool, int, str]]:
    """Return a sort key that puts frame_2 before frame_10, and digits before letters."""
    key: list[tuple[bool, int, str]] = []
    for place, part in enumerate(re.split(r"([0-9]+)", name)):
        number = place % 2 == 1  # split gives what lies between the numbers at even places
        if part:
            key.append((not number, int(part) if number else 0, part))
    return key


def is_stream(source: str) -> bool:
    """Return whether a source is a network address, or ``-`` for standard input."""
    return source == "-" or "://" in source


def stream_problem(source: str) -> str:
    """Return why a stream, pipe or device is not read, with the command that records it as a file."""
    return (
        f"{printable(without_secrets(source))}: is a stream, and only files are read; record it: "
        "ffmpeg -i ADDRESS -t 60 -c copy clip.mkv"
    )


def _expand(source: str, inputs: _Found) -> None:
    path = Path(source)
    if is_stream(source):
        inputs.problems.append(stream_problem(source))
    elif os.path.isdir(path):
        _expand_folder(source, inputs)
    elif path.suffix.lower() in SUFFIXES and path.is_file():
        _expand_table(path, inputs)
    elif os.path.exists(path) and not os.path.isfile(path):
        inputs.problems.append(stream_problem(source))
    elif os.path.lexists(path):
        inputs.paths.append(path)
    elif glob.has_magic(source):
        matches = sorted(glob.glob(source, recursive=True), key=natural_key)
        if not matches:
            inputs.problems.append(f"{printable(source)}: nothing matches this pattern")
        for match in matches:
            _expand(match, inputs)
    else:
        inputs.problems.append(f"{MISSING}: {printable(source)}")


def _expand_table(path: Path, inputs: _Found) -> None:
    if not is_manifest(path):
        _expand_annotations(path, inputs)
        return
    try:
        manifest = list_rows(path)
    except InputError as error:
        inputs.problems.append(str(error))
        return
    inputs.listed += manifest.items
    inputs.bad_rows += manifest.problems
    if not manifest.items and not manifest.problems:
        inputs.problems.append(f"{printable(path)}: lists no input")


def _expand_annotations(path: Path, inputs: _Found) -> None:
    # one of its formats reads folders with this module
    from vidrobust.footage.labels.formats import known

    reader = next((f for f in known().values() if f.lists_videos and f.sniff(path)), None)
    if reader is None:
        inputs.problems.append(
            f"{printable(path)}: is a table, but no manifest: it has no column path"
        )
        return
    ids = reader.read(path).rows["item"].unique().tolist()
    beside = videos_beside(path, ids)
    inputs.listed += beside.items
    if beside.missing:
        some = ", ".join(beside.missing[:3]) + (" ..." if len(beside.missing) > 3 else "")
        what = (
            f"{len(beside.missing)} of {len(ids)} videos do not lie beside it, as ID.mp4 ({some})"
        )
        inputs.problems.append(f"{printable(path)}: {what}")


def _expand_folder(source: str, inputs: _Found) -> None:
    if _is_run_folder(Path(source)):
        inputs.problems.append(
            f"{printable(source)}: is a run folder of vidrobust, not footage; name the footage itself"
        )
        return
    before = len(inputs.paths), len(inputs.problems)
    _walk(Path(source), inputs, set())
    if (len(inputs.paths), len(inputs.problems)) == before:
        inputs.problems.append(
            f"{printable(source)}: {'holds no video and no image' if any(Path(source).iterdir()) else 'is empty'}; "
            "name a file, or another folder"
        )


def _walk(folder: Path, inputs: _Found, above: set[Path]) -> None:
    """Search ``folder``; ``above`` are the folders it lies in, so that a loop of links ends."""
    real = folder.resolve()
    if real in above:
        return
    if _is_run_folder(folder):
        inputs.pass_over(folder, f"is a run folder of vidrobust ({RUN_FILE})")
        return
    try:
        entries = sorted(folder.iterdir(), key=lambda p: natural_key(p.name))
        frames = images_in(folder)
    except OSError as error:
        inputs.problems.append(f"{printable(folder)}: cannot be listed ({error.strerror})")
        return
    if frames:
        inputs.paths += frames if _holds_stills(folder) else [folder]
    for path in entries:
        suffix = path.suffix.lower()
        if _is_hidden(path):
            inputs.pass_over(path, "its name begins with a dot")
        elif os.path.isdir(path):
            _walk(path, inputs, above | {real})
        elif os.path.exists(path) and not os.path.isfile(path):
            inputs.pass_over(path, "is a pipe or device, not a file")
        elif suffix in VIDEO_SUFFIXES:
            inputs.paths.append(path)
        elif is_manifest(path):
            inputs.pass_over(path, "is a manifest; name it as a source to use it")
        elif suffix not in IMAGE_SUFFIXES:
            what = f"{suffix} is" if suffix else "a name without suffix is"
            inputs.pass_over(path, f"{what} not known as a video or an image")


def _holds_stills(folder: Path) -> bool:
    return WNID.fullmatch(folder.name) is not None


def _is_run_folder(folder: Path) -> bool:
    return (folder / RUN_FILE).is_file()


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".")


def _frames_as_folders(paths: list[Path]) -> list[Path]:
    """Replace images named one by one by their folder if they are all of it."""
    named: dict[Path, set[Path]] = {}
    for path in paths:
        if path.suffix.lower() in IMAGE_SUFFIXES and os.path.isfile(path):
            named.setdefault(path.parent, set()).add(path)
    folder_of: dict[Path, Path] = {}
    for folder, images in named.items():
        if len(images) > 1 and not _holds_stills(folder) and images == set(images_in(folder)):
            folder_of |= dict.fromkeys(images, folder)
    return list(dict.fromkeys(folder_of.get(path, path) for path in paths))


def source_of(problem: str) -> str:
    """Return the source that a problem of ``expand_sources`` is about."""
    head, _, rest = problem.partition(": ")
    return rest if head == MISSING else head
