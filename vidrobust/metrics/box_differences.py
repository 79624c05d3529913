"""Overlap and matching of boxes, and what changed between those of two frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vidrobust.shapes.shape import Places

# What a pair of one class counts more than its IoU: among pairs that overlap alike, the class decides
SAME_CLASS = 0.3
DUPLICATE = 0.7  # IoU from which a box repeats a better one of its class
# From so many pairs of boxes on, those far apart are left out before they are compared
MANY_PAIRS = 2500
# IoU from which a further box lies on an object whatever its class, that from which one of the same class
# does, and the share of a box of the same class that lies inside a better one and so is a part of it, ...
SECOND, SECOND_ALIKE, INSIDE = 0.5, 0.4, 0.9
PART = 0.25  # ... if it is at least so large, as a share of it.
ROUNDING = 1e-9  # What an IoU may be off by
LEAST_IOU = 0.3  # IoU from which two boxes may be the same object
# A box counts from this score on; one that is looked for is found from the lower score on
BIRTH, KEEP = 0.5, 0.3
HIGHEST = 0.999  # highest score before the logit


# (N, 4) xyxy px, or such boxes with masks or turned boxes in them, which are then what is compared
Boxes = np.ndarray | Places


def score_logits(scores: np.ndarray, least: float) -> np.ndarray:
    """Return logits of scores (N,), of which one below ``least`` counts as that."""
    score = np.clip(np.asarray(scores, np.float64), least, HIGHEST)
    return np.asarray(np.log(score / (1 - score)))


def areas(boxes: Boxes) -> np.ndarray:
    """Return the areas of N boxes, px^2."""
    return Places.of(boxes).areas


def overlaps(a: Boxes, b: Boxes, least: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs of overlapping boxes: rows of a, rows of b, area in common (K,) px^2.

    Masks are compared only where their boxes allow an IoU of ``least``.
    """
    here, there = Places.of(a), Places.of(b)
    p, q = here.boxes, there.boxes
    i, j = (
        _near(p, q) if len(p) * len(q) > MANY_PAIRS else np.indices((len(p), len(q))).reshape(2, -1)
    )
    width = np.minimum(p[i, 2], q[j, 2]) - np.maximum(p[i, 0], q[j, 0])
    height = np.minimum(p[i, 3], q[j, 3]) - np.maximum(p[i, 1], q[j, 1])
    meet = (width > 0) & (height > 0)
    i, j, common = i[meet], j[meet], (width * height)[meet]
    if least and (here.shapes is not None or there.shapes is not None):
        room = common >= (least - ROUNDING) * np.maximum(here.areas[i], there.areas[j])
        i, j, common = i[room], j[room], common[room]
    common = here.in_common(there, i, j, common)
    order = np.lexsort((j, i))
    return i[order], j[order], common[order]


def _near(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Candidate pairs: boxes in neighbouring cells of a grid, the only ones that can meet."""
    side = ((a[:, 2:] - a[:, :2]).max(axis=0) + (b[:, 2:] - b[:, :2]).max(axis=0)) / 2
    side = np.maximum(side, 1e-6)
    low = np.minimum(a[:, :2].min(axis=0), b[:, :2].min(axis=0)) - side
    cell_a, cell_b = (((p[:, :2] + p[:, 2:]) / 2 - low) // side for p in (a, b))
    rows = float(max(cell_a[:, 1].max(), cell_b[:, 1].max())) + 3
    key = cell_b[:, 0] * rows + cell_b[:, 1]
    order = np.argsort(key, kind="stable")
    key = key[order]
    # of each column of three cells one range of keys
    first = np.array([cell_a[:, 0] + column for column in (-1, 0, 1)]) * rows + cell_a[:, 1] - 1
    start = np.searchsorted(key, first.ravel())
    count = np.searchsorted(key, first.ravel() + 2, side="right") - start
    place = (
        np.arange(count.sum())
        - np.repeat(np.cumsum(count) - count, count)
        + np.repeat(start, count)
    )
    return np.repeat(np.tile(np.arange(len(a)), 3), count), order[place]


def ious(a: Boxes, b: Boxes, least: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs of overlapping boxes: rows of a, rows of b, IoU (K,); pairs below ``least`` may be missing."""
    i, j, common = overlaps(a, b, least)
    union = areas(a)[i] + areas(b)[j] - common
    return i, j, np.divide(common, union, out=np.zeros(len(i)), where=union > 0)


def assign(i: np.ndarray, j: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Choose one-to-one pairs (i, j) of largest total value > 0 (Hungarian algorithm); return their rows
    (K,).
    """
    if not len(i):
        return np.empty(0, np.int64)
    rows, columns = int(i.max()) + 1, int(j.max()) + 1
    # here, so that the command line need not import SciPy to start
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(i)), (i, j + rows)), shape=(rows + columns,) * 2)
    group = connected_components(graph, directed=False)[1][i]
    size = np.bincount(group)
    alone = np.flatnonzero(size[group] == 1)
    several = np.flatnonzero(size[group] > 1)
    order = several[np.argsort(group[several], kind="stable")]
    cuts = np.flatnonzero(np.diff(group[order])) + 1
    chosen = [_best(i, j, value, part) for part in np.split(order, cuts)] if len(order) else []
    return np.sort(np.concatenate([alone, *chosen]))


def _best(i: np.ndarray, j: np.ndarray, value: np.ndarray, part: np.ndarray) -> np.ndarray:
    if len(part) == 1:
        return part
    row, column = (np.unique(x[part], return_inverse=True)[1] for x in (i, j))
    table = np.zeros((row.max() + 1, column.max() + 1))
    table[row, column] = value[part]
    where = np.full(table.shape, -1)
    where[row, column] = part
    from scipy.optimize import linear_sum_assignment

    chosen = where[linear_sum_assignment(table, maximize=True)]
    return chosen[chosen >= 0]


def match(
    a: Boxes, b: Boxes, labels_a: np.ndarray, labels_b: np.ndarray, *, least: float = LEAST_IOU
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Match boxes one to one by IoU, by class among similar overlaps. Returns rows of a, of b, and IoU."""
    i, j, iou = ious(a, b, least)
    near = iou >= least
    i, j, iou = i[near], j[near], iou[near]
    chosen = assign(i, j, iou + SAME_CLASS * (np.asarray(labels_a)[i] == np.asarray(labels_b)[j]))
    return i[chosen], j[chosen], iou[chosen]


def duplicates(boxes: Boxes, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return which boxes overlap a better box of their class by an IoU of DUPLICATE or more, (D,) bool."""
    i, j, iou = ious(boxes, boxes)
    better = (scores[j] > scores[i]) | ((scores[j] == scores[i]) & (j < i))
    again = (iou >= DUPLICATE) & better & (labels[i] == labels[j])
    repeated = np.zeros(len(boxes), bool)
    repeated[i[again]] = True
    return repeated


def same_place(
    a: Boxes, b: Boxes, labels_a: np.ndarray, labels_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs of boxes on one object: rows of a, rows of b, IoU (K,).

    Their IoU is SECOND, or SECOND_ALIKE within a class, or the smaller is a part inside the larger.
    """
    i, j, common = overlaps(a, b)
    area_a, area_b = areas(a)[i], areas(b)[j]
    union = area_a + area_b - common
    iou = np.divide(common, union, out=np.zeros(len(i)), where=union > 0)
    smaller, larger = np.minimum(area_a, area_b), np.maximum(area_a, area_b)
    part = (common >= INSIDE * smaller) & (smaller >= PART * larger)
    alike = np.asarray(labels_a)[i] == np.asarray(labels_b)[j]
    same = (iou >= SECOND) | (alike & ((iou >= SECOND_ALIKE) | part))
    return i[same], j[same], iou[same]


@dataclass(frozen=True)
class BoxChange:
    """What became of the ``count`` boxes of a frame that scored BIRTH or more.

    ``lost`` have no box of KEEP afterwards, ``new`` had none before, ``renamed`` changed class. ``moved`` is
    the sum of 1 - IoU over the ``found`` boxes; ``changed`` adds 1 for each lost or renamed box.
    """

    count: int
    lost: int
    new: int
    renamed: int
    found: int
    moved: float
    changed: float

    def shares(self) -> dict[str, float]:
        """Return lost, new, renamed and box_change as shares, and the mean movement; NaN without boxes."""
        count = self.count or float("nan")
        return {
            "lost": self.lost / count,
            "new": self.new / count,
            "renamed": self.renamed / count,
            "moved": self.moved / (self.found or float("nan")) if self.count else float("nan"),
            "box_change": self.changed / count,
        }


Found = tuple[Boxes, np.ndarray, np.ndarray]  # Boxes, scores and labels of a frame


def change(
    before: Found,
    after: Found,
    *,
    start_score: float = BIRTH,
    keep_score: float = KEEP,
    least: float = LEAST_IOU,
) -> BoxChange:
    """Compare (boxes, scores, labels) of a frame, moved to where they should be, with those after.

    With two score thresholds a box is not lost by crossing one of them.
    """
    (a, score_a, label_a), (b, score_b, label_b) = (_from(x, keep_score) for x in (before, after))
    i, j, iou = match(a, b, label_a, label_b, least=least)
    counts = score_a >= start_score
    hit = np.zeros(len(a), bool)
    hit[i] = True
    taken = np.zeros(len(b), bool)
    taken[j] = True
    of_counted = counts[i]
    other, off = (label_a[i] != label_b[j])[of_counted], (1 - iou)[of_counted]
    lost = int((counts & ~hit).sum())
    return BoxChange(
        count=int(counts.sum()),
        lost=lost,
        new=int(((score_b >= start_score) & ~taken).sum()),
        renamed=int(other.sum()),
        found=int(of_counted.sum()),
        moved=float(off.sum()),
        changed=lost + float(np.where(other, 1.0, off).sum()),
    )


def _from(detections: Found, keep_score: float) -> tuple[Places, np.ndarray, np.ndarray]:
    boxes, scores, labels = detections
    rows = np.asarray(scores) >= keep_score
    return (Places.of(boxes).take(rows), np.asarray(scores)[rows], np.asarray(labels)[rows])


Kind = Literal["same", "class", "location", "both", "duplicate", "background"]
TrueKind = Literal["same", "class", "location", "missed"]
# TIDE's two overlaps: a box is on an object from the first on, and on none below the second
FOREGROUND, BACKGROUND = 0.5, 0.1


def kinds(
    boxes: Boxes, scores: np.ndarray, labels: np.ndarray, truth: Boxes, truth_labels: np.ndarray
) -> tuple[list[Kind], list[TrueKind]]:
    """Name each box's error as TIDE does, and that of each true box (Bolya et al. 2020, section 2.2).

    Returns D kinds ("same" is right), and T of the true boxes: "missed" where no box of kind same, class or
    location covers it; a box of its own class comes before one of another.
    """
    words: list[Kind] = ["background"] * len(scores)
    taken = np.zeros(len(truth), bool)
    overlap = np.zeros((len(scores), len(truth)))
    i, j, iou = ious(boxes, truth)
    overlap[i, j] = iou
    alike = np.asarray(labels)[:, None] == np.asarray(truth_labels)[None, :]
    for row in np.argsort(-np.asarray(scores), kind="stable"):
        right = np.where(alike[row] & ~taken, overlap[row], 0)
        if right.max(initial=0) >= FOREGROUND:
            taken[right.argmax()] = True
            words[row] = "same"
    of_truth: list[TrueKind] = ["same" if is_taken else "missed" for is_taken in taken]
    for row in range(len(scores)):
        if words[row] != "same":
            words[row], covered = _wrong(overlap[row], alike[row], taken)
            kind = words[row]
            if kind == "location" or (kind == "class" and of_truth[covered] == "missed"):
                of_truth[covered] = "same" if taken[covered] else kind
    return words, of_truth


def _wrong(overlap: np.ndarray, alike: np.ndarray, taken: np.ndarray) -> tuple[Kind, int]:
    same_class, other = np.where(alike, overlap, 0), np.where(alike, 0, overlap)
    best_own, best_other = same_class.max(initial=0), other.max(initial=0)
    if best_own >= FOREGROUND and taken[same_class.argmax()]:
        return "duplicate", -1
    if BACKGROUND <= best_own < FOREGROUND:
        return "location", int(same_class.argmax())
    if best_other >= FOREGROUND:
        return "class", int(other.argmax())
    return ("both" if best_other >= BACKGROUND else "background"), -1


# TIDE's words for what is wrong with boxes
KINDS = ("missed", "class", "location", "both", "duplicate", "background")


def wrong_kinds(before: Found, after: Found) -> dict[str, float]:
    """Return TIDE's errors of the boxes after as shares of the boxes before; NaN without boxes before.

    Boxes that score BIRTH count as right or wrong; KEEP is enough not to be missed.
    """
    truth, truth_scores, truth_labels = _from(before, BIRTH)
    boxes, scores, labels = _from(after, KEEP)
    words, of_truth = kinds(boxes, scores, labels, truth, truth_labels)
    count = len(truth_scores) or float("nan")
    sure = [word for word, score in zip(words, scores, strict=True) if score >= BIRTH]
    summary = {"missed": of_truth.count("missed") / count}
    for kind in KINDS[1:]:
        of = words if kind in ("class", "location") else sure
        summary[kind] = sum(word == kind for word in of) / count
    return summary
