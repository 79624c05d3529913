"""SOURCES of the command line become items: which files are to be read, and under which names."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

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


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing to analyse: a video, an animation or a folder of frames, under a unique name."""

    name: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A file met inside a folder that is no footage."""

    path: Path
    reason: str


@dataclass(frozen=True, kw_only=True)
class Expanded:
    """What the sources hold: what to read, what cannot be read, and what was passed over."""

    items: tuple[Item, ...]
    problems: tuple[str, ...] = ()
    """One sentence a source that names nothing usable; it begins with the source."""
    left_out: tuple[LeftOut, ...] = ()


@dataclass
class _Found:
    paths: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def expand_sources(paths: Sequence[str | os.PathLike[str]]) -> Expanded:
    """The items that ``paths`` name: videos, folders of videos (searched through), folders of frames, globs.

    A file named by itself is always an item, whatever its suffix. A folder that holds image files is one
    item. What is missing or empty becomes a problem, so that the others go on.
    """
    found = _Found()
    for source in paths:
        _expand(os.fspath(source), found)
    unique = list(dict.fromkeys(Path(os.path.abspath(path)) for path in found.paths))
    names = _names(unique)
    return Expanded(
        items=tuple(Item(name=name, path=path) for name, path in zip(names, unique, strict=True)),
        problems=tuple(found.problems),
        left_out=tuple(found.left_out),
    )


def _expand(source: str, found: _Found) -> None:
    path = Path(source)
    if path.is_dir():
        before = len(found.paths)
        try:
            _walk(path, found)
        except OSError as error:
            found.problems.append(f"{source}: cannot be listed ({error.strerror})")
            return
        if len(found.paths) == before:
            found.problems.append(f"{source}: holds no video and no image; name a file, or another folder")
    elif path.exists():
        found.paths.append(path)
    elif glob.has_magic(source):
        matches = sorted(glob.glob(source, recursive=True), key=_natural)
        if not matches:
            found.problems.append(f"{source}: no file matches this pattern")
        for match in matches:
            _expand(match, found)
    else:
        found.problems.append(f"{source}: there is no such file or folder")


def _walk(folder: Path, found: _Found) -> None:
    entries = sorted(folder.iterdir(), key=lambda p: _natural(p.name))
    if any(p.suffix.lower() in IMAGE_SUFFIXES and p.is_file() for p in entries):
        found.paths.append(folder)
    for path in entries:
        suffix = path.suffix.lower()
        if path.name.startswith("."):
            continue
        if path.is_dir():
            _walk(path, found)
        elif suffix in VIDEO_SUFFIXES:
            found.paths.append(path)
        elif suffix not in IMAGE_SUFFIXES:
            found.left_out.append(
                LeftOut(path=path, reason=f"{suffix or 'a name without suffix'} is no footage")
            )


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts frame_2 before frame_10."""
    parts: list[tuple[int, str]] = []
    digits = ""
    for letter in name + "\0":
        if letter.isdecimal() and letter.isascii():
            digits += letter
            continue
        if digits:
            parts.append((int(digits), digits))
            digits = ""
        parts.append((-1, letter))
    return parts


def _names(paths: Sequence[Path]) -> list[str]:
    """Stems where they are unique, else with as many folders (and the suffix) as tell them apart."""
    names = {path: _name(path, 0) for path in paths}
    depth = 1
    while len(set(names.values())) < len(paths) and depth < 100:
        taken = list(names.values())
        for path, name in names.items():
            if taken.count(name) > 1:
                names[path] = _name(path, depth)
        depth += 1
    return [names[path] for path in paths]


def _name(path: Path, depth: int) -> str:
    if depth == 0:
        return path.stem if path.is_file() else path.name
    return "/".join(path.parts[-depth:]).lstrip("/")
