"""A detector's boxes and tracks as MOTChallenge files and as COCO with videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.files.json_text import json_text
from vidrobust.files.names import file_name
from vidrobust.finished_runs.exports.catalogue import save
from vidrobust.run_folder.folder import RunFolder

KEPT = 2  # decimals of pixels that are written


def write_mot(folder: RunFolder, out: Path) -> list[Path]:
    """Write ``OUT/MODEL/data/ITEM.txt`` and ``classes.txt`` in the layout of TrackEval; return the files.

    Frames, pixels, ids and classes count from 1, as in MOTChallenge; a frame without a box has no row.
    """
    files = []
    for model, boxes in _boxes(folder):
        tracks = boxes[boxes["track"] >= 0].sort_values(["item", "frame", "track"], kind="stable")
        where = out / file_name(model)
        names = _class_names(boxes)
        lines = [names.get(label, f"class-{label + 1}") for label in range(max(names, default=-1) + 1)]
        files.append(save(where / "classes.txt", "".join(f"{line}\n" for line in lines)))
        for item in _items(folder, model):
            rows = tracks[tracks["item"] == item]
            files.append(
                save(where / "data" / f"{file_name(item)}.txt", "".join(map(_mot_line, rows.itertuples())))
            )
    return files


def _mot_line(row: Any) -> str:
    box = (row.x1 + 1, row.y1 + 1, row.x2 - row.x1, row.y2 - row.y1)
    sides = ",".join(f"{side:.{KEPT}f}" for side in box)
    return f"{row.frame + 1},{row.track + 1},{sides},{row.score:.4f},{row.label + 1},-1,-1\n"


def write_coco(folder: RunFolder, out: Path) -> list[Path]:
    """Write COCO with videos: OUT, or of several detectors OUT with their names; return the files."""
    found = _boxes(folder)
    files = []
    for model, boxes in found:
        path = out if len(found) == 1 else out.with_name(f"{out.stem}-{file_name(model)}{out.suffix}")
        files.append(save(path, json_text(coco_of(folder, model, boxes))))
    return files


def coco_of(folder: RunFolder, model: str, boxes: pd.DataFrame) -> dict[str, Any]:
    """Return videos, images, categories, and an annotation a box with ``score`` and ``track_id``.

    Every frame that was looked at is an image; ``frame_id`` counts from 0.
    """
    seen = folder.table("box_counts")
    seen = seen[seen["model"] == model]
    items = _items(folder, model)
    about = {entry.item: entry for entry in folder.record.inputs}
    frames = seen[["item", "frame", "time_s"]].assign(id=range(1, len(seen) + 1))
    images = [
        {
            "id": int(row.id),
            "video_id": items.index(row.item) + 1,
            "frame_id": int(row.frame),
            "file_name": f"{row.item}/{row.frame:06d}.jpg",
            "width": about[row.item].width,
            "height": about[row.item].height,
            "time_s": round(float(row.time_s), 6),
        }
        for row in frames.itertuples()
    ]
    rows = boxes.merge(frames[["item", "frame", "id"]], on=["item", "frame"])
    annotations = []
    for number, row in enumerate(rows.itertuples(), 1):
        width, height = row.x2 - row.x1, row.y2 - row.y1
        line = {
            "id": number,
            "image_id": int(row.id),
            "video_id": items.index(row.item) + 1,
            "category_id": int(row.label),
            "bbox": [round(float(v), KEPT) for v in (row.x1, row.y1, width, height)],
            "area": round(float(width * height), KEPT),
            "score": round(float(row.score), 4),
            "iscrowd": 0,
        }
        line |= {"segmentation": segmentation(row.shape)} if row.shape else {}
        annotations.append({**line, "track_id": int(row.track)} if row.track >= 0 else line)
    names = _class_names(boxes)
    return {
        "info": {"description": f"boxes of {model}; track_id numbers the objects of each video"},
        "videos": [{"id": k, "name": item} for k, item in enumerate(items, 1)],
        "images": images,
        "categories": [{"id": label, "name": names[label]} for label in sorted(names)],
        "annotations": annotations,
    }


def segmentation(text: str) -> dict[str, Any] | list[list[float]]:
    """Turn the column ``shape`` of a box into COCO's run lengths, or rings of x, y."""
    kind, _, rest = text.partition(" ")
    if kind == "rle":
        height, width, counts = rest.split(" ", 2)
        return {"size": [int(height), int(width)], "counts": counts}
    return [[round(float(v), KEPT) for v in ring.split()] for ring in rest.split(";")]


def _boxes(folder: RunFolder) -> list[tuple[str, pd.DataFrame]]:
    models = [name for name, task in folder.record.tasks.items() if task == "detection"]
    if not models or not folder.has("detections"):
        raise SettingsError(
            f"{folder.path}: holds no boxes; make them with: vidrobust stability SOURCES --model DETECTOR"
        )
    table = folder.table("detections")
    return [(model, table[table["model"] == model]) for model in models]


def _items(folder: RunFolder, model: str) -> list[str]:
    seen = folder.table("box_counts")
    return [str(item) for item in seen.loc[seen["model"] == model, "item"].drop_duplicates()]


def _class_names(boxes: pd.DataFrame) -> dict[int, str]:
    return {int(k): str(v) for k, v in zip(boxes["label"], boxes["label_name"], strict=True)}
