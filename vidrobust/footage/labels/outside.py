"""Labels that fall on no frame of the footage: how many, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.footage.item_tables import WHOLE_ITEM
from vidrobust.footage.labels.matching import nearest_frames
from vidrobust.footage.labels.offset import BEFORE
from vidrobust.text.phrases import plural

REASONS = ("before", "after", "window", "between")
Window = tuple[float | None, float | None]
WORDS = {
    "before": "before the first frame",
    "after": "behind the last frame",
    "window": "outside the stretch that was asked for",
    "between": "where no frame was looked at",
}


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Rows of labels that judge nothing.

    counts   one of REASONS -> rows of objects that are to be seen
    labels   all rows of such objects
    hidden   rows that say absent or uncertain
    first_s, last_s  the times that the rows outside have, s; NaN where they have none
    """

    counts: dict[str, int]
    labels: int
    hidden: int
    first_s: float
    last_s: float

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def as_dict(self) -> dict[str, int]:
        """For run.json."""
        return {"labels": self.labels, "hidden": self.hidden, **self.counts}

    def sentence(self) -> str:
        """What was lost and the way out; nothing where every label falls on a frame."""
        if not self.labels and self.hidden:
            return f"all {plural(self.hidden, 'label')} say absent or uncertain: they judge nothing"
        if not self.total:
            return ""
        parts = [f"{self.counts[name]} {WORDS[name]}" for name in REASONS if self.counts[name]]
        times = f" ({self.first_s:g} to {self.last_s:g} s)" if np.isfinite(self.first_s) else ""
        falls = "falls" if self.total == 1 else "fall"
        said = (
            f"{self.total} of {plural(self.labels, 'label')} {falls} on no frame{times}: {', '.join(parts)}"
        )
        if not self.counts["before"] + self.counts["after"] and self.total < self.labels:
            return said
        return (
            f"{said}. Where a clip was cut from a longer video, say where it begins: --label-offset, or a column "
            "label_offset of the manifest"
        )


def outside(
    labels: pd.DataFrame, frames: pd.DataFrame, windows: Mapping[str, Window] | None = None
) -> Outside:
    """Which rows of the table ``labels`` fall on none of the frames that were looked at (item, frame, time_s).

    Rows for whole items fall on all. A time lies between frames where the nearest is further away than the usual
    step; items of which no frame was looked at count as between.

    windows  start and end in s of the items of which only a stretch was asked for
    """
    present = labels["presence"] == "present" if "presence" in labels else pd.Series(True, index=labels.index)
    rows = labels[present]
    placed = rows[(rows["frame"] != WHOLE_ITEM) | rows["time_s"].notna()]
    shown = {str(item): of for item, of in frames.groupby("item", sort=False)}
    counts: Counter[str] = Counter()
    times: list[float] = []
    for item, mine in placed.groupby("item", sort=False):
        reasons = _reasons(mine, shown.get(str(item)), (windows or {}).get(str(item), (None, None)))
        counts.update(reasons[reasons != ""].tolist())
        times += mine["time_s"][reasons != ""].dropna().tolist()
    return Outside(
        counts={name: counts[name] for name in REASONS},
        labels=len(rows),
        hidden=len(labels) - len(rows),
        first_s=min(times, default=np.nan),
        last_s=max(times, default=np.nan),
    )


def _reasons(rows: pd.DataFrame, shown: pd.DataFrame | None, window: Window) -> np.ndarray:
    """(n,) one of REASONS, or nothing where the row falls on a frame."""
    found = np.full(len(rows), "", dtype=object)
    if shown is None or not len(shown):
        found[:] = "between"
        return found
    frame, time = rows["frame"].to_numpy(np.int64), rows["time_s"].to_numpy(np.float64)
    numbers, times = np.sort(shown["frame"].to_numpy(np.int64)), np.sort(shown["time_s"].to_numpy(np.float64))
    counted = frame >= 0
    found[frame == BEFORE] = "before"
    found[counted & ~np.isin(frame, numbers)] = "between"
    found[counted & (frame < numbers[0])] = "before"
    found[counted & (frame > numbers[-1])] = "after"
    timed = (frame == WHOLE_ITEM) & np.isfinite(time)
    _, distance = nearest_frames(times, time)
    step = float(np.median(np.diff(times))) if len(times) > 1 else np.inf
    far = timed & ~(distance <= step)
    found[far] = "between"
    found[far & (time < times[0])] = "before"
    found[far & (time > times[-1])] = "after"
    start, end = window
    before = (found == "before") & (start is not None)
    if timed.any():
        before &= time >= 0
    found[before | ((found == "after") & (end is not None))] = "window"
    return found
