"""Average precision of two detectors compared: no mean of rows, so clusters are left out of both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from vidrobust.accuracy.average_precision import BOX, FramesOfBoxes, precisions, with_known_boxes
from vidrobust.finished_runs.compare_metrics import (
    ENOUGH,
    SHORTEST_S,
    Compared,
    margin_of,
    shared_by_neighbours,
    verdict,
    why_not,
)
from vidrobust.finished_runs.compare_sides import Side
from vidrobust.statistics.clusters import clusters_of_rows
from vidrobust.statistics.levels import FEWEST_TESTED
from vidrobust.statistics.significance import FlippedRatio
from vidrobust.statistics.standard_errors import groups, influence

# Metric -> its side of a ``Precision``.
COMPARED = {"average_precision": 0, "average_precision_50": 1}
SAME_BOX = ["item", "frame", "object", "label_name", *BOX]


@dataclass(frozen=True)
class Judged:
    frames: pd.DataFrame  # item, frame, time_s, part
    known: pd.DataFrame  # their known boxes
    found: pd.DataFrame  # what was detected on them, of any score

    def on(self, frames: pd.DataFrame, known: pd.DataFrame) -> Judged:
        return Judged(
            self.frames.merge(frames[["item", "frame"]], on=["item", "frame"]),
            self.known.merge(known[SAME_BOX].drop_duplicates(), on=SAME_BOX),
            self.found.merge(frames[["item", "frame"]], on=["item", "frame"]),
        )


def precision_differences(a: Side, b: Side, by: str, margin: float) -> tuple[dict[str, Compared], list[str]]:
    """Compare each metric of ``COMPARED``; p-values are unadjusted (``with_p``). Empty without known boxes.

    Sign flips of each cluster's influence on both sides at once (Tukey's pseudovalue), in twelve groups at
    most. Below six clips the clusters are stretches.
    """
    sides = [_judged(side) for side in (a, b)]
    if any(side.known.empty for side in sides):
        return {}, []
    if by == "content":
        frames = sides[0].frames.merge(sides[1].frames[["item", "frame"]], on=["item", "frame"])
        same = sides[0].known.merge(sides[1].known[SAME_BOX].drop_duplicates(), on=SAME_BOX)
        if same.empty:
            return {}, ["average precision is not compared: the two were judged by different known boxes"]
        sides = [side.on(frames, same) for side in sides]
    both = pd.concat([side.frames for side in sides])
    clusters = clusters_of_rows(both, shortest=SHORTEST_S, fewest=FEWEST_TESTED)
    # a stretch of one footage is none of another
    known = by == "content" or clusters.what != "stretch"
    group = groups(clusters.label) if known else np.zeros(len(both), np.int64)
    cut = len(sides[0].frames)
    lines = [
        precisions(
            FramesOfBoxes.of(side.frames, side.known, side.found),
            np.arange(len(side.frames)),
            own,
            int(group.max(initial=-1)) + 1,
        )
        for side, own in zip(sides, (group[:cut], group[cut:]), strict=True)
    ]
    found = {}
    inflation = shared_by_neighbours(both["item"], clusters) if clusters.what == "stretch" else 1.0
    for name, which in COMPARED.items():
        one, other = (np.array([whole[which], *left_out[:, which]]) for whole, left_out in lines)
        difference = other - one
        low, high, p = flipped(float(difference[0]), difference[1:], inflation)
        if by == "content" and not difference.any():
            low, high, p = 0.0, 0.0, 1.0  # what did the same on all of it did the same
        a_value, b_value = float(one[0]), float(other[0])
        found[name] = Compared(
            a=a_value,
            b=b_value,
            difference=float(difference[0]),
            low=low,
            high=high,
            margin=margin_of(a_value, b_value, margin),
            verdict="cannot tell",
            n=cut,
            clusters=clusters.count,
            cluster=clusters.what,
            p=p,
        )
    return found, []


def flipped(value: float, without: np.ndarray, inflation: float = 1.0) -> tuple[float, float, float]:
    """Return the sign-flip interval (95 %) and p-value of a difference that is no mean of rows; NaN below six
    units.

    ``without`` (G,) are the values without each unit; ``inflation`` is that of ``FlippedRatio``.
    """
    units = len(without)
    if units < FEWEST_TESTED or not np.isfinite([value, *without]).all():
        return math.nan, math.nan, math.nan
    flips = FlippedRatio.of(
        (value + influence(without)) / units, np.full(units, 1 / units), inflation=inflation
    )
    low, high = flips.interval()
    return max(low, -1.0), min(high, 1.0), flips.p(0.0)


def with_p(found: Mapping[str, Compared], *, share: float = 1.0) -> dict[str, Compared]:
    """Adjust the verdicts on metrics that are no means of rows by Holm's (1979) steps, in a share of the error."""
    adjusted, least = {}, 0.0
    for rank, name in enumerate(sorted(found, key=lambda name: np.nan_to_num(found[name].p, nan=2.0))):
        least = max(least, min(1.0, found[name].p * (len(found) - rank) / share))
        adjusted[name] = _adjusted(found[name], least)
    return {name: adjusted[name] for name in found}


def _adjusted(each: Compared, p: float) -> Compared:
    said = verdict(each.low, each.high, margin=each.margin, worse="lower", p=p)
    alone = each.cluster == "stretch" or each.clusters < ENOUGH
    equal = each.low == each.high == 0.0
    return replace(
        each,
        p=p,
        verdict=(beyond := "cannot tell" if alone and not equal else said),
        on_these_clips=said if alone else "",
        why=why_not(beyond, said, each.low, each.high),
    )


def _judged(side: Side) -> Judged:
    known, seen = side.table("known_boxes"), side.table("box_counts")
    seen = seen.sort_values(["item", "frame"], kind="stable").reset_index(drop=True)
    frames = seen.loc[with_known_boxes(seen, known), ["item", "frame", "time_s", "part"]].reset_index(
        drop=True
    )
    found = side.table("detections").merge(frames[["item", "frame"]], on=["item", "frame"])
    return Judged(frames, known, found)
