"""What is trained and judged, how long that takes, and where it is kept: said before it starts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidrobust.models.info import state_sha256
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.finetune.arms import NONE, Arm
from vidrobust.plugins.finetune.asked import QUICK_S, QUICK_STEPS, STEPS, VERSION, Asked, key_of
from vidrobust.plugins.finetune.gather import Chosen
from vidrobust.plugins.finetune.network import Bench, Network, Samples
from vidrobust.plugins.finetune.steps import Mixture, Step
from vidrobust.plugins.finetune.train import Schedule, fit
from vidrobust.stages.policy.measured import FOLDER
from vidrobust.text.durations import duration

SPLIT = {
    "part": "no part on both sides",
    "input": "no input on both sides",
    "time": "later footage than what trains",
    "footage": "all of other footage than what trains",
}
# With ``--quick``.
LEFT_OUT = "other multiples of the policy's ranges than 1, and leaks between families"


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What is trained and judged: the network, the arms with what they change, and the frames."""

    network: Network
    arms: tuple[Arm, ...]
    mixtures: Mapping[str, Mixture]
    held: tuple[str, ...]
    chosen: Chosen[Any]
    samples: Samples
    bench: Bench
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Work(Ready):
    """All that the arms share.

    key  of what decides the numbers of every arm
    """

    schedule: Schedule
    key: str
    folder: Path

    def file(self, arm: Arm, seed: int) -> Path:
        """Where the answers of one arm and seed are kept."""
        mixture = self.mixtures.get(arm.name)
        record = [arm.name, arm.loss, arm.smoothing, arm.self_labels, arm.salt, arm.trains, arm.blurred]
        own = key_of([self.key, record, [vars(s) for s in mixture.every] if mixture else []])
        return self.folder / "answers" / f"{arm.name}-{seed}-{own}.npz"

    def weights(self, arm: Arm) -> Path:
        """Of the first seed."""
        return self.folder / "weights" / f"{arm.name}.pt"


def planned(run: OpenRun, asked: Asked, ready: Ready) -> Work:
    """The schedule, what it takes in time, said before it starts."""
    arms, chosen = ready.arms, ready.chosen
    step_s, judge_s = _speed(ready, asked)
    decides = {
        "version": VERSION,
        "weights": state_sha256(ready.network.module) + ready.network.decides,
        "policy": [vars(step) for step in ready.steps],
        "frames": [
            *(chosen.trains.content, chosen.judges.content),
            *(chosen.training, chosen.judging, chosen.shown),
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
    work = Work(**vars(ready), schedule=schedule, key=key, folder=run.path / FOLDER)
    todo = [arm for arm in arms for seed in range(asked.seeds) if not work.file(arm, seed).is_file()]
    what = "their labels" if chosen.by_labels else "the model's own answers over time"
    run.reporter.say(
        f"adapt: {len(arms)} arms ({', '.join(arm.name for arm in arms)}) with {asked.seeds} seeds, "
        f"{number} steps of {asked.batch} frames each; {len(chosen.training)} frames{_of(asked)} train by {what}, "
        f"{len(chosen.judging)} judge, {SPLIT[chosen.split.by]}; nobody trains with {', '.join(ready.held)}"
    )
    if asked.quick:
        run.reporter.say(f"adapt: --quick leaves out {LEFT_OUT}; its intervals are wide")
    seconds = sum(number * step_s[arm.name] + judge_s for arm in todo)
    run.reporter.say(
        f"adapt: {len(todo)} of {len(arms) * asked.seeds} trainings to do, about {duration(seconds)}"
    )
    return work


def _of(asked: Asked) -> str:
    return f" of {asked.on}" if asked.on else ""


def _quick_steps(run: OpenRun, key: str, fitting: float) -> int:
    """As many steps as the time allows; the same ones again where the same was asked before."""
    known = (
        run.folder.read_json(f"{FOLDER}/quick.json") if (run.path / FOLDER / "quick.json").is_file() else {}
    )
    if known.get("key") == key:
        return int(known["steps"])
    number = int(np.clip(fitting, *QUICK_STEPS))
    (run.path / FOLDER).mkdir(exist_ok=True)
    run.folder.write_json(f"{FOLDER}/quick.json", {"key": key, "steps": number})
    return number


def _speed(ready: Ready, asked: Asked) -> tuple[dict[str, float], float]:
    """Seconds of a training step of each arm, and of one judging."""
    few = Schedule(steps=2, batch=asked.batch, rate=1e-9)
    fit(ready.samples, NONE, None, few, 0, lambda: None)  # a first one also loads what it needs
    step_s = {}
    for arm in ready.arms:
        begin = time.perf_counter()
        fit(ready.samples, arm, ready.mixtures.get(arm.name), few, 0, lambda: None)
        step_s[arm.name] = (time.perf_counter() - begin) / few.steps
    return step_s, ready.bench.seconds()
