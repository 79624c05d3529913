"""Whether two sides answer alike on the same frames: labels, boxes and scores, frame by frame.

Both sides are tables of answers: ``item``, ``frame``, ``time_s``, ``label_name``, ``score``; of detectors a row a box
with ``x1`` to ``y2``, and a table of the frames that were looked at, for a frame without a box has no row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.accuracy.average_precision import BOX
from vidrobust.metrics.box_differences import match
from vidrobust.statistics.clusters import clusters_of_rows
from vidrobust.statistics.intervals import Interval, clustered_rate
from vidrobust.text.numbers import number, percent, percent_with_interval
from vidrobust.text.phrases import plural

SAME_PLACE = 0.5  # IoU from which two boxes are the same object, as COCO and PASCAL VOC count
MOST_FRAMES = 12  # frames that differ most, as they are listed
KEY = ["item", "frame"]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The answers of two sides to the same frames."""

    # item, frame, time_s, differs (bool), gap (largest difference of a score; NaN where there is none), a, b (the
    # answers in words), and of detectors both, only_a, only_b, other_class (counts of boxes) and overlap (IoU, sum)
    frames: pd.DataFrame
    finds_boxes: bool
    changed: pd.DataFrame = field(
        default_factory=pd.DataFrame
    )  # a, b, frames: labels that changed into others

    @property
    def rate(self) -> Interval:
        """The share of frames whose answers differ."""
        if self.frames.empty:
            return Interval.unknown()
        return clustered_rate(self.frames["differs"].to_numpy(bool), clusters_of_rows(self.frames))

    @property
    def has_answers(self) -> bool:
        """Whether either side answered anything: two silent detectors agree on nothing."""
        counts = ["both", "only_a", "only_b"] if self.finds_boxes else []
        return len(self.frames) > 0 and (not counts or bool(self.frames[counts].to_numpy().sum()))

    @property
    def largest(self) -> dict[str, Any] | None:
        """The largest difference of a score, and where; None where no scores are known."""
        gaps = self.frames["gap"]
        if not gaps.notna().any():
            return None
        row = self.frames.loc[gaps.idxmax()]
        return {"value": float(row["gap"]), **_place(row)}

    def worst(self, most: int = MOST_FRAMES) -> list[dict[str, Any]]:
        """Return the frames that differ most, those with another answer first."""
        order = ["differs", "only", "gap"] if self.finds_boxes else ["differs", "gap"]
        frames = self.frames
        if self.finds_boxes:
            frames = frames.assign(only=frames["only_a"] + frames["only_b"] + frames["other_class"])
        rows = frames[frames["differs"]].sort_values(order, ascending=False, kind="stable")
        return [
            {**_place(row), "a": row["a"], "b": row["b"], "gap": float(row["gap"])}
            for _, row in rows.head(most).iterrows()
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return frames, how many differ with the interval, the largest difference of a score, the worst frames."""
        return {
            **asdict(self.rate),
            "differ": int(self.frames["differs"].sum()),
            "largest_score_difference": self.largest,
            "frames": self.worst(),
        }

    @property
    def sentence(self) -> str:
        """How far the answers agree; "" where both have no frame in common."""
        if self.frames.empty:
            return ""
        rate, n = self.rate, plural(len(self.frames), "frame")
        share = percent_with_interval(rate.value, rate.low, rate.high)
        largest = self.largest
        gap = ""
        if largest and largest["value"] > 0:
            gap = (
                f" Scores differ by up to {number(largest['value'])} "
                f"({largest['item']}, frame {largest['frame']})."
            )
        if not self.finds_boxes:
            if not rate.value:
                return f"The labels are the same on all {n}.{gap}"
            return f"The labels differ on {share} of {n}.{gap}"
        sums = self.frames[["both", "only_a", "only_b", "other_class"]].sum().astype(int)
        if not self.has_answers:
            return f"Neither finds a box in {n}."
        alike = percent(1 - rate.value)
        alone = f"{plural(sums['only_a'], 'box', 'boxes')} of A alone, {sums['only_b']} of B alone"
        named = f", {sums['other_class']} of another class" if sums["other_class"] else ""
        return f"The boxes are alike on {alike} of {n}: {alone}{named}.{gap}"


def _place(row: pd.Series) -> dict[str, Any]:
    return {"item": str(row["item"]), "frame": int(row["frame"]), "time_s": float(row["time_s"])}


def label_agreement(a: pd.DataFrame, b: pd.DataFrame) -> Agreement:
    """Return how two classifiers agree; ``a`` and ``b`` have a row a frame, and a ``track`` where they have several.

    A score is that of the leading class, and is compared where both name the same class.
    """
    keys = [*KEY, *(["track"] if "track" in a and "track" in b else [])]
    both = a.merge(b[[*keys, "label_name", "score"]], on=keys, suffixes=("_a", "_b"))
    of_a, of_b = (both[f"label_name_{side}"].astype(str) for side in "ab")
    differs = (of_a != of_b).to_numpy()
    gap = (both["score_a"] - both["score_b"]).abs().where(~differs)
    counts = pd.DataFrame({"a": of_a, "b": of_b})[differs].value_counts(sort=False)
    frames = both[[*keys, *(name for name in ("time_s", "part") if name in both)]]
    return Agreement(
        frames=frames.assign(differs=differs, gap=gap, a=of_a, b=of_b).reset_index(drop=True),
        finds_boxes=False,
        changed=counts.rename("frames")
        .reset_index()
        .sort_values("frames", ascending=False, kind="stable"),
    )


def box_agreement(seen: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame) -> Agreement:
    """Return how two detectors agree on the frames ``seen`` (item, frame, time_s); boxes are matched one to one."""
    of = [dict(list(table.groupby(KEY, sort=False))) for table in (a, b)]
    rows = []
    for place in seen[KEY].itertuples(index=False, name=None):
        one, other = (of[k].get(place, (a, b)[k].iloc[:0]) for k in (0, 1))
        labels = [table["label_name"].to_numpy(str) for table in (one, other)]
        corners = [table[list(BOX)].to_numpy(np.float64) for table in (one, other)]
        i, j, iou = match(*corners, *labels, least=SAME_PLACE)
        scores = [table["score"].to_numpy(np.float64) for table in (one, other)]
        gaps = np.abs(scores[0][i] - scores[1][j])
        renamed = int((labels[0][i] != labels[1][j]).sum())
        rows.append(
            {
                "both": len(i),
                "only_a": len(one) - len(i),
                "only_b": len(other) - len(i),
                "other_class": renamed,
                "overlap": float(iou.sum()),
                "differs": not (len(one) == len(other) == len(i) and not renamed),
                "gap": float(np.fmax.reduce(gaps)) if len(gaps) else math.nan,
                "a": plural(len(one), "box", "boxes"),
                "b": plural(len(other), "box", "boxes"),
            }
        )
    columns = ["both", "only_a", "only_b", "other_class", "overlap", "differs", "gap", "a", "b"]
    found = pd.DataFrame(rows, columns=columns)
    return Agreement(
        frames=pd.concat([seen.reset_index(drop=True), found], axis=1), finds_boxes=True
    )


def box_counts(agreement: Agreement, differs: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return the counts of boxes; ``differs`` are the steps that two runs record differently."""
    frames = agreement.frames
    sums = frames[["both", "only_a", "only_b", "other_class"]].sum().astype(int)
    return {
        "frames": len(frames),
        "frames_alike": int((~frames["differs"].astype(bool)).sum()),
        **{str(name): int(count) for name, count in sums.items()},
        "iou": float(frames["overlap"].sum() / sums["both"]) if sums["both"] else math.nan,
        "differs": list(differs),
    }
