"""Components below 0, designs that are not balanced and operators that differ, against published figures."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from tests.plugins.gauge.published import (
    AIAG,
    FLOORING,
    ISO_GAUGE,
    NESTED_BATCHES,
    PASTES,
    as_study,
    crossed,
    of_operators,
)
from vidrobust.errors import InputError
from vidrobust.plugins.gauge.differing_operators import (
    mean_by_operator,
    right_by_operator,
    spread_by_operator,
)
from vidrobust.plugins.gauge.variables.gauge import gauge_study
from vidrobust.plugins.gauge.variables.unbalanced import by_likelihood, fit_reml

# components that come out below 0


def test_a_nested_study_whose_operators_component_is_below_0_is_as_jasp_has_it():
    # test-msaGaugeRRnonrep.R: repeatability .284019, reproducibility 0, gauge .284019 (22.40 %, 11.36 % of the
    # tolerance of 15), parts 1.235550, total 1.267774
    found = gauge_study(of_operators(NESTED_BATCHES, nested=True), tolerance=15)
    expected = {
        "repeatability": 0.284018779, "reproducibility": 0.0, "grr": 0.284018779, "part": 1.235549810,
        "total": 1.267773639,
    }  # fmt: skip
    sds = {name: found.components[name].sd for name in expected}
    assert sds == pytest.approx(expected, abs=5e-9)
    assert found.percent_grr == pytest.approx(22.4029566, abs=5e-7)
    assert found.components["grr"].percent_tolerance == pytest.approx(11.3607511, abs=5e-7)
    assert found.ndc == 6


def test_a_crossed_study_with_such_a_component_is_as_jasp_has_it():
    # test-msaGaugeRR.R, LF6: repeatability .111803, appraiser 0, part * appraiser .118145, gauge .162660 (29.45 %)
    found = gauge_study(of_operators(FLOORING), tolerance=10)
    assert found.anova.interaction == "kept"
    sds = {name: part.sd for name, part in found.components.items()}
    expected = {
        "repeatability": 0.111803399, "reproducibility": 0.118145391, "operator": 0.0, "interaction": 0.118145391,
        "grr": 0.162660177, "part": 0.527770468, "total": 0.552268051,
    }  # fmt: skip
    assert sds == pytest.approx(expected, abs=5e-9)
    assert found.percent_grr == pytest.approx(29.45, abs=5e-3)


def test_the_gauge_is_never_better_than_its_repeatability():
    rng = np.random.default_rng(0)
    for _ in range(25):
        value = 0.95 * rng.normal(size=(3, 5, 1)) + 0.3 * rng.normal(size=(3, 5, 2))
        table = as_study(value).rename(columns={"part": "operator", "operator": "part"})
        found = gauge_study(table, design="nested")
        grr, own = found.components["grr"], found.components["repeatability"]
        assert grr.sd >= own.sd > 0
        assert grr.variance_low <= grr.variance <= grr.variance_high
        assert grr.variance_high >= own.variance_high
        assert found.percent_grr_low <= found.percent_grr <= found.percent_grr_high
        whole = grr.variance + found.components["part"].variance
        assert found.components["total"].variance == pytest.approx(whole)


def test_parts_numbered_anew_for_each_operator_are_nested_where_it_is_said():
    table = of_operators(NESTED_BATCHES)
    assert gauge_study(table, design="nested").percent_grr == pytest.approx(22.4029566, abs=5e-7)
    taken_as_crossed = gauge_study(table)
    assert taken_as_crossed.anova.design == "crossed"
    assert any("--design nested" in note for note in taken_as_crossed.anova.notes)
    assert not any("--design nested" in note for note in gauge_study(crossed(AIAG)).anova.notes)
    with pytest.raises(InputError, match="the table is nested"):
        gauge_study(of_operators(NESTED_BATCHES, nested=True), design="crossed")


def test_a_constant_score_has_no_categories():
    found = gauge_study(crossed(AIAG).assign(value=1.0))
    assert math.isnan(found.percent_grr)
    assert (found.ndc, found.ndc_low, found.ndc_high) == (None, None, None)
    with pytest.raises(InputError, match="value inf is no number"):
        gauge_study(crossed(AIAG).assign(value=math.inf))


# designs that are not balanced


def test_likelihood_and_analysis_of_variance_agree_on_a_balanced_study():
    table = crossed(ISO_GAUGE)
    by_anova = gauge_study(table, pool_above=1.0).components
    fitted = by_likelihood(table).components
    for name in ("part", "operator", "interaction", "repeatability", "grr", "total"):
        assert fitted[name].variance == pytest.approx(by_anova[name].variance, rel=1e-3), name
        assert fitted[name].low <= fitted[name].variance <= fitted[name].high


def test_likelihood_gives_the_published_fit_of_the_dyestuff_batches():
    # Davies & Goldsmith 1972; lme4 (Bates et al. 2015): REML sd of batches 42.00, residual 49.51, mean 1527.5
    yields = """1545 1440 1440 1520 1580 1540 1555 1490 1560 1495 1595 1550 1605 1510 1560 1445 1440 1595 1465 1545
    1595 1630 1515 1635 1625 1520 1455 1450 1480 1445"""
    y = np.array(yields.split(), float)
    found = fit_reml(y, {"batch": np.repeat(np.arange(6), 5)})
    assert np.sqrt(found.variances) == pytest.approx([42.001, 49.510], abs=2e-3)
    assert found.mean == pytest.approx(1527.5)
    assert found.log_likelihood == pytest.approx(-159.8271, abs=1e-3)  # REML criterion 319.6543


def test_likelihood_gives_the_published_fit_of_the_pastes():
    # Davies & Goldsmith 1972; lme4 (Bates et al. 2015): REML sd of casks 2.9041, batches 1.2874, residual .8234
    y = np.array(PASTES.split(), float)
    found = fit_reml(y, {"batch": np.repeat(np.arange(10), 6), "cask": np.repeat(np.arange(30), 2)})
    assert np.sqrt(found.variances) == pytest.approx([1.2874, 2.9041, 0.8234], abs=5e-5)
    assert found.mean == pytest.approx(60.0533, abs=5e-5)
    assert -2 * found.log_likelihood == pytest.approx(246.9907, abs=5e-5)
    assert found.freedom == (9, 20, 30)


def test_levels_that_take_up_every_value_are_refused():
    codes = {"part": [0, 0, 1, 1], "operator": [0, 1, 0, 1], "day": [0, 1, 1, 0]}
    codes = {name: np.array(levels) for name, levels in codes.items()}
    with pytest.raises(InputError, match="nothing is left to estimate repeatability from"):
        fit_reml(np.array([1.0, 2.0, 4.0, 3.5]), codes)


def test_slope_and_information_are_those_of_the_likelihood():
    rng = np.random.default_rng(3)
    codes = {"part": rng.integers(0, 6, 40), "operator": rng.integers(0, 3, 40)}
    y = rng.normal(size=6)[codes["part"]] + rng.normal(size=40)
    likelihood = fit_reml(y, codes).likelihood
    here, step = np.array([0.7, 0.2, 1.1]), 1e-5
    point = likelihood.at(here)
    ends = ([likelihood.at(here + k * step * e).value for k in (1, -1)] for e in np.eye(3))
    each = [above - below for above, below in ends]
    assert point.slope == pytest.approx(np.array(each) / (2 * step), abs=1e-6)
    kernels = [np.equal.outer(code, code) * 1.0 for code in codes.values()] + [np.eye(40)]
    inverse = np.linalg.inv(sum(v * k for v, k in zip(here, kernels, strict=True)))
    ones = inverse.sum(axis=1)
    p = inverse - np.outer(ones, ones) / ones.sum()
    expected = [[np.trace(p @ a @ p @ b) / 2 for b in kernels] for a in kernels]
    assert point.information == pytest.approx(np.array(expected))


def test_the_interval_of_a_single_mean_square_is_that_of_the_chi_square():
    rng = np.random.default_rng(0)
    for df in (2, 4, 9, 30):
        part = np.arange(df + 2) % 2
        found = fit_reml(rng.normal(size=df + 2) + 1000 * part, {"part": part})
        ends = found.curve("repeatability").value(np.array([-1.959964, 1.959964]))
        exact = df * found.variances[-1] / stats.chi2.ppf([0.975, 0.025], df)
        assert ends == pytest.approx(exact, rel=0.08), df


def test_a_variance_that_may_be_0_has_an_interval_from_0():
    rng = np.random.default_rng(5)
    code = np.repeat(np.arange(5), 4)
    y = rng.normal(size=20)
    found = fit_reml(y - (y.reshape(5, 4).mean(axis=1))[code], {"operator": code})
    assert found.variances[0] == 0
    low, high = found.curve("operator").value(np.array([-1.96, 1.96]))
    assert low == 0
    assert 0 < high < 1
    assert found.loss_without(["operator"]) == pytest.approx(0, abs=1e-9)


def test_a_study_with_an_empty_cell_is_fitted_as_statsmodels_fits_it():
    table = crossed(ISO_GAUGE)
    table = table[~((table["part"] == "3") & (table["operator"] == "B"))].drop(index=[0, 41])
    found = gauge_study(table)
    assert found.anova.design == "unbalanced"
    assert "1 of 30 cells are empty, such as part 3 by operator B" in found.anova.notes[0]
    table = table.assign(one=1, cell=table["part"] + table["operator"])
    formula = {"part": "0 + C(part)", "operator": "0 + C(operator)", "cell": "0 + C(cell)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = smf.mixedlm("value ~ 1", table, groups="one", vc_formula=formula)
        other = model.fit(reml=True, method="powell")
    expected = dict(zip(other.model.exog_vc.names, other.vcomp, strict=True))
    assert found.components["part"].variance == pytest.approx(expected["part"], rel=2e-3)
    assert found.components["operator"].variance == pytest.approx(expected["operator"], rel=1e-2)
    assert found.components["interaction"].variance == pytest.approx(expected["cell"], rel=3e-2)
    assert found.anova.likelihood.fit.reml.log_likelihood == pytest.approx(other.llf, abs=1e-4)
    assert found.components["repeatability"].variance == pytest.approx(other.scale, rel=1e-3)
    assert found.percent_grr_low < found.percent_grr < found.percent_grr_high


def test_a_further_factor_is_part_of_reproducibility():
    rng = np.random.default_rng(1)
    rows = [
        (str(p), o, f"{d}{t}", str(d), 5 * np.sin(p) + 2.0 * d + rng.normal() * 0.3)
        for p in range(8) for o in "AB" for d in range(3) for t in range(2)
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["part", "operator", "trial", "day", "value"])
    found = gauge_study(table, factors=["day"])
    assert found.anova.design == "expanded"
    assert found.components["day"].sd == pytest.approx(2.0, rel=0.1)
    of_day = found.components["day"].sd
    assert found.components["reproducibility"].sd == pytest.approx(of_day, rel=0.05)
    formula = {"part": "0 + C(part)", "day": "0 + C(day)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = smf.mixedlm("value ~ 1", table.assign(one=1), groups="one", vc_formula=formula)
        other = model.fit(reml=True)
    expected = dict(zip(other.model.exog_vc.names, other.vcomp, strict=True))
    codes = {name: table[name].to_numpy() for name in ("part", "day")}
    fitted = fit_reml(table["value"].to_numpy(), codes)
    variances = [expected["part"], expected["day"], other.scale]
    assert fitted.variances == pytest.approx(variances, rel=1e-2)
    assert fitted.log_likelihood == pytest.approx(other.llf, abs=1e-4)
    with pytest.raises(InputError, match="no column 'station'"):
        gauge_study(table, factors=["station"])


# one reference part


# uncertainty and risks


# classes


# which operator is worse


def planted(rng, sds, parts=10, *, heavy=False):
    """Parts of sd 1, operators of these standard deviations; heavy: most trials repeat exactly, as a model's
    do."""
    rows = []
    for part in range(parts):
        true = rng.normal()
        for operator, sd in sds.items():
            for trial in range(3):
                error = rng.normal() * sd if not heavy or rng.random() < 0.15 else 0.0
                rows.append((str(part), operator, str(trial), true + error))
    return pd.DataFrame(rows, columns=["part", "operator", "trial", "value"])


def test_the_operator_that_repeats_badly_is_named_and_by_how_much():
    found = spread_by_operator(planted(np.random.default_rng(1), {"A": 0.1, "B": 0.3, "C": 0.1}))
    assert [each.operator for each in found if each.shown] == ["B"]
    worst = found[1]
    assert worst.value / worst.other == pytest.approx(3, rel=0.35)
    assert (worst.others, worst.n) == ("the others", 10)


@pytest.mark.parametrize("heavy", [False, True])
def test_operators_that_are_alike_are_not_named(heavy):
    rng = np.random.default_rng(2)
    named = 0
    for seed in range(40):
        table = planted(rng, dict.fromkeys("ABC", 0.2), heavy=heavy)
        named += any(each.shown for each in spread_by_operator(table, seed=seed))
    assert named <= 6  # at most 2 expected


def test_an_operator_that_measures_higher_is_named():
    rng = np.random.default_rng(5)
    table = planted(rng, dict.fromkeys("ABC", 0.1))
    table.loc[table["operator"] == "C", "value"] += 0.5
    found = {each.operator: each for each in mean_by_operator(table)}
    assert found["C"].shown
    assert found["C"].value == pytest.approx(0.5, abs=0.1)
    # two operators are compared once, and the t test is that of paired differences
    two = mean_by_operator(table[table["operator"] != "C"])
    means = table.groupby(["part", "operator"])["value"].mean().unstack()
    expected = stats.ttest_rel(means["A"], means["B"]).pvalue
    assert [each.operator for each in two] == ["A"]
    assert (two[0].p, two[0].compared) == (pytest.approx(expected), 1)


def test_the_inspector_that_is_right_less_often_by_hand():
    seen = [(k, o, "ok" if o == "A" or k >= 8 else "bad") for k in range(20) for o in "AB"]
    rows = [(str(part), operator, value, "ok") for part, operator, value in seen]
    table = pd.DataFrame(rows, columns=["part", "operator", "value", "reference"])
    (found,) = right_by_operator(table)
    assert (found.operator, found.others, found.value, found.other) == ("B", "A", 0.6, 1.0)
    assert found.p == pytest.approx(2 * 0.5**8)
