"""Objects and their boxes as other tools read them: MOTChallenge results, and COCO with tracks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.files.atomic import write_text


def mot_text(detections: pd.DataFrame) -> str:
    """MOTChallenge results of one item and model: frame, id, x, y, width, height, score, class, -1, -1.

    Frames, ids, pixels and classes count from 1; boxes in no track have the id -1.
    """
    rows = detections.sort_values(["frame", "track"], kind="stable")
    lines = [
        f"{row.frame + 1},{row.track + 1 if row.track >= 0 else -1},{row.x1 + 1:.2f},{row.y1 + 1:.2f},"
        f"{row.x2 - row.x1:.2f},{row.y2 - row.y1:.2f},{row.score:.4f},{row.label + 1},-1,-1"
        for row in rows.itertuples()
    ]
    return "\n".join(lines) + ("\n" if lines else "")


def coco(detections: pd.DataFrame, frames: pd.DataFrame, sizes: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """A COCO data set of one model: every frame an image, every box an annotation with score and track_id.

    frames  item, frame of every frame, also those without boxes; sizes: item -> (height, width) px
    """
    images = [
        {
            "id": number,
            "file_name": f"{row.item}/{row.frame:06d}",
            "item": str(row.item),
            "frame_id": int(row.frame),
            "height": sizes[str(row.item)][0],
            "width": sizes[str(row.item)][1],
        }
        for number, row in enumerate(frames.itertuples(), 1)
    ]
    number_of = {(image["item"], image["frame_id"]): image["id"] for image in images}
    names = detections[["label", "label_name"]].drop_duplicates("label").sort_values("label")
    tracks = {
        key: k
        for k, key in enumerate(sorted(set(zip(detections["item"], detections["track"], strict=True))), 1)
    }
    annotations = [
        {
            "id": number,
            "image_id": number_of[(str(row.item), int(row.frame))],
            "category_id": int(row.label) + 1,
            "bbox": [round(v, 3) for v in (row.x1, row.y1, row.x2 - row.x1, row.y2 - row.y1)],
            "area": round((row.x2 - row.x1) * (row.y2 - row.y1), 3),
            "iscrowd": 0,
            "score": round(row.score, 6),
            **({"track_id": tracks[(row.item, row.track)]} if row.track >= 0 else {}),
        }
        for number, row in enumerate(detections.itertuples(), 1)
    ]
    categories = [{"id": int(row.label) + 1, "name": str(row.label_name)} for row in names.itertuples()]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_mot(detections: pd.DataFrame, folder: Path) -> list[Path]:
    """``folder/MODEL/ITEM.txt`` of every model and item; the files written."""
    written = []
    for (model, item), rows in detections.groupby(["model", "item"], sort=False):
        path = folder / _safe(str(model)) / f"{_safe(str(item))}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, mot_text(rows))
        written.append(path)
    return written


def write_coco(
    detections: pd.DataFrame, frames: pd.DataFrame, sizes: dict[str, tuple[int, int]], path: Path
) -> Path:
    """The data set of the only model, as JSON."""
    models = list(detections["model"].drop_duplicates())
    if len(models) > 1:
        raise SettingsError(f"{path}: a COCO file holds one detector, not {', '.join(models)}; say --of NAME")
    write_text(path, json.dumps(coco(detections, frames, sizes)))
    return path


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
