"""The tables and pictures of the stage boxes: curves, hiding places, worst moments."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vidrobust.frames.pixels import to_array
from vidrobust.metrics.tracks.curve import curve
from vidrobust.metrics.tracks.item_boxes import item_boxes
from vidrobust.pipeline.run import OpenRun
from vidrobust.report.pictures import PICTURE_WIDTH, save_picture
from vidrobust.stages.boxes.drawn_frame import TILE, tiles
from vidrobust.stages.boxes.moments import BoxMoment
from vidrobust.tables import schema as tables
from vidrobust.text.phrases import plural

BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class HidingPlace:
    """x, y, width, height px; how many objects are missed there, and how many are seen."""

    model: str
    item: str
    x: int
    y: int
    width: int
    height: int
    missed: int
    seen: int


def hiding_places(frames: pd.DataFrame) -> list[HidingPlace]:
    """Return the places of ``object_frames`` where something unnamed may hide objects."""
    places = []
    for (model, item), rows in frames[frames["alarm"] == 0].groupby(["model", "item"], sort=False):
        behind = rows[rows["evidence"] == "place"]
        if behind.empty:
            continue
        x1, y1 = behind[BOX[:2]].quantile(0.25)
        x2, y2 = behind[BOX[2:]].quantile(0.75)
        middle = (rows["x1"] + rows["x2"]) / 2, (rows["y1"] + rows["y2"]) / 2
        inside = middle[0].between(x1, x2) & middle[1].between(y1, y2) & (rows["evidence"] == "box")
        counts = behind["track"].nunique(), rows.loc[inside, "track"].nunique()
        corners = (round(float(x1)), round(float(y1)), round(float(x2 - x1)), round(float(y2 - y1)))
        places.append(HidingPlace(str(model), str(item), *corners, *counts))
    return places


def sentence(place: HidingPlace) -> str:
    """Return what is seen there, and what to do."""
    where = f"{place.x},{place.y},{place.width},{place.height}"
    return (
        f"{place.item}, {place.model}: {plural(place.missed, 'object')} are missed about one place, and "
        f"{place.seen} seen on it. If something stands before the objects there, name it, and it counts as no "
        f"fault: --occluder {where}"
    )


def as_dict(moment: BoxMoment, files: Sequence[str], whole: str) -> dict[str, Any]:
    """Return a moment as in ``box_moments.json``."""
    plain = dataclasses.asdict(moment)
    first = next(k for k, shot in enumerate(moment.shots) if shot.time_s >= moment.time_s)
    return {
        **plain,
        "shots": [
            {**dataclasses.asdict(shot), "picture": files[k] if k < len(files) else ""}
            for k, shot in enumerate(moment.shots)
        ],
        "frame_a": moment.shots[max(first - 1, 0)].frame,
        "frame_b": moment.shots[first].frame,
        "time_b_s": moment.time_s,
        "score_before": moment.sure,
        "picture_a": whole,
    }


def save_tiles(
    run: OpenRun, moments: list[BoxMoment], detections: pd.DataFrame
) -> dict[int, list[str]]:
    """Save the whole frame of each moment, then its tiles; return number -> files."""
    (run.path / "moments").mkdir(exist_ok=True)
    names: dict[int, list[str]] = {}
    for item in dict.fromkeys(moment.item for moment in moments):
        with run.opened(item) as source:
            for number, moment in enumerate(moments):
                if moment.item != item:
                    continue
                frames = [to_array(source.at([shot.frame]).pixels[0]) for shot in moment.shots]
                rows = detections[
                    (detections["item"] == item)
                    & (detections["model"] == moment.model)
                    & (detections["score"] >= run.settings.track_keep_score)
                ]
                begins = next(
                    k for k, shot in enumerate(moment.shots) if shot.time_s >= moment.time_s
                )
                save = [(frames[begins], PICTURE_WIDTH)]
                save += [(tile, TILE) for tile in tiles(frames, moment, rows)]
                names[number] = [f"moments/boxes_{number:02d}_{k}.jpg" for k in range(len(save))]
                for name, (picture, width) in zip(names[number], save, strict=True):
                    save_picture(picture, run.path / name, width)
    return names


def curves(run: OpenRun, detections: pd.DataFrame, transitions: pd.DataFrame) -> pd.DataFrame:
    """Return the curve of each model over all items."""
    about = {entry.item: entry for entry in run.folder.record.inputs}
    parts = []
    for (model, item), rows in detections.groupby(["model", "item"], sort=False):
        entry = about[item]
        found = item_boxes(
            rows, transitions[transitions["item"] == item], (entry.height, entry.width)
        )
        tracks = run.settings.along_time(entry.frame_rate).tracks
        parts.append(curve(found, tracks).assign(model=model))
    if not parts:
        return tables.empty("box_curve")
    every = pd.concat(parts, ignore_index=True)
    every["weighted"] = every["center_jitter"].fillna(0) * every["frames"]
    every["weight"] = every["frames"].where(every["center_jitter"].notna(), 0)
    found = every.groupby(["model", "threshold"], sort=False).sum(min_count=1).reset_index()
    jitter = found["weighted"] / found["weight"].where(found["weight"] > 0)
    return tables.check(
        "box_curve", found.assign(center_jitter=jitter).drop(columns=["weighted", "weight"])
    )
