"""Each difference against a count done by hand, or an independent implementation."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon

from vidrobust.metrics import class_differences as classes
from vidrobust.metrics.catalogue import metric_of_column
from vidrobust.metrics.class_differences import PAIR_COLUMNS
from vidrobust.metrics.classification import label_flip
from vidrobust.metrics.metric import usable_pairs
from vidrobust.predictions import Classifications

P = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]], dtype=np.float32)
Q = np.array([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3]], dtype=np.float32)


def some_probabilities(n, k, seed):
    return np.random.default_rng(seed).dirichlet(np.full(k, 0.3), size=n).astype(np.float32)


def test_hand_counts():
    assert classes.top1_flip(P, Q).tolist() == [True, False]
    # |.5-.2| + |.3-.5| + |.2-.3| = .6, half of it .3
    assert classes.total_variation(P, Q) == pytest.approx([0.3, 0.0], abs=1e-7)
    # class 0 leads in p: .5 -> .2
    assert classes.top1_probability_change(P, Q) == pytest.approx([0.3, 0.0], abs=1e-7)
    # ranks of p: 0, 1, 2; in q: class 0 is 3rd, 1 is 1st, 2 is 2nd: |1-3| + |2-1| + |3-2| = 4
    assert classes.top5_distance(P, Q).tolist() == [4.0, 0.0]


def test_disjoint_distributions_are_one_bit_and_one_unit_apart():
    p, q = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert classes.total_variation(p, q).tolist() == [1.0]
    assert classes.jensen_shannon(p, q).tolist() == [1.0]


def test_jensen_shannon_equals_scipy():
    p, q = some_probabilities(50, 20, 0), some_probabilities(50, 20, 1)
    # scipy gives the distance, the square root of the divergence
    expected = jensenshannon(p.astype(float), q.astype(float), base=2, axis=1) ** 2
    assert classes.jensen_shannon(p, q) == pytest.approx(expected, abs=1e-6)


def brute_force_t5d(p, q):
    """The double sum of Hendrycks & Dietterich 2019, with loops, on one pair."""
    order_p, order_q = np.argsort(-p, kind="stable"), np.argsort(-q, kind="stable")
    rank_q = {int(c): r + 1 for r, c in enumerate(order_q)}
    total = 0
    for i in range(1, 6):
        s = rank_q[int(order_p[i - 1])]
        for j in range(min(i, s) + 1, max(i, s) + 1):
            total += 1 <= j - 1 <= 5
    return total


def test_top5_distance_equals_the_papers_double_sum():
    p, q = some_probabilities(200, 12, 2), some_probabilities(200, 12, 3)
    expected = [brute_force_t5d(a, b) for a, b in zip(p, q, strict=True)]
    assert classes.top5_distance(p, q).tolist() == expected
    assert len(set(expected)) > 5


def test_top5_distance_is_at_most_18():
    """Ranks 1, 2, 3 leave the five (5 + 4 + 3), 4 and 5 become 1 and 2 (3 + 3): the most of all rankings."""
    places = itertools.product(range(1, 7), repeat=5)
    possible = [s for s in places if len({x for x in s if x < 6}) == sum(x < 6 for x in s)]
    assert max(sum(abs(i - x) for i, x in zip(range(1, 6), s, strict=True)) for s in possible) == 18
    p = np.array([[0.30, 0.25, 0.20, 0.15, 0.10, 0.0, 0.0, 0.0]])
    q = np.array([[0.0, 0.0, 0.0, 0.30, 0.25, 0.20, 0.15, 0.10]])
    assert classes.top5_distance(p, q).tolist() == [18.0]


def test_top5_distance_of_a_full_reversal_is_15_and_of_identity_0():
    p = np.linspace(1, 0, 1000)[None]
    assert classes.top5_distance(p, p[:, ::-1]).tolist() == [15.0]
    assert classes.top5_distance(p, p).tolist() == [0.0]


def test_jitter_ignores_a_steady_drift_and_is_one_for_a_full_round_trip():
    drift = [np.array([[0.5 + 0.1 * t, 0.5 - 0.1 * t]]) for t in range(3)]
    assert classes.jitter(*drift) == pytest.approx([0.0], abs=1e-12)
    a, b = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert classes.jitter(a, b, a).tolist() == [1.0]
    # p = .5 -> .7 -> .6 of class 0: second difference -.3 and +.3, sum .6, a quarter .15
    steps = [np.array([[x, 1 - x]]) for x in (0.5, 0.7, 0.6)]
    assert classes.jitter(*steps) == pytest.approx([0.15])


@pytest.mark.parametrize(
    ("labels", "window", "expected"),
    [
        ("AABBAAACCC", 3, [2]),  # the picture in the docstring
        ("AABBBBA", 3, []),  # back only after four frames
        ("ABABA", 2, [1, 3]),  # two excursions
        ("ABCA", 3, [1]),  # by way of another label
        ("AABB", 3, []),  # a lasting change
        ("A", 3, []),
        ("", 3, []),
    ],
)
def test_revert_flips(labels, window, expected):
    codes = np.array([ord(c) for c in labels], dtype=np.int64)
    found = classes.revert_flips(codes, np.ones(len(codes), bool), window)
    assert np.flatnonzero(found).tolist() == expected


def test_no_excursion_crosses_an_excluded_pair():
    labels = np.array([0, 1, 0, 0])
    for usable in ([True, True, False, True], [True, False, True, True]):
        assert not classes.revert_flips(labels, np.array(usable), 3).any()


def test_inputs_are_left_alone_and_shapes_are_checked():
    p, q = P.copy(), Q.copy()
    classes.distances(p, q)
    assert np.array_equal(p, P)
    assert np.array_equal(q, Q)
    with pytest.raises(ValueError, match="aligned"):
        classes.total_variation(P, Q[:1])


def test_every_difference_belongs_to_a_metric():
    assert all(metric_of_column(column) for column in PAIR_COLUMNS)


def test_a_flip_follows_the_operating_point_and_the_published_one_does_not():
    """By hand: "defect" wins from .3 on, so .25 -> .35 is a flip of the label while the leader stays the same."""
    names, points = ("good", "defect"), ((1, 0.3),)
    before = Classifications(np.array([[0.75, 0.25]]), names, points)
    after = Classifications(np.array([[0.65, 0.35]]), names, points)
    assert label_flip(before, after).tolist() == [True]
    assert classes.top1_flip(before.probabilities, after.probabilities).tolist() == [False]


def test_usable_pairs_are_of_one_kind_and_not_excluded():
    pairs = pd.DataFrame({"model": list("aaba"), "excluded": ["", "", "", "duplicate"]})
    pairs["kind"] = ["adjacent", "anchor", "adjacent", "adjacent"]
    assert usable_pairs(pairs).index.tolist() == [0, 2]
    assert usable_pairs(pairs, "a").index.tolist() == [0]
    assert usable_pairs(pairs, "a", "anchor").index.tolist() == [1]
