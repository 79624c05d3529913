"""Overlaps and matching against torchvision and scipy on whole tables, changes by hand."""

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torchvision.ops import box_iou

from vidrobust.metrics.box_differences import change, duplicates, ious, kinds, match, wrong_kinds
from vidrobust.shapes.mask import Polygon
from vidrobust.shapes.shape import Places, shape_array


def drawn(count, seed):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 300, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(20, 90, (count, 2))], axis=1)


def test_ious_are_torchvisions():
    a, b = drawn(40, 0), drawn(50, 1)
    table = np.zeros((40, 50))
    i, j, iou = ious(a, b)
    table[i, j] = iou
    expected = box_iou(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    np.testing.assert_allclose(table, expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_matching_is_the_best_one(seed):
    """The same total as scipy's assignment on the whole table, in which pairs below .3 count nothing."""
    a, b = drawn(60, seed), drawn(60, seed + 100)
    labels = np.zeros(60, np.int64)
    i, j, iou = match(a, b, labels, labels)
    table = box_iou(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    table = np.where(table >= 0.3, table + 0.3, 0)
    rows, columns = linear_sum_assignment(table, maximize=True)
    assert (iou + 0.3).sum() == pytest.approx(table[rows, columns].sum())
    assert len(set(i.tolist())) == len(i) == len(set(j.tolist()))
    assert iou.min() >= 0.3


def test_no_boxes():
    none = np.empty((0, 4))
    labels = np.empty(0, np.int64)
    assert [len(x) for x in match(none, drawn(3, 0), labels, np.zeros(3, np.int64))] == [0, 0, 0]
    assert duplicates(none, labels.astype(float), labels).tolist() == []


def test_changes_by_hand():
    """A stays, B is lost, C is renamed, D weakens within the band, E was never sure, F is new."""
    a, b, c, d, e, f = ([100.0 * k, 0.0, 100.0 * k + 50, 50.0] for k in range(6))
    scores, labels = np.array([0.9, 0.9, 0.9, 0.6, 0.35]), np.ones(5, int)
    before = (np.array([a, b, c, d, e]), scores, labels)
    shifted = [c[0] + 10, *c[1:2], c[2] + 10, c[3]]  # IoU 40 / 60
    scores, labels = np.array([0.9, 0.8, 0.35, 0.9, 0.5]), np.array([1, 2, 1, 1, 1])
    after = (np.array([a, shifted, d, e, f]), scores, labels)
    found = change(before, after)
    assert (found.count, found.lost, found.new, found.renamed, found.found) == (4, 1, 1, 1, 3)
    assert found.moved == pytest.approx(1 / 3)


def test_of_equal_boxes_one_is_a_duplicate():
    boxes = np.array([[0, 0, 10, 10]] * 3)
    found = duplicates(boxes, np.array([0.5, 0.5, 0.9]), np.array([1, 1, 1]))
    assert found.tolist() == [True, True, False]


def test_the_words_of_tide():
    """One box of each kind; the last true box has none."""
    truth = np.array([[left, 0, left + 10, 10] for left in (0, 100, 200, 300)], float)
    labels = np.array([1, 2, 1, 1])
    boxes = np.array(
        [
            [0, 0, 10, 10],  # right
            [0, 0, 10, 9],  # again
            [100, 0, 110, 10],  # of class 2
            [200, 0, 210, 3],  # a third of it
            [100, 0, 110, 3],  # a third of another class
            [500, 0, 510, 10],
        ],
        float,
    )
    scores = np.array([0.9, 0.8, 0.9, 0.9, 0.9, 0.9])
    words, of_truth = kinds(boxes, scores, np.array([1] * 6), truth, labels)
    assert words == ["same", "duplicate", "class", "location", "both", "background"]
    assert of_truth == ["same", "class", "location", "missed"]
    clean, scores = (truth, np.full(4, 0.9), labels), np.array([0.9, 0.8, 0.9, 0.4, 0.4, 0.4])
    found = wrong_kinds(clean, (boxes, scores, np.array([1] * 6)))
    # what is no longer sure still finds its box again, and is no false one
    quarters = dict.fromkeys(("missed", "class", "location", "duplicate"), 0.25)
    assert found == {**quarters, "both": 0, "background": 0}
    assert np.isnan(wrong_kinds((boxes[:0], scores[:0], labels[:0]), clean)["missed"])


def test_shapes_without_room_for_the_overlap_are_left_out_and_no_others():
    """Turned boxes at random: those of an IoU of .3 or more are the same with and without the short cut."""
    rng = np.random.default_rng(0)
    values = rng.uniform((20, 20, 10, 10, 0), (80, 80, 40, 40, 3), (2, 30, 5))
    turned = [[Polygon.turned(*of) for of in side] for side in values]
    a, b = (Places(np.array([shape.box for shape in side]), shape_array(side)) for side in turned)
    every, some = ious(a, b), ious(a, b, 0.3)
    assert 0 < len(some[0]) < len(every[0])
    kept = every[2] >= 0.3
    assert kept.sum() > 5
    near = some[2] >= 0.3
    for x, y in zip(every, some, strict=True):
        np.testing.assert_array_equal(x[kept], y[near])
