"""What is told of detectors beside their numbers: the curve over thresholds, and the worst moments as pictures."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pandas as pd

from vidrobust.frames.pixels import to_array
from vidrobust.metrics.tracks.curve import curve
from vidrobust.metrics.tracks.tables import item_boxes
from vidrobust.pipeline.run import Run
from vidrobust.report.pictures import WIDTH, save_picture
from vidrobust.tables import schema as tables

PER_MODEL = 6
APART_S = 1.0
OWN, OTHER, EXPECTED = (0, 158, 115), (138, 138, 138), (213, 94, 0)
"""RGB: the box of the track, other boxes, where the missed object is expected."""


def make(run: Run) -> None:
    """Write ``box_curve``, and ``box_moments.json`` with its pictures."""
    detections, transitions = run.table("detections"), run.table("transitions")
    run.folder.write_table("box_curve", _curves(run, detections, transitions))
    moments: list[dict[str, Any]] = []
    if len(detections):
        along = run.table("track_steps")
        for model in detections["model"].drop_duplicates():
            of_model = detections[detections["model"] == model]
            moments += choose(model, along[along["model"] == model], of_model)
        if run.settings.pictures:
            _take(run, moments, detections)
    run.folder.write_json("box_moments.json", {"moments": moments})


def choose(model: str, along: pd.DataFrame, detections: pd.DataFrame) -> list[dict[str, Any]]:
    """The moments at which the detector was surest and wrong all the same: missed frames and renames.

    The score of the box before tells how sure it was; moments of one item are at least a second apart.
    """
    rows = along.sort_values(["item", "track", "frame"], kind="stable")
    keys = ["item", "track", "frame"]
    boxes = detections[detections["track"] >= 0][[*keys, "score", "label_name", "x1", "y1", "x2", "y2"]]
    rows = rows.merge(boxes.rename(columns={"label_name": "now"}), on=keys, how="left")
    within = ["item", "track"]
    last = rows.groupby(within, sort=False)[["score", "x1", "y1", "x2", "y2", "now"]].ffill()
    before = last.groupby([rows["item"], rows["track"]], sort=False).shift()
    rows["sure"], rows["was"] = before["score"], before["now"]
    rows[["ex1", "ey1", "ex2", "ey2"]] = before[["x1", "y1", "x2", "y2"]]
    rows["frame_before"] = rows.groupby(within, sort=False)["frame"].shift()
    rows["time_before"] = rows.groupby(within, sort=False)["time_s"].shift()
    rows["begins"] = (rows["missed"] == 1) & (rows.groupby(within, sort=False)["missed"].shift() != 1)
    wrong = rows[rows["begins"] | (rows["flip"] == 1)].sort_values("sure", ascending=False, kind="stable")
    found: list[dict[str, Any]] = []
    for row in wrong.itertuples():
        near = (m for m in found if m["item"] == row.item and abs(m["time_b_s"] - row.time_s) < APART_S)
        if any(near):
            continue
        found.append(_moment(model, row))
        if len(found) == PER_MODEL:
            break
    return found


def _moment(model: str, row: Any) -> dict[str, Any]:
    lost = bool(row.begins)
    what = f"{row.was} is missed" if lost else f"{row.was} is called {row.now}"
    return {
        "model": model,
        "item": row.item,
        "track": int(row.track),
        "frame_a": int(row.frame_before),
        "frame_b": int(row.frame),
        "time_a_s": float(row.time_before),
        "time_b_s": float(row.time_s),
        "what": what,
        "lost": lost,
        "score_before": float(row.sure),
        "score_after": None if lost else float(row.score),
        "expected": [float(row.ex1), float(row.ey1), float(row.ex2), float(row.ey2)] if lost else None,
    }


def _take(run: Run, moments: list[dict[str, Any]], detections: pd.DataFrame) -> None:
    """Save the two frames of each moment, with boxes drawn."""
    (run.path / "moments").mkdir(exist_ok=True)
    for item in dict.fromkeys(moment["item"] for moment in moments):
        with run.opened(item) as source:
            for number, moment in enumerate(moments):
                if moment["item"] != item:
                    continue
                for side in ("a", "b"):
                    frame = moment[f"frame_{side}"]
                    rows = detections[
                        (detections["item"] == item)
                        & (detections["model"] == moment["model"])
                        & (detections["frame"] == frame)
                        & (detections["score"] >= run.settings.track_keep_score)
                    ]
                    picture = to_array(source.at([frame]).pixels[0]).copy()
                    _draw(picture, rows, moment["track"], moment["expected"] if side == "b" else None)
                    name = f"moments/boxes_{number:02d}_{side}.jpg"
                    save_picture(picture, run.path / name, WIDTH)
                    moment[f"picture_{side}"] = name


def _draw(picture: np.ndarray, rows: pd.DataFrame, track: int, expected: list[float] | None) -> None:
    """Boxes with class and score; the followed one in green, where a missed one should be in orange."""
    width = max(1, round(picture.shape[1] / 320))
    for row in rows.sort_values("track", key=lambda of: of == track, kind="stable").itertuples():
        colour = OWN if row.track == track else OTHER
        corner = (round(row.x1), round(row.y1))
        cv2.rectangle(picture, corner, (round(row.x2), round(row.y2)), colour, width)
        text = f"{row.label_name} {row.score:.2f}"
        place = (max(corner[0], 0) + 2, max(corner[1], 0) + 8 + 6 * width)
        cv2.putText(
            picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.25 + 0.15 * width, colour, 1, cv2.LINE_AA
        )
    if expected is not None:
        x1, y1, x2, y2 = (round(side) for side in expected)
        cv2.rectangle(picture, (x1, y1), (x2, y2), EXPECTED, width)


def _curves(run: Run, detections: pd.DataFrame, transitions: pd.DataFrame) -> pd.DataFrame:
    """The curve of each model, its items added up; the jitter is weighted with their frames."""
    sizes = run.folder.record.sizes
    parts = []
    for (model, item), rows in detections.groupby(["model", "item"], sort=False):
        found = item_boxes(rows, transitions[transitions["item"] == item], sizes[item])
        parts.append(curve(found, run.settings.tracks).assign(model=model))
    if not parts:
        return tables.empty("box_curve")
    every = pd.concat(parts, ignore_index=True)
    every["weighted"] = every["center_jitter"].fillna(0) * every["frames"]
    every["weight"] = every["frames"].where(every["center_jitter"].notna(), 0)
    found = every.groupby(["model", "threshold"], sort=False).sum(min_count=1).reset_index()
    jitter = found["weighted"] / found["weight"].where(found["weight"] > 0)
    return tables.check("box_curve", found.assign(center_jitter=jitter).drop(columns=["weighted", "weight"]))
