"""FiftyOne: its ``FiftyOneVideoLabelsDataset``, labels of each frame beside links to the clips."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import InputError
from vidrobust.files.json_text import json_text
from vidrobust.files.names import file_name
from vidrobust.finished_runs.exports.exported import Exported, Format, save
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.by_clip import flips_of

CATEGORY, TRUTH = "eta.core.data.CategoricalAttribute", "eta.core.data.BooleanAttribute"
Frames = dict[int, dict[str, list[dict[str, Any]]]]
"""By frame, counted from 1: "attrs" and "objects" as ETA's ``VideoFrameLabels`` has them."""


def write(run: RunTables, out: Path) -> Exported:
    """``labels/NAME.json`` and ``data/NAME.mp4`` (a link) of each clip; sets of images are left out, and counted.

    A frame has, of each classifier, the attribute MODEL with its probability, and "MODEL flips" where its label is
    not that of the frame before; of each detector its boxes, with the number of the object. Opened by
    ``fiftyone.Dataset.from_dir(FOLDER, dataset_type=fiftyone.types.FiftyOneVideoLabelsDataset)``.
    """
    sizes = {entry.item: (entry.width, entry.height) for entry in run.record.inputs}
    files, left_out, names = [], [], set()
    labels = _labels(run, sizes)
    for entry in run.record.inputs:
        clip = Path(entry.path)
        if not clip.is_file() or entry.frame_rate <= 0:
            left_out.append(entry.item)
            continue
        name = file_name(entry.item)
        while name in names:
            name += "_"
        names.add(name)
        frames = {
            str(number): {
                "frame_number": number,
                **{key: {key: each} for key, each in labels[entry.item][number].items() if each},
            }
            for number in sorted(labels[entry.item])
        }
        files.append(save(out / "labels" / f"{name}.json", json_text({"frames": frames})))
        files.append(_linked(clip.resolve(), out / "data" / f"{name}{clip.suffix}"))
    if not files:
        raise InputError(
            f"{run.folder}: none of its inputs is a video file that still exists; nothing to export"
        )
    notes = (f"no video files, and so left out: {', '.join(left_out[:5])}",) if left_out else ()
    return Exported(tuple(files), notes)


def _labels(run: RunTables, sizes: dict[str, tuple[int, int]]) -> dict[str, Frames]:
    found: dict[str, Frames] = defaultdict(lambda: defaultdict(lambda: {"attrs": [], "objects": []}))
    frames, boxes = run.table("frames"), run.table("detections")
    if frames is not None:
        flips = flips_of(run)
        flipped = set(zip(flips["model"], flips["item"], flips["frame_b"], strict=True))
        for row in frames.drop_duplicates(["model", "item", "frame"]).itertuples():
            attributes = found[str(row.item)][int(row.frame) + 1]["attrs"]
            attributes.append(
                {
                    "type": CATEGORY,
                    "name": str(row.model),
                    "value": str(row.label_name),
                    "confidence": float(row.probability),
                }
            )
            if (row.model, row.item, row.frame) in flipped:
                attributes.append({"type": TRUTH, "name": f"{row.model} flips", "value": True})
    if boxes is not None:
        for row in boxes.itertuples():
            found[str(row.item)][int(row.frame) + 1]["objects"].append(_box(row, *sizes[str(row.item)]))
    return found


def _box(row: Any, width: int, height: int) -> dict[str, Any]:
    """A box in shares of the frame, as FiftyOne has them."""
    box = {
        "label": str(row.label_name),
        "confidence": float(row.score),
        "bounding_box": {
            "top_left": {"x": row.x1 / width, "y": row.y1 / height},
            "bottom_right": {"x": row.x2 / width, "y": row.y2 / height},
        },
        "attrs": {"attrs": [{"type": CATEGORY, "name": "model", "value": str(row.model)}]},
    }
    return box | ({"index": int(row.track)} if pd.notna(row.track) and row.track >= 0 else {})


def _linked(clip: Path, link: Path) -> Path:
    """A link to the clip; InputError where the place knows no links."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    try:
        os.symlink(clip, link)
    except OSError as error:
        raise InputError(
            f"{link}: no link to the clip can be made there ({error}); give another --out"
        ) from error
    return link


FORMAT = Format(
    what="labels of every frame beside links to the clips",
    opened_by="fiftyone.Dataset.from_dir({out!r}, dataset_type=fiftyone.types.FiftyOneVideoLabelsDataset)",
    write=write,
)
