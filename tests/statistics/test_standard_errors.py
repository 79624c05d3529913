"""The jackknife against what it must give for a mean, and by hand."""

import numpy as np
import pytest
from scipy import stats

from vidrobust.statistics.standard_errors import (
    groups,
    influence,
    jackknife_error,
    leave_one_out,
    left_out_interval,
)

VALUES = np.random.default_rng(0).normal(5, 2, 20)


def mean_of(rows):
    return np.array([VALUES[rows].mean(), VALUES[rows].max()])


def test_of_a_mean_it_is_the_textbook_standard_error():
    without = leave_one_out(mean_of, np.arange(20))
    assert without.shape == (20, 2)
    assert jackknife_error(without)[0] == pytest.approx(stats.sem(VALUES))
    assert influence(without[:, 0]) == pytest.approx(VALUES - VALUES.mean())
    low, high = left_out_interval(float(VALUES.mean()), without[:, 0], (-np.inf, np.inf))
    expected = stats.t.interval(0.95, 19, VALUES.mean(), stats.sem(VALUES))
    assert (low, high) == pytest.approx(expected)


def test_units_are_left_out_whole():
    """Of 1, 2 | 3 | 8 the means without a unit are 5.5, 11/3 and 2."""
    values, unit = np.array([1.0, 2.0, 3.0, 8.0]), np.array([0, 0, 1, 2])
    found = leave_one_out(lambda rows: np.array(values[rows].mean()), unit)
    assert found == pytest.approx([5.5, 11 / 3, 2.0])
    with_one_more = leave_one_out(lambda rows: np.array(values[rows].mean()), unit, 4)
    assert with_one_more[3] == pytest.approx(3.5)


def test_too_few_units_tell_nothing():
    assert np.isnan(left_out_interval(1.0, np.array([1.0, 2.0]), (0, 9))).all()
    assert np.isnan(left_out_interval(1.0, np.array([1.0, 2.0, np.nan]), (0, 9))).all()
    assert left_out_interval(1.0, np.array([0.0, 1.0, 2.0]), (0.5, 1.5)) == (0.5, 1.5)


def test_groups_are_neighbours():
    assert groups(np.arange(5)).tolist() == [0, 1, 2, 3, 4]
    assert groups(np.arange(6), 3).tolist() == [0, 0, 1, 1, 2, 2]
