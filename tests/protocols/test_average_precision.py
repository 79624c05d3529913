"""Average precision against hand counts and a plain implementation of COCO's rules; neighbours by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vidrobust.differences.boxes import paired_iou
from vidrobust.protocols.average_precision import FramesOfBoxes, Precision, worst_and_best

pytest.importorskip("faster_coco_eval")
BOX = ["x1", "y1", "x2", "y2"]


def boxes(*rows: tuple[float, ...]) -> pd.DataFrame:
    """Rows of frame, label, x1, y1, x2, y2 and, of found boxes, the score."""
    columns = ["frame", "label", *BOX, "score"]
    table = pd.DataFrame([list(row) + [1.0] * (7 - len(row)) for row in rows], columns=columns)
    return table.astype({"frame": int, "label": int})


def plain(known: pd.DataFrame, found: pd.DataFrame) -> Precision:
    """COCO's average precision, step by step as its paper and page say it."""
    of_class: list[list[float]] = []
    for label in sorted(set(known["label"])):
        truth, hits = known[known["label"] == label], found[found["label"] == label]
        hits = hits.sort_values("score", ascending=False, kind="stable")
        of_iou = []
        for least in 0.5 + 0.05 * np.arange(10):
            taken: set[int] = set()
            right = []
            for hit in hits.itertuples():
                rows = [
                    row for row in truth.itertuples() if row.frame == hit.frame and row.Index not in taken
                ]
                ious = [paired_iou(np.array([hit[3:7]]), np.array([row[3:7]]))[0] for row in rows]
                best = int(np.argmax(ious)) if ious else -1
                right.append(best >= 0 and ious[best] >= least - 1e-10)
                if right[-1]:
                    taken.add(rows[best].Index)
            tp = np.cumsum(right)
            recall = tp / len(truth)
            precision = tp / np.arange(1, len(tp) + 1)
            precision = np.maximum.accumulate(precision[::-1])[::-1]
            at = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
            of_iou.append(float(np.mean([precision[k] if k < len(precision) else 0.0 for k in at])))
        of_class.append(of_iou)
    table = np.array(of_class)
    return Precision(float(table.mean()), float(table[:, 0].mean()))


def test_an_overlap_of_88_percent_passes_eight_of_ten_limits() -> None:
    known, found = boxes((0, 0, 10, 10, 40, 40)), boxes((0, 0, 11, 11, 41, 41, 0.9))
    # 29 x 29 of 2 x 900 - 841: an IoU of .877, above .50 ... .85
    assert FramesOfBoxes(known, found).precision([0]) == Precision(pytest.approx(0.8), pytest.approx(1.0))


def test_a_surer_wrong_box_halves_the_precision() -> None:
    """Of two known boxes one is found, after a surer wrong one: half a precision up to half of the recall."""
    known = boxes((0, 0, 10, 10, 40, 40), (1, 0, 10, 10, 40, 40))
    found = boxes((0, 0, 10, 10, 40, 40, 0.8), (1, 0, 100, 100, 140, 140, 0.9))
    assert FramesOfBoxes(known, found).precision([0, 1]).ap50 == pytest.approx(0.5 * 51 / 101)


def test_a_plain_implementation_says_the_same() -> None:
    rng = np.random.default_rng(3)
    rows = []
    for frame in range(12):
        for label in rng.integers(0, 3, 3):
            x, y = rng.uniform(0, 400, 2)
            rows.append((frame, label, x, y, x + rng.uniform(20, 90), y + rng.uniform(20, 90)))
    known = boxes(*rows)
    near = known[rng.uniform(size=len(known)) < 0.8].copy()
    near[BOX] += rng.normal(0, 5, (len(near), 4))
    wrong = known.sample(10, random_state=1).copy()
    wrong[BOX] += 60
    found = pd.concat([near, wrong], ignore_index=True)
    found["score"] = rng.uniform(size=len(found))
    mine, theirs = FramesOfBoxes(known, found).precision(range(12)), plain(known, found)
    assert mine.ap == pytest.approx(theirs.ap, abs=1e-9)
    assert mine.ap50 == pytest.approx(theirs.ap50, abs=1e-9)
    assert 0.1 < mine.ap < mine.ap50 < 0.9


def test_nothing_found_and_nothing_known() -> None:
    known, none = boxes((0, 0, 10, 10, 40, 40)), boxes()
    assert FramesOfBoxes(known, none).precision([0]) == Precision(0.0, 0.0)
    empty = FramesOfBoxes(none, known).precision([0])
    assert np.isnan(empty.ap)


def test_worst_and_best_neighbours_by_hand() -> None:
    """Frame 0 is off a little, 1 right, 2 missed; of two like frames the nearer is taken."""
    known = boxes(*((frame, 0, 10, 10, 40, 40) for frame in range(4)))
    found = boxes((0, 0, 11, 11, 41, 41, 0.9), (1, 0, 10, 10, 40, 40, 0.9), (3, 0, 10, 10, 40, 40, 0.9))
    both = FramesOfBoxes(known, found)
    assert both.each([0, 1, 2, 3]) == pytest.approx([0.8, 1.0, 0.0, 1.0])
    worst, best = worst_and_best(both, [0, 3], [[0, 1, 2], [3, 2, 1]])
    assert (worst, best) == ([2, 2], [1, 3])
    assert both.precision(worst) == Precision(0.0, 0.0)  # the missed frame, for both anchors
    assert both.precision(best).ap == pytest.approx(1.0)
    # one of two anchors found: half of the recall
    assert both.precision([2, 1]).ap == pytest.approx(51 / 101)
