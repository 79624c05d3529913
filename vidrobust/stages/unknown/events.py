"""What happens at a frame: the label flips against a neighbour; the answer is wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vidrobust.pipeline.run import Run
from vidrobust.stages.remedies.truth import correct, right_classes
from vidrobust.stages.unknown.names import ERROR, FLIP


def events_of(run: Run, model: str, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """By name (N,) float64: 1 where it happens, 0 where not, NaN where it is not known; errors only with labels.

    rows  item, frame, time_s and label of N frames
    """
    found = {FLIP: _flips(run, model, rows)}
    labels = run.table_or_empty("labels")
    if len(labels):
        names = next((tuple(each.class_names) for each in run.models if each.name == model), ())
        right = correct(rows["label"].to_numpy(np.int64), right_classes(rows, labels, names))
        if np.isfinite(right).any():
            found[ERROR] = 1.0 - right
    return found


def _flips(run: Run, model: str, rows: pd.DataFrame) -> np.ndarray:
    pairs = run.table("pairs")
    pairs = pairs[(pairs["model"] == model) & (pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    sides = [
        pairs[["item", side, "label_flip"]].set_axis(["item", "frame", "flip"], axis=1) for side in SIDES
    ]
    flips = pd.concat(sides).groupby(["item", "frame"])["flip"].max()
    keys = pd.MultiIndex.from_frame(rows[["item", "frame"]])
    return flips.reindex(keys).to_numpy(np.float64, na_value=np.nan)


SIDES = ("frame_a", "frame_b")
