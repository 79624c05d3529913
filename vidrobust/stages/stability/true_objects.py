"""Which followed objects are known ones, and which are false alarms, so that neither's gaps hide the other's."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import ious
from vidrobust.metrics.tracks.tables import are_shaped, places_of

ON_KNOWN = 0.5
"""IoU from which a box lies on a known one, of whatever class; and the share of a track's boxes that must."""
KEYS = ["item", "frame"]
TRACK = ["item", "frame", "time_s", "model", "track", "label", "label_name", "size"]
"""Columns of a track that are kept, as far as the tables have them."""


def judged_tracks(
    detections: pd.DataFrame, tracks: pd.DataFrame, known: pd.DataFrame, frames: pd.DataFrame
) -> pd.DataFrame:
    """Rows of ``tracks`` with a box in a judged frame: judged, on_known (boxes there), false_alarm (0 or 1).

    An object is a false alarm where less than half of its boxes in judged frames lie on known ones; the name is
    not asked: a known bottle called vase is a known object. All tables are those of one model.
    """
    own = detections[detections["track"] >= 0].merge(frames[KEYS], on=KEYS)
    on = np.zeros(len(own), bool)
    shaped = are_shaped(own, known)
    known_of = {place: places_of(rows, shaped=shaped) for place, rows in known.groupby(KEYS, sort=False)}
    boxes = places_of(own, shaped=shaped)
    for place, rows in own.groupby(KEYS, sort=False).indices.items():
        if place in known_of:
            i, _, iou = ious(boxes.take(rows), known_of[place])
            on[rows[i[iou >= ON_KNOWN]]] = True
    counted = own.assign(on=on).groupby(["item", "track"], sort=False)["on"].agg(["size", "sum"])
    counted = counted.rename(columns={"size": "judged", "sum": "on_known"}).reset_index()
    found = tracks[[name for name in TRACK if name in tracks]].merge(counted, on=["item", "track"])
    found["on_known"] = found["on_known"].astype(np.int64)
    return found.assign(false_alarm=(2 * found["on_known"] < found["judged"]).astype(np.float64))


def judged_steps(steps: pd.DataFrame, judged: pd.DataFrame, frames: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``track_steps`` in judged frames, with what ``judged_tracks`` says of their objects."""
    here = steps[[name for name in (*TRACK, "uncovered") if name in steps]].merge(frames[KEYS], on=KEYS)
    return here.merge(judged[["item", "track", "false_alarm"]], on=["item", "track"])
