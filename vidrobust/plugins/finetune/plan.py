"""The plan before training: other footage, random steps of equal strength."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vidrobust.errors import SettingsError
from vidrobust.files.names import file_name
from vidrobust.models.info import state_sha256
from vidrobust.perturb.catalogue import find
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_folder, opened_sources
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.finetune.arms import (
    NONE,
    QUICK_S,
    QUICK_STEPS,
    STEPS,
    VERSION,
    AdaptRequest,
    Arm,
    key_of,
)
from vidrobust.plugins.finetune.gather import FrameSelection
from vidrobust.plugins.finetune.network import (
    Bench,
    MetricValues,
    TrainableNetwork,
    TrainingSamples,
)
from vidrobust.plugins.finetune.steps import Mixture, Step, any_step, drawn_keys
from vidrobust.plugins.finetune.train import WEIGHTS, Schedule, fit
from vidrobust.run_folder.folder import is_run_folder
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.policy.measured import FOLDER
from vidrobust.stages.policy.policy import Policy
from vidrobust.stages.policy.rejection import Outcome
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.text.numbers import duration

# Settings that footage is asked under as the run is.
LIKE_THE_RUN = (
    "device",
    "batch",
    "engine",
    "precision",
    "seed",
    "class_map",
    "workers",
    "every",
    "fps",
    "track_start_score",
    "track_keep_score",
    "max_gap",
    "min_boxes",
    "only",
    "class_score",
    "ignore",
)
# Where these of its record agree it is the same network.
SAME = ("weights_sha256", "num_classes", "preprocessing")


@contextmanager
def opened_other(run: OpenRun, record: Mapping[str, Any], other: str) -> Iterator[OpenRun]:
    """Return ``other`` answered by the run's model."""
    path = Path(other)
    if is_run_folder(path):
        if path.resolve() == run.path.resolve():
            raise SettingsError(
                f"--on {other}: is the run itself; leave it out, and its footage is split"
            )
        with opened_folder(path, {}, run.reporter) as found:
            build(found, STAGES, [STABILITY.name])
            _check_model(found, record, other)
            yield found
        return
    kept = {name: getattr(run.settings, name) for name in LIKE_THE_RUN}
    settings = Settings(sources=(other,), model=(str(record["spec"]),)).changed(
        kept, "settings of the run"
    )
    out = run.path / FOLDER / "on" / file_name(str(path.resolve()))
    run.reporter.say(f"adapt: {other} is asked first; its answers are kept in {out}")
    with opened_sources(settings, str(out), run.reporter) as found:
        build(found, STAGES, [STABILITY.name])
        yield found


def _check_model(found: OpenRun, record: Mapping[str, Any], other: str) -> None:
    name = record["name"]
    same = [r for r in found.model_records if r["name"] == name]
    if not same or any(same[0].get(key) != record.get(key) for key in SAME):
        answered = ", ".join(str(r["name"]) for r in found.model_records)
        raise SettingsError(
            f"--on {other}: is a run of {answered}, and not of the same {name}; give its footage instead of its "
            "run folder"
        )


# On which strengths are matched, of those that are trained with.
FRAMES, QUICK_FRAMES = 16, 6
OFTEN = 0.5  # How often random augmentation changes a picture where there is no policy


@dataclass(frozen=True)
class MatchedStrengths:
    """Steps of equal strength by perturbation, as strong as the policy in how far the answers go."""

    steps: Mapping[str, Step]
    response: float


def matched(
    network: TrainableNetwork,
    frames: Sequence[torch.Tensor],
    policy: Sequence[Step],
    held: Sequence[str],
) -> MatchedStrengths:
    """Return each perturbation at the strength that moves the untrained network as the policy does."""
    clean = network.said(frames)
    wanted = (
        float(np.mean([_response(network, clean, frames, step) for step in policy]))
        if policy
        else 0.0
    )
    often = any_step(policy) if policy else OFTEN
    found = {}
    for key in drawn_keys(held):
        entry = find(key)
        strengths = [
            entry.strengths[0],
            entry.strengths[len(entry.strengths) // 2],
            entry.strengths[-1],
        ]
        size = strengths[1]
        if policy:
            moved = [_response(network, clean, frames, _step(key, s, 1.0)) for s in strengths]
            size = float(np.interp(wanted, np.maximum.accumulate([0.0, *moved]), [0.0, *strengths]))
        found[key] = _step(key, max(size, entry.range[0]), often)
    return MatchedStrengths(found, wanted)


def random_mixture(found: MatchedStrengths, policy: Sequence[Step], often: float) -> Mixture:
    """As many changes as the policy makes on top of random augmentation."""
    return Mixture(
        one_of=tuple(found.steps.values()), chances=(often, *(step.probability for step in policy))
    )


def swapped(policy: Policy, steps: Sequence[Step], found: MatchedStrengths) -> Mixture:
    """Return the policy with its first family replaced by one that the footage gives no reason for."""
    taken = {step.family for step in steps}
    refused = [each.perturbation for each in policy.rejected if each.outcome is Outcome.REFUSED]
    free = [
        key
        for key in (*refused, *found.steps)
        if key in found.steps and find(key).family not in taken
    ]
    if not free:
        raise SettingsError(
            "arm policy-swapped: no family is left that could stand in the place of a right one"
        )
    first = steps[0].family
    wrong = found.steps[free[0]]
    often = any_step([step for step in steps if step.family == first])
    new = Step(key=wrong.key, low=wrong.low, high=wrong.high, probability=often)
    rest = tuple(step for step in steps if step.family != first)
    return replace(random_mixture(found, (), any_step(steps)), steps=(new, *rest))


def _step(key: str, size: float, often: float) -> Step:
    return Step(key=key, low=-size if find(key).either_way else 0.0, high=size, probability=often)


def _response(
    network: TrainableNetwork, said: Any, frames: Sequence[torch.Tensor], step: Step
) -> float:
    pinned = []
    for row in range(len(frames)):
        size = -step.reach if row % 2 and step.low < 0 else step.reach
        pinned.append(replace(step, low=size, high=size, probability=1.0))
    return network.response(said, frames, pinned)


SPLIT = {
    "part": "no part on both sides",
    "input": "no input on both sides",
    "time": "later footage than what trains",
}
LEFT_OUT = (
    "other multiples of the policy's ranges than 1, and leaks between families"  # With ``--quick``
)


@dataclass(frozen=True)
class Validation:
    """What chooses the weights: a metric on ``steady`` plus one on ``calm``; ``before`` are the old answers."""

    steady: Bench
    calm: Bench
    metrics: tuple[str, str]
    before: tuple[Any, Any]

    def __call__(self, module: nn.Module) -> float:
        steady = self.steady.answered(module)
        calm = steady if self.calm is self.steady else self.calm.answered(module)
        return _mean_of(self.steady.values(steady, self.before[0]), self.metrics[0]) + _mean_of(
            self.calm.values(calm, self.before[1]), self.metrics[1]
        )

    def seconds(self) -> float:
        benches = [self.steady] if self.calm is self.steady else [self.steady, self.calm]
        return len(WEIGHTS) * sum(bench.seconds() for bench in benches)


def _mean_of(every: Iterator[MetricValues], metric: str) -> float:
    values = next((found.values for found in every if found.metric == metric), np.empty(0))
    return float(values.mean()) if len(values) else 0.0


@dataclass(frozen=True, kw_only=True)
class TrainingSetup:
    """What is trained and judged."""

    network: TrainableNetwork
    arms: tuple[Arm, ...]
    mixtures: Mapping[str, Mixture]
    held: tuple[str, ...]
    chosen: FrameSelection[Any]
    samples: TrainingSamples
    bench: Bench
    check: Validation
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class TrainingPlan(TrainingSetup):
    """All that the arms share.

    key  of what decides the numbers of every arm
    """

    schedule: Schedule
    key: str
    folder: Path

    def file(self, arm: Arm, seed: int) -> Path:
        """Where the answers of one arm and seed are kept."""
        mixture = self.mixtures.get(arm.name)
        drawn = [[vars(step) for step in mixture.every], mixture.chances] if mixture else []
        own = key_of([self.key, arm.name, arm.loss, arm.salt, arm.trains, drawn])
        return self.folder / "answers" / f"{arm.name}-{seed}-{own}.npz"

    def notes(self, arm: Arm, seeds: int) -> dict[str, list[float]]:
        """Of each seed."""
        files = [self.file(arm, seed).with_suffix(".json") for seed in range(seeds)]
        found = [json.loads(file.read_text()) for file in files]
        return {"weights": [n["weight"] for n in found], "left_out": [n["left_out"] for n in found]}

    def weights(self, arm: Arm) -> Path:
        """Of the first seed."""
        return self.folder / "weights" / f"{arm.name}.pt"


def planned(run: OpenRun, asked: AdaptRequest, ready: TrainingSetup) -> TrainingPlan:
    """Print the schedule and its time before it starts, and return it."""
    arms, chosen = ready.arms, ready.chosen
    step_s, judge_s = _speed(ready, asked)
    decides = {
        "version": VERSION,
        "weights": state_sha256(ready.network.module) + ready.network.decides,
        "policy": [vars(step) for step in ready.steps],
        "frames": [
            *(chosen.trains.content, chosen.judges.content),
            *(
                chosen.training,
                chosen.line,
                chosen.calm,
                chosen.steady,
                chosen.judging,
                chosen.shown,
            ),
        ],
        "labels": chosen.by_labels,
        "batch": asked.batch,
        "rate": asked.rate,
    }
    number = asked.steps or STEPS
    if asked.quick and asked.steps is None:
        left_s = QUICK_S - judge_s * len(arms) * asked.seeds
        number = _quick_steps(run, key_of(decides), left_s / (sum(step_s.values()) * asked.seeds))
    schedule = Schedule(steps=number, batch=asked.batch, rate=asked.rate)
    key = key_of([decides, number])
    work = TrainingPlan(**vars(ready), schedule=schedule, key=key, folder=run.path / FOLDER)
    todo = [
        arm for arm in arms for seed in range(asked.seeds) if not work.file(arm, seed).is_file()
    ]
    what = "their labels" if chosen.by_labels else "the model's own answers over time"
    line = f", {len(chosen.line)} of the run without labels" if asked.on else ""
    run.reporter.say(
        f"adapt: {len(arms)} arms ({', '.join(arm.name for arm in arms)}) with {asked.seeds} seeds, "
        f"{number} steps of {asked.batch} frames each; {len(chosen.training)} frames{_of(asked)} train by {what}"
        f"{line}, {len(chosen.calm) + (len(chosen.steady) if asked.on else 0)} validate, "
        f"{len(chosen.judging)} judge, {SPLIT[chosen.by]}; nobody trains with {', '.join(ready.held)}"
    )
    if asked.quick:
        run.reporter.say(f"adapt: --quick leaves out {LEFT_OUT}; its intervals are wide")
    seconds = sum(number * step_s[arm.name] + judge_s for arm in todo)
    run.reporter.say(
        f"adapt: {len(todo)} of {len(arms) * asked.seeds} trainings to do, about {duration(seconds)}"
    )
    return work


def _of(asked: AdaptRequest) -> str:
    return f" of {asked.on}" if asked.on else ""


def _quick_steps(run: OpenRun, key: str, fitting: float) -> int:
    known = (
        run.folder.read_json(f"{FOLDER}/quick.json")
        if (run.path / FOLDER / "quick.json").is_file()
        else {}
    )
    if known.get("key") == key:
        return int(known["steps"])
    number = int(np.clip(fitting, *QUICK_STEPS))
    (run.path / FOLDER).mkdir(exist_ok=True)
    run.folder.write_json(f"{FOLDER}/quick.json", {"key": key, "steps": number})
    return number


def _speed(ready: TrainingSetup, asked: AdaptRequest) -> tuple[dict[str, float], float]:
    few, module = Schedule(steps=2, batch=asked.batch, rate=1e-9), ready.network.module
    fit(
        ready.samples, module, NONE, None, few, 0, lambda: None
    )  # a first one also loads what it needs
    step_s = {}
    for arm in ready.arms:
        begin = time.perf_counter()
        fit(ready.samples, module, arm, ready.mixtures.get(arm.name), few, 0, lambda: None)
        step_s[arm.name] = (time.perf_counter() - begin) / few.steps
    begin = time.perf_counter()
    ready.samples.renewed(module)
    return step_s, ready.bench.seconds() + ready.check.seconds() + time.perf_counter() - begin
