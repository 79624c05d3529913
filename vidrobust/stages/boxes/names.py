"""Which name changes into which: the best box's from frame to frame, and the names that lie on one object."""

from __future__ import annotations

import pandas as pd

COLUMNS = ["model", "before", "after", "changes", "objects", "back"]


def changes_of_name(steps: pd.DataFrame, detections: pd.DataFrame) -> pd.DataFrame:
    """model, before, after, changes (steps at which it happens), objects, back (of them the name soon returned).

    steps  rows of ``track_steps``; detections: of that table; the most frequent first
    """
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
