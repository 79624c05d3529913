"""The step of a rate over runs, and the limit of an alarm."""

import itertools

import numpy as np
import pytest
from scipy import stats

from vidrobust.plugins.trend.change import alarm_above, change_of, roots

N = np.full(8, 1000.0)
STEP = np.array([20, 22, 18, 21, 40, 44, 38, 42.0])


def test_a_step_is_told_with_its_run_and_factor():
    """By hand: (40 + 44 + 38 + 42) / (20 + 22 + 18 + 21) = 164 / 81."""
    change = change_of(STEP, N)
    assert change.verdict == "changed"
    assert change.since == 4
    assert change.factor == pytest.approx(164 / 81)
    assert change.low < 2 < change.high


def test_p_is_that_of_all_orders():
    """Independent: t by SciPy, over all 720 orders of six runs."""
    events, n = np.array([5, 9, 6, 14, 30, 12.0]), np.full(6, 500.0)
    y = roots(events, n)

    def largest(order):
        z = y[list(order)]
        return max(abs(stats.ttest_ind(z[k:], z[:k]).statistic) for k in range(2, 5))

    seen = largest(range(6))
    exact = np.mean([largest(o) >= seen - 1e-9 for o in itertools.permutations(range(6))])
    assert change_of(events, n).p == pytest.approx(exact, abs=0.015)


def test_runs_alike_are_no_change_and_few_runs_cannot_tell():
    assert change_of(np.array([20, 25, 18, 22, 24, 19, 21, 20.0]), N).verdict == "no change seen"
    assert change_of(STEP[2:7], N[2:7]).verdict == "cannot tell"
    assert change_of(np.full(8, 20.0), N).verdict == "no change seen"


def test_without_events_before_there_is_no_factor():
    change = change_of(np.array([0, 0, 0, 0, 30, 33, 29, 31.0]), N)
    assert change.verdict == "changed"
    assert np.isnan(change.factor)


def test_the_limit_is_the_prediction_of_one_run_more():
    """Independent: t of SciPy with 52 runs a year, of which one in four years may be false."""
    events = np.array([20, 25, 18, 22, 24, 19, 21, 20.0])
    y = np.sqrt((events + 0.375) / 1000)
    limit = y.mean() + stats.t(7).isf(0.25 / 52) * y.std(ddof=1) * np.sqrt(9 / 8)
    assert alarm_above(events, N, 52.0) == pytest.approx(limit**2 - 0.000375)
    assert np.isnan(alarm_above(events[:5], N[:5], 52.0))
    assert np.isnan(alarm_above(events, N, float("nan")))
