"""A policy that was tried, with what fine-tuning with it did to held-out footage."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidrobust.errors import InputError
from vidrobust.files.atomic import write_text
from vidrobust.files.names import file_name
from vidrobust.run_folder.folder import RunFolder
from vidrobust.stages.policy.exports.write import write_all
from vidrobust.stages.policy.policy import Policy
from vidrobust.stages.policy.rejection import Rejected, Rejection
from vidrobust.statistics.ratios import RatioVerdict

FOLDER, ADAPTATION, TESTED = "adapt", "adaptation.json", "policy.json"
FIGURES_KEPT = ("ratio", "low", "high", "verdict", "before", "after", "of")


def policy_folder(path: Path, model: str, first: str) -> Path:
    """Where the policy of a model stands; ``first``: the model whose policy stands at the top."""
    return path if model == first else path / "policies" / file_name(model)


def advised_policy(path: Path, model: str) -> Policy:
    """The policy as it was advised, whether or not it was tried and lost steps since."""
    present = Policy.read(_file(path, model))
    summary, advised = _tried(path, model)
    if advised is not None and _same(with_measured(advised, summary), present):
        return advised
    return present


def remeasured(path: Path, policy: Policy) -> Policy:
    """A policy that was made anew, with the figures of an earlier trial of the same steps."""
    summary, advised = _tried(path, policy.model)
    return (
        with_measured(policy, summary) if advised is not None and _same(advised, policy) else policy
    )


def apply_measured(path: Path, model: str, policy: Policy, summary: Mapping[str, Any]) -> None:
    """Keep the policy that was tried, and write it with its figures in all formats."""
    tested = path / FOLDER / TESTED
    tested.parent.mkdir(exist_ok=True)
    write_text(tested, policy.to_json())
    write_all(with_measured(policy, summary), _file(path, model).parent)


def with_measured(policy: Policy, summary: Mapping[str, Any]) -> Policy:
    """The policy with what it did, from adaptation.json; if flips of held-out footage surely rose, without steps."""
    figures = (summary.get("measured") or {}).get("footage") or {}
    footage = {name: figures[name] for name in FIGURES_KEPT if name in figures}
    notes = [note for note in (str(summary.get("said") or ""),) if note]
    tried = dataclasses.replace(policy, measured=footage, notes=(*policy.notes, *notes))
    if footage.get("verdict") != RatioVerdict.HARMS:
        return tried
    shares = {"before": footage["before"], "after": footage["after"]}
    withdrawn = [
        Rejected(
            perturbation=s.perturbation, why=Rejection.HARMED, family=s.family, evidence=shares
        )
        for s in policy.steps
    ]
    return dataclasses.replace(tried, steps=(), rejected=(*withdrawn, *policy.rejected))


def _same(one: Policy, other: Policy) -> bool:
    texts = [
        [(s.perturbation, s.low, s.high, s.probability, s.axes) for s in each.steps]
        for each in (one, other)
    ]
    return one.model == other.model and texts[0] == texts[1]


def _tried(path: Path, model: str) -> tuple[dict[str, Any], Policy | None]:
    tested, run = path / FOLDER / TESTED, RunFolder(path)
    if not (path / ADAPTATION).is_file() or not tested.is_file():
        return {}, None
    summary = run.read_json(ADAPTATION)
    advised = Policy.read(tested)
    return (
        (summary, advised)
        if summary.get("model") == model and advised.model == model
        else ({}, None)
    )


def _file(path: Path, model: str) -> Path:
    for file in (path / "policy.json", policy_folder(path, model, "") / "policy.json"):
        if file.is_file() and Policy.read(file).model == model:
            return file
    raise InputError(f"{path}: has no policy of {model}; run vidrobust policy {path} first")
