"""Write a policy in every format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from vidrobust.extensions import Extensions, extensions
from vidrobust.files.atomic import write_text
from vidrobust.stages.policy.exports import torchvision
from vidrobust.stages.policy.exports.rendered import Export
from vidrobust.stages.policy.policy import Policy, PolicyStep
from vidrobust.statement import Level
from vidrobust.statistics.ratios import RatioVerdict

# Group of entry points in which a package names a PolicyFormat, or several.
GROUP = "vidrobust.exports"


@dataclass(frozen=True)
class PolicyFormat:
    """A file in which a library reads a policy.

    ``lacks`` says why the file cannot hold a step, or "" where it can.
    """

    name: str
    render: Callable[[Policy], Export]
    lacks: Callable[[Policy, PolicyStep], str]


FORMATS = (PolicyFormat(torchvision.NAME, torchvision.render, torchvision.lacks),)


def with_levels(policy: Policy) -> Policy:
    """The policy with the level of evidence of every step.

    *Tried*: training with the policy reduced the flips of held-out footage; *no effect*: it surely did not.
    *Replicated*: the cause was found again on footage that did not find it, the replayed flips show a gain,
    the range has a width, and a library can express it. Else *suggested*, as is every step whose cause is open
    or whose scene the model does not seem to know.
    """
    steps = (
        replace(step, evidence=replace(step.evidence, level=level_of(policy, step)))
        for step in policy.steps
    )
    return replace(policy, steps=tuple(steps))


def level_of(policy: Policy, step: PolicyStep) -> Level:
    """What backs one step of a policy."""
    # of training with it; "cannot tell" leaves the evidence as it was
    verdict = policy.measured.get("verdict")
    if verdict == RatioVerdict.NO_DIFFERENCE:
        return Level.NO_EFFECT
    # at least one library's file must be able to hold it
    if not step.has_width or not any(not form.lacks(policy, step) for form in formats()):
        return Level.SUGGESTED
    if verdict == RatioVerdict.HELPS:
        return Level.TRIED
    again = step.evidence.replication_tested > 0
    in_doubt = bool(step.evidence.open or step.evidence.unknown_scene)
    return (
        Level.REPLICATED if again and not in_doubt and not gains_nothing(step) else Level.SUGGESTED
    )


def formats() -> tuple[PolicyFormat, ...]:
    """Return the formats of the core, then those of plugins."""
    return (*FORMATS, *provided().records)


@cache
def provided() -> Extensions[PolicyFormat]:
    """Return the formats of installed plugins."""
    return extensions(GROUP, PolicyFormat, lambda form: form.name, {form.name for form in FORMATS})


def gains_nothing(step: PolicyStep) -> bool:
    """Whether flips were replayed and none, to the nearest whole number, is due to the step's cause."""
    due, replayed = step.evidence.flips_due, step.evidence.flips_replayed
    return bool(replayed) and due is not None and round(due) <= 0


def write_all(policy: Policy, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for export in render_all(with_levels(policy)):
        path = folder / export.name
        write_text(path, export.text)
        paths.append(path)
    return paths


def render_all(policy: Policy) -> list[Export]:
    """The files of a policy, policy.json first; those of libraries hold the steps to act on."""
    return [
        Export(name="policy.json", text=policy.to_json()),
        *(form.render(policy) for form in formats()),
    ]
