"""Type-1, linearity, uncertainty, risks, likelihood and agreement by class, against published and other
figures."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa

from tests.plugins.gauge.published import (
    AIAG,
    AUTOGAGE,
    DIAGNOSES,
    FLOORING,
    ISO_GAUGE,
    ISO_LINEARITY,
    LINEARITY,
    NESTED_BATCHES,
    PASTES,
    SIZES,
    TYPE1,
    bearings,
    crossed,
    judged_sizes,
    of_operators,
    of_references,
    ordered_by_four,
)
from vidrobust.errors import InputError, SettingsError
from vidrobust.plugins.gauge.attributes.attribute import (
    bowker,
    kappa_against_standard,
    kappa_by_class,
    kendalls_coefficient,
    steadiness_table,
    weighted_kappa,
)
from vidrobust.plugins.gauge.attributes.grey_zone import adjusted, analytic_method, signal_detection
from vidrobust.plugins.gauge.differing_operators import (
    equal_variances,
    mean_by_operator,
    right_by_operator,
    spread_by_operator,
)
from vidrobust.plugins.gauge.variables.gauge import gauge_study
from vidrobust.plugins.gauge.variables.reference_parts import linearity_study, type1_study
from vidrobust.plugins.gauge.variables.unbalanced import by_likelihood, fit_reml
from vidrobust.plugins.gauge.variables.uncertainty import (
    budget,
    misclassification,
    of_bias,
    of_resolution,
)

# components that come out below 0


def test_a_nested_study_whose_operators_component_is_below_0_is_as_jasp_has_it() -> None:
    # test-msaGaugeRRnonrep.R: repeatability .284019, reproducibility 0, gauge .284019 (22.40 %, 11.36 % of the
    # tolerance of 15), parts 1.235550, total 1.267774
    found = gauge_study(of_operators(NESTED_BATCHES, nested=True), tolerance=15)
    sds = {
        name: found.components[name].sd
        for name in ("repeatability", "reproducibility", "grr", "part", "total")
    }
    expected = {
        "repeatability": 0.284018779, "reproducibility": 0.0, "grr": 0.284018779, "part": 1.235549810,
        "total": 1.267773639,
    }  # fmt: skip
    assert sds == pytest.approx(expected, abs=5e-9)
    assert found.percent_grr == pytest.approx(22.4029566, abs=5e-7)
    assert found.components["grr"].percent_tolerance == pytest.approx(11.3607511, abs=5e-7)
    assert found.ndc == 6


def test_a_crossed_study_with_such_a_component_is_as_jasp_has_it() -> None:
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


def test_the_gauge_is_never_better_than_its_repeatability() -> None:
    rng = np.random.default_rng(0)
    for _ in range(25):
        value = 0.95 * rng.normal(size=(3, 5, 1)) + 0.3 * rng.normal(size=(3, 5, 2))
        index = pd.MultiIndex.from_product([map(str, range(n)) for n in value.shape])
        table = pd.Series(
            value.ravel(), index=index.set_names(["operator", "part", "trial"]), name="value"
        )
        found = gauge_study(table.reset_index(), design="nested")
        grr, own = found.components["grr"], found.components["repeatability"]
        assert grr.sd >= own.sd > 0
        assert grr.variance_low <= grr.variance <= grr.variance_high
        assert grr.variance_high >= own.variance_high
        assert found.percent_grr_low <= found.percent_grr <= found.percent_grr_high
        assert found.components["total"].variance == pytest.approx(
            grr.variance + found.components["part"].variance
        )


def test_parts_numbered_anew_for_each_operator_are_nested_where_it_is_said() -> None:
    table = of_operators(NESTED_BATCHES)
    assert gauge_study(table, design="nested").percent_grr == pytest.approx(22.4029566, abs=5e-7)
    taken_as_crossed = gauge_study(table)
    assert taken_as_crossed.anova.design == "crossed"
    assert any("--design nested" in note for note in taken_as_crossed.anova.notes)
    assert not any("--design nested" in note for note in gauge_study(crossed(AIAG)).anova.notes)
    with pytest.raises(InputError, match="the table is nested"):
        gauge_study(of_operators(NESTED_BATCHES, nested=True), design="crossed")


def test_a_constant_score_has_no_categories() -> None:
    found = gauge_study(crossed(AIAG).assign(value=1.0))
    assert math.isnan(found.percent_grr)
    assert (found.ndc, found.ndc_low, found.ndc_high) == (None, None, None)
    with pytest.raises(InputError, match="value inf is no number"):
        gauge_study(crossed(AIAG).assign(value=math.inf))


# designs that are not balanced


def test_likelihood_and_analysis_of_variance_agree_on_a_balanced_study() -> None:
    table = crossed(ISO_GAUGE)
    by_anova = gauge_study(table, pool_above=1.0).components
    fitted = by_likelihood(table).components
    for name in ("part", "operator", "interaction", "repeatability", "grr", "total"):
        assert fitted[name].variance == pytest.approx(by_anova[name].variance, rel=1e-3), name
        assert fitted[name].low <= fitted[name].variance <= fitted[name].high


def test_likelihood_gives_the_published_fit_of_the_dyestuff_batches() -> None:
    # Davies & Goldsmith 1972; lme4 (Bates et al. 2015): REML sd of batches 42.00, residual 49.51, mean 1527.5
    yields = """1545 1440 1440 1520 1580 1540 1555 1490 1560 1495 1595 1550 1605 1510 1560 1445 1440 1595 1465 1545
    1595 1630 1515 1635 1625 1520 1455 1450 1480 1445"""
    y = np.array(yields.split(), float)
    found = fit_reml(y, {"batch": np.repeat(np.arange(6), 5)})
    assert np.sqrt(found.variances) == pytest.approx([42.001, 49.510], abs=2e-3)
    assert found.mean == pytest.approx(1527.5)
    assert found.log_likelihood == pytest.approx(-159.8271, abs=1e-3)  # REML criterion 319.6543


def test_likelihood_gives_the_published_fit_of_the_pastes() -> None:
    # Davies & Goldsmith 1972; lme4 (Bates et al. 2015): REML sd of casks 2.9041, batches 1.2874, residual .8234
    y = np.array(PASTES.split(), float)
    found = fit_reml(y, {"batch": np.repeat(np.arange(10), 6), "cask": np.repeat(np.arange(30), 2)})
    assert np.sqrt(found.variances) == pytest.approx([1.2874, 2.9041, 0.8234], abs=5e-5)
    assert found.mean == pytest.approx(60.0533, abs=5e-5)
    assert -2 * found.log_likelihood == pytest.approx(246.9907, abs=5e-5)
    assert found.freedom == (9, 20, 30)


def test_levels_that_take_up_every_value_are_refused() -> None:
    codes = {
        "part": np.array([0, 0, 1, 1]),
        "operator": np.array([0, 1, 0, 1]),
        "day": np.array([0, 1, 1, 0]),
    }
    with pytest.raises(InputError, match="nothing is left to estimate repeatability from"):
        fit_reml(np.array([1.0, 2.0, 4.0, 3.5]), codes)


def test_slope_and_information_are_those_of_the_likelihood() -> None:
    rng = np.random.default_rng(3)
    codes = {"part": rng.integers(0, 6, 40), "operator": rng.integers(0, 3, 40)}
    y = rng.normal(size=6)[codes["part"]] + rng.normal(size=40)
    likelihood = fit_reml(y, codes).likelihood
    here, step = np.array([0.7, 0.2, 1.1]), 1e-5
    point = likelihood.at(here)
    each = [
        likelihood.at(here + step * e).value - likelihood.at(here - step * e).value
        for e in np.eye(3)
    ]
    assert point.slope == pytest.approx(np.array(each) / (2 * step), abs=1e-6)
    kernels = [np.equal.outer(code, code) * 1.0 for code in codes.values()] + [np.eye(40)]
    inverse = np.linalg.inv(sum(v * k for v, k in zip(here, kernels, strict=True)))
    ones = inverse.sum(axis=1)
    p = inverse - np.outer(ones, ones) / ones.sum()
    expected = [[np.trace(p @ a @ p @ b) / 2 for b in kernels] for a in kernels]
    assert point.information == pytest.approx(np.array(expected))


def test_the_interval_of_a_single_mean_square_is_that_of_the_chi_square() -> None:
    rng = np.random.default_rng(0)
    for df in (2, 4, 9, 30):
        part = np.arange(df + 2) % 2
        found = fit_reml(rng.normal(size=df + 2) + 1000 * part, {"part": part})
        ends = found.curve("repeatability").value(np.array([-1.959964, 1.959964]))
        exact = df * found.variances[-1] / stats.chi2.ppf([0.975, 0.025], df)
        assert ends == pytest.approx(exact, rel=0.08), df


def test_a_variance_that_may_be_0_has_an_interval_from_0() -> None:
    rng = np.random.default_rng(5)
    code = np.repeat(np.arange(5), 4)
    y = rng.normal(size=20)
    found = fit_reml(y - (y.reshape(5, 4).mean(axis=1))[code], {"operator": code})
    assert found.variances[0] == 0
    low, high = found.curve("operator").value(np.array([-1.96, 1.96]))
    assert low == 0
    assert 0 < high < 1
    assert found.loss_without(["operator"]) == pytest.approx(0, abs=1e-9)


def test_a_study_with_an_empty_cell_is_fitted_as_statsmodels_fits_it() -> None:
    table = crossed(ISO_GAUGE)
    table = table[~((table["part"] == "3") & (table["operator"] == "B"))].drop(index=[0, 41])
    found = gauge_study(table)
    assert found.anova.design == "unbalanced"
    assert "1 of 30 cells are empty, such as part 3 by operator B" in found.anova.notes[0]
    table = table.assign(one=1, cell=table["part"] + table["operator"])
    formula = {"part": "0 + C(part)", "operator": "0 + C(operator)", "cell": "0 + C(cell)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = smf.mixedlm("value ~ 1", table, groups="one", vc_formula=formula).fit(
            reml=True, method="powell"
        )
    expected = dict(zip(other.model.exog_vc.names, other.vcomp, strict=True))
    assert found.components["part"].variance == pytest.approx(expected["part"], rel=2e-3)
    assert found.components["operator"].variance == pytest.approx(expected["operator"], rel=1e-2)
    assert found.components["interaction"].variance == pytest.approx(expected["cell"], rel=3e-2)
    assert found.anova.likelihood is not None
    assert found.anova.likelihood.fit.reml.log_likelihood == pytest.approx(other.llf, abs=1e-4)
    assert found.components["repeatability"].variance == pytest.approx(other.scale, rel=1e-3)
    assert found.percent_grr_low < found.percent_grr < found.percent_grr_high


def test_a_further_factor_is_part_of_reproducibility() -> None:
    rng = np.random.default_rng(1)
    rows = [
        (str(p), o, f"{d}{t}", str(d), 5 * np.sin(p) + 2.0 * d + rng.normal() * 0.3)
        for p in range(8) for o in "AB" for d in range(3) for t in range(2)
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["part", "operator", "trial", "day", "value"])
    found = gauge_study(table, factors=["day"])
    assert found.anova.design == "expanded"
    assert found.components["day"].sd == pytest.approx(2.0, rel=0.1)
    assert found.components["reproducibility"].sd == pytest.approx(
        found.components["day"].sd, rel=0.05
    )
    formula = {"part": "0 + C(part)", "day": "0 + C(day)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = smf.mixedlm("value ~ 1", table.assign(one=1), groups="one", vc_formula=formula).fit(
            reml=True
        )
    expected = dict(zip(other.model.exog_vc.names, other.vcomp, strict=True))
    fitted = fit_reml(
        table["value"].to_numpy(), {name: table[name].to_numpy() for name in ("part", "day")}
    )
    assert fitted.variances == pytest.approx(
        [expected["part"], expected["day"], other.scale], rel=1e-2
    )
    assert fitted.log_likelihood == pytest.approx(other.llf, abs=1e-4)
    with pytest.raises(InputError, match="no column 'station'"):
        gauge_study(table, factors=["station"])


# one reference part


def test_a_type_1_study_is_as_minitab_has_it() -> None:
    # test-msaType1Gauge.R, "verified with Minitab": reference -4, tolerance 15
    values = np.array(TYPE1.split(), float)
    found = type1_study(values, -4, tolerance=15)
    assert (found["mean"], found["sd"], found["bias"]) == pytest.approx(
        (-3.946, 0.420014577, 0.054), abs=1e-9
    )
    assert (found["t"], found["df"], found["p"]) == pytest.approx(
        (0.909105738, 49, 0.367744349), abs=1e-9
    )
    assert (found["bias_low"], found["bias_high"]) == pytest.approx(
        (-0.065366822, 0.173366822), abs=1e-9
    )
    assert (found["percent_bias"], round(found["cg"], 2), round(found["cgk"], 2)) == (
        pytest.approx(0.36),
        1.19,
        1.15,
    )
    assert found["percent_repeatability"] == pytest.approx(16.80, abs=5e-3)
    assert found["percent_repeatability_bias"] == pytest.approx(17.43, abs=1e-2)
    narrow = type1_study(values, -4, tolerance=15, share=0.15, width=4)
    assert (round(narrow["cg"], 2), round(narrow["cgk"], 2)) == (1.34, 1.27)
    half = type1_study(values[:25], -4, tolerance=15)
    assert (round(half["cg"], 2), round(half["cgk"], 2)) == (2.58, 2.58)
    assert math.isnan(type1_study(values, -4)["cg"])
    still = type1_study(np.full(30, -4.0), -4, tolerance=15)
    assert math.isnan(still["cgk"])
    assert "all readings are equal" in still["notes"][0]
    with pytest.raises(InputError, match="1 reading; at least 2"):
        type1_study(values[:1], -4)


def test_bias_and_linearity_of_the_manuals_example() -> None:
    # AIAG 2010, III-B: bias = .7367 - .1317 reference, R2 71.4 %; p-values and errors: test-msaGaugeLinearity.R
    found = linearity_study(of_references(LINEARITY), process_variation=1)
    assert (found["intercept"], found["slope"]) == pytest.approx(
        (0.736666667, -0.131666667), abs=1e-9
    )
    assert (found["intercept_se"], found["slope_se"]) == pytest.approx(
        (0.072524273, 0.010933445), abs=1e-9
    )
    assert (found["intercept_p"], found["slope_p"]) == pytest.approx(
        (1.7338e-14, 2.0377e-17), rel=1e-4
    )
    assert (found["residual_sd"], found["r_squared"]) == pytest.approx(
        (0.239539789, 0.714318416), abs=1e-9
    )
    biases = {part["reference"]: part["bias"] for part in found["parts"]}
    assert biases == pytest.approx(
        {2: 0.491667, 4: 0.125, 6: 0.025, 8: -0.291667, 10: -0.616667}, abs=1e-6
    )
    ps = [part["p"] for part in found["parts"]]
    assert ps == pytest.approx([2.87233e-8, 0.353991, 0.667131, 6.41948e-7, 1.55444e-8], rel=1e-5)
    assert (found["bias"], found["bias_p"]) == pytest.approx((-0.053333, 0.0899196), abs=1e-6)
    assert (found["percent_linearity"], found["percent_bias"]) == pytest.approx(
        (13.1666667, 5.3333333)
    )
    assert (found["largest_bias_at"], found["zero_inside"]) == (10, False)
    assert any("Bartlett" in note for note in found["notes"])


def test_linearity_of_the_standards_reference_materials() -> None:
    # ISO 22514-7:2012, A.1 and table A.3: y = .2358 + .9870 x; u_LIN .0533, u_EVR .0641, F .6918
    found = linearity_study(of_references(ISO_LINEARITY))
    assert (found["intercept"], 1 + found["slope"]) == pytest.approx((0.2358, 0.9870), abs=1e-4)
    assert (found["u_linearity"], found["u_repeatability"]) == pytest.approx(
        (0.0533, 0.0641), abs=1e-4
    )
    assert found["lack_of_fit_f"] == pytest.approx(0.6918, abs=1e-4)
    with pytest.raises(InputError, match="type-1 study"):
        linearity_study(of_references({2: LINEARITY[2]}))


def test_a_gauge_without_bias_is_not_called_biased() -> None:
    rng = np.random.default_rng(3)
    named = 0
    for _ in range(80):
        values = {
            x: " ".join(f"{x + rng.normal() * 0.2:.4f}" for _ in range(12))
            for x in (2, 4, 6, 8, 10)
        }
        named += linearity_study(of_references(values))["slope_p"] < 0.05
    assert named <= 10  # 4 expected, standard error 2


# uncertainty and risks


def test_the_budget_of_the_standards_example() -> None:
    # ISO 22514-7:2012, A.3 to A.5: tolerance 11 - 2; u_MS .0836, Q_MS 3.7 %; u_MP .2093, Q_MP 9.3 %
    line = linearity_study(of_references(ISO_LINEARITY))
    gauge = gauge_study(crossed(ISO_GAUGE)).components
    assert gauge["repeatability"].sd == pytest.approx(0.1827, abs=2e-4)
    assert gauge["operator"].sd == pytest.approx(0.0868, abs=1e-4)
    found = budget(
        {
            "calibration": 0.005,
            "resolution": of_resolution(0.005),
            "repeatability_reference": line["u_repeatability"],
            "bias": of_bias(0.0),
            "linearity": line["u_linearity"],
            "repeatability_parts": gauge["repeatability"].sd,
            "operator": gauge["operator"].sd,
        },
        tolerance=9,
    )
    assert (found["u_ms"], found["q_ms"]) == pytest.approx((0.0836, 3.7), abs=0.05)
    assert found["u_ms"] == pytest.approx(0.0836, abs=5e-5)
    assert (found["u_mp"], found["q_mp"]) == pytest.approx((0.2093, 9.30), abs=2e-3)
    assert "repeatability_reference" not in found["counted_mp"]
    assert found["least_tolerance_ms"] == pytest.approx(4 * found["u_ms"] / 0.15)
    assert budget({"resolution": 0.1}, 9)["u_mp"] is None
    with pytest.raises(SettingsError, match="there is no component 'light'"):
        budget({"light": 1.0}, 9)


@pytest.mark.parametrize(("low", "high"), [(-2.0, 2.5), (-math.inf, 1.5), (0.5, math.inf)])
def test_risks_are_those_of_the_bivariate_normal(low: float, high: float) -> None:
    part, gauge = 1.0, 0.4
    found = misclassification(0.2, part, gauge, low, high)
    both = stats.multivariate_normal(
        [0.2, 0.2], [[part**2, part**2], [part**2, part**2 + gauge**2]]
    )
    ends = [max(low, -40), min(high, 40)]
    inside = both.cdf([ends[1]] * 2, lower_limit=[ends[0]] * 2)
    good = stats.norm.cdf(ends[1], 0.2, part) - stats.norm.cdf(ends[0], 0.2, part)
    accepted = stats.norm.cdf(ends[1], 0.2, math.hypot(part, gauge)) - stats.norm.cdf(
        ends[0], 0.2, math.hypot(part, gauge)
    )
    assert found["bad"] == pytest.approx(1 - good, abs=1e-9)
    assert found["good_and_rejected"] == pytest.approx(good - inside, abs=2e-5)
    assert found["bad_and_accepted"] == pytest.approx(accepted - inside, abs=2e-5)
    assert found["consumers_risk"] == pytest.approx((accepted - inside) / (1 - good), abs=2e-4)
    exact = misclassification(0.2, part, 0.0, low, high)
    assert (exact["bad_and_accepted"], exact["good_and_rejected"]) == (0, 0)


# classes


def test_kappa_of_each_class_of_fleiss_own_study() -> None:
    # kappam.fleiss(diagnoses, detail = TRUE) of the R package irr: .245 .245 .520 .471 .566, z 5.192 5.192 11.031
    # 9.994 12.009; all .430, z 17.7
    counts = np.array([[d.count(c) for c in "12345"] for d in DIAGNOSES.split()])
    found = kappa_by_class(counts, list("12345"))
    assert [round(each["kappa"], 3) for each in found] == [0.245, 0.245, 0.520, 0.471, 0.566, 0.430]
    assert [round(each["z"], 3) for each in found[:5]] == [5.192, 5.192, 11.031, 9.994, 12.009]
    assert found[5]["z"] == pytest.approx(17.652, abs=5e-3)


def test_kappa_against_the_standard_is_that_of_jasp() -> None:
    # test-msaAttribute.R: Fleiss' kappa with the standard BL .486089, EG .612919, MH .220152
    table = bearings()
    found = {
        name: kappa_against_standard(rows, ["N", "Y"])[-1]["kappa"]
        for name, rows in table.groupby("operator")
    }
    assert found["BL"] == pytest.approx(0.486088960, abs=0.02)
    ordered = ordered_by_four()
    classes = sorted(set(ordered["value"]) | set(ordered["reference"]))
    found = {
        n: kappa_against_standard(rows, classes)[-1]["kappa"]
        for n, rows in ordered.groupby("operator")
    }
    expected = {"A": 0.532871972, "B": 0.529616725, "C": 0.52, "D": 0.440820130}
    assert found == pytest.approx(expected, abs=1e-8)


def test_kendalls_coefficient_is_that_of_jasp() -> None:
    # test-msaAttribute.R, LF2.5, with the agreed class: A .790898, B .818329, C .573359, D .763623
    table = ordered_by_four()
    classes = sorted(set(table["value"]) | set(table["reference"]))
    found = {name: kendalls_coefficient(rows, classes) for name, rows in table.groupby("operator")}
    expected = {"A": 0.790897539, "B": 0.818329174, "C": 0.573358878, "D": 0.763623484}
    assert {name: each["value"] for name, each in found.items() if each} == pytest.approx(
        expected, abs=1e-8
    )
    assert all(each is not None and each["p"] < 1e-3 for each in found.values())


def test_weighted_kappa_is_that_of_statsmodels() -> None:
    counts = np.array([[11, 4, 1], [3, 9, 5], [0, 2, 15]])
    for ours, theirs in (("linear", "linear"), ("quadratic", "quadratic")):
        assert weighted_kappa(counts, ours) == pytest.approx(cohens_kappa(counts, wt=theirs).kappa)
    assert math.isnan(weighted_kappa(np.array([[5, 0], [0, 0]])))


def test_bowkers_test_of_the_standards_table() -> None:
    # ISO 22514-7:2012, table 12: chi-square 8.603 on 3 degrees of freedom, beyond 7.815
    found = bowker(np.array([[7, 3, 1], [10, 4, 7], [2, 1, 5]]))
    assert found is not None
    assert (found["statistic"], found["df"]) == (pytest.approx(8.603, abs=5e-4), 3)
    assert found["p"] == pytest.approx(0.0351, abs=5e-5)
    assert bowker(np.diag([4, 5])) is None


def test_parts_by_how_steadily_two_operators_judge_them_by_hand() -> None:
    said = {"A": ["gg", "gb", "bb"], "B": ["gg", "bb", "bb"]}
    rows = [
        (str(k), o, v) for o, parts in said.items() for k, part in enumerate(parts) for v in part
    ]
    table = pd.DataFrame(rows, columns=["part", "operator", "value"])
    assert steadiness_table(table, "A", "B", {"g"}).tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]


def test_signal_detection_gives_the_printed_steps() -> None:
    # ISO 22514-7:2012, 12.3: widths .023448 and .024135, mean .0237915, 24 % of the tolerance of .1
    rows = []
    for k, size in enumerate(SIZES):
        for trial in range(9):
            inside = 0.470832 <= size <= 0.542704
            outside = size >= 0.566152 or size <= 0.446697
            good = inside or (not outside and trial % 2 == 0)
            rows.append((str(k), "good" if good else "bad", size))
    table = pd.DataFrame(rows, columns=["part", "value", "measured"])
    found = signal_detection(table, {"bad"}, low=0.45, high=0.55)
    widths = {zone["side"]: zone["width"] for zone in found["zones"]}
    assert widths == pytest.approx({"upper": 0.023448, "lower": 0.024135}, abs=1e-9)
    assert found["width"] == pytest.approx(0.0237915, abs=1e-9)
    assert found["percent_tolerance"] == pytest.approx(23.79, abs=5e-3)
    assert not found["notes"]
    one_sided = signal_detection(table[table["measured"] > 0.5], {"bad"}, high=0.55)
    assert [zone["side"] for zone in one_sided["zones"]] == ["upper"]
    with pytest.raises(InputError, match="no part is rejected every time"):
        signal_detection(table[table["measured"].between(0.48, 0.53)], {"bad"})


def test_the_analytic_method_gives_what_minitab_prints() -> None:
    # AUTOGAGE.MTW, lower tolerance -.020: line 3.10279 + 104.136 x reference, R2 .969376, bias .0097955,
    # repeatability before adjustment .0494705, after it .0458060; its t of 6.70123 has sqrt(37) x 5.1517 for 31.3
    (found,) = analytic_method(judged_sizes(AUTOGAGE), {"no-go"}, low=-0.020)
    assert (found["intercept"], found["slope"]) == pytest.approx((3.10279, 104.136), abs=5e-4)
    assert found["r_squared"] == pytest.approx(0.969376, abs=5e-7)
    assert found["bias"] == pytest.approx(0.0097955, abs=5e-8)
    assert (found["unadjusted"], found["repeatability"]) == pytest.approx(
        (0.0494705, 0.0458060), abs=5e-8
    )
    assert found["t"] * math.sqrt(37) * 2 * stats.norm.ppf(0.995) / 31.3 == pytest.approx(
        6.70123, abs=5e-5
    )
    assert found["p"] == pytest.approx(2.1e-6, rel=0.02)
    assert (found["side"], len(found["sizes"]), found["notes"]) == ("lower", 8, ())


def test_the_analytic_method_is_the_same_at_the_upper_limit() -> None:
    lower = judged_sizes(AUTOGAGE)
    (below,) = analytic_method(lower, {"no-go"}, low=-0.020)
    mirrored = lower.assign(measured=-lower["measured"])
    (above,) = analytic_method(mirrored, {"no-go"}, high=0.020)
    assert above["side"] == "upper"
    assert (above["bias"], above["t"]) == pytest.approx((-below["bias"], below["t"]))
    both = pd.concat([lower, mirrored.assign(part="u" + mirrored["part"])])
    found = analytic_method(both, {"no-go"}, low=-0.020, high=0.020)
    assert [each["bias"] for each in found] == pytest.approx([below["bias"], above["bias"]])


def test_the_analytic_method_tests_no_bias_of_too_few_verdicts() -> None:
    few = {size: count // 2 for size, count in AUTOGAGE.items()}
    (found,) = analytic_method(judged_sizes(few, trials=10), {"no-go"}, low=-0.020)
    assert math.isnan(found["t"])
    assert (
        "wants 8 parts from never to always accepted, and has 7 and 20 verdicts a part"
        in found["notes"][0]
    )
    assert analytic_method(judged_sizes({0.0: 0, 1.0: 20}), {"no-go"}) == []
    assert analytic_method(judged_sizes({0.0: 3, 1.0: 7}), {"no-go"}) == []


def test_probabilities_are_half_a_trial_nearer_to_the_middle() -> None:
    # AIAG: (a + .5) / m below a half, (a - .5) / m above, .5 at a half
    found = adjusted(np.array([0.0, 1.0, 10.0, 17.0, 20.0]), np.full(5, 20.0))
    assert found.tolist() == pytest.approx([0.025, 0.075, 0.5, 0.825, 0.975])


# which operator is worse


def planted(
    rng: np.random.Generator, sds: dict[str, float], parts: int = 10, *, heavy: bool = False
) -> pd.DataFrame:
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


def test_the_operator_that_repeats_badly_is_named_and_by_how_much() -> None:
    found = spread_by_operator(planted(np.random.default_rng(1), {"A": 0.1, "B": 0.3, "C": 0.1}))
    assert [each.operator for each in found if each.shown] == ["B"]
    worst = found[1]
    assert worst.value / worst.other == pytest.approx(3, rel=0.35)
    assert (worst.others, worst.n) == ("the others", 10)
    test = equal_variances(planted(np.random.default_rng(1), {"A": 0.1, "B": 0.3, "C": 0.1}))
    assert test is not None
    assert test["p"] < 1e-4


@pytest.mark.parametrize("heavy", [False, True])
def test_operators_that_are_alike_are_not_named(heavy: bool) -> None:
    rng = np.random.default_rng(2)
    named = 0
    for seed in range(40):
        table = planted(rng, dict.fromkeys("ABC", 0.2), heavy=heavy)
        named += any(each.shown for each in spread_by_operator(table, seed=seed))
    assert named <= 6  # at most 2 expected


def test_bartletts_test_is_scipys_where_each_operator_has_one_part() -> None:
    rng = np.random.default_rng(4)
    groups = {name: rng.normal(size=12) * (1 + k) for k, name in enumerate("ABC")}
    table = pd.DataFrame(
        [("p", o, v) for o, values in groups.items() for v in values],
        columns=["part", "operator", "value"],
    )
    found, other = equal_variances(table), stats.bartlett(*groups.values())
    assert found is not None
    assert (found["statistic"], found["p"]) == pytest.approx((other.statistic, other.pvalue))


def test_an_operator_that_measures_higher_is_named() -> None:
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


def test_the_inspector_that_is_right_less_often_by_hand() -> None:
    rows = [
        (str(k), o, "ok" if o == "A" or k >= 8 else "bad", "ok") for k in range(20) for o in "AB"
    ]
    table = pd.DataFrame(rows, columns=["part", "operator", "value", "reference"])
    (found,) = right_by_operator(table)
    assert (found.operator, found.others, found.value, found.other) == ("B", "A", 0.6, 1.0)
    assert found.p == pytest.approx(2 * 0.5**8)
