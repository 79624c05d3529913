"""COCO: an image a frame; a classifier's label covers it, a detector's boxes have their tracks.

Boxes are also written as MOTChallenge files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.json_text import json_text
from vidrobust.files.names import file_name
from vidrobust.finished_runs.exports.catalogue import Exported, Format, save
from vidrobust.metrics.catalogue import detectors_among
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables


def write(run: RunTables, out: Path) -> Exported:
    """Write MODEL.json of each classifier and detections.json; InputError where the run has neither."""
    folder, frames, files = RunFolder.existing(run.folder), run.table("frames"), []
    if frames is not None:
        # of several objects in a frame the likeliest
        frames = frames.sort_values("probability", ascending=False, kind="stable")
        best = frames.drop_duplicates(["model", "item", "frame"])
        best = best.sort_values(["item", "frame"], kind="stable")
        files = [
            save(out / f"{file_name(model)}.json", json_text(_of_classes(folder, model, best)))
            for model in frames["model"].drop_duplicates().astype(str)
        ]
    if run.table("box_counts") is not None:
        files += write_coco(folder, out / "detections.json")
    if not files:
        raise InputError(
            f"{run.folder}: holds no answers yet; make them with vidrobust stability {run.folder}"
        )
    return Exported(tuple(files))


def _of_classes(folder: RunFolder, model: str, best: pd.DataFrame) -> dict[str, Any]:
    rows = best[best["model"] == model].rename(columns={"probability": "score"})
    width, height = (
        rows["item"].map({entry.item: getattr(entry, side) for entry in folder.record.inputs})
        for side in ("width", "height")
    )
    boxes = rows.assign(x1=0, y1=0, x2=width, y2=height, track=-1, shape="")
    what = f"what {model} calls each frame, as a box over the whole of it"
    return coco_of(folder, what, rows, boxes)


PX_DIGITS = 2  # decimals of pixels that are written


def write_mot(folder: RunFolder, out: Path) -> list[Path]:
    """Write ``OUT/MODEL/data/ITEM.txt`` and ``classes.txt`` in the layout of TrackEval; return the files."""
    files = []
    for model, boxes in _boxes(folder):
        tracks = boxes[boxes["track"] >= 0].sort_values(["item", "frame", "track"], kind="stable")
        where = out / file_name(model)
        names = _class_names(boxes)
        lines = [
            names.get(label, f"class-{label + 1}") for label in range(max(names, default=-1) + 1)
        ]
        files.append(save(where / "classes.txt", "".join(f"{line}\n" for line in lines)))
        for item in _items(folder, model):
            rows = tracks[tracks["item"] == item]
            files.append(
                save(
                    where / "data" / f"{file_name(item)}.txt",
                    "".join(map(_mot_line, rows.itertuples())),
                )
            )
    return files


def _mot_line(row: Any) -> str:
    box = (row.x1 + 1, row.y1 + 1, row.x2 - row.x1, row.y2 - row.y1)
    sides = ",".join(f"{side:.{PX_DIGITS}f}" for side in box)
    return f"{row.frame + 1},{row.track + 1},{sides},{row.score:.4f},{row.label + 1},-1,-1\n"


def write_coco(folder: RunFolder, out: Path) -> list[Path]:
    """Write COCO with videos: OUT, or of several detectors OUT with their names; return the files."""
    pairs = _boxes(folder)
    files = []
    for model, boxes in pairs:
        path = (
            out if len(pairs) == 1 else out.with_name(f"{out.stem}-{file_name(model)}{out.suffix}")
        )
        seen = folder.table("box_counts").query("model == @model")
        what = f"boxes of {model}; track_id numbers the objects of each video"
        files.append(save(path, json_text(coco_of(folder, what, seen, boxes))))
    return files


def coco_of(
    folder: RunFolder, what: str, seen: pd.DataFrame, boxes: pd.DataFrame
) -> dict[str, Any]:
    """Return videos, images of the frames ``seen``, categories, and an annotation a box with ``score``."""
    items = seen["item"].drop_duplicates().astype(str).tolist()
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
            "bbox": [round(float(v), PX_DIGITS) for v in (row.x1, row.y1, width, height)],
            "area": round(float(width * height), PX_DIGITS),
            "score": round(float(row.score), 4),
            "iscrowd": 0,
        }
        line |= {"segmentation": segmentation(row.shape)} if row.shape else {}
        annotations.append({**line, "track_id": int(row.track)} if row.track >= 0 else line)
    names = _class_names(boxes)
    return {
        "info": {"description": what},
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
    return [[round(float(v), PX_DIGITS) for v in ring.split()] for ring in rest.split(";")]


def _boxes(folder: RunFolder) -> list[tuple[str, pd.DataFrame]]:
    models = detectors_among(folder.record.tasks)
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


FORMATS = (
    Format(
        name="coco",
        what="what every frame was called, boxes and tracks",
        opened_by="pycocotools",
        write=write,
    ),
    Format(
        name="mot",
        what="tracks of detectors, as MOTChallenge files",
        opened_by="TrackEval",
        write=lambda run, out: Exported(tuple(write_mot(RunFolder.existing(run.folder), out))),
    ),
)
