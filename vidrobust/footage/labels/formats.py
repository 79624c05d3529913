"""The label formats, those of plugins included."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vidrobust.errors import InputError, SettingsError, reading
from vidrobust.extensions import Extensions, extensions
from vidrobust.footage.item_tables import labels_table
from vidrobust.footage.labels import class_folders
from vidrobust.footage.labels.labels import LabelFormat, Labels
from vidrobust.footage.manifest import is_manifest, read_manifest
from vidrobust.text.printable import printable

# Labels of a manifest: one an item, for all its frames.


def read(path: Path) -> Labels:
    """Read the column ``label`` of a manifest; rows without one have no label."""
    manifest = read_manifest(path)
    rows = labels_table(manifest.items)
    without = len(manifest.items) - len(rows)
    notes = (f"{without} of {len(manifest.items)} inputs have no label",) if without else ()
    classes = {int(k): n for k, n in zip(rows["label"], rows["label_name"], strict=True) if k >= 0}
    rows["presence"] = "present"
    return Labels(
        format="manifest", path=path, rows=rows, classes=classes, problems=manifest.problems, notes=notes
    )


FORMAT = LabelFormat(
    name="manifest",
    what="a CSV or Parquet table with a column path, and label",
    sniff=is_manifest,
    read=read,
)


# The group of entry points in which a package names a LabelFormat
GROUP = "vidrobust.label_formats"

# The formats of the core; plugins bring the others
FORMATS: tuple[LabelFormat, ...] = (FORMAT, class_folders.FORMAT)
# Programs that turn formats which are not read here into one that is
CONVERTERS = (
    "fiftyone convert --input-dir DIR --input-type fiftyone.types.TYPE --output-dir OUT "
    "--output-type fiftyone.types.COCODetectionDataset, or datum convert -i DIR -if FORMAT -o OUT -f coco"
)


@dataclass(frozen=True, kw_only=True)
class LabelFormats:
    """Formats by name, and broken entry points with the reason."""

    formats: dict[str, LabelFormat]
    broken: Mapping[str, str]


def known() -> LabelFormats:
    """Return the formats of plugins, which are tried first, and the core's."""
    own, found = {each.name: each for each in FORMATS}, brought()
    return LabelFormats(formats={each.name: each for each in found.records} | own, broken=found.broken)


def brought() -> Extensions[LabelFormat]:
    return extensions(GROUP, LabelFormat, lambda each: each.name, {each.name for each in FORMATS})


def read_labels(path: str | os.PathLike[str], format: str | None = None) -> Labels:
    """Read an annotation file or folder; the format is recognised if not named."""
    place = Path(path)
    every = known()
    if format is not None and format not in every.formats:
        raise SettingsError(f"label format: expected one of {', '.join(every.formats)}, got {format!r}")
    if not os.path.exists(place):
        raise InputError(f"{printable(place)}: there is no such file or folder")
    with reading(printable(place), "labels"):
        if format is not None:
            return every.formats[format].read(place)
        for each in every.formats.values():
            if each.sniff(place):
                return each.read(place)
    raise InputError(
        f"{printable(place)}: label format not recognised. Read are {', '.join(every.formats)}. Convert others "
        f"to COCO: {CONVERTERS}"
    )
