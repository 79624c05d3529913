"""Frames to label first: those of which a model is least sure, spread over parts, tracks and time.

The answers are drafts for CVAT, Label Studio and COCO. ``benchmarks/label_queue.py`` measures what this choice
buys on the simulated line.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.files.json_text import json_text
from vidrobust.files.names import file_name
from vidrobust.finished_runs.exports.catalogue import Exported, Format, save
from vidrobust.frames.pixels import to_array
from vidrobust.run_folder.reader import RunTables

MOST = 100  # frames in the queue; the first ones count most
APART_S = 1.0  # frames of one input are so far apart at least


@dataclass(frozen=True)
class DraftAnswer:
    """A class, its probability or score, and its box in px; None of a whole frame."""

    name: str
    score: float
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class QueuedFrame:
    """A frame that was chosen: its picture, size in px, and what the model says of it."""

    file: str
    width: int
    height: int
    drafts: tuple[DraftAnswer, ...]


def candidates(run: RunTables, model: str) -> pd.DataFrame:
    """Return item, frame, time_s, unit and margin of each frame that a model answered.

    The margin of a classifier is that to the runner-up; of a detector, how near the least certain box is to the
    score at which a track begins. The unit is the part, else the track, else the input.
    """
    frames, boxes = run.table("frames"), run.table("detections")
    if model in run.detectors and boxes is not None:
        rows = boxes[boxes["model"] == model]
        start = run.record.settings.get("track_start_score", 0.5)
        rows = rows.assign(margin=(rows["score"] - float(start)).abs())
        rows = rows.sort_values("margin", kind="stable").drop_duplicates(["item", "frame"])
        unit = rows["item"] + [f"#{track}" if track >= 0 else "" for track in rows["track"]]
    elif frames is not None:
        rows = frames[frames["model"] == model].sort_values("margin", kind="stable")
        rows = rows.drop_duplicates(["item", "frame"])
        unit = rows["item"]
    else:
        return pd.DataFrame(columns=["item", "frame", "time_s", "unit", "margin"])
    items = run.table("items")
    part = {} if items is None else dict(zip(items["item"], items["part"], strict=True))
    unit = [part.get(item) or own for item, own in zip(rows["item"], unit, strict=True)]
    found = rows.assign(unit=unit)[["item", "frame", "time_s", "unit", "margin"]]
    return found[found["margin"].notna()].sort_values(
        ["item", "frame"], kind="stable", ignore_index=True
    )


def choose(rows: pd.DataFrame, most: int = MOST, apart_s: float = APART_S) -> np.ndarray:
    """Return the rows (M,) to label, the first ones first.

    Each time the smallest margin among the units with the fewest frames so far, and no frame of an input within
    ``apart_s`` of another.
    """
    unit, item = (pd.factorize(rows[name])[0] for name in ("unit", "item"))
    margin, time_s = rows["margin"].to_numpy(np.float64), rows["time_s"].to_numpy(np.float64)
    left, counts = np.ones(len(rows), bool), np.zeros(len(rows), np.int64)
    chosen: list[int] = []
    while left.any() and len(chosen) < most:
        open_rows = np.flatnonzero(left)
        at = int(open_rows[np.lexsort((margin[open_rows], counts[unit[open_rows]]))[0]])
        chosen.append(at)
        counts[unit[at]] += 1
        left &= (item != item[at]) | (np.abs(time_s - time_s[at]) >= apart_s)
        left[at] = False
    return np.array(chosen, np.int64)


def write(run: RunTables, out: Path) -> Exported:
    """Write pictures, queue.csv, and the drafts of the run's first model for three programs."""
    model = next((name for name in run.tasks if len(candidates(run, name))), None)
    if model is None:
        raise InputError(
            f"{run.folder}: holds no answers with a margin; make them with vidrobust stability"
        )
    rows = candidates(run, model)
    rows = rows.iloc[choose(rows)].reset_index(drop=True)
    rows["file"] = [
        f"{place:03d}_{file_name(str(row.item))}_{int(row.frame):06d}.jpg"
        for place, row in enumerate(rows.itertuples(), 1)
    ]
    rows["reverts"] = _reverts(run, model, rows)
    sizes = _pictures(run, rows, out / "images")
    drafts = [_drafts(run, model, str(row.item), int(row.frame)) for row in rows.itertuples()]
    queue = [
        QueuedFrame(str(file), *size, tuple(of))
        for file, size, of in zip(rows["file"], sizes, drafts, strict=True)
    ]
    with_boxes = model in run.detectors
    table = run.table("detections" if with_boxes else "frames")
    assert table is not None
    names = sorted(table.loc[table["model"] == model, "label_name"].unique())
    files = (
        save(out / "queue.csv", rows.to_csv(index=False)),
        save(out / "cvat.xml", cvat(queue, names)),
        save(out / "label_studio.json", json_text(label_studio(queue, model))),
        save(out / "label_studio_config.xml", studio_config(names, with_boxes)),
        save(out / "coco.json", json_text(coco(queue, names))),
    )
    others = [name for name in run.tasks if name != model]
    notes = (f"drafts are those of {model}, not of {', '.join(others)}",) if others else ()
    return Exported((*files, out / "images"), notes)


def _reverts(run: RunTables, model: str, rows: pd.DataFrame) -> list[bool]:
    """Whether the label leaves at this frame and is back within a few; False of detectors."""
    triples = run.table("triples")
    if triples is None or "revert_flip" not in triples:
        return [False] * len(rows)
    triples = triples[(triples["model"] == model) & (triples["revert_flip"] == 1)]
    there = set(zip(triples["item"], triples["frame"], strict=True))
    return [(row.item, row.frame) in there for row in rows.itertuples()]


def _pictures(run: RunTables, rows: pd.DataFrame, out: Path) -> list[tuple[int, int]]:
    """Write the chosen frames; return their widths and heights, px."""
    from vidrobust.pipeline.open import opened_folder
    from vidrobust.pipeline.progress import Reporter

    out.mkdir(parents=True, exist_ok=True)
    sizes: dict[int, tuple[int, int]] = {}
    with opened_folder(run.folder, {}, Reporter(quiet=True)) as opened:
        for item, own in rows.sort_values("frame", kind="stable").groupby("item", sort=False):
            with opened.opened(str(item)) as source:
                for place, frame in zip(own.index, own["frame"].astype(int), strict=True):
                    picture = to_array(source.at([frame]).pixels[0])
                    cv2.imwrite(
                        str(out / own.loc[place, "file"]), np.ascontiguousarray(picture[..., ::-1])
                    )
                    sizes[place] = picture.shape[1], picture.shape[0]
    return [sizes[place] for place in rows.index]


def _drafts(run: RunTables, model: str, item: str, frame: int) -> Iterator[DraftAnswer]:
    table = run.table("detections" if model in run.detectors else "frames")
    assert table is not None
    rows = table[(table["model"] == model) & (table["item"] == item) & (table["frame"] == frame)]
    if model not in run.detectors:
        best = rows.loc[rows["probability"].idxmax()]
        yield DraftAnswer(str(best["label_name"]), float(best["probability"]))
        return
    for row in rows[rows["track"] >= 0].itertuples():
        yield DraftAnswer(str(row.label_name), float(row.score), (row.x1, row.y1, row.x2, row.y2))


def cvat(queue: Sequence[QueuedFrame], names: Sequence[str]) -> str:
    """Return the drafts as "CVAT for images 1.1": a tag of each frame, or boxes."""
    root = ET.Element("annotations")
    ET.SubElement(root, "version").text = "1.1"
    labels = ET.SubElement(ET.SubElement(ET.SubElement(root, "meta"), "task"), "labels")
    for name in names:
        ET.SubElement(ET.SubElement(labels, "label"), "name").text = name
    for number, frame in enumerate(queue):
        size = {"width": str(frame.width), "height": str(frame.height)}
        image = ET.SubElement(root, "image", {"id": str(number), "name": frame.file, **size})
        for draft in frame.drafts:
            about = {"label": draft.name, "source": "auto"}
            if draft.box is None:
                ET.SubElement(image, "tag", about)
                continue
            corners = zip(("xtl", "ytl", "xbr", "ybr"), draft.box, strict=True)
            ET.SubElement(
                image,
                "box",
                {**about, "occluded": "0", **{k: f"{v:.2f}" for k, v in corners}, "z_order": "0"},
            )
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def label_studio(queue: Sequence[QueuedFrame], model: str) -> list[dict[str, Any]]:
    """Return tasks with predictions; boxes are in per cent of the frame, pictures in local storage."""
    tasks = []
    for frame in queue:
        results = []
        for number, draft in enumerate(frame.drafts):
            about = {
                "id": f"draft{number}",
                "from_name": "label",
                "to_name": "image",
                "score": draft.score,
            }
            if draft.box is None:
                results.append({**about, "type": "choices", "value": {"choices": [draft.name]}})
                continue
            x1, y1, x2, y2 = draft.box
            sides = {"x": x1 / frame.width, "width": (x2 - x1) / frame.width}
            sides |= {"y": y1 / frame.height, "height": (y2 - y1) / frame.height}
            value = {
                **{k: 100 * v for k, v in sides.items()},
                "rotation": 0,
                "rectanglelabels": [draft.name],
            }
            size = {"original_width": frame.width, "original_height": frame.height}
            results.append({**about, **size, "type": "rectanglelabels", "value": value})
        score = min((draft.score for draft in frame.drafts), default=0.0)
        said = {"model_version": model, "score": score, "result": results}
        data = {"image": f"/data/local-files/?d=images/{frame.file}"}
        tasks.append({"data": data, "predictions": [said]})
    return tasks


def studio_config(names: Sequence[str], with_boxes: bool) -> str:
    """Return the labelling interface of a project that takes the tasks."""
    root = ET.Element("View")
    ET.SubElement(root, "Image", {"name": "image", "value": "$image"})
    kind, each = ("RectangleLabels", "Label") if with_boxes else ("Choices", "Choice")
    control = ET.SubElement(root, kind, {"name": "label", "toName": "image"})
    for name in names:
        ET.SubElement(control, each, {"value": name})
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def coco(queue: Sequence[QueuedFrame], names: Sequence[str]) -> dict[str, Any]:
    """Return images, categories and annotations; the draft of a whole frame is a box over all of it."""
    number_of = {name: number for number, name in enumerate(names, 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, frame in enumerate(queue, 1):
        size = {"width": frame.width, "height": frame.height}
        images.append({"id": number, "file_name": frame.file, **size})
        for draft in frame.drafts:
            x1, y1, x2, y2 = draft.box or (0, 0, frame.width, frame.height)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": number_of[draft.name],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                    "score": draft.score,
                }
            )
    categories = [{"id": number, "name": name} for name, number in number_of.items()]
    return {"images": images, "categories": categories, "annotations": annotations}


FORMAT = Format(
    name="label-queue",
    what="frames to label first, with draft answers for CVAT, Label Studio and COCO",
    opened_by="import {out}/cvat.xml, label_studio.json or coco.json, with the pictures in {out}/images",
    write=write,
)
