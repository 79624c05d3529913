"""Other ways from candidates to boxes: by hand, and against the published procedures written out plainly."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vidrobust.models.detection.candidates import Candidates
from vidrobust.stages.replays.arms import FUSED, SIGMA, fused, softened


def of(boxes: list[tuple[float, ...]], scores: list[float], labels: list[int]) -> Candidates:
    return Candidates(np.array(boxes, np.float64), np.array(scores), np.array(labels, np.int64), 2)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    wide, high = (min(a[k + 2], b[k + 2]) - max(a[k], b[k]) for k in (0, 1))
    common = max(wide, 0) * max(high, 0)
    first, second = ((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return float(common / (first + second - common))


def test_an_overlapped_box_loses_score_and_no_box_goes() -> None:
    # two boxes of 10 x 10 px, 5 px apart: 50 of 150 in common; another class at the same place keeps its score
    given = of([(0, 0, 10, 10), (5, 0, 15, 10), (0, 0, 10, 10)], [0.9, 0.8, 0.7], [0, 0, 1])
    found = softened(given, 0.05)
    assert found.scores == pytest.approx([0.9, 0.8 * math.exp(-((1 / 3) ** 2) / SIGMA), 0.7])
    assert given.scores.tolist() == [0.9, 0.8, 0.7]


def test_soft_suppression_is_the_published_loop() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 30, (40, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 25, (40, 2))], axis=1)
    scores = rng.uniform(0.02, 1, 40)
    found = softened(Candidates(boxes, scores, np.zeros(40, np.int64), 1), 0.05)
    left = [(b, s) for b, s in zip(boxes, scores, strict=True) if s >= 0.05]
    kept = []
    while left:
        best = max(range(len(left)), key=lambda k: left[k][1])
        box, score = left.pop(best)
        if score < 0.05:
            break
        kept.append(score)
        left = [(b, s * math.exp(-(iou(box, b) ** 2) / SIGMA)) for b, s in left]
    mine = np.sort(found.scores[found.scores >= 0.05])
    np.testing.assert_allclose(mine, np.sort(kept))


def test_boxes_of_a_class_that_overlap_are_fused_by_their_scores() -> None:
    given = of(
        [(0, 0, 10, 10), (2, 0, 12, 10), (0, 0, 10, 10), (40, 0, 50, 10), (0, 0, 9, 9)],
        [0.6, 0.3, 0.5, 0.4, 0.01],
        [0, 0, 1, 0, 0],
    )
    assert iou(given.boxes[0], given.boxes[1]) > FUSED
    found = fused(given, 0.05)
    rows = sorted(
        zip(found.labels.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True)
    )
    third = 2 / 3
    assert rows == [
        (0, 0.4, [40, 0, 50, 10]),
        (0, 0.6, pytest.approx([third, 0, 10 + third, 10])),  # (0 x .6 + 2 x .3) / .9
        (1, 0.5, [0, 0, 10, 10]),
    ]


def test_nothing_found_stays_nothing() -> None:
    empty = of([], [], [])
    nothing = Candidates(np.empty((0, 4)), empty.scores, empty.labels, 2)
    assert len(fused(nothing, 0.05).scores) == len(softened(nothing, 0.05).scores) == 0
