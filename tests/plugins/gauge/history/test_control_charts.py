"""Control charts: limits of a prediction, false alarms as often as said, and since when a line is out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from vidrobust.errors import InputError
from vidrobust.plugins.gauge.history import control_charts as module
from vidrobust.plugins.gauge.history.control_charts import (
    individuals_chart,
    p_chart,
    predicted_mean,
)


def runs(rng: np.random.Generator, rates: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Ten clips of 200 pairs a run, whose rates differ: beta with correlation .1."""
    trials = [np.full(10, 200) for _ in rates]
    return [rng.binomial(200, rng.beta(9 * rate, 9 * (1 - rate), 10)) for rate in rates], trials


def test_limits_of_individuals_are_those_of_a_prediction() -> None:
    # five runs with mean 11 and standard deviation sqrt(2.5): were they surely independent, the sixth would lie
    # within t(4) sqrt(2.5) sqrt(1 + 1/5)
    base = np.array([10.0, 12.0, 9.0, 13.0, 11.0])
    chart = individuals_chart([*base, 11.0], baseline=5)
    half = stats.t.ppf(1 - 0.00135, 4) * np.sqrt(2.5) * np.sqrt(1.2)
    assert chart.centre == pytest.approx(11)
    assert (chart.low[5], chart.high[5]) == predicted_mean(
        base, np.arange(5), np.array([5]), tail=0.00135
    )
    assert chart.high[5] - chart.low[5] == pytest.approx(2 * half, rel=0.35)
    assert np.isnan(chart.low[:5]).all()  # what the limits stand on is not judged by them
    assert chart.since is None


def test_without_a_baseline_each_run_is_judged_on_those_before() -> None:
    values = [10.0, 11.0, 10.5, 11.5, 10.2, 11.1, 10.7, 10.4, 60.0, 10.8]
    chart = individuals_chart(values)
    assert np.isfinite(chart.low).tolist() == [False] * 3 + [True] * 7
    assert chart.out.tolist() == [False] * 8 + [True, False]
    # a run that was called is no part of what the next is judged on
    ends = predicted_mean(np.array(values[:8]), np.arange(8), np.array([9]), tail=0.00135)
    assert (chart.low[9], chart.high[9]) == ends


def test_independent_trials_have_the_limits_of_the_binomial() -> None:
    rng = np.random.default_rng(0)
    trials = [np.ones(2000, int) for _ in range(101)]
    events = [rng.binomial(1, 0.1, 2000) for _ in range(101)]
    chart = p_chart(events, trials, baseline=100)
    ends = stats.binom.ppf([0.00135, 1 - 0.00135], 2000, chart.centre) / 2000
    assert (chart.low[-1], chart.high[-1]) == pytest.approx(tuple(ends), abs=0.0015)


def test_a_line_that_does_not_change_rings_as_often_as_it_says() -> None:
    """Few runs to stand on, clips that differ: three standard errors would call 2 to 8 times as many."""
    rng = np.random.default_rng(1)
    called = {5: 0, None: 0}
    for baseline in called:
        for _ in range(120):
            chart = individuals_chart(rng.normal(0, 1, 20), baseline=baseline)
            called[baseline] += int(chart.out.sum())
    assert called[5] <= stats.binom.ppf(0.999, 120 * 15, 0.0027)
    assert called[None] <= stats.binom.ppf(0.999, 120 * 17, 0.0027)
    rates = binomial = 0
    for _ in range(8):
        events, trials = runs(rng, np.full(12, 0.1))
        chart = p_chart(events, trials, baseline=4)
        rates += int(chart.out.sum())
        binomial += int((np.abs(chart.value[4:] - chart.centre) > 3 * np.sqrt(0.09 / 2000)).sum())
    assert rates <= 1
    assert binomial > 15  # what plain binomial limits would call, of 64


def test_a_rate_that_is_seldom_seen_has_no_lower_limit() -> None:
    trials = [np.full(10, 200)] * 6
    events = [np.array([0, 0, 0, 3, 0, 0, 0, 0, 0, 1])] * 5 + [np.zeros(10, int)]
    chart = p_chart(events, trials, baseline=5)
    assert chart.low[-1] == 0.0
    assert not chart.out.any()


def test_what_repeats_its_values_has_limits_half_a_step_further_out() -> None:
    # 3 twice, a step of 1: limits of the cube roots of 1 to 5 and a half, less the half, and another one
    base = np.array([3.0, 2.0, 3.0, 1.0, 5.0])
    roots = np.cbrt(base + 0.5)
    _, high = predicted_mean(roots, np.arange(5), np.array([5]), tail=0.00135)
    chart = individuals_chart([*base, 3.0], baseline=5, bounds=(0.0, np.inf))
    assert chart.high[5] == pytest.approx(high**3 - 0.5 + 0.5)
    assert chart.low[5] == 0.0


def test_of_mostly_one_value_no_single_run_is_called_but_eight_are() -> None:
    """Five times nothing: the next is something else in one of six cases, eight are in one of C(13, 8) = 1,287."""
    chart = individuals_chart([0.0] * 5 + [0.4] * 8, baseline=5, bounds=(0.0, np.inf))
    assert not chart.out.any()
    assert chart.shifted.tolist() == [False] * 5 + [True] * 8
    assert not individuals_chart(
        [0.0] * 4 + [0.4] * 8, baseline=4, bounds=(0.0, np.inf)
    ).shifted.any()
    again = individuals_chart([0.0] * 5 + [0.4] * 7 + [0.0], baseline=5, bounds=(0.0, np.inf))
    assert not again.shifted.any()


def test_runs_that_resemble_those_before_ring_little_more_often() -> None:
    rng = np.random.default_rng(7)
    rang = 0
    for _ in range(150):
        value = rng.normal(0, 1, 30)
        for k in range(1, 30):
            value[k] = 0.3 * value[k - 1] + np.sqrt(1 - 0.09) * value[k]
        chart = individuals_chart(value, baseline=10)
        rang += bool((chart.out | chart.shifted).any())
    # 20 runs, two rules of .27 %: 10 % of lines by chance; limits for independent runs call some in 16 %
    assert rang <= stats.binom.ppf(0.99, 150, 0.1)


def test_the_same_footage_measured_anew_is_out_as_soon_as_it_differs() -> None:
    assert individuals_chart([0.0273] * 5 + [0.03], bounds=(0.0, 1.0)).out.tolist() == [
        False
    ] * 5 + [True]
    assert not individuals_chart([0.0273] * 6, bounds=(0.0, 1.0)).out.any()
    assert not individuals_chart([0.0] * 5 + [0.03], bounds=(0.0, 1.0)).out.any()
    assert not individuals_chart([10.0] * 5 + [11.0], bounds=(0.0, np.inf)).out.any()


@pytest.mark.parametrize("kind", ["counts", "seldom", "rounded"])
def test_numbers_that_repeat_ring_no_more_often_than_said(kind: str) -> None:
    rng = np.random.default_rng(6)
    draw = {
        "counts": lambda: rng.poisson(3, 30),
        "seldom": lambda: rng.exponential(1, 30) * (rng.random(30) < 0.2),
        "rounded": lambda: np.rint(rng.normal(10, 0.4, 30)),
    }[kind]
    for baseline in (5, None):
        charts = [
            individuals_chart(draw(), baseline=baseline, bounds=(0.0, np.inf)) for _ in range(30)
        ]
        judged = sum(int((~np.isnan(each.low)).sum()) for each in charts)
        assert sum(int(each.out.sum()) for each in charts) <= stats.binom.ppf(0.999, judged, 0.0027)


def test_a_line_that_went_bad_is_out_since_then() -> None:
    rng = np.random.default_rng(2)
    events, trials = runs(rng, np.array([0.05] * 8 + [0.3] * 3))
    chart = p_chart(events, trials, baseline=8)
    assert chart.out[-3:].all()
    assert chart.since == 8
    assert not chart.out[:8].any()


def test_a_small_shift_shows_in_eight_runs_together() -> None:
    value = np.append(np.tile([-1.0, 1.0], 10) + np.arange(20) / 1000, np.full(8, 1.6))
    chart = individuals_chart(value, baseline=20)
    assert not chart.out.any()
    assert chart.shifted.tolist() == [False] * 20 + [True] * 8
    assert chart.since == 20


def test_laneys_limits_by_hand() -> None:
    # independent trials: p = .1, standard error .01; z = -1, 1, -1, 1 with a standard deviation of sqrt(4/3)
    trials = [np.ones(900, int) for _ in range(5)]
    events = [np.repeat([1, 0], [bad, 900 - bad]) for bad in (81, 99, 81, 99, 90)]
    chart = p_chart(events, trials, baseline=4, laney=True)
    assert chart.centre == pytest.approx(0.1)
    assert chart.sigma_z == pytest.approx(np.sqrt(4 / 3), rel=1e-3)
    _, high = predicted_mean(np.array([-1.0, 1, -1, 1]), np.arange(4), np.array([4]), tail=0.00135)
    assert chart.high[-1] - 0.1 == pytest.approx(0.01 * high, rel=1e-3)
    assert np.isnan(p_chart(events, trials, baseline=4).sigma_z)


def test_weeks_that_differ_do_not_ring_the_bell_under_laneys_limits() -> None:
    rng = np.random.default_rng(5)
    called = {True: 0, False: 0}
    for _ in range(4):
        events, trials = runs(rng, np.clip(rng.normal(0.1, 0.04, 22), 0.01, None))
        for laney in called:
            called[laney] += int(p_chart(events, trials, baseline=10, laney=laney).out.sum())
    assert called[True] <= 1
    assert called[False] > 2


def test_limits_stay_within_what_can_be() -> None:
    chart = individuals_chart([0.1, 0.3, 0.1, 0.3, 0.2], bounds=(0.0, 1.0))
    assert chart.low[-1] == 0.0
    assert 0.3 < chart.high[-1] <= 1.0
    near = individuals_chart([0.9, 0.97, 0.95, 0.99, 0.98], bounds=(0.0, 1.0))
    assert near.high[-1] <= 1.0
    assert near.low[-1] < 0.9


def test_too_few_runs_and_missing_values_are_said() -> None:
    with pytest.raises(InputError, match="at least 3 before the run that is judged"):
        individuals_chart([1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="4 of 4 runs"):
        individuals_chart([1.0, 2.0, 3.0, 4.0], baseline=4)
    with pytest.raises(InputError, match="no value"):
        individuals_chart([1.0, float("nan"), 2.0])


def series(rng: np.random.Generator, count: int, correlation: float) -> np.ndarray:
    values = rng.normal(0, 1, count)
    for k in range(1, count):
        values[k] = correlation * values[k - 1] + np.sqrt(1 - correlation**2) * values[k]
    return values


def test_of_surely_independent_values_it_is_student(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(5, 2, 7)
    monkeypatch.setattr(module, "CORRELATIONS", np.zeros(1))
    monkeypatch.setattr(module, "PRIOR", np.ones(1))
    module._places.cache_clear()
    low, high = predicted_mean(values, np.arange(7), np.arange(10, 14), tail=0.01)
    module._places.cache_clear()
    half = stats.t.ppf(0.99, 6) * values.std(ddof=1) * np.sqrt(1 / 7 + 1 / 4)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half))


def test_the_posterior_by_integrals_over_level_and_spread() -> None:
    """Chance beyond the upper limit, from densities of the normal alone: no t, no least squares."""
    values, at = np.array([0.3, 1.1, 0.9, -0.4]), np.arange(4)
    _, high = predicted_mean(values, at, np.array([5]), tail=0.05)
    mass = beyond = 0.0
    for r, prior in zip(module.CORRELATIONS, module.PRIOR, strict=True):
        alike = r ** np.abs(np.subtract.outer(at, at)) if r else np.eye(4)
        with_it = (r ** np.abs(5 - at) if r else np.zeros(4)) @ np.linalg.inv(alike) @ np.ones(4)
        root = np.linalg.inv(np.linalg.cholesky(alike))
        ones, seen = root @ np.ones(4), root @ values
        level = float(ones @ seen / (ones @ ones))  # of the normal in the level, given r and spread
        assert with_it >= 0

        def density(s: float, ones=ones, seen=seen, level=level, alike=alike, prior=prior) -> float:
            rest = float(np.square(seen - ones * level).sum())
            across = np.sqrt(2 * np.pi / (ones @ ones)) * s  # the level integrated out
            return (
                prior * across * np.exp(-rest / (2 * s * s)) / s**5 / np.sqrt(np.linalg.det(alike))
            )

        weights = np.linalg.solve(alike, np.ones(4)) / np.linalg.solve(alike, np.ones(4)).sum()
        apart = np.concatenate([[5], at])
        joint = r ** np.abs(np.subtract.outer(apart, apart)) if r else np.eye(5)
        contrast = np.concatenate([[1.0], -weights])
        variance = float(contrast @ joint @ contrast)

        def above(s: float, density=density, level=level, variance=variance) -> float:
            return density(s) * float(stats.norm.sf((high - level) / (s * np.sqrt(variance))))

        mass += integrate.quad(density, 0.02, 200, points=[0.5, 1, 3, 10], limit=300)[0]
        beyond += integrate.quad(above, 0.02, 200, points=[0.5, 1, 3, 10], limit=300)[0]
    assert beyond / mass == pytest.approx(0.05, abs=0.001)


@pytest.mark.parametrize(
    ("correlation", "most"),
    [
        (0.3, 0.11),
        *(pytest.param(*each, marks=pytest.mark.nightly) for each in ((0.0, 0.06), (0.6, 0.2))),
    ],
)
def test_the_mean_of_eight_more_is_beyond_as_seldom_as_ten_can_show(
    correlation: float, most: float
) -> None:
    """At a level of 5 %; of a memory of .6 ten values show little."""
    rng = np.random.default_rng(3)
    lines = [series(rng, 18, correlation) for _ in range(500)]
    ends = [
        predicted_mean(line[:10], np.arange(10), np.arange(10, 18), tail=0.025) for line in lines
    ]
    beyond = [
        not low <= line[10:].mean() <= high for line, (low, high) in zip(lines, ends, strict=True)
    ]
    assert np.mean(beyond) <= most
    if correlation:  # as if the values were independent
        half = stats.t.ppf(0.975, 9) * np.sqrt(1 / 8 + 1 / 10)
        plain = [abs(x[10:].mean() - x[:10].mean()) > half * x[:10].std(ddof=1) for x in lines]
        assert np.mean(plain) > np.mean(beyond) + 0.04
