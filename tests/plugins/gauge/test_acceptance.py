"""Verdicts come from intervals and from samples of the standard's size."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from tests.plugins.gauge.published import AIAG, aiag_attribute, as_study, crossed
from tests.wording import assert_golden
from vidrobust.plugins.gauge.acceptance import (
    AcceptanceRule,
    Estimate,
    judge,
    load_profile,
    overall,
    shortages,
)
from vidrobust.plugins.gauge.differing_operators import spread_by_operator
from vidrobust.plugins.gauge.measurements import alike
from vidrobust.plugins.gauge.studies import StudyRequest, attribute_of, gauge_of
from vidrobust.plugins.gauge.variables.gauge import range_state

PROFILE = load_profile("aiag")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (2, 9.9, "acceptable"),
        (10, 10, "acceptable"),
        (11, 29, "marginal"),
        (31, 80, "unacceptable"),
        (9, 11, "not shown"),
        (5, 40, "not shown"),
        (29, 31, "not shown"),
        (None, 5, "not shown"),
        (float("nan"), 5, "not shown"),
    ],
)
def test_the_whole_interval_gets_the_verdict(low, high, verdict):
    rule = AcceptanceRule("gauge", "percent_grr", "lower", 10, 30)
    assert rule.judge(low, high) == verdict


def test_a_small_sample_shows_a_bad_gauge_and_no_good_one():
    short = shortages(PROFILE, "gauge", {"parts": 3, "operators": 3, "trials": 3, "ranges": 9})
    assert [tuple(each.values()) for each in short] == [("parts", 3, 5), ("ranges", 9, 15)]
    good, bad = Estimate("percent_grr", "", 3, 2, 5), Estimate("percent_grr", "", 60, 40, 90)
    verdicts = [v["verdict"] for v in judge(PROFILE, "gauge", [good, bad], short)]
    assert verdicts == ["not shown", "unacceptable"]
    assert [v["verdict"] for v in judge(PROFILE, "gauge", [good])] == ["acceptable"]
    # procedure 3: without operators 25 parts
    alone = {"operators": 1, "trials": 2}
    assert shortages(PROFILE, "gauge", {**alone, "parts": 25, "ranges": 25}) == []
    assert shortages(PROFILE, "gauge", {**alone, "parts": 24, "ranges": 24})[0]["least"] == 25


def agreed(parts, *, defects, operators="AB", trials=3):
    """Every verdict is right."""
    rows = [
        (str(p), o, str(t), "bad" if p < defects else "ok", "bad" if p < defects else "ok")
        for p, o, t in product(range(parts), operators, range(trials))
    ]
    return pd.DataFrame(rows, columns=["part", "operator", "trial", "value", "reference"])


@pytest.mark.parametrize("parts", [3, 4])
def test_a_few_parts_that_agree_fully_are_not_shown(parts):
    asked, table = StudyRequest(profile=PROFILE, defect=("bad",)), agreed(parts, defects=1)
    found = attribute_of(table, asked)
    assert found["overall"]["verdict"] == "not shown"
    assert found["overall"]["short"] == [{"what": "parts", "has": parts, "least": 20}]
    without = attribute_of(table.drop(columns="reference"), asked)
    assert {v["verdict"] for v in without["verdicts"]} == {"not shown"}


def test_so_many_parts_as_are_needed_are_accepted():
    asked = StudyRequest(profile=PROFILE, defect=("bad",))
    few = attribute_of(agreed(30, defects=15), asked)
    # .025 ** (1 / n) > .9 from n = 36 on: 30 of 30 has [88.4, 100]
    effectiveness = next(v for v in few["verdicts"] if v["quantity"] == "effectiveness")
    assert effectiveness["low"] == pytest.approx(0.025 ** (1 / 30))
    assert any("6 further parts (36 in all)" in text for text in few["overall"]["needed"])
    many = attribute_of(agreed(500, defects=250), asked)
    assert many["overall"]["verdict"] == "acceptable"


def test_the_defect_is_asked_for():
    with_defect = attribute_of(aiag_attribute(), StudyRequest(profile=PROFILE, defect=("0",)))
    without = attribute_of(aiag_attribute(), StudyRequest(profile=PROFILE))
    assert without["overall"]["verdict"] == "not shown"
    assert any("--defect" in reason for reason in without["overall"]["reasons"])
    assert not any("--defect" in reason for reason in with_defect["overall"]["reasons"])
    perfect = attribute_of(agreed(500, defects=250), StudyRequest(profile=PROFILE))
    assert perfect["overall"]["verdict"] == "not shown"
    # a profile without misses and false alarms needs no defect
    rules = tuple(r for r in PROFILE.rules if r.quantity in ("effectiveness", "kappa"))
    asked = StudyRequest(profile=replace(PROFILE, rules=rules))
    found = attribute_of(agreed(500, defects=250), asked)
    assert found["overall"]["verdict"] == "acceptable"


def steady_gauge(seed, parts=10):
    rng = np.random.default_rng(seed)
    value = 10 * rng.normal(size=(parts, 1, 1)) + 0.05 * rng.normal(size=(1, 6, 1))
    return as_study(value + 0.2 * rng.normal(size=(parts, 6, 3)))


def spoiled(table):
    """The table with one value that is too large."""
    one = (table[["part", "operator", "trial"]] == ["3", "2", "1"]).all(axis=1)
    return table.assign(value=table["value"] + 1.8 * one)


def test_a_range_out_of_control_keeps_a_gauge_from_being_accepted():
    table, asked = steady_gauge(0), StudyRequest(profile=PROFILE)
    found = gauge_of(table, asked)
    assert found["charts"]["in_control"]
    assert found["overall"]["verdict"] == "acceptable"
    found = gauge_of(spoiled(table), asked)
    assert found["charts"]["out"] == [["2", "3"]]
    assert found["overall"]["verdict"] == "not shown"
    # the manual's chart: B on its fourth part is out
    manual = range_state(crossed(AIAG))
    assert (manual["out"], manual["in_control"]) == ([["B", "3"]], False)


def test_a_steady_gauge_is_seldom_called_out_of_control():
    states = [range_state(steady_gauge(seed)) for seed in range(60)]
    assert sum(not state["in_control"] for state in states if state) <= 8  # 3 expected


def partly_crossed(rng):
    """A and B on easy parts, B and C on difficult ones, five times as spread; C repeats a little better than B."""
    rows = []
    for part in range(20):
        hard = part >= 10
        for operator in "BC" if hard else "AB":
            sd = (5.0 if hard else 1.0) * (0.85 if operator == "C" else 1.0)
            rows += [(str(part), operator, str(t), part + sd * rng.normal()) for t in range(3)]
    return pd.DataFrame(rows, columns=["part", "operator", "trial", "value"])


def test_partly_crossed_tables_compare_on_the_same_parts():
    rng = np.random.default_rng(4)
    shown = 0
    for _ in range(30):
        for each in spread_by_operator(partly_crossed(rng)):
            assert not each.shown or each.value > each.other
            assert each.others == ("the others" if each.operator == "B" else "B")
            shown += each.shown
    assert shown <= 4  # 1.5 expected


def test_the_interval_of_the_ratio_excludes_what_the_test_excludes():
    rng = np.random.default_rng(5)
    table = partly_crossed(rng)
    worse = table["operator"] == "C"
    means = table.groupby(["part", "operator"])["value"].transform("mean")
    table.loc[worse, "value"] += 2.5 * (table["value"] - means)[worse]
    found = {each.operator: each for each in spread_by_operator(table)}
    assert [name for name, each in found.items() if each.shown] == ["C"]
    assert 1 < found["C"].low < found["C"].value / found["C"].other


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["01", "1", "2"], [("01", "1")]),
        (["1", "1.0", "10"], [("1", "1.0")]),
        (["P-01", "p-1"], [("P-01", "p-1")]),
        (["1.05", "1.5"], []),
        (["10", "1", "100"], []),
        (["v1.10", "v1.1"], []),
        (["0", "00", "0.0"], [("0", "00", "0.0")]),
        (["A", " a"], [("A", " a")]),
    ],
)
def test_names_that_spreadsheets_change(names, groups):
    assert alike(names) == groups


def test_leading_zeros_are_asked_about(tmp_path, printed):
    table = crossed(AIAG)
    table.loc[(table["part"] == "1") & (table["operator"] == "B"), "part"] = "01"
    table.loc[(table["part"] == "1") & (table["operator"] == "C"), "part"] = "1.0"
    path = tmp_path / "t.csv"
    table.to_csv(path, index=False)
    assert "'1' and '01'" in printed(3, "repeatability", "--gauge", path).err
    found = json.loads(printed(0, "repeatability", "--gauge", path, "--case=same", "--json").out)
    assert found["percent_grr"] == pytest.approx(27.86, abs=5e-3)


def test_a_study_says_how_many_more(tmp_path, printed):
    agreed(30, defects=15).to_csv(tmp_path / "t.csv", index=False)
    asked = ("repeatability", "--attribute", tmp_path / "t.csv", "--defect", "bad")
    found = json.loads(printed(0, *asked, "--json").out)["overall"]
    assert found["verdict"] == "not shown"
    assert any("(36 in all)" in text for text in found["needed"])
    said = printed(0, *asked).out.splitlines()
    assert f"Needed {found['needed'][0]}." in said[0]
    assert [f"  needed: {text}" for text in found["needed"][1:]] == said[1 : len(found["needed"])]


def test_more_parts_settle_a_gauge_study():
    # %GRR of 3 % with few parts and operators: more of them bring the interval below 10 %
    table = steady_gauge(3).assign(value=lambda t: t["value"] + t["operator"].map(float) * 0.3)
    few = table[table["operator"].isin(["0", "1"]) & table["part"].isin(list("0123456789")[:8])]
    found = gauge_of(few, StudyRequest(profile=PROFILE))
    assert found["overall"]["verdict"] == "not shown"
    assert any("operators x" in text for text in found["overall"]["needed"])
    assert overall(found) == found["overall"]


def test_golden_sentences_of_verdicts():
    asked = StudyRequest(profile=PROFILE, tolerance_width=8.0)
    bare = replace(asked, tolerance_width=None)
    studies = {
        "gauge, the manual's": gauge_of(crossed(AIAG), asked),
        "gauge, steady": gauge_of(steady_gauge(0), bare),
        "gauge, a range out of control": gauge_of(spoiled(steady_gauge(0)), bare),
        "attribute, the manual's": attribute_of(aiag_attribute(), replace(asked, defect=("0",))),
        "attribute, no defect named": attribute_of(aiag_attribute(), asked),
    }
    overalls = {name: found["overall"] for name, found in studies.items()}
    lines = [f"{name}: {of['verdict']}\n  {of['sentence']}" for name, of in overalls.items()]
    assert_golden("verdicts.txt", "\n".join(lines))
