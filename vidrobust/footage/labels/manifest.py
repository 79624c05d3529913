"""Labels of a manifest: one an item, for all its frames."""

from __future__ import annotations

from pathlib import Path

from vidrobust.footage.item_tables import labels_table
from vidrobust.footage.labels.labels import LabelFormat, Labels
from vidrobust.footage.manifest import is_manifest, read_manifest


def read(path: Path) -> Labels:
    """The column ``label`` of a manifest; rows without one are items without a label."""
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
