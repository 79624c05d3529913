"""Stability of a detector against known boxes: fragment, centre and scale errors over thresholds.

After Zhang & Wang 2016, "On the Stability of Video Detection and Tracking" (arXiv 1611.06467). Choices that the
paper leaves open: matching per frame (Hungarian) within the class at IoU .5, standard deviations with ddof 0.
Trajectories of one frame have no fragment error, those matched in fewer than two frames none of the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import assign, ious
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.shapes.shape import Places

MATCH_IOU = 0.5
THRESHOLDS = tuple(round(0.05 * k, 2) for k in range(20))  # from 0 to .95


@dataclass(frozen=True)
class Truth:
    """Known boxes of one input; boxes (T, 4) xyxy px."""

    frame: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    trajectory: np.ndarray
    shapes: np.ndarray | None = None

    def places(self, rows: np.ndarray) -> Places:
        """Return some boxes with their masks."""
        return Places(self.boxes[rows], None if self.shapes is None else self.shapes[rows])

    def __post_init__(self) -> None:
        count = len(self.frame)
        for name, shape in (("boxes", (count, 4)), ("labels", (count,)), ("trajectory", (count,))):
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(f"Truth.{name}: expected shape {shape}, got {np.shape(getattr(self, name))}")


def matched(found: ItemBoxes, truth: Truth, threshold: float) -> np.ndarray:
    """Return the row of the box matched to each known box, or -1, (T,)."""
    rows = np.full(len(truth.frame), -1, np.int64)
    sure = np.flatnonzero(found.scores >= threshold)
    for frame in np.unique(truth.frame):
        known, here = np.flatnonzero(truth.frame == frame), sure[found.frame[sure] == frame]
        i, j, iou = ious(truth.places(known), found.places(here), MATCH_IOU)
        good = (iou >= MATCH_IOU) & (truth.labels[known][i] == found.labels[here][j])
        i, j, iou = i[good], j[good], iou[good]
        pairs = assign(i, j, iou)
        rows[known[i[pairs]]] = here[j[pairs]]
    return rows


def trajectory_errors(found: ItemBoxes, truth: Truth, threshold: float) -> pd.DataFrame:
    """Return a row per trajectory from boxes of score ``threshold`` or more; NaN for undefined errors.

    fragment: changes between found and missed over frames - 1. centre: std((x - x*) / w*) + std((y - y*) /
    h*), so a constant offset gives 0. scale: std(sqrt(w h / w* h*)) + std((w / h) / (w* / h*)).
    """
    rows = matched(found, truth, threshold)
    lines = []
    for trajectory in np.unique(truth.trajectory):
        of = np.flatnonzero(truth.trajectory == trajectory)
        of = of[np.argsort(truth.frame[of], kind="stable")]
        seen = rows[of] >= 0
        fragment = centre = scale = float("nan")
        if len(of) > 1:
            fragment = float(np.count_nonzero(seen[1:] != seen[:-1])) / (len(of) - 1)
        if seen.sum() > 1:
            centre, scale = _errors(found.boxes[rows[of[seen]]], truth.boxes[of[seen]])
        lines.append((int(trajectory), len(of), int(seen.sum()), fragment, centre, scale))
    return pd.DataFrame(lines, columns=["trajectory", "frames", "found", "fragment", "centre", "scale"])


def curve_rows(found: ItemBoxes, truth: Truth, thresholds: tuple[float, ...] = THRESHOLDS) -> pd.DataFrame:
    """Return ``trajectory_errors`` at each threshold, with a column threshold."""
    return pd.concat(
        [trajectory_errors(found, truth, threshold).assign(threshold=threshold) for threshold in thresholds],
        ignore_index=True,
    )


def pooled(rows: pd.DataFrame) -> pd.DataFrame:
    """Average ``curve_rows`` of any inputs over trajectories, at each threshold."""
    by = rows.groupby("threshold", sort=True)
    sums = by[["frames", "found"]].sum()
    errors = by[["fragment", "centre", "scale"]].mean()
    curve = errors.assign(
        recall=sums["found"] / sums["frames"], total=errors.sum(axis=1, min_count=3, skipna=False)
    )
    return curve.reset_index()[["threshold", "recall", "fragment", "centre", "scale", "total"]]


def area_under(curve: pd.DataFrame, column: str = "total") -> float:
    """Return the mean of the total error over the recalls reached (trapezoid rule); NaN below two."""
    known = curve[["recall", column]].dropna().groupby("recall", as_index=False).mean().sort_values("recall")
    if len(known) < 2:
        return float("nan")
    recall, error = known["recall"].to_numpy(), known[column].to_numpy()
    return float(np.trapezoid(error, recall) / (recall[-1] - recall[0]))


def _errors(boxes: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    centre, known = (boxes[:, :2] + boxes[:, 2:]) / 2, (truth[:, :2] + truth[:, 2:]) / 2
    size, known_size = boxes[:, 2:] - boxes[:, :2], truth[:, 2:] - truth[:, :2]
    offset = (centre - known) / known_size
    scale = np.sqrt(size.prod(axis=1) / known_size.prod(axis=1))
    ratio = (size[:, 0] / size[:, 1]) / (known_size[:, 0] / known_size[:, 1])
    return float(offset.std(axis=0).sum()), float(scale.std() + ratio.std())
