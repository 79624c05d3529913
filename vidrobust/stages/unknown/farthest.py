"""The frames that are farthest outside, one a stretch of time, and their pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from vidrobust.frames.pixels import to_array
from vidrobust.pipeline.run import Run
from vidrobust.report.pictures import save_picture
from vidrobust.stages.unknown.study import ScoreStudied
from vidrobust.statistics.clusters import SHORTEST_S

MOST = 12
WIDTH = 320
FOLDER = "unknown"


def farthest(leading: ScoreStudied, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """At most twelve frames above the threshold, the farthest first; none within a second of another.

    rows  item, frame, time_s, label_name of the frames that were scored
    """
    if leading.values is None or leading.outside is None:
        return []
    chosen: list[dict[str, Any]] = []
    for at in np.argsort(-leading.values, kind="stable"):
        if not leading.outside.above[at] or len(chosen) == MOST:
            break
        row = rows.iloc[int(at)]
        if any(c["item"] == row["item"] and abs(c["time_s"] - row["time_s"]) < SHORTEST_S for c in chosen):
            continue
        chosen.append(
            {
                "item": str(row["item"]),
                "frame": int(row["frame"]),
                "time_s": float(row["time_s"]),
                "label": str(row["label_name"]),
                "value": float(leading.values[at]),
                "picture": "",
            }
        )
    return chosen


def take_pictures(run: Run, model: str, shown: list[dict[str, Any]]) -> None:
    """Save a picture of each, and note its file in ``picture``."""
    (run.path / FOLDER).mkdir(exist_ok=True)
    number = [str(record["name"]) for record in run.model_records].index(model)
    for item in dict.fromkeys(each["item"] for each in shown):
        with run.opened(item) as source:
            for place, each in enumerate(shown):
                if each["item"] == item:
                    each["picture"] = f"{FOLDER}/{number}_{place:02d}.jpg"
                    picture = to_array(source.at([each["frame"]]).pixels[0])
                    save_picture(picture, run.path / each["picture"], WIDTH)
