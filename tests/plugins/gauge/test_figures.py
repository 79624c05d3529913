"""Figures of a study by name: each is the number at its key, and what was not computed has no entry."""

import math

import pytest

from tests.plugins.gauge.published import AIAG, crossed, judged_twice
from vidrobust.plugins.gauge.acceptance import load_profile
from vidrobust.plugins.gauge.figures import EVERYONE, FIGURES, GAUGE, figures_of, is_figure
from vidrobust.plugins.gauge.studies import StudyRequest, attribute_of, gauge_of
from vidrobust.run_folder.gates import exit_code, parse_gate, pass_figures


def asked(**more):
    return StudyRequest(profile=load_profile("aiag"), **more)


def gauge(**more):
    return figures_of(gauge_of(crossed(AIAG), asked(**more)))


def attribute(reference=True):
    table = judged_twice()
    if not reference:
        table = table.drop(columns="reference")
    return figures_of(attribute_of(table, asked(defect=("bad",) if reference else ())))


def passages(figures, rule):
    return pass_figures([parse_gate(rule)], FIGURES, figures)


def test_the_gauge_of_the_manual_passes_and_fails_where_its_figures_say():
    figures = gauge()
    # published: repeatability .199933, part 1.042327, 27.86 % of the study variation, 4 categories
    assert figures["percent_grr"][GAUGE]["value"] == pytest.approx(27.86, abs=5e-3)
    assert figures["repeatability_sd"][GAUGE]["value"] == pytest.approx(0.199933, abs=1e-6)
    assert figures["ndc"][GAUGE]["value"] == 4
    assert set(figures["by_operator.repeatability_sd"]) == {"A", "B", "C"}
    codes = {
        "percent_grr > 30": 0,
        "percent_grr > 27": 1,
        "percent_grr.high > 30": 1,  # three operators: up to 80 %
        "percent_grr.low > 30": 0,
        "ndc < 5": 1,
        "grr_sd > 0.31": 0,
        "percent_tolerance > 30": 2,  # no tolerance was given
        "fleiss_kappa < 0.75": 2,
        "by_operator.repeatability_sd > 0.5": 0,
        "by_operator.repeatability_sd.low > 0": 1,
    }
    assert {rule: exit_code(passages(figures, rule)) for rule in codes} == codes


def test_the_interval_of_the_share_of_the_tolerance_is_that_of_the_standard_deviation():
    figures = gauge(tolerance_width=8.0)
    found, sd = figures["percent_tolerance"][GAUGE], figures["grr_sd"][GAUGE]
    for side in ("value", "low", "high"):
        assert found[side] == pytest.approx(100 * 6 * sd[side] / 8)


def test_a_rule_is_held_against_every_operator():
    figures = attribute()
    # A is right on nine of ten parts in both trials (part 2 splits), B on eight (part 4 besides)
    seen = {p.of: (p.outcome, p.seen) for p in passages(figures, "effectiveness < 0.85")}
    assert seen == {"A": ("passed", 0.9), "B": ("failed", 0.8)}
    assert exit_code(passages(figures, "effectiveness.low < 0.9")) == 1
    assert exit_code(passages(figures, "miss_rate > 0.2")) == 0
    assert {p.of for p in passages(figures, "within_operator.agreement < 0.5")} == {"A", "B"}
    assert [p.of for p in passages(figures, "agreement < 0.5")] == [EVERYONE]
    assert [p.of for p in passages(figures, "cohens_kappa < 0.5")] == ["A and B"]
    kappa = FIGURES.find(figures, "fleiss_kappa")[EVERYONE]
    assert kappa == FIGURES.find(figures, "between_operators.fleiss_kappa")[EVERYONE]
    assert kappa != FIGURES.find(figures, "within_operator.fleiss_kappa")["A"]


def test_what_was_not_computed_is_said_with_what_was():
    rules = [parse_gate("percent_grr > 30")]
    (missing,) = pass_figures(rules, FIGURES, attribute(), why="no scores")
    assert missing.outcome == "not computed"
    said = "percent_grr > 30: was not computed; computed are within_operator.agreement, "
    assert missing.sentence.startswith(said)
    assert missing.sentence.endswith("; no scores")
    assert exit_code(passages(attribute(reference=False), "effectiveness < 0.9")) == 2
    assert math.isnan(passages({}, "ndc < 5")[0].seen)
    assert all(FIGURES.find(attribute(), name) for name in FIGURES.names(attribute()))


def test_names_of_figures_are_distinguished_from_names_of_metrics():
    for figures in (gauge(tolerance_width=8.0), attribute()):
        assert all(is_figure(name) for name in FIGURES.names(figures))
    assert not is_figure("flip_rate")
    assert not is_figure("recall")
