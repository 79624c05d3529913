"""A policy that was tried carries its figures, and loses what harmed."""

import pytest

from tests.stages.policy.test_levels import step
from vidrobust.files.json_text import json_text
from vidrobust.stages.policy.exports.torchvision import render
from vidrobust.stages.policy.exports.write import with_levels
from vidrobust.stages.policy.measured import (
    ADAPTATION,
    advised_policy,
    apply_measured,
    remeasured,
    with_measured,
)
from vidrobust.stages.policy.policy import Policy, PolicyStep
from vidrobust.stages.policy.rejection import Rejection
from vidrobust.statement import Level

LIGHT = step()
HUE = PolicyStep(perturbation="hue", family="colour", unit="deg", low=-10, high=10, probability=0.3)
ADVISED = Policy(steps=(LIGHT, HUE), model="net", image_size=(480, 640))


def figures(before, after, verdict):
    ratio = after / before
    return {
        "before": before,
        "after": after,
        "ratio": ratio,
        "low": 0.9 * ratio,
        "high": 1.1 * ratio,
        "verdict": verdict,
    }


def summary(verdict="helps"):
    return {"model": "net", "measured": {"footage": figures(0.08, 0.02, verdict)}}


def test_figures_stand_in_the_policy_and_its_exports():
    tried = with_levels(with_measured(ADVISED, summary()))
    assert tried.measured["ratio"] == pytest.approx(0.25)
    assert {step.level for step in tried.steps} == {Level.TRIED}
    text = render(tried).text
    assert text.count("8 % to 2 %") == 1
    compile(text, "policy_torchvision.py", "exec")
    assert Policy.from_json(tried.to_json()) == tried


def test_a_policy_that_harmed_is_withdrawn():
    tried = with_measured(ADVISED, summary("harms"))
    assert tried.steps == ()
    assert [each.perturbation for each in tried.rejected] == ["brightness", "hue"]
    assert {each.why for each in tried.rejected} == {Rejection.HARMED}
    evidence = tried.rejected[0].evidence
    assert (evidence["before"], evidence["after"]) == (0.08, 0.02)


def test_the_trial_is_of_the_policy_as_it_was_advised(tmp_path):
    found = summary("harms")
    (tmp_path / "policy.json").write_text(ADVISED.to_json())
    assert advised_policy(tmp_path, "net") == ADVISED
    (tmp_path / ADAPTATION).write_text(json_text(found))
    apply_measured(tmp_path, "net", ADVISED, found)
    assert Policy.read(tmp_path / "policy.json").steps == ()
    assert advised_policy(tmp_path, "net") == ADVISED  # what a second trial is of
    # the stage policy, made again
    assert remeasured(tmp_path, ADVISED) == with_measured(ADVISED, found)
    other = Policy(steps=(HUE,), model="net")
    assert remeasured(tmp_path, other) == other
