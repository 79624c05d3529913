"""Gauge studies against published figures, statsmodels, and known components in simulation."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from tests.plugins.gauge.published import AIAG, HOUF_BERMAN, crossed
from vidrobust.errors import InputError
from vidrobust.plugins.gauge.studies import repeatability_by_operator
from vidrobust.plugins.gauge.variables.anova import NO_SPREAD, analyse
from vidrobust.plugins.gauge.variables.gauge import (
    gauge_study,
    mean_range,
    range_charts,
    single_range,
)


def test_the_manuals_study_by_analysis_of_variance():
    # AIAG 2010, table III-B 7 and 8: EV .199933, AV .226838, GRR .302373, PV 1.042327; 27.86 %, ndc 4
    found = gauge_study(crossed(AIAG)).as_json()
    assert found["interaction"] == "pooled"
    names = ("repeatability", "reproducibility", "grr", "part", "total")
    sds = [found[f"{name}_sd"] for name in names]
    assert sds == pytest.approx([0.199933, 0.226838, 0.302373, 1.042327, 1.085300], abs=2e-6)
    assert found["percent_grr"] == pytest.approx(27.86, abs=5e-3)
    assert found["ndc"] == 4
    squares = {row["source"]: row["sum_of_squares"] for row in found["anova"]}
    expected = {"operator": 3.1673, "part": 88.3619, "interaction": 0.3590, "repeatability": 2.7589}
    assert squares == pytest.approx(expected, abs=5e-5)


def test_constants_of_ranges_are_those_of_the_tables():
    assert [1 / mean_range(n) for n in (2, 3)] == pytest.approx([0.8862, 0.5908], abs=5e-5)
    published = {2: 0.7071, 3: 0.5231, 4: 0.4467, 5: 0.4030, 7: 0.3534, 10: 0.3146}
    assert {n: 1 / single_range(n) for n in published} == pytest.approx(published, abs=5e-5)


def test_limits_of_the_average_and_range_charts_are_those_of_the_manual():
    # AIAG 2010, chapter III-B: three trials, A2 = 1.023, D3 = 0, D4 = 2.574; mean range .3417; B on part 4 out
    found = range_charts(crossed(AIAG))
    assert found.range_centre == pytest.approx(0.3417, abs=5e-5)
    assert found.range_high / found.range_centre == pytest.approx(2.574, abs=1e-3)
    assert found.range_low == 0.0
    factor = (found.average_high - found.average_centre) / found.range_centre
    assert factor == pytest.approx(1.023, abs=5e-4)
    assert found.ranges_out == [("B", "3")]
    assert found.parts_distinguished == pytest.approx(22 / 30)
    assert range_charts(crossed(AIAG).iloc[1:]) is None


def test_components_and_intervals_of_a_published_study_with_interaction():
    # Burdick, Borror & Montgomery 2005; all digits from an independent implementation of their formulas in R
    found = gauge_study(crossed(HOUF_BERMAN)).components
    expected = {
        "repeatability": (0.5111111, 0.3681575, 0.7575430),
        "part": (48.2925926, 22.6945191, 161.6391842),
        "operator": (0.5646091, 0.0729615, 25.7507696),
        "interaction": (0.7279835, 0.3327254, 1.7927202),
        "reproducibility": (1.2925926, 0.6124917, 26.4986366),
        "grr": (1.8037037, 1.2062256, 27.0172388),
    }
    for name, values in expected.items():
        part = found[name]
        interval = (part.variance, part.variance_low, part.variance_high)
        assert interval == pytest.approx(values, abs=2e-7), name


def test_sums_of_squares_of_a_nested_study_are_those_of_statsmodels():
    rng = np.random.default_rng(0)
    seen = product("ABC", range(4), range(3))
    rows = [(f"{o}{p}", o, str(t), 3 * p + (o == "B") + rng.normal()) for o, p, t in seen]
    table = pd.DataFrame(rows, columns=["part", "operator", "trial", "value"])
    found = {row.source: row for row in analyse(table).rows}
    # the formula wants parts numbered within operators
    within = table.assign(part=table["part"].str[1:])
    expected = anova_lm(ols("value ~ C(operator) + C(operator):C(part)", within).fit())
    assert found["operator"].sum_of_squares == pytest.approx(expected.loc["C(operator)", "sum_sq"])
    of_part = expected.loc["C(operator):C(part)", "sum_sq"]
    assert found["part"].sum_of_squares == pytest.approx(of_part)
    assert found["repeatability"].mean_square == pytest.approx(expected.loc["Residual", "mean_sq"])
    assert analyse(table).design == "nested"


def test_one_operator_tells_repeatability_alone():
    table = crossed(AIAG)[lambda t: t["operator"] == "A"]
    found = gauge_study(table).as_json()
    assert found["design"] == "one operator"
    assert found["reproducibility_sd"] is None
    within = table.groupby("part")["value"].var(ddof=1).mean()
    assert found["repeatability_sd"] == pytest.approx(math.sqrt(within))


def test_a_trial_missing_is_an_unbalanced_study_with_unweighted_means():
    table = crossed(HOUF_BERMAN).drop(index=[3, 40])
    found = gauge_study(table)
    assert "numbers of trials differ" in found.anova.notes[0]
    cells = table.groupby(["part", "operator"])["value"]
    assert found.anova.trials == pytest.approx(30 / (1 / cells.size()).sum())
    of_part = found.anova.trials * 3 * cells.mean().groupby("part").mean().var(ddof=1)
    assert found.anova.rows[0].mean_square == pytest.approx(of_part)
    whole = gauge_study(crossed(HOUF_BERMAN)).percent_grr
    assert found.percent_grr == pytest.approx(whole, rel=0.05)


def test_one_trial_a_cell_has_no_interaction():
    table = crossed(HOUF_BERMAN)[lambda t: t["trial"] == "0"]
    found = gauge_study(table)
    assert found.anova.interaction == "none"
    assert "one trial a cell" in found.anova.notes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[t["part"] == "3"], "one part only"),
        (lambda t: t[(t["operator"] == "A") & (t["trial"] == "0")], "at least two trials"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "stands there twice"),
        (lambda t: t.assign(value=np.nan), "no row has a value"),
    ],
)
def test_designs_that_allow_no_analysis_are_refused_by_name(change, message):
    with pytest.raises(InputError, match=message):
        gauge_study(change(crossed(AIAG)))


def test_tolerance_and_pooling():
    found = gauge_study(crossed(HOUF_BERMAN), tolerance=40.0)
    percent = 100 * 6 * 1.34302 / 40
    assert found.components["grr"].percent_tolerance == pytest.approx(percent, abs=1e-3)
    assert gauge_study(crossed(AIAG), pool_above=0.99).anova.interaction == "kept"
    # negative estimates are told as 0: the interaction of this study
    assert gauge_study(crossed(AIAG), pool_above=0.99).components["interaction"].sd == 0.0


def simulated(rng, parts=10, operators=5, trials=3):
    """Part 2, operator .5, interaction .3, repeatability .5."""
    effect = 2 * rng.normal(size=(parts, 1, 1)) + 0.5 * rng.normal(size=(1, operators, 1))
    value = effect + 0.3 * rng.normal(size=(parts, operators, 1))
    value = value + 0.5 * rng.normal(size=(parts, operators, trials))
    levels, names = [map(str, range(n)) for n in value.shape], ["part", "operator", "trial"]
    index = pd.MultiIndex.from_product(levels, names=names)
    return pd.Series(value.ravel(), index=index, name="value").reset_index()


def test_intervals_cover_known_components():
    rng = np.random.default_rng(2)
    truth = {"repeatability": 0.25, "operator": 0.25, "part": 4.0, "grr": 0.59}
    truth |= {"reproducibility": 0.34}
    held, percent = dict.fromkeys(truth, 0), 0
    for run in range(100):
        found = gauge_study(simulated(rng), pool_above=1.0, seed=run)
        for name, variance in truth.items():
            part = found.components[name]
            held[name] += part.variance_low <= variance <= part.variance_high
        percent += found.percent_grr_low <= 100 * math.sqrt(0.59 / 4.59) <= found.percent_grr_high
    # 95 of 100 expected, 2.2 the standard error
    assert min(*held.values(), percent) >= 88, (held, percent)


def test_each_operators_own_repeatability_by_hand():
    # A: parts (1, 3) and (5, 5): squares 2 + 0 over 2 degrees of freedom, sd 1; chi-square .025 and .975 of 2 are
    # 0.0506 and 7.378; B measured each part once
    table = pd.DataFrame({"part": [1, 1, 2, 2, 1, 2], "operator": list("AAAABB")})
    a, b = repeatability_by_operator(table.assign(value=[1.0, 3.0, 5.0, 5.0, 7.0, 9.0]))
    keys = ("operator", "mean", "repeatability_sd", "degrees_of_freedom")
    assert [a[key] for key in keys] == ["A", 3.5, 1.0, 2]
    assert a["low"] == pytest.approx((2 / 7.378) ** 0.5, rel=1e-3)
    assert a["high"] == pytest.approx((2 / 0.05064) ** 0.5, rel=1e-3)
    assert (b["mean"], b["repeatability_sd"], b["low"], b["n"]) == (8.0, None, None, 2)


def test_nested_operators_with_different_numbers_of_parts_are_fitted_by_likelihood():
    table = crossed(AIAG).assign(part=lambda t: t["operator"] + t["part"])
    whole = gauge_study(table)
    assert whole.anova.design == "nested"
    assert whole.anova.likelihood is None
    fewer = gauge_study(table[table["part"] != "A1"])
    sd = whole.components["repeatability"].sd
    assert fewer.components["repeatability"].sd == pytest.approx(sd, rel=0.1)


def test_repeats_that_are_all_equal_put_a_verdict_in_doubt():
    table = crossed(AIAG)
    copied = table.assign(value=table.groupby(["part", "operator"])["value"].transform("first"))
    assert gauge_study(copied).anova.notes[-1] == NO_SPREAD
    assert not any("repeats are equal" in note for note in gauge_study(table).anova.notes)
    coarse = gauge_study(table.assign(value=table["value"].round(0))).anova.notes
    assert any(note.startswith("in 67 % of the cells all repeats are equal") for note in coarse)


@pytest.mark.parametrize("design", ["crossed", "nested", "gaps", "day"])
def test_what_is_reported_of_random_studies_fits_together(design):
    rng = np.random.default_rng(sum(map(ord, design)))
    for _ in range(5):
        table, factors = random_study(rng, design)
        found = gauge_study(table, factors=factors)
        sds = {name: part.variance for name, part in found.components.items()}
        assert sds["grr"] == pytest.approx(sds["repeatability"] + sds["reproducibility"])
        assert sds["total"] == pytest.approx(sds["grr"] + sds["part"])
        for part in found.components.values():
            assert 0 <= part.variance_low <= part.variance <= part.variance_high
        assert 0 <= found.percent_grr_low <= found.percent_grr <= found.percent_grr_high <= 100
        categories = [found.ndc_low, found.ndc, found.ndc_high]
        assert None not in categories
        assert categories == sorted(categories)


def random_study(rng, design):
    """A study of random size and components, some of them 0."""
    parts, operators, trials = (int(rng.integers(*of)) for of in ((4, 9), (2, 4), (2, 4)))
    sds = 10 ** rng.uniform(-2, 1, 4) * (rng.random(4) > 0.2)  # the error's is never 0
    index = pd.MultiIndex.from_product(
        [map(str, range(n)) for n in (parts, operators, trials)],
        names=["part", "operator", "trial"],
    )
    of_part = sds[0] * rng.normal(size=(parts, operators if design == "nested" else 1, 1))
    value = of_part + sds[1] * rng.normal(size=(1, operators, 1))
    value = value + sds[2] * rng.normal(size=(parts, operators, 1))
    value = value + (sds[3] + 1e-3) * rng.normal(size=(parts, operators, trials))
    value = value + rng.choice([0, 1e4])
    table = pd.Series(value.ravel(), index=index, name="value").reset_index()
    if design == "nested":
        table["part"] = table["operator"] + "/" + table["part"]
    if design == "gaps":
        table = table[rng.random(len(table)) < 0.9]
    if design == "day":
        return table.assign(day=(np.arange(len(table)) % 3).astype(str)), ("day",)
    return table.reset_index(drop=True), ()


@pytest.mark.parametrize("value", [0.29, 1 / 3, 1e-12, 12345.6789, -7e9])
@pytest.mark.parametrize("design", ["auto", "nested"])
def test_what_never_varies_has_no_spread_whatever_its_digits(value, design):
    # the mean of three times .29 is not .29, and what that left was shared out: 85 % of nothing
    found = gauge_study(crossed(AIAG).assign(value=value), design=design)
    assert all(part.variance == 0 for part in found.components.values())
    assert math.isnan(found.percent_grr)
    assert found.ndc is None


def test_equal_repeats_have_no_repeatability_whatever_their_digits():
    table = crossed(AIAG)
    table["value"] = 0.29 + table.groupby("part")["value"].transform("first") / 3
    found = gauge_study(table)
    assert found.components["grr"].variance == 0
    assert found.components["part"].variance > 0.1
