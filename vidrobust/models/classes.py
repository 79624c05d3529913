"""Class names: ImageNet's or COCO's where they apply, a list, a file, or "class 0" ..."""

from __future__ import annotations

import importlib.util
import runpy
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vidrobust.errors import SettingsError, in_plain_words
from vidrobust.files.json_text import file_text

BACKGROUND = "background+imagenet"
IMAGENET = 1000  # Classes of ImageNet's challenge
# Numbers of classes with COCO's names: those in use, all without the background, all as torchvision has them
COCO = (80, 90, 91)
# ImageNet name -> the name shown instead. The class is the teat of a baby bottle; its index does not change.
SHOWN_AS = MappingProxyType({"nipple": "bottle teat"})


@cache
def _torchvision_names() -> dict[str, Any]:
    """torchvision's file of names, run by itself: importing torchvision takes as long as importing torch."""
    spec = importlib.util.find_spec("torchvision")
    assert spec is not None, "torchvision is among the requirements"
    assert spec.origin is not None, "it is a package with a file"
    return runpy.run_path(str(Path(spec.origin).parent / "models" / "_meta.py"))


def imagenet() -> tuple[str, ...]:
    """Return the 1000 ImageNet names in the order of torchvision's weights."""
    return tuple(map(shown_name, _torchvision_names()["_IMAGENET_CATEGORIES"]))


def coco_names(count: int) -> tuple[str, ...]:
    """Return COCO's names for a detector with one of the counts in ``COCO``."""
    names = tuple(_torchvision_names()["_COCO_CATEGORIES"])
    if count > 80:
        return names[-count:]
    return tuple(name for name in names if name not in ("__background__", "N/A"))


def shown_name(name: str) -> str:
    return SHOWN_AS.get(name.casefold(), name)


@cache
def imagenet_wnids() -> Mapping[str, int]:
    """Return WordNet number -> ImageNet class; the classes are sorted by these numbers."""
    lines = (Path(__file__).parent / "imagenet_wnids.txt").read_text(encoding="ascii").split()
    return MappingProxyType({wnid: number for number, wnid in enumerate(lines)})


def imagenet_shift(class_names: Sequence[str]) -> int:
    """Return the offset of ImageNet's classes in a model: 1 behind a background class, else 0."""
    return int(len(class_names) == IMAGENET + 1 and class_names[0].casefold() == "background")


def named(classes: str | Sequence[str], folder: Path, fewest: int = 2) -> tuple[str, ...]:
    """Return the names that a list, a file with one a line, or a data set's name stands for.

    ``fewest`` is 2 for a classifier, and 1 for a detector, whose single class is told from the background.
    Raises SettingsError for fewer names, or a file that cannot be read.
    """
    if classes == "imagenet":
        return imagenet()
    if classes == BACKGROUND:
        return ("background", *imagenet())
    if isinstance(classes, str):
        path = folder / Path(classes).expanduser()
        try:
            lines = file_text(path).splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"classes: {path} cannot be read as a text file with one class name a line ({in_plain_words(error)})"
            ) from error
        names = tuple(line.strip() for line in lines if line.strip())
    elif isinstance(classes, Sequence):
        names = tuple(str(name) for name in classes)
    else:
        raise SettingsError(
            f"classes: expected a list of names or a file with one a line, got {classes!r}"
        )
    if len(names) < fewest:
        least = "two or more class names" if fewest == 2 else "a class name"
        raise SettingsError(f"classes: expected {least}, got {len(names)} from {classes!r}")
    return names


def given_names(given: str | None, fewest: int = 2) -> tuple[str, ...] | None:
    return named(given, Path.cwd(), fewest) if given else None


def default(num_classes: int) -> tuple[tuple[str, ...], str]:
    """Return names for a network without any, and a note."""
    if num_classes == IMAGENET:
        return imagenet(), "1000 outputs without names: taken for ImageNet in the usual order"
    if num_classes == IMAGENET + 1:
        raise SettingsError(
            "the network has 1001 outputs: ImageNet with a background class in front? "
            f'Say classes = "{BACKGROUND}", or name your classes'
        )
    note = f"{num_classes} outputs without names: called class 0 to class {num_classes - 1}"
    return numbered(num_classes), note


def detector_names(count: int | None, model: str, head: str) -> tuple[tuple[str, ...], str]:
    """Return names for a detector without any: COCO's for 80, 90 or 91 classes; and a note."""
    if count is None:
        raise SettingsError(
            f"model {model}: the outputs of head {head} do not show how many classes there are; "
            "name them: classes = [...], or a file with one a line"
        )
    if count in COCO:
        note = f"{count} classes without names: taken for COCO in the usual order"
        return coco_names(count), note
    called = f"class 0 to class {count - 1}" if count > 1 else "class 0"
    return numbered(count), f"{count} classes without names: called {called}"


def repeated(names: Sequence[str]) -> str:
    """Return a remark on names that several classes have, or ""; ImageNet's own two are not remarked.

    >>> repeated(("good", "bad", "good"))
    "'good' is the name of 2 classes: a change between them looks like none; number them apart"
    """
    if len(names) >= IMAGENET:
        return ""
    count = Counter(names)
    twice = [name for name in count if count[name] > 1]
    if not twice:
        return ""
    more = f" (and {len(twice) - 1} more names)" if len(twice) > 1 else ""
    return (
        f"{twice[0]!r} is the name of {count[twice[0]]} classes{more}: a change between them looks like none; "
        "number them apart"
    )


def numbered(count: int) -> tuple[str, ...]:
    return tuple(f"class {i}" for i in range(count))


def sets_for(
    labels: Sequence[frozenset[str]], class_names: Sequence[str]
) -> tuple[list[frozenset[int]], str]:
    """Return label sets as class indices of a model, and a note if the match is not plain."""
    places: dict[str, set[int]] = {}
    for k, name in enumerate(class_names):
        places.setdefault(name.casefold(), set()).add(k)
    shift, wnids = imagenet_shift(class_names), imagenet_wnids()
    has_imagenet = len(class_names) - shift == len(wnids)
    sets, numbers = [], False
    for label in labels:
        classes: set[int] = set()
        for text in label:
            named = places.get(text.casefold()) or places.get(shown_name(text).casefold())
            if named:
                classes |= named
            elif has_imagenet and text in wnids:
                classes.add(wnids[text] + shift)
            elif text.isdecimal() and int(text) + shift < len(class_names):
                classes.add(int(text) + shift)
                numbers = True
            else:
                first = ", ".join(class_names[:2]) + " ..." * (len(class_names) > 2)
                raise SettingsError(
                    f"label {text!r}: no class of the model, which has {len(class_names)}: {first}; give a class "
                    "name or an index"
                )
        sets.append(frozenset(classes))
    moved = "label numbers are ImageNet's; the model's background class comes before them"
    return sets, moved if shift and numbers else ""
