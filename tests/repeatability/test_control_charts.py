"""Control charts: textbook limits, false alarms where clips differ, and since when a line is out."""

from __future__ import annotations

import numpy as np
import pytest

from vidrobust.errors import InputError
from vidrobust.repeatability.control_charts import individuals_chart, p_chart


def runs(rng: np.random.Generator, rates: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Ten clips of 200 pairs a run, whose rates differ: beta with correlation .1."""
    trials = [np.full(10, 200) for _ in rates]
    return [rng.binomial(200, rng.beta(9 * rate, 9 * (1 - rate), 10)) for rate in rates], trials


def test_limits_of_individuals_are_the_textbooks() -> None:
    # mean 10.5, moving ranges 1 1 2 1: mean 1.25; 3 x 1.25 / 1.128 = 3.3245
    chart = individuals_chart([10.0, 11.0, 10.0, 12.0, 11.0])
    assert chart.centre == pytest.approx(10.8)
    assert chart.high[0] - chart.centre == pytest.approx(3.32447, abs=1e-5)
    assert not chart.out.any()
    assert chart.since is None


def test_independent_trials_have_binomial_limits() -> None:
    rng = np.random.default_rng(0)
    trials = [np.ones(2000, int) for _ in range(25)]
    events = [rng.binomial(1, 0.1, 2000) for _ in range(25)]
    chart = p_chart(events, trials)
    expected = 3 * np.sqrt(chart.centre * (1 - chart.centre) / 2000)
    assert chart.high[0] - chart.centre == pytest.approx(expected, rel=1e-6)


def test_clips_that_differ_do_not_ring_the_bell() -> None:
    rng = np.random.default_rng(1)
    called = binomial = 0
    for _ in range(40):
        events, trials = runs(rng, np.full(25, 0.1))
        chart = p_chart(events, trials)
        called += int(chart.out.sum())
        binomial += int((np.abs(chart.value - chart.centre) > 3 * np.sqrt(0.09 / 2000)).sum())
    assert called / 1000 <= 0.012  # .003 for a normal, and these are skewed
    assert binomial / 1000 > 0.3  # what plain binomial limits would call


def test_a_line_that_went_bad_is_out_since_then() -> None:
    rng = np.random.default_rng(2)
    events, trials = runs(rng, np.array([0.05] * 20 + [0.25] * 3))
    chart = p_chart(events, trials, baseline=20)
    assert chart.out[-3:].all()
    assert chart.since == 20
    assert not chart.out[:20].any()


def test_a_small_shift_shows_as_a_row_on_one_side() -> None:
    value = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0] + [0.9] * 8
    chart = individuals_chart(value, baseline=8)
    assert not chart.out.any()
    assert chart.shifted.tolist() == [False] * 7 + [True] * 9  # the last 1.0 is on that side already
    assert chart.since == 7


def test_laneys_limits_by_hand() -> None:
    # independent trials: p = .1, standard error .01; z = -1, 1, -1, 1, so that the mean moving range is 2, sigma z
    # is 2 / 1.128
    trials = [np.ones(900, int) for _ in range(4)]
    events = [np.repeat([1, 0], [bad, 900 - bad]) for bad in (81, 99, 81, 99)]
    plain, laney = p_chart(events, trials), p_chart(events, trials, laney=True)
    assert plain.centre == laney.centre == pytest.approx(0.1)
    assert laney.sigma_z == pytest.approx(2 / 1.128)
    assert laney.high - laney.centre == pytest.approx(2 / 1.128 * (plain.high - plain.centre))
    assert np.isnan(plain.sigma_z)


def test_weeks_that_differ_do_not_ring_the_bell_under_laneys_limits() -> None:
    rng = np.random.default_rng(5)
    called = {True: 0, False: 0}
    for _ in range(20):
        events, trials = runs(rng, np.clip(rng.normal(0.1, 0.04, 25), 0.01, None))
        for laney in called:
            called[laney] += int(p_chart(events, trials, laney=laney).out.sum())
    assert called[True] / 500 <= 0.02
    assert called[False] > 2 * called[True]


def test_individual_limits_stay_within_what_can_be() -> None:
    chart = individuals_chart([0.1, 0.3, 0.1, 0.3], bounds=(0.0, 1.0))
    assert (chart.low == 0.0).all()
    assert chart.high[0] == pytest.approx(0.2 + 3 * 0.2 / 1.128)


def test_too_few_runs_and_missing_values_are_said() -> None:
    with pytest.raises(InputError, match="at least 3 are needed"):
        individuals_chart([1.0, 2.0])
    with pytest.raises(InputError, match="5 of 4 runs"):
        individuals_chart([1.0, 2.0, 3.0, 4.0], baseline=5)
    with pytest.raises(InputError, match="no value"):
        individuals_chart([1.0, float("nan"), 2.0])
