"""Augmentation as strong as a policy: strengths at which other perturbations move the model as much."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.perturb.catalogue import find
from vidrobust.plugins.finetune.families import drawn_keys
from vidrobust.plugins.finetune.network import TrainableNetwork
from vidrobust.plugins.finetune.steps import Mixture, Step, any_step
from vidrobust.stages.policy.policy import Policy
from vidrobust.stages.policy.rejection import Outcome

# On which strengths are matched, of those that are trained with.
FRAMES, QUICK_FRAMES = 16, 6


@dataclass(frozen=True)
class MatchedStrengths:
    """Steps of equal strength by perturbation, as strong as the policy in how far the answers go."""

    steps: Mapping[str, Step]
    response: float


def matched(
    network: TrainableNetwork, frames: Sequence[torch.Tensor], policy: Sequence[Step], held: Sequence[str]
) -> MatchedStrengths:
    """Return each perturbation at the strength that moves the untrained network as the policy does.

    Strengths are interpolated between those of the catalogue; what moves it less stays at its strongest.
    """
    clean = network.said(frames)
    wanted = float(np.mean([_response(network, clean, frames, step) for step in policy])) if policy else 0.0
    often = any_step(policy) if policy else 0.5
    found = {}
    for key in drawn_keys(held):
        entry = find(key)
        strengths = [entry.strengths[0], entry.strengths[len(entry.strengths) // 2], entry.strengths[-1]]
        size = strengths[1]
        if policy:
            moved = [_response(network, clean, frames, _step(key, s, 1.0)) for s in strengths]
            size = float(np.interp(wanted, np.maximum.accumulate([0.0, *moved]), [0.0, *strengths]))
        found[key] = _step(key, max(size, entry.range[0]), often)
    return MatchedStrengths(found, wanted)


def random_mixture(found: MatchedStrengths, without: Collection[str] = ()) -> Mixture:
    """One of all of them by chance, but for those of some families."""
    return Mixture(one_of=tuple(step for step in found.steps.values() if step.family not in without))


def swapped(policy: Policy, steps: Sequence[Step], found: MatchedStrengths) -> Mixture:
    """Return the policy with its first family replaced by one that the footage gives no reason for."""
    taken = {step.family for step in steps}
    refused = [each.perturbation for each in policy.rejected if each.outcome is Outcome.REFUSED]
    free = [key for key in (*refused, *found.steps) if key in found.steps and find(key).family not in taken]
    if not free:
        raise SettingsError(
            "arm policy-swapped: no family is left that could stand in the place of a right one"
        )
    first = steps[0].family
    wrong = found.steps[free[0]]
    often = any_step([step for step in steps if step.family == first])
    new = Step(key=wrong.key, low=wrong.low, high=wrong.high, probability=often)
    return Mixture(steps=(new, *(step for step in steps if step.family != first)))


def _step(key: str, size: float, often: float) -> Step:
    return Step(key=key, low=-size if find(key).either_way else 0.0, high=size, probability=often)


def _response(network: TrainableNetwork, said: Any, frames: Sequence[torch.Tensor], step: Step) -> float:
    """At the step's largest strength, either way by turns where there are two."""
    pinned = []
    for row in range(len(frames)):
        size = -step.reach if row % 2 and step.low < 0 else step.reach
        pinned.append(replace(step, low=size, high=size, probability=1.0))
    return network.response(said, frames, pinned)
