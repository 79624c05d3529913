"""Plans against simulated studies of the size they ask for."""

import numpy as np
import pytest

from tests.plugins.gauge.published import as_study
from vidrobust.errors import SettingsError
from vidrobust.plugins.gauge.attributes.raters import fleiss_kappa
from vidrobust.plugins.gauge.plan import _expected_interval, designs_for_grr, parts_for_kappa
from vidrobust.plugins.gauge.variables.gauge import gauge_study


@pytest.mark.parametrize(("kappa", "borderline", "defects"), [(0.8, 0.1, 0.5), (0.7, 0.0, 0.2)])
def test_so_many_parts_give_a_kappa_of_that_width(kappa, borderline, defects):
    plan = parts_for_kappa(kappa, 0.1, ratings=6, defect_share=defects, borderline=borderline)
    rng = np.random.default_rng(0)
    values, widths = [], []
    for _ in range(200):
        chance = np.where(rng.random(plan.parts) < defects, 1 - plan.error, plan.error)
        chance = np.where(rng.random(plan.parts) < borderline, 0.5, chance)
        bad = rng.binomial(6, chance)
        found = fleiss_kappa(np.column_stack([6 - bad, bad]))
        values.append(found.value)
        widths.append((found.high - found.low) / 2)
    assert np.mean(values) == pytest.approx(kappa, abs=0.02)
    assert np.mean(widths) == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize("percent", [30.0, 90.0])
def test_a_study_of_endless_size_is_expected_to_find_what_is_true(percent):
    low, high = _expected_interval(percent, 0.5, 10**6, 10**6, 50)
    assert low == pytest.approx(percent, rel=0.002)
    assert high == pytest.approx(percent, rel=0.002)


def test_a_planned_gauge_study_has_the_interval_planned():
    plan = next(each for each in designs_for_grr(20.0, 12.0) if each.operators == 6)
    rng = np.random.default_rng(1)
    sd = np.sqrt([0.96, 0.3 * 0.04, 0.7 * 0.04])
    widths = []
    for run in range(60):
        value = sd[0] * rng.normal(size=(plan.parts, 1, 1))
        value = value + sd[1] * rng.normal(size=(1, plan.operators, 1))
        value = value + sd[2] * rng.normal(size=(plan.parts, plan.operators, plan.trials))
        found = gauge_study(as_study(value), pool_above=0.0, seed=run)
        widths.append(found.percent_grr_high - found.percent_grr_low)
    assert np.median(widths) == pytest.approx(plan.high - plan.low, rel=0.2)
    assert plan.high - plan.low <= 24.0


def test_more_operators_need_fewer_parts_where_they_differ():
    plans = designs_for_grr(20.0, 8.0, reproducibility_share=0.5)
    assert [p.operators for p in plans] == sorted(p.operators for p in plans)
    # two operators tell nothing of how operators differ
    assert 2 not in [p.operators for p in plans]
    assert plans[-1].parts < plans[0].parts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kappa": 0.9, "half_width": 0.1, "ratings": 6, "borderline": 0.4}, "kappa is at most"),
        ({"kappa": 0.9, "half_width": 0.0, "ratings": 6}, "half width between 0 and 1"),
        ({"kappa": 0.9, "half_width": 0.1, "ratings": 1}, "at least 2 ratings"),
        ({"kappa": 0.8, "half_width": 0.001, "ratings": 2}, "more than 2000 parts"),
    ],
)
def test_plans_that_cannot_be_made(arguments, message):
    with pytest.raises(SettingsError, match=message):
        parts_for_kappa(**arguments)


def test_a_gauge_plan_wants_sensible_figures():
    with pytest.raises(SettingsError, match="0 < %GRR < 100"):
        designs_for_grr(120.0, 5.0)
