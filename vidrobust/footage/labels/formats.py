"""The label formats, those of plugins included."""

from __future__ import annotations

import os
from pathlib import Path

from vidrobust.errors import InputError, SettingsError, reading
from vidrobust.extensions import Extensions, extensions
from vidrobust.footage.expand import IMAGE_SUFFIXES, VIDEO_SUFFIXES, images_in, natural_key
from vidrobust.footage.item_tables import label_row, labels_table
from vidrobust.footage.labels.labels import LabelFormat, Labels, rows_of
from vidrobust.footage.manifest import is_manifest, read_manifest
from vidrobust.footage.records import Problem
from vidrobust.text.printable import printable


def read_labels_of_manifest(path: Path) -> Labels:
    """Read the column ``label`` of a manifest; rows without one have no label."""
    manifest = read_manifest(path)
    rows = labels_table(manifest.items)
    without = len(manifest.items) - len(rows)
    notes = (f"{without} of {len(manifest.items)} inputs have no label",) if without else ()
    classes = {int(k): n for k, n in zip(rows["label"], rows["label_name"], strict=True) if k >= 0}
    rows["presence"] = "present"
    return Labels(
        format="manifest",
        path=path,
        rows=rows,
        classes=classes,
        problems=manifest.problems,
        notes=notes,
    )


MANIFEST = LabelFormat(
    name="manifest",
    what="a CSV or Parquet table with a column path, and label",
    sniff=is_manifest,
    read=read_labels_of_manifest,
)


FOLDERS = "class-folders"
FOOTAGE = IMAGE_SUFFIXES | VIDEO_SUFFIXES


def read_class_folders(path: Path) -> Labels:
    """Return a row per file or folder of frames; classes are numbered by name, as ImageFolder does.

    ``item`` is CLASS/NAME; column ``file`` is the path.
    """
    folders = _folders(path)
    if not folders:
        raise InputError(f"{printable(path)}: holds no folder of images or videos")
    rows, problems = [], []
    for number, folder in enumerate(folders):
        entries = _footage(folder)
        if not entries:
            problems.append(Problem(path=folder, what="holds no image and no video"))
        rows += [
            label_row(
                printable(f"{folder.name}/{entry.name}"),
                label=number,
                label_name=printable(folder.name),
                source=FOLDERS,
                more={"file": printable(entry)},
            )
            for entry in entries
        ]
    return Labels(
        format=FOLDERS,
        path=path,
        rows=rows_of(rows),
        classes={number: printable(folder.name) for number, folder in enumerate(folders)},
        problems=tuple(problems),
    )


def _folders(path: Path) -> list[Path]:
    entries = (p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    return sorted(entries, key=lambda p: os.fsencode(p.name))


def _footage(folder: Path) -> list[Path]:
    entries = sorted(folder.iterdir(), key=lambda p: natural_key(p.name))
    return [p for p in entries if p.suffix.lower() in FOOTAGE or (p.is_dir() and images_in(p))]


def _sniff(path: Path) -> bool:
    """Whether a folder holds no footage itself, and two folders or more that do."""
    try:
        if not path.is_dir() or any(
            p.suffix.lower() in FOOTAGE for p in path.iterdir() if p.is_file()
        ):
            return False
        return sum(bool(_footage(folder)) for folder in _folders(path)) > 1
    except OSError:
        return False


CLASS_FOLDERS = LabelFormat(
    name=FOLDERS,
    what="a folder that holds a folder for each class",
    sniff=_sniff,
    read=read_class_folders,
)


GROUP = "vidrobust.formats"  # The group of entry points in which a package names a LabelFormat

# The formats of the core; plugins bring the others
FORMATS: tuple[LabelFormat, ...] = (MANIFEST, CLASS_FOLDERS)
# Programs that turn formats which are not read here into one that is
CONVERTERS = (
    "fiftyone convert --input-dir DIR --input-type fiftyone.types.TYPE --output-dir OUT "
    "--output-type fiftyone.types.COCODetectionDataset, or datum convert -i DIR -if FORMAT -o OUT -f coco"
)


def known() -> dict[str, LabelFormat]:
    """Return the formats of plugins, which are tried first, and the core's, by name."""
    return {kind.name: kind for kind in (*provided().records, *FORMATS)}


def provided() -> Extensions[LabelFormat]:
    return extensions(GROUP, LabelFormat, lambda form: form.name, {kind.name for kind in FORMATS})


def read_labels(path: str | os.PathLike[str], format: str | None = None) -> Labels:
    """Read an annotation file or folder; the format is recognised if not named."""
    place = Path(path)
    every = known()
    if format is not None and format not in every:
        raise SettingsError(f"label format: expected one of {', '.join(every)}, got {format!r}")
    if not os.path.exists(place):
        raise InputError(f"{printable(place)}: there is no such file or folder")
    if not (place.is_dir() or place.is_file()):  # a pipe may never end
        raise InputError(f"{printable(place)}: is neither a file nor a folder")
    if not os.access(place, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        raise InputError(f"{printable(place)}: you have no permission to read it")
    with reading(printable(place), "labels"):
        if format is not None:
            return every[format].read(place)
        for kind in every.values():
            if kind.sniff(place):
                return kind.read(place)
    raise InputError(
        f"{printable(place)}: label format not recognised. Read are {', '.join(every)}. Convert others "
        f"to COCO: {CONVERTERS}"
    )
