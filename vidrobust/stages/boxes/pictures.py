"""What is said of detectors beside their numbers: the curve over thresholds, name changes, the worst moments."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from vidrobust.frames.pixels import to_array
from vidrobust.metrics.tracks.curve import curve
from vidrobust.metrics.tracks.tables import item_boxes
from vidrobust.pipeline.run import Run
from vidrobust.report.pictures import save_picture
from vidrobust.stages.boxes.hiding_places import hiding_places, sentence
from vidrobust.stages.boxes.moments import BoxMoment, choose
from vidrobust.stages.boxes.names import changes_of_name
from vidrobust.stages.boxes.strips import strip
from vidrobust.stages.stability.unit import along_time
from vidrobust.tables import schema as tables

STRIP_WIDTH = 1600


def make(run: Run) -> None:
    """Write ``box_curve``, ``name_changes``, and ``box_moments.json`` with its pictures."""
    detections, transitions = run.table("detections"), run.table("transitions")
    steps = run.table("track_steps")
    run.folder.write_table("box_curve", _curves(run, detections, transitions))
    run.folder.write_table("name_changes", tables.check("name_changes", changes_of_name(steps, detections)))
    moments: list[BoxMoment] = []
    for model in detections["model"].drop_duplicates():
        of_model = detections[detections["model"] == model]
        moments += choose(str(model), steps[steps["model"] == model], of_model)
    names = _take(run, moments, detections) if run.settings.pictures else {}
    lines = [_as_dict(moment, names.get(number, "")) for number, moment in enumerate(moments)]
    places = hiding_places(run.table("tracks"), detections)
    for place in places:
        run.reporter.say(sentence(place))
    hiding = [{**dataclasses.asdict(place), "sentence": sentence(place)} for place in places]
    run.folder.write_json("box_moments.json", {"moments": lines, "hiding_places": hiding})


def _as_dict(moment: BoxMoment, picture: str) -> dict[str, Any]:
    """A moment as ``box_moments.json`` holds it; frame_a and frame_b: the last before, and the first of it."""
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


def _take(run: Run, moments: list[BoxMoment], detections: pd.DataFrame) -> dict[int, str]:
    """Save the strip of each moment; its number -> its file."""
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


def _curves(run: Run, detections: pd.DataFrame, transitions: pd.DataFrame) -> pd.DataFrame:
    """The curve of each model, its items added up; the jitter is weighted with their frames."""
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
