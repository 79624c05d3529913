"""Folders as the authors of ImageNet, ImageNet-C and ImageNet-P lay them out, with the labels that they give.

CLASS/*.JPEG                               class folders, of WordNet numbers or of class names
CLASS/GROUP/*.JPEG                         the same; images of a group, such as a clip, depend on each other
[GROUP/]CORRUPTION/STRENGTH/CLASS/*.JPEG   ImageNet-C, ImageNet-C-bar; GROUP: blur, noise, weather, digital, extra
[GROUP/]SEQUENCE/CLASS/*.mp4               ImageNet-P
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vidrobust.errors import InputError
from vidrobust.plugins.published.labelled_images import SUFFIXES, LabelledImages
from vidrobust.plugins.published.perturbations import c_bar, imagenet_c
from vidrobust.plugins.published.perturbations.sequences import SEQUENCES
from vidrobust.text.printable import printable

STRENGTHS = (1, 2, 3, 4, 5)
# The archives in which the authors give ImageNet-C and -P; unpacked, each may be a folder of corruptions.
GROUPS = ("blur", "noise", "weather", "digital", "extra")
FILMS = (".mp4",)
CORRUPTIONS = (*imagenet_c.TEST, *imagenet_c.VALIDATION, *(each.name for each in c_bar.PERTURBATIONS))


@dataclass(frozen=True, kw_only=True)
class Films:
    """The films of one sequence of ImageNet-P: paths and, film by film, the set of its classes as written."""

    paths: tuple[Path, ...]
    labels: tuple[frozenset[str], ...]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a folder holds: plain images, (corruption, strength) -> images, sequence -> films."""

    plain: LabelledImages | None = None
    corrupt: Mapping[tuple[str, int], LabelledImages] = field(default_factory=dict)
    films: Mapping[str, Films] = field(default_factory=dict)

    @property
    def corruptions(self) -> tuple[str, ...]:
        """The corruptions that are there, in the order of the papers."""
        return tuple(name for name in CORRUPTIONS if any(key[0] == name for key in self.corrupt))

    def missing(self) -> list[str]:
        """Strengths that a corruption lacks, a sentence each."""
        found = []
        for name in self.corruptions:
            lacks = [str(s) for s in STRENGTHS if (name, s) not in self.corrupt]
            if lacks:
                found.append(f"{name} lacks strength {', '.join(lacks)}")
        return found


def read_layout(folder: Path) -> Layout:
    """The layout of a folder; raises InputError where it is none of those that are known."""
    if not folder.is_dir():
        raise InputError(f"{printable(folder)}: no such folder of images")
    top = _folders(folder)
    groups = [path for path in top if path.name in GROUPS]
    named = [*top, *(inner for group in groups for inner in _folders(group))]
    corrupt: dict[tuple[str, int], LabelledImages] = {}
    films: dict[str, Films] = {}
    for path in named:
        strengths = {inner.name: inner for inner in _folders(path)}
        if path.name in CORRUPTIONS:
            for strength in STRENGTHS:
                images = _class_folders(strengths[str(strength)]) if str(strength) in strengths else None
                if images is not None:
                    corrupt[path.name, strength] = images
        if path.name in SEQUENCES and (found := _films(path)) is not None:
            films[path.name] = found
    if corrupt or films:
        return Layout(corrupt=corrupt, films=films)
    plain = _in_groups(folder)
    if plain is None:
        raise InputError(
            f"{printable(folder)}: holds no class folders (CLASS/*.JPEG), no ImageNet-C "
            "(CORRUPTION/STRENGTH/CLASS/*.JPEG) and no ImageNet-P (SEQUENCE/CLASS/*.mp4); images without such "
            "folders need --labels CSV with the columns file,label"
        )
    return Layout(plain=plain)


def _folders(path: Path) -> list[Path]:
    return sorted(
        (p for p in path.iterdir() if p.is_dir() and not p.name.startswith(".")), key=lambda p: p.name
    )


def _files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes and p.is_file())


def _class_folders(folder: Path) -> LabelledImages | None:
    paths, labels = _by_class(folder, SUFFIXES)
    return LabelledImages(paths, labels) if paths else None


def _in_groups(folder: Path) -> LabelledImages | None:
    """The images of class folders and of the folders in these, which are groups; None where there are none."""
    whole = _class_folders(folder) or LabelledImages((), ())
    found = [(path, label, str(path)) for path, label in zip(whole.paths, whole.labels, strict=True)]
    for name in _folders(folder):
        for inner in _folders(name):
            group = f"{name.name}/{inner.name}"
            found += [(path, frozenset({name.name}), group) for path in _files(inner, SUFFIXES)]
    if not found:
        return None
    paths, labels, groups = zip(*sorted(found, key=lambda one: str(one[0])), strict=True)
    return LabelledImages(paths, labels, groups=groups if len(found) > len(whole) else ())


def _films(folder: Path) -> Films | None:
    paths, labels = _by_class(folder, FILMS)
    return Films(paths=paths, labels=labels) if paths else None


def _by_class(folder: Path, suffixes: Sequence[str]) -> tuple[tuple[Path, ...], tuple[frozenset[str], ...]]:
    """The files of these kinds in the class folders, and the set of the class of each as written."""
    found = [(path, inner.name) for inner in _folders(folder) for path in _files(inner, suffixes)]
    return tuple(path for path, _ in found), tuple(frozenset({name}) for _, name in found)
