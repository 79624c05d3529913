"""What to train with: each step with its range and its reason, what was rejected, what is kept to judge with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.report.perturbation_words import phrase
from vidrobust.run_folder.reader import RunTables
from vidrobust.text.numbers import (
    NOT_MEASURED,
    amount,
    amount_interval,
    interval,
    known,
    number,
    percent,
    percent_with_interval,
    share_with_interval,
)

FILES = ("policy.json", "policy_torchvision.py", "policy_albumentations.yaml")


@dataclass(frozen=True)
class PolicyPage:
    """The policy of one model as text."""

    model: str
    headline: str
    steps: list[dict[str, Any]]
    rejected: list[dict[str, str]]
    evaluation_only: list[str]
    contaminated: list[str]
    notes: list[str]
    files: list[str]
    widened_by: str


def policies(run: RunTables) -> list[PolicyPage]:
    """The policy of each model, the first model's first."""
    found = []
    top = run.json("policy.json")
    if top:
        found.append(_page(top, run, ""))
    for path in sorted(run.folder.glob("policies/*/policy.json")):
        inside = path.relative_to(run.folder)
        found.append(_page(run.json(str(inside)), run, f"{inside.parent}/"))
    return found


def _page(policy: Mapping[str, Any], run: RunTables, folder: str) -> PolicyPage:
    files = [f"{folder}{p.name}" for p in sorted((run.folder / folder).glob("policy*")) if p.is_file()]
    return PolicyPage(
        model=str(policy.get("model") or ""),
        headline=str(policy.get("headline") or ""),
        steps=[_step(step) for step in policy.get("steps", [])],
        rejected=[
            {
                "perturbation": phrase(str(each.get("perturbation"))).noun,
                "reason": str(each.get("reason", "")),
            }
            for each in policy.get("rejected", [])
        ],
        evaluation_only=[str(each) for each in policy.get("evaluation_only", [])],
        contaminated=[str(each) for each in policy.get("contaminated", [])],
        notes=[str(each) for each in policy.get("notes", [])],
        files=files,
        widened_by=number(policy.get("widened_by"), 3) if known(policy.get("widened_by")) else "",
    )


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    evidence = step.get("evidence") or {}
    seen, unit = evidence.get("observed"), str(step.get("unit") or "")
    return {
        "perturbation": phrase(str(step["perturbation"])).noun,
        "range": _range(step),
        "probability": percent(step.get("probability")),
        "observed": amount(seen, unit) if known(seen) else NOT_MEASURED,
        "basis": str(evidence.get("observed_basis") or ""),
        "share": share_with_interval(*(evidence.get(k) for k in ("share", "share_low", "share_high"))),
        "replication": percent(evidence.get("replication")),
        "moves": percent_with_interval(
            *(evidence.get(k) for k in ("sensitivity", "sensitivity_low", "sensitivity_high"))
        ),
        "moves_of": str(evidence.get("sensitivity_of") or CLASSIFICATION.response.of),
        "sentence": str(step.get("sentence") or ""),
    }


def _range(step: Mapping[str, Any]) -> str:
    """The range in words: "± 6.4 % gain", "0 to 2 sigma px", with two axes where both are known."""
    unit, low, high = str(step.get("unit") or ""), step.get("low"), step.get("high")
    if low is None or high is None:
        return NOT_MEASURED
    if unit == "100 - quality":
        return f"quality {interval(100 - high, 100 - low, digits=3)}"
    axes = list(step.get("axes") or [])
    if len(axes) == 2:
        return f"± {amount(axes[0], unit)} along x, ± {amount(axes[1], unit)} along y"
    if low == -high:
        return f"± {amount(high, unit)}"
    return amount_interval(low, high, unit)
