"""What to train with, what was rejected, and what is kept to judge with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.report.glossary import phrase
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.policy.policy import GAIN, Policy, PolicyStep, StepEvidence, strengths
from vidrobust.stages.policy.rejection import verdict
from vidrobust.statement import proposal_of
from vidrobust.text.numbers import (
    amount,
    interval,
    known,
    part_with_interval,
    percent,
    percent_with_interval,
)

FILES = ("policy.json", "policy_torchvision.py", "policy_albumentations.yaml")


def policies(run: RunTables) -> list[dict[str, Any]]:
    """Return the policy of each model as text; its trial is "" where it was not tried."""
    return [_page(path, run) for path in policy_files(run)]


def policy_files(run: RunTables) -> list[Path]:
    top = run.folder / "policy.json"
    paths = [top] if top.is_file() else []
    return [*paths, *sorted(run.folder.glob("policies/*/policy.json"))]


def _page(path: Path, run: RunTables) -> dict[str, Any]:
    policy, files = Policy.read(path), sorted(path.parent.glob("policy*"))
    as_it_is = ("model", "headline", "evaluation_only", "notes", "trial")
    return {
        **{name: getattr(policy, name) for name in as_it_is},
        "advice": [proposal_of(each) for each in policy.advice],
        "steps": [_step(step) for step in policy.steps],
        "rejected": [
            {"perturbation": phrase(each.perturbation).noun, "reason": verdict(each)}
            for each in policy.rejected
        ],
        "files": [str(file.relative_to(run.folder)) for file in files if file.is_file()],
    }


def _step(step: PolicyStep) -> dict[str, Any]:
    evidence = step.evidence
    return {
        "perturbation": phrase(step.perturbation).noun,
        "range": range_in_words(step),
        "probability": percent(step.probability),
        "level": str(step.level),
        "observed": _observed(evidence, step.unit),
        "basis": evidence.observed_basis,
        "share": part_with_interval(evidence.share, evidence.share_low, evidence.share_high),
        "replication": evidence.replication,
        "flips_at_most": evidence.flips_at_most,
        "moves": percent_with_interval(
            evidence.sensitivity, evidence.sensitivity_low, evidence.sensitivity_high
        ),
        "moves_of": evidence.sensitivity_of or CLASSIFICATION.response.of,
        "sentence": step.sentence,
    }


def _observed(evidence: StepEvidence, unit: str) -> str:
    low, high = evidence.observed_low, evidence.observed_high
    least, most = evidence.observed_least, evidence.observed_most
    if not known(low) or not known(high):
        return amount(evidence.observed, unit)
    inner = f"95 % within {strengths(low, high, unit)}"
    outer = f", all within {strengths(least, most, unit)}" if known(least) and known(most) else ""
    return f"{inner}{outer}"


def range_in_words(step: PolicyStep) -> str:
    """The range: "times 0.94 to 1.06", "0 to 2 sigma px", with two axes where both are known."""
    low, high = step.low, step.high
    if step.unit == "100 - quality":
        return f"quality {interval(100 - high, 100 - low, digits=3)}"
    if len(step.axes) == 2:
        return f"± {amount(step.axes[0], step.unit)} along x, ± {amount(step.axes[1], step.unit)} along y"
    if low == -high and step.unit != GAIN:
        return f"± {amount(high, step.unit)}"
    return strengths(low, high, step.unit)
