"""What to train with: each step with its range and its reason, what was rejected, what is kept to judge with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidrobust.report.perturbation_words import phrase
from vidrobust.report.run_tables import RunTables
from vidrobust.report.words import interval, known, number, percent, percent_interval

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
    votes = evidence.get("votes") or {}
    return {
        "perturbation": phrase(str(step["perturbation"])).noun,
        "key": str(step["perturbation"]),
        "range": f"{_signed(step.get('low'))} to {_signed(step.get('high'))} {step.get('unit') or ''}".strip(),
        "probability": percent(step.get("probability")),
        "observed": f"{number(evidence.get('observed_p99'), 3)} {step.get('unit') or ''}".strip(),
        "for": [who for who, vote in votes.items() if vote == "for"],
        "against": [who for who, vote in votes.items() if vote == "against"],
        "figures": _figures(evidence),
        "sentence": str(step.get("sentence") or ""),
    }


def _figures(evidence: Mapping[str, Any]) -> list[str]:
    said = []
    if known(evidence.get("sensitivity")):
        span = percent_interval(evidence.get("sensitivity_low"), evidence.get("sensitivity_high"))
        said.append(f"moves {percent(evidence.get('sensitivity'))} of the probability at that size [{span}]")
    if known(evidence.get("explained")):
        span = percent_interval(evidence.get("explained_low"), evidence.get("explained_high"))
        said.append(f"replayed, explains {percent(evidence.get('explained'))} of the change [{span}]")
    if known(evidence.get("cosine")):
        span = interval(evidence.get("cosine_low"), evidence.get("cosine_high"))
        said.append(f"cosine {number(evidence.get('cosine'))} [{span}]")
    if known(evidence.get("partial")):
        span = interval(evidence.get("partial_low"), evidence.get("partial_high"))
        verdict = f": {evidence['verdict']}" if evidence.get("verdict") else ""
        said.append(f"partial correlation {number(evidence.get('partial'))} [{span}]{verdict}")
    return said


def _signed(value: float | None) -> str:
    text = number(value, 4)
    return text.replace("-", "−")
