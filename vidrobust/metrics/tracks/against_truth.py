"""Stability of a detector against known boxes: fragment, centre and scale errors over thresholds.

After Zhang & Wang 2016, "On the Stability of Video Detection and Tracking" (arXiv 1611.06467). Choices that the
paper leaves open: matching per frame (Hungarian) within the class at IoU .5, standard deviations with ddof 0.
Trajectories of one frame have no fragment error, those matched in fewer than two frames none of the others.

And track numbers given by a detector against known objects: HOTA, IDF1 and ID switches as TrackEval defines them.
HOTA: Luiten et al. 2020 (IJCV 129, 548), IoU .05 to .95. IDF1: Ristani et al. 2016 (arXiv 1609.01775), IoU .5.
Switches: CLEAR MOT (Bernardin & Stiefelhagen 2008), IoU .5, keeping the pairs of the frame before. Classes are
judged apart and added up, as in TrackEval's detection average.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import assign, ious
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.shapes.shape import Places, check_arrays

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
        check_arrays(self, (count, 4), "boxes")
        check_arrays(self, (count,), "labels", "trajectory")


def matched(item: ItemBoxes, truth: Truth, threshold: float) -> np.ndarray:
    """Return the row of the box matched to each known box, or -1, (T,)."""
    rows = np.full(len(truth.frame), -1, np.int64)
    sure = np.flatnonzero(item.scores >= threshold)
    for frame in np.unique(truth.frame):
        known, here = np.flatnonzero(truth.frame == frame), sure[item.frame[sure] == frame]
        i, j, iou = ious(truth.places(known), item.places(here), MATCH_IOU)
        good = (iou >= MATCH_IOU) & (truth.labels[known][i] == item.labels[here][j])
        i, j, iou = i[good], j[good], iou[good]
        pairs = assign(i, j, iou)
        rows[known[i[pairs]]] = here[j[pairs]]
    return rows


def trajectory_errors(item: ItemBoxes, truth: Truth, threshold: float) -> pd.DataFrame:
    """Return a row per trajectory from boxes of score ``threshold`` or more; NaN for undefined errors.

    fragment: changes between found and missed over frames - 1. centre: std((x - x*) / w*) + std((y - y*) /
    h*), so a constant offset gives 0. scale: std(sqrt(w h / w* h*)) + std((w / h) / (w* / h*)).
    """
    rows = matched(item, truth, threshold)
    lines = []
    for trajectory in np.unique(truth.trajectory):
        of = np.flatnonzero(truth.trajectory == trajectory)
        of = of[np.argsort(truth.frame[of], kind="stable")]
        seen = rows[of] >= 0
        fragment = centre = scale = float("nan")
        if len(of) > 1:
            fragment = float(np.count_nonzero(seen[1:] != seen[:-1])) / (len(of) - 1)
        if seen.sum() > 1:
            centre, scale = _errors(item.boxes[rows[of[seen]]], truth.boxes[of[seen]])
        lines.append((int(trajectory), len(of), int(seen.sum()), fragment, centre, scale))
    return pd.DataFrame(
        lines, columns=["trajectory", "frames", "found", "fragment", "centre", "scale"]
    )


def curve_rows(
    item: ItemBoxes, truth: Truth, thresholds: tuple[float, ...] = THRESHOLDS
) -> pd.DataFrame:
    """Return ``trajectory_errors`` at each threshold, with a column threshold."""
    return pd.concat(
        [
            trajectory_errors(item, truth, threshold).assign(threshold=threshold)
            for threshold in thresholds
        ],
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
    known = (
        curve[["recall", column]]
        .dropna()
        .groupby("recall", as_index=False)
        .mean()
        .sort_values("recall")
    )
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


ALPHAS = np.arange(0.05, 0.99, 0.05)

EPSILON = float(np.finfo(np.float64).eps)
HELD = 1000.0  # what a pair of the frame before counts more than any overlap, in the matching for switches


@dataclass(frozen=True)
class IdentityCounts:
    """Counts of one clip or several; they add up.

    ``id_matches`` are boxes of tracks matched over the whole clip (IDTP). ``matches`` and ``associated``
    (19,) are matched boxes at each of ALPHAS and the sums of their association accuracies.
    """

    known: int
    found: int
    id_matches: int
    switches: int
    matches: np.ndarray
    associated: np.ndarray

    def __add__(self, other: IdentityCounts) -> IdentityCounts:
        return IdentityCounts(
            *(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__)
        )

    @property
    def idf1(self) -> float:
        """Boxes of matched tracks, twice, over all boxes; NaN without any."""
        both = self.known + self.found
        return 2 * self.id_matches / both if both else float("nan")

    @property
    def association(self) -> float:
        """Association accuracy, a mean over ALPHAS."""
        return float((self.associated / np.maximum(self.matches, 1)).mean())

    @property
    def hota(self) -> float:
        """HOTA, a mean over ALPHAS; NaN without any box."""
        every = self.known + self.found - self.matches
        if not self.known + self.found:
            return float("nan")
        detection = self.matches / np.maximum(every, 1)
        return float(np.sqrt(detection * self.associated / np.maximum(self.matches, 1)).mean())


NOTHING = IdentityCounts(0, 0, 0, 0, np.zeros(len(ALPHAS)), np.zeros(len(ALPHAS)))


def identity_counts(item: ItemBoxes, truth: Truth, least_score: float) -> IdentityCounts:
    """Count one clip: numbered boxes of ``least_score`` or more against known ones."""
    if item.given is None:
        raise ValueError("identity_counts: the detector gives its boxes no numbers")
    chosen = np.flatnonzero((item.scores >= least_score) & (item.given >= 0))
    chosen = chosen[np.argsort(-item.scores[chosen], kind="stable")]
    total = NOTHING
    for label in np.unique(np.concatenate([truth.labels, item.labels[chosen]])):
        known, mine = np.flatnonzero(truth.labels == label), chosen[item.labels[chosen] == label]
        total += _of_class(
            _ClassBoxes.of(truth.frame[known], truth.places(known), truth.trajectory[known]),
            _ClassBoxes.of(item.frame[mine], item.places(mine), item.given[mine]),
        )
    return total


@dataclass(frozen=True)
class _ClassBoxes:
    """Boxes (N, 4) of one class, sorted by frame, with track numbers (N,) from 0."""

    frame: np.ndarray
    places: Places
    number: np.ndarray

    @classmethod
    def of(cls, frame: np.ndarray, places: Places, number: np.ndarray) -> _ClassBoxes:
        """Of boxes that repeat a number in a frame only the first counts."""
        _, first = np.unique(np.column_stack([frame, number]), axis=0, return_index=True)
        code = np.unique(number[first], return_inverse=True)[1]
        return cls(frame[first], places.take(first), code.reshape(-1))

    @property
    def counts(self) -> np.ndarray:
        return np.bincount(self.number, minlength=0)


def _frames(
    known: _ClassBoxes, detected: _ClassBoxes
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for frame in np.intersect1d(known.frame, detected.frame):
        a, b = (
            slice(*np.searchsorted(side.frame, [frame, frame + 1])) for side in (known, detected)
        )
        similar = np.zeros((a.stop - a.start, b.stop - b.start))
        i, j, iou = ious(known.places.take(a), detected.places.take(b))
        similar[i, j] = iou
        yield known.number[a], detected.number[b], similar


def _of_class(known: _ClassBoxes, detected: _ClassBoxes) -> IdentityCounts:
    both = IdentityCounts(
        len(known.frame), len(detected.frame), 0, 0, NOTHING.matches, NOTHING.associated
    )
    if not both.known or not both.found:
        return both
    frames = list(_frames(known, detected))
    matches, associated = _hota(frames, known.counts, detected.counts)
    together = np.zeros((len(known.counts), len(detected.counts)))
    for a, b, similar in frames:
        together[np.ix_(a, b)] += similar >= MATCH_IOU
    id_matches = int(together[_assigned(together)].sum())
    switches = _switches(known, frames)
    return IdentityCounts(both.known, both.found, id_matches, switches, matches, associated)


Frames = Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]


def _assigned(value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # here, so that the command line need not import SciPy
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(value, maximize=True)
    return rows, columns


def _hota(frames: Frames, known: np.ndarray, detected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fit = np.zeros((len(known), len(detected)))
    for a, b, similar in frames:
        union = similar.sum(0)[None] + similar.sum(1)[:, None] - similar
        fit[np.ix_(a, b)] += np.divide(
            similar, union, out=np.zeros_like(similar), where=union > EPSILON
        )
    total = known[:, None] + detected[None]
    aligned = fit / (total - fit)
    together = np.zeros((len(ALPHAS), len(known), len(detected)))
    for a, b, similar in frames:
        rows, columns = _assigned(aligned[np.ix_(a, b)] * similar)
        enough = similar[rows, columns][None] >= ALPHAS[:, None] - EPSILON
        together[:, a[rows], b[columns]] += enough
    accuracy = together / np.maximum(total[None] - together, 1)
    return together.sum(axis=(1, 2)), (together * accuracy).sum(axis=(1, 2))


def _switches(known: _ClassBoxes, frames: Frames) -> int:
    last, held = (np.full(int(known.number.max()) + 1, -1) for _ in range(2))
    switches = 0
    for a, b, similar in frames:
        value = HELD * (held[a][:, None] == b[None]) + similar
        value[similar < MATCH_IOU - EPSILON] = 0
        rows, columns = _assigned(value)
        good = value[rows, columns] > EPSILON
        objects, numbers = a[rows[good]], b[columns[good]]
        switches += int(((last[objects] >= 0) & (last[objects] != numbers)).sum())
        held[:] = -1
        last[objects] = held[objects] = numbers
    return switches
