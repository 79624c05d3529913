"""The portfolio of one call: its recipes, what each trains with, and what validates and judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.finetune import gather
from vidrobust.plugins.finetune.boxes import judge as boxes
from vidrobust.plugins.finetune.boxes.network import TrainableDetector
from vidrobust.plugins.finetune.choose import Validation
from vidrobust.plugins.finetune.gather import FrameSelection
from vidrobust.plugins.finetune.judge import Bench
from vidrobust.plugins.finetune.network import TrainableNetwork
from vidrobust.plugins.finetune.recipes import (
    CONSENSUS,
    PLAIN,
    Recipe,
    by_request,
    of_file,
    of_policy,
    usual,
    usual_of_boxes,
)
from vidrobust.plugins.finetune.request import NAMED, AdaptRequest
from vidrobust.plugins.finetune.steps import steps_of
from vidrobust.plugins.finetune.train import Samples
from vidrobust.stages.policy.policy import Policy


@dataclass(frozen=True, kw_only=True)
class TaskTraining:
    """What differs between classifiers and detectors; ``neighbours`` frames judge together."""

    usual: Callable[[], tuple[Recipe, ...]]
    boxes: bool
    neighbours: int
    flips: str
    errors: str
    seen_of: Callable[[OpenRun, str, Sequence[str]], Any]
    samples_of: Callable[[Any, Any], Samples]
    with_footage: Callable[[Any, Any], Samples]
    bench_of: Callable[[Any, Any, np.ndarray], Bench]


CLASSES = TaskTraining(
    usual=usual,
    boxes=False,
    neighbours=12,
    flips="flips",
    errors="errors",
    seen_of=gather.seen_of,
    samples_of=gather.samples_of,
    with_footage=gather.with_footage,
    bench_of=gather.bench_of,
)
BOXES = TaskTraining(
    usual=usual_of_boxes,
    boxes=True,
    neighbours=48,
    flips="frames of objects without a box",
    errors="known boxes that are missed",
    seen_of=boxes.seen_of,
    samples_of=boxes.samples_of,
    with_footage=boxes.with_footage,
    bench_of=boxes.bench_of,
)


@dataclass(frozen=True, kw_only=True)
class Portfolio:
    """All recipes of one call, what each trains with, and what validates and judges."""

    way: TaskTraining
    network: TrainableNetwork
    chosen: FrameSelection[Any]
    recipes: Mapping[str, Recipe]
    samples: Mapping[str, Samples]
    validation: Validation
    judges: Bench
    judges_at_rest: Bench | None


def way_of(network: TrainableNetwork) -> TaskTraining:
    """What differs for this network."""
    return BOXES if isinstance(network, TrainableDetector) else CLASSES


def portfolio_of(
    asked: AdaptRequest, network: TrainableNetwork, chosen: FrameSelection[Any], policy: Policy
) -> Portfolio:
    """The recipes of a network, and the frames of each."""
    way = way_of(network)
    base = way.samples_of(network, chosen)
    usual = [*way.usual(), *of_policy(steps_of(policy), boxes=way.boxes)]
    if len(chosen.line):
        usual.append(CONSENSUS)
    every = _asked(asked, usual, by_request(boxes=way.boxes))
    samples = {
        recipe.name: way.with_footage(base, chosen) if recipe.unlabelled else base
        for recipe in every
    }
    footage = way.bench_of(network, chosen.judges, chosen.validating)
    rest = (
        way.bench_of(network, chosen.trains, chosen.rest)
        if chosen.rest is not chosen.validating
        else footage
    )
    at_rest = chosen.rest_judging
    return Portfolio(
        way=way,
        network=network,
        chosen=chosen,
        recipes={recipe.name: recipe for recipe in every},
        samples=samples,
        validation=Validation(footage, rest),
        judges=way.bench_of(network, chosen.judges, chosen.judging),
        judges_at_rest=way.bench_of(network, chosen.trains, at_rest) if len(at_rest) else None,
    )


def _asked(asked: AdaptRequest, usual: Sequence[Recipe], named: Sequence[Recipe]) -> list[Recipe]:
    """The usual recipes and those of --recipe; with --only ``plain`` and those of --recipe."""
    known = {recipe.name: recipe for recipe in (*usual, *named)}
    every = {recipe.name: recipe for recipe in usual if not asked.only or recipe is PLAIN}
    for path in asked.recipes:
        name = str(path)
        if name in known:
            every[name] = known[name]
            continue
        if name in (*NAMED, "policy", "policy-next-frame", CONSENSUS.name):
            raise SettingsError(
                f"--recipe {name}: does not fit this model or run; recipes are {', '.join(known)}"
            )
        if not path.is_file():
            raise SettingsError(f"--recipe {path}: no such file; recipes are {', '.join(known)}")
        mine = of_file(path)
        if mine.name in known:
            raise SettingsError(
                f"--recipe {path}: there is a recipe {mine.name} already; rename the file"
            )
        every[mine.name] = mine
    return list(every.values())
