"""Gates: what is parsed, what fails, and in which order of seriousness; of metrics and of figures of a study."""

import math
from xml.etree import ElementTree

import pytest

from tests.wording import assert_golden
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
        # a section of a study
        (
            "within_operator.agreement.low < 0.8",
            ("within_operator.agreement", "low", "<", 0.8),
        ),
        (
            "between_operators.fleiss_kappa < .75",
            ("between_operators.fleiss_kappa", "value", "<", 0.75),
        ),
    ],
)
def test_rules_are_parsed(text, expected):
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
def test_what_is_no_rule_is_said(text, message):
    with pytest.raises(SettingsError, match=message):
        parse_gate(text)


def codes(*rules):
    return exit_code(pass_gates([parse_gate(rule) for rule in rules], METRICS))


def test_exit_codes():
    assert codes("flip_rate > 0.02") == 0
    assert codes("flip_rate.high > 0.02") == 1  # one of the two models fails
    # what does not exist goes first
    assert codes("flip_rate.high > 0.02", "dropout_rate > 0.1") == 2
    assert codes("jitter > 0.5") == 2
    assert exit_code(pass_gates([parse_gate("flip_rate > 1")], {})) == 2
    assert exit_code([]) == 0


def test_nothing_passes_or_fails_on_fewer_than_ten_values():
    def outcome(n, rule="flip_rate > 0.02"):
        metrics = {"net": {"flip_rate": {"value": 0.01, "low": 0.0, "high": 0.3, "n": n}}}
        return pass_gates([parse_gate(rule)], metrics)[0].outcome

    assert [outcome(n) for n in (9, 10)] == ["not computed", "passed"]
    assert outcome(9, "flip_rate.n < 20") == "failed"  # of the number itself nothing is missing


def test_golden_sentences_of_gates():
    entry = {"value": 0.1, "low": 0.05, "high": 0.2, "n": 100}
    models = {
        **METRICS,
        "few": {"flip_rate": {**entry, "n": 9}},
        "clips": {"flip_rate": {**entry, "cluster": "stretch", "clusters": 10}},
        "parts": {"flip_rate": {**entry, "cluster": "part", "clusters": 12}},
    }
    rules = ("flip_rate.high > 0.02", "flip_rate < 0.01", "jitter > 1", "speed > 1")
    rules = [parse_gate(rule) for rule in rules]
    assert_golden("gates.txt", "\n".join(passage.sentence for passage in pass_gates(rules, models)))


def test_junit_counts_failures_and_errors():
    rules = [parse_gate(rule) for rule in ("flip_rate.high > 0.02", "jitter > 0.5")]
    root = ElementTree.fromstring(junit_xml(pass_gates(rules, METRICS)))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "1", "2")
    failure = root.find("testcase/failure")
    assert "0.031" in str(failure.get("message"))
