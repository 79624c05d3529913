"""The tables and pictures of the stage boxes: curves, renames, hiding places, worst moments."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.frames.pixels import to_array
from vidrobust.metrics.tracks.curve import curve
from vidrobust.metrics.tracks.evidence import hiding_place, lost_and_found
from vidrobust.metrics.tracks.item_boxes import item_boxes
from vidrobust.pipeline.run import Run
from vidrobust.report.pictures import save_picture
from vidrobust.stages.boxes.moments import BoxMoment
from vidrobust.stages.boxes.strips import strip
from vidrobust.stages.stability.unit import along_time
from vidrobust.tables import schema as tables

BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class HidingPlace:
    """x, y, width, height px; how many objects are lost and found there, and how many there are."""

    model: str
    item: str
    x: int
    y: int
    width: int
    height: int
    vanish: int
    appear: int
    of_vanished: int
    of_appeared: int


def hiding_places(frames: pd.DataFrame) -> list[HidingPlace]:
    """Return the place of each detector and clip where FEWEST objects or more are lost and found."""
    found = []
    for (model, item), own in frames[frames["alarm"] == 0].groupby(["model", "item"], sort=False):
        own = own.sort_values(["track", "frame"], kind="stable")
        track, state, evidence = (own[name].to_numpy() for name in ("track", "state", "evidence"))
        gone, come = lost_and_found(track, state, evidence, own[BOX].to_numpy(np.float64))
        place = hiding_place(gone, come)
        if place is not None:
            rectangle, vanish, appear = place
            found.append(HidingPlace(str(model), str(item), *rectangle, vanish, appear, len(gone), len(come)))
    return found


def sentence(place: HidingPlace) -> str:
    """Return what is seen there, and what to do."""
    where = f"{place.x},{place.y},{place.width},{place.height}"
    return (
        f"{place.item}, {place.model}: {place.vanish} of {place.of_vanished} losses of objects and "
        f"{place.appear} of {place.of_appeared} first boxes lie about one place. If something stands before the "
        f"objects there, name it, and it counts as no fault: --occluder {where}"
    )


COLUMNS = ["model", "before", "after", "changes", "objects", "back"]


def changes_of_name(steps: pd.DataFrame, detections: pd.DataFrame) -> pd.DataFrame:
    """Return model, before, after, changes, objects and back (soon returned), the most frequent first."""
    keys = ["model", "item", "track", "frame"]
    boxes = detections[detections["track"] >= 0].sort_values(keys, kind="stable")
    before = boxes.groupby(["model", "item", "track"], sort=False)["label_name"].shift()
    changed = boxes.assign(before=before)[before.notna() & (before != boxes["label_name"])]
    if not len(changed):
        return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
    changed = changed.merge(steps[[*keys, "revert_flip"]], on=keys, how="left")
    changed["object"] = changed["item"].astype(str) + "\0" + changed["track"].astype(str)
    grouped = changed.groupby(["model", "before", "label_name"], sort=False)
    found = grouped.agg(
        changes=("frame", "size"),
        objects=("object", "nunique"),
        back=("revert_flip", lambda values: int((values == 1).sum())),
    ).reset_index()
    found = found.rename(columns={"label_name": "after"})
    return found.sort_values(
        ["changes", "before", "after"], ascending=[False, True, True], ignore_index=True
    )[COLUMNS]


STRIP_WIDTH = 1600


def as_dict(moment: BoxMoment, picture: str) -> dict[str, Any]:
    """Return a moment as in ``box_moments.json``."""
    plain = dataclasses.asdict(moment)
    first = next(k for k, shot in enumerate(moment.shots) if shot.time_s >= moment.time_s)
    return {
        **plain,
        "shots": [dataclasses.asdict(shot) for shot in moment.shots],
        "frame_a": moment.shots[max(first - 1, 0)].frame,
        "frame_b": moment.shots[first].frame,
        "time_b_s": moment.time_s,
        "score_before": moment.sure,
        "picture": picture,
    }


def save_strips(run: Run, moments: list[BoxMoment], detections: pd.DataFrame) -> dict[int, str]:
    """Save the strip of each moment; return number -> file."""
    (run.path / "moments").mkdir(exist_ok=True)
    names = {}
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
                names[number] = f"moments/boxes_{number:02d}.jpg"
                save_picture(strip(frames, moment, rows), run.path / names[number], STRIP_WIDTH)
    return names


def curves(run: Run, detections: pd.DataFrame, transitions: pd.DataFrame) -> pd.DataFrame:
    """Return the curve of each model over all items."""
    about = {entry.item: entry for entry in run.folder.record.inputs}
    parts = []
    for (model, item), rows in detections.groupby(["model", "item"], sort=False):
        entry = about[item]
        found = item_boxes(rows, transitions[transitions["item"] == item], (entry.height, entry.width))
        tracks = along_time(run.settings, entry.frame_rate).tracks
        parts.append(curve(found, tracks).assign(model=model))
    if not parts:
        return tables.empty("box_curve")
    every = pd.concat(parts, ignore_index=True)
    every["weighted"] = every["center_jitter"].fillna(0) * every["frames"]
    every["weight"] = every["frames"].where(every["center_jitter"].notna(), 0)
    found = every.groupby(["model", "threshold"], sort=False).sum(min_count=1).reset_index()
    jitter = found["weighted"] / found["weight"].where(found["weight"] > 0)
    return tables.check("box_curve", found.assign(center_jitter=jitter).drop(columns=["weighted", "weight"]))
