"""Errors of Zhang & Wang on trajectories whose faults were put there, by hand."""

import numpy as np
import pytest

from tests.metrics.tracks.planted import box, item
from vidrobust.metrics.tracks.against_truth import Truth, area_under, curve_rows, pooled


def trajectory(count):
    """An object of 50 x 80 px that goes 5 px a frame."""
    boxes = np.array([box(100 + 5 * f, 200) for f in range(count)])
    zeros = np.zeros(count, np.int64)
    return Truth(np.arange(count), boxes, zeros, zeros)


def stability_error(found, truth, threshold):
    """fragment, centre, scale, total, recall at one threshold."""
    return pooled(curve_rows(found, truth, (threshold,))).iloc[0]


def test_a_constant_offset_and_a_constant_size_cost_nothing():
    rows = [(f, box(106 + 5 * f, 208, 60, 90), 0.9, 0) for f in range(10)]
    error = stability_error(item(rows, 10), trajectory(10), 0.5)
    assert (error.fragment, error.recall) == (0.0, 1.0)
    assert error.total < 1e-12


def test_status_changes_are_counted_not_missed_frames():
    """Found 0-2, missed 3-4, found 5-8, missed 9: three changes in nine steps."""
    rows = [(f, box(100 + 5 * f, 200), 0.9, 0) for f in (0, 1, 2, 5, 6, 7, 8)]
    error = stability_error(item(rows, 10), trajectory(10), 0.5)
    assert error.fragment == pytest.approx(3 / 9)
    assert error.recall == pytest.approx(0.7)


def test_jitter_of_place_and_shape():
    """Every other frame 5 px right of 50 (std .05 widths) and 8 px up of 80 (.05); then 1.21 times as wide."""
    rows = [(f, box(100 + 5 * f + 5 * (f % 2), 200 - 8 * (f % 2)), 0.9, 0) for f in range(10)]
    assert stability_error(item(rows, 10), trajectory(10), 0.5).centre == pytest.approx(0.05 + 0.05)
    rows = [(f, box(100 + 5 * f, 200, 50 * (1.21 if f % 2 else 1)), 0.9, 0) for f in range(10)]
    # sqrt(1.21) = 1.1: half of .1; the ratio 1.21: half of .21
    assert stability_error(item(rows, 10), trajectory(10), 0.5).scale == pytest.approx(0.05 + 0.105)


def test_other_classes_and_far_boxes_do_not_match():
    rows = [(f, box(100 + 5 * f, 200), 0.9, 1) for f in range(5)]
    rows += [(f, box(150 + 5 * f, 200), 0.9, 0) for f in range(5, 10)]
    assert stability_error(item(rows, 10), trajectory(10), 0.5).recall == 0


def test_a_score_at_the_threshold_counts():
    rows = [(f, box(100 + 5 * f, 200), 0.5 if f % 2 else 0.25, 0) for f in range(10)]
    assert stability_error(item(rows, 10), trajectory(10), 0.5).recall == 0.5


def test_the_curve_and_its_area():
    """Scores fall from .95: at each threshold the first frames remain, one change where some are missed."""
    rows = [(f, box(100 + 5 * f, 200), 0.95 - 0.1 * f, 0) for f in range(10)]
    curve = pooled(curve_rows(item(rows, 10), trajectory(10), (0.0, 0.5, 0.9)))
    assert curve["recall"].tolist() == [1.0, 0.5, 0.1]
    np.testing.assert_allclose(curve["fragment"], [0, 1 / 9, 1 / 9])
    # over recall .1 to 1: a plateau of .4, then half of it over .5
    expected = (0.4 + 0.5 / 2) / 9 / 0.9
    assert area_under(curve, "fragment") == pytest.approx(expected)
    assert np.isnan(area_under(curve.iloc[:1]))


def test_a_trajectory_of_one_frame_says_nothing():
    error = stability_error(item([(0, box(100, 200), 0.9, 0)], 1), trajectory(1), 0.5)
    assert np.isnan(error.fragment)
    assert np.isnan(error.centre)
    assert error.recall == 1
