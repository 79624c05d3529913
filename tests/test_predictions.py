"""Labels and margins by operating points: by hand, and against the rule written as a loop."""

import math

import numpy as np
import pytest

from vidrobust.predictions import Classifications

NAMES = ("good", "scratch", "dent")


INF = math.inf
BY_HAND = {
    "without points the leading class and its lead": ([[0.5, 0.3, 0.2], [0.4, 0.2, 0.4]], (), [0, 0], [0.2, 0]),
    # scratch from .3 on; the third row: good leads dent by .1, and scratch lacks .05, twice that is .1
    "a class wins from its point on": (
        [[0.65, 0.3, 0.05], [0.69, 0.29, 0.02], [0.425, 0.25, 0.325], [0.1, 0.8, 0.1]],
        ((1, 0.3),), [1, 0, 0, 1], [0, 0.02, 0.1, 1.0],
    ),
    "and only there": ([[0.2, 0.6, 0.2]], ((1, 0.9),), [0], None),
    "of two that reach their points the one farther above wins": (
        [[0.2, 0.3, 0.5], [0.2, 0.45, 0.35], [0.6, 0.2, 0.2]], ((1, 0.3), (2, 0.25)), [2, 1, 0], None
    ),
    "a class that never leads": ([[0.2, 0.1, 0.7]], ((2, INF),), [0], [0.1]),
    "none reaches its point: the most probable": ([[0.5, 0.3, 0.2]], ((0, 0.9), (1, 0.9), (2, 0.9)), [0], [0.2]),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_labels_and_margins_by_hand(name):
    p, points, labels, margins = BY_HAND[name]
    found = Classifications(np.array(p), NAMES, points)
    assert found.labels.tolist() == labels
    assert margins is None or np.allclose(found.margins, margins, atol=1e-6)


def test_two_classes_split_at_a_half_are_as_without_points():
    p = np.random.default_rng(0).dirichlet((1, 1), 50)
    plain, pointed = Classifications(p, ("a", "b")), Classifications(p, ("a", "b"), ((1, 0.5),))
    assert np.array_equal(plain.labels, pointed.labels)
    assert np.allclose(plain.margins, pointed.margins, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_labels_are_those_of_the_rule_as_a_loop(seed):
    rng = np.random.default_rng(seed)
    points = {1: 0.3, 3: 0.2} if seed % 2 else dict.fromkeys(range(4), 0.4)
    p, points_of = rng.dirichlet((1,) * 4, 200), tuple(points.items())
    found = Classifications(p, ("a", "b", "c", "d"), points_of)
    for row, label, margin in zip(found.probabilities, found.labels, found.margins, strict=True):
        reached = {k: row[k] / t for k, t in points.items() if row[k] >= t}
        rest = [k for k in range(4) if k not in points] or list(range(4))
        expected = max(reached, key=reached.get) if reached else max(rest, key=lambda k: row[k])
        assert label == expected
        assert margin >= 0


@pytest.mark.parametrize("points", [((3, 0.5),), ((0, 0.0),), ((-1, 0.5),)])
def test_points_that_cannot_be(points):
    said = r"thresholds: expected \(class in 0..2, probability above 0\)"
    with pytest.raises(ValueError, match=said):
        Classifications(np.array([[0.5, 0.3, 0.2]]), NAMES, points)
