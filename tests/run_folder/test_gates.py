"""Gates: what is parsed, what fails, and in which order of seriousness; of metrics and of figures of a study."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from vidrobust.errors import SettingsError
from vidrobust.run_folder.gates import exit_code, junit_xml, parse_gate, pass_gates

METRICS = {
    "net": {
        "flip_rate": {"value": 0.018, "low": 0.01, "high": 0.031, "n": 249},
        "jitter": {"value": math.nan, "low": math.nan, "high": math.nan, "n": 0},
    },
    "other": {
        "flip_rate": {"value": 0.001, "low": 0.0, "high": 0.004, "n": 249},
        "jitter": {"value": None},
    },
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flip_rate > 0.02", ("flip_rate", "value", ">", 0.02)),
        ("flip_rate.high>=2%", ("flip_rate", "high", ">=", 0.02)),
        ("  kappa.low <  .9 ", ("kappa", "low", "<", 0.9)),
        ("flip_rate.n <= 1e3", ("flip_rate", "n", "<=", 1000.0)),
        ("percent_grr.high > 30", ("percent_grr", "high", ">", 30.0)),
    ],
)
def test_rules_are_parsed(text: str, expected: tuple[str, str, str, float]) -> None:
    gate = parse_gate(text)
    assert (gate.metric, gate.side, gate.comparison, gate.limit) == expected
    assert parse_gate(gate.text) == gate


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flip_rate", "expected METRIC"),
        ("flip_rate = 0.02", "expected METRIC"),
        ("flip_rate > two", "'two' is no number"),
        ("flip_rate > nan", "must be finite"),
        ("flip_rate.upper > 0.02", "none of .value"),
        ("flip_rate > 0.02 and more", "expected METRIC"),
    ],
)
def test_what_is_no_rule_is_said(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_gate(text)


def codes(*rules: str) -> int:
    return exit_code(pass_gates([parse_gate(rule) for rule in rules], METRICS))


def test_exit_codes() -> None:
    assert codes("flip_rate > 0.02") == 0
    assert codes("flip_rate.high > 0.02") == 1  # one of the two models fails
    assert codes("flip_rate.high > 0.02", "dropout_rate > 0.1") == 2  # what does not exist goes first
    assert codes("jitter > 0.5") == 2
    assert exit_code(pass_gates([parse_gate("flip_rate > 1")], {})) == 2
    assert exit_code([]) == 0


def test_the_sentence_says_which_rule_by_how_much() -> None:
    net, other = pass_gates([parse_gate("flip_rate.high > 0.02")], METRICS)
    assert net.sentence == (
        "failed: flip_rate.high of net is 0.031, rule flip_rate.high > 0.02, by 0.011 "
        "(estimate 0.018 [0.01, 0.031])"
    )
    assert other.outcome == "passed"
    missing = pass_gates([parse_gate("speed > 1")], METRICS)[0]
    assert "net has no metric speed; it has flip_rate, jitter" in missing.sentence


def test_a_gate_says_of_what_it_speaks() -> None:
    def said(**of: object) -> str:
        entry = {"value": 0.1, "low": 0.05, "high": 0.2, "n": 100, **of}
        metrics = {"net": {"flip_rate": entry}}
        return pass_gates([parse_gate("flip_rate.high > 0.3")], metrics)[0].sentence

    assert said(cluster="stretch", clusters=10).endswith(
        "estimate 0.1 [0.05, 0.2]; of these clips alone, based on 10 stretches of them)"
    )
    assert said(cluster="part", clusters=12).endswith("; of footage like these 12 parts)")
    assert said().endswith("estimate 0.1 [0.05, 0.2])")


def test_junit_counts_failures_and_errors() -> None:
    rules = [parse_gate(rule) for rule in ("flip_rate.high > 0.02", "jitter > 0.5")]
    root = ElementTree.fromstring(junit_xml(pass_gates(rules, METRICS)))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "1", "2")
    failure = root.find("testcase/failure")
    assert failure is not None
    assert "by 0.011" in str(failure.get("message"))
