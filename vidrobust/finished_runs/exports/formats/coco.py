"""COCO: an image a frame; a classifier's label as a box over all of it, a detector's boxes with their tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import InputError
from vidrobust.files.json_text import json_text
from vidrobust.files.names import file_name
from vidrobust.finished_runs.exports.box_files import write_coco
from vidrobust.finished_runs.exports.catalogue import Exported, Format, save
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables


def write(run: RunTables, out: Path) -> Exported:
    """Write MODEL.json of each classifier and detections.json; InputError where the run has neither."""
    frames = run.table("frames")
    files = [
        save(out / f"{file_name(str(model))}.json", json_text(content(run, str(model), rows)))
        for model, rows in ([] if frames is None else frames.groupby("model", sort=False))
    ]
    if run.table("box_counts") is not None:
        files += write_coco(RunFolder.existing(run.folder), out / "detections.json")
    if not files:
        raise InputError(
            f"{run.folder}: holds no answers yet; make them with vidrobust stability {run.folder}"
        )
    return Exported(tuple(files))


def content(run: RunTables, model: str, rows: pd.DataFrame) -> dict[str, Any]:
    """images, categories and annotations of one classifier, from its rows of the table ``frames``.

    Of several objects (``track``) cut out of a frame, the one of most probability counts.
    """
    sizes = {entry.item: (entry.width, entry.height) for entry in run.record.inputs}
    best = rows.sort_values("probability", ascending=False, kind="stable").drop_duplicates(["item", "frame"])
    images, annotations = [], []
    for number, row in enumerate(best.sort_values(["item", "frame"], kind="stable").itertuples(), 1):
        width, height = sizes.get(str(row.item), (0, 0))
        images.append(
            {
                "id": number,
                "file_name": f"{row.item}/{int(row.frame):06d}.jpg",
                "width": width,
                "height": height,
                "item": str(row.item),
                "frame": int(row.frame),
                "time_s": float(row.time_s),
            }
        )
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": int(row.label),
                "bbox": [0, 0, width, height],
                "area": width * height,
                "iscrowd": 0,
                "score": float(row.probability),
            }
        )
    names = best.drop_duplicates("label").sort_values("label")
    return {
        "info": {"description": f"what {model} calls each frame, as a box over the whole of it"},
        "images": images,
        "categories": [{"id": int(row.label), "name": str(row.label_name)} for row in names.itertuples()],
        "annotations": annotations,
    }


FORMAT = Format(
    what="what every frame was called, boxes and tracks",
    opened_by="pycocotools",
    write=write,
)
