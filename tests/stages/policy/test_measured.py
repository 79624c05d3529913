"""A policy that was tried carries its figures, and loses what harmed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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
from vidrobust.stages.policy.rejection import Why
from vidrobust.statement import Level

LIGHT = PolicyStep(
    perturbation="brightness",
    family="light",
    unit="relative gain",
    low=-0.2,
    high=0.2,
    probability=0.5,
)
HUE = PolicyStep(perturbation="hue", family="colour", unit="deg", low=-10, high=10, probability=0.3)
ADVISED = Policy(steps=(LIGHT, HUE), model="net", image_size=(480, 640))


def figures(before: float, after: float, verdict: str) -> dict[str, Any]:
    ratio = after / before
    return {
        "before": before,
        "after": after,
        "ratio": ratio,
        "low": 0.9 * ratio,
        "high": 1.1 * ratio,
        "verdict": verdict,
    }


def summary(light: str = "helps", footage: str = "helps") -> dict[str, Any]:
    steps = {"brightness": figures(0.2, 0.1, light), "hue": figures(0.1, 0.09, "cannot tell")}
    return {"model": "net", "measured": {"footage": figures(0.08, 0.02, footage), "steps": steps}}


def test_figures_stand_in_the_policy_and_its_exports() -> None:
    tried = with_levels(with_measured(ADVISED, summary()))
    assert tried.steps[0].measured["verdict"] == "helps"
    assert {step.level for step in tried.steps} == {Level.TRIED}
    text = render(tried).text
    assert text.count("8 % to 2 %") == 1
    assert text.count("20 % to 10 %") == 1
    compile(text, "policy_torchvision.py", "exec")
    assert Policy.from_json(tried.to_json()) == tried


def test_a_step_that_harmed_is_withdrawn_and_a_policy_that_harmed_altogether() -> None:
    tried = with_measured(ADVISED, summary(light="harms"))
    assert [step.perturbation for step in tried.steps] == ["hue"]
    assert tried.rejected[0].perturbation == "brightness"
    assert tried.rejected[0].why is Why.HARMED
    assert (tried.rejected[0].evidence["before"], tried.rejected[0].evidence["after"]) == (0.2, 0.1)
    assert with_measured(ADVISED, summary(footage="harms")).steps == ()


def test_the_trial_is_of_the_policy_as_it_was_advised(tmp_path: Path) -> None:
    found = summary(light="harms")
    (tmp_path / "policy.json").write_text(ADVISED.to_json())
    assert advised_policy(tmp_path, "net") == ADVISED
    (tmp_path / ADAPTATION).write_text(json_text(found))
    apply_measured(tmp_path, "net", ADVISED, found)
    assert [step.perturbation for step in Policy.read(tmp_path / "policy.json").steps] == ["hue"]
    assert advised_policy(tmp_path, "net") == ADVISED  # what a second trial is of
    assert remeasured(tmp_path, ADVISED) == with_measured(
        ADVISED, found
    )  # the stage policy, made again
    other = Policy(steps=(HUE,), model="net")
    assert remeasured(tmp_path, other) == other
    assert pytest.approx(0.5) == with_measured(ADVISED, summary()).steps[0].measured["ratio"]
