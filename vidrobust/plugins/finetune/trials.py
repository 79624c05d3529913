"""Trials: trainings that ``choose`` asks for, each kept in the run folder."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vidrobust.files.json_text import plain
from vidrobust.models.info import state_sha256
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.finetune.choose import Scored, Trial, Validation, short_steps, weighted
from vidrobust.plugins.finetune.judge import CountedRows
from vidrobust.plugins.finetune.network import fresh_copy
from vidrobust.plugins.finetune.portfolio import Portfolio
from vidrobust.plugins.finetune.request import STEPS, AdaptRequest
from vidrobust.plugins.finetune.train import WEIGHTS, Schedule, Training, mixed, started
from vidrobust.run_folder.unit_cache import key_of
from vidrobust.stages.policy.measured import FOLDER
from vidrobust.text.numbers import duration

VERSION = 4  # raised where the same question gets other numbers
# Seconds that trials of ``--quick`` may take on this machine, and the steps that they may have.
QUICK_S, QUICK_STEPS = 150.0, (12, STEPS)


@dataclass
class Trials:
    """Trains what ``choose`` asks for; every finished trial is kept in the run folder."""

    run: OpenRun
    portfolio: Portfolio
    schedule: Schedule
    key: str
    counter: Callable[[], None] = field(default=lambda: None)
    seconds: dict[str, float] = field(default_factory=dict)
    paused: dict[tuple[str, int], Training] = field(default_factory=dict)

    @classmethod
    def planned(cls, run: OpenRun, asked: AdaptRequest, portfolio: Portfolio) -> Trials:
        """Print the schedule and its time before it starts."""
        steps = STEPS if asked.steps is None else asked.steps
        costs, check_s = _speed(portfolio, asked)
        if asked.quick and asked.steps is None:
            step_s = _seconds(costs, 1, asked.seeds)
            left = QUICK_S - check_s * _checks(len(costs), asked.seeds)
            steps = int(np.clip(left / step_s, *QUICK_STEPS))
            steps -= steps % QUICK_STEPS[0]  # a second call on a busier machine asks the same
        schedule = Schedule(steps=steps, batch=asked.batch, rate=asked.rate)
        chosen, network = portfolio.chosen, portfolio.network
        rows = ("training", "line", "validating", "rest", "by_labels")
        key = key_of(
            {
                "version": VERSION,
                "weights": state_sha256(network.module) + network.decides,
                "content": [chosen.trains.content, chosen.judges.content],
                "rows": plain([getattr(chosen, name) for name in rows]),
                "schedule": vars(schedule),
            }
        )
        total = _seconds(costs, steps, asked.seeds) + check_s * _checks(len(costs), asked.seeds)
        run.reporter.say(
            f"adapt: {len(costs)} recipes ({', '.join(costs)}), {short_steps(steps)} steps of {asked.batch} "
            f"frames each, the better half {steps} with {asked.seeds} seeds; about {duration(total)}"
        )
        return cls(run, portfolio, schedule, key)

    def __call__(self, name: str, seed: int, steps: int) -> Trial:
        """The trial of a recipe, trained and scored where it is not there."""
        path = self._file(name, seed, steps, "scored")
        if not path.is_file():
            self._score(name, seed, steps, path)
        kept = torch.load(path, weights_only=True)
        rows = CountedRows(kept["at_rest"].numpy(), kept["code"].numpy(), kept["events"])
        return Trial(steps, kept["weight"], Scored(kept["score"], rows))

    def module(self, name: str, seed: int, steps: int) -> nn.Module:
        """The network of a finished trial."""
        old, weight = self.portfolio.network.module, self(name, seed, steps).weight
        new = self._trained(name, seed, steps) if weight else old
        return mixed(old, new, weight)

    @cached_property
    def validation(self) -> Validation:
        """What chooses; the jury are the network as it is and the first training of every recipe."""
        return self.portfolio.validation.with_jury(self._jury())

    def _jury(self) -> Iterator[nn.Module]:
        yield self.portfolio.network.module
        for name in self.portfolio.recipes:
            module = self._trained(name, 0, short_steps(self.schedule.steps))
            if _is_finite(module):
                yield module

    def _score(self, name: str, seed: int, steps: int, path: Path) -> None:
        old, new = self.portfolio.network.module, self._trained(name, seed, steps)
        if _is_finite(new):
            _, weight, scored = weighted(old, new, self.validation)
        else:
            self.run.reporter.warn(
                f"adapt: {name} came apart, its weights are not finite; use a smaller --rate"
            )
            weight = 0.0
            scored = dataclasses.replace(self.validation.scored(old), score=math.inf)
        content = {
            "weight": weight,
            "score": scored.score,
            "at_rest": torch.from_numpy(scored.at_rest.values),
            "code": torch.from_numpy(scored.at_rest.code),
            "events": scored.at_rest.events,
        }
        save(content, path)
        self.run.reporter.say(
            f"adapt: {name}, seed {seed}, {steps} steps: score {scored.score:.3f}"
        )

    def _trained(self, name: str, seed: int, steps: int) -> nn.Module:
        """The network after so many steps, trained where it is not there."""
        path = self._file(name, seed, steps, "trained")
        if not path.is_file():
            self._train(name, seed, steps, path)
        module = fresh_copy(started(self.portfolio.network, self.portfolio.recipes[name]))
        module.load_state_dict(torch.load(path, weights_only=True))
        return module.eval()

    def _train(self, name: str, seed: int, steps: int, path: Path) -> None:
        begin, recipe = time.perf_counter(), self.portfolio.recipes[name]
        training = self.paused.pop((name, seed), None) or Training(
            self.portfolio.samples[name], recipe, self.schedule, seed
        )
        training.until(steps, self.counter)
        if steps < self.schedule.steps:
            self.paused[name, seed] = training
        save(training.module.state_dict(), path)
        took = time.perf_counter() - begin
        self.seconds[name] = self.seconds.get(name, 0.0) + took
        self.run.reporter.say(f"adapt: {name}, seed {seed}: {steps} steps in {duration(took)}")

    def _file(self, name: str, seed: int, steps: int, what: str) -> Path:
        recipe = self.portfolio.recipes[name]
        decides = [self.key, name, recipe.decides, [vars(step) for step in recipe.steps]]
        mine = key_of({"decides": plain(decides)})
        return self.run.path / FOLDER / "trials" / f"{name}-{seed}-{steps}-{mine}-{what}.pt"


def _is_finite(module: nn.Module) -> bool:
    return all(bool(torch.isfinite(p).all()) for p in module.parameters())


def _checks(recipes: int, seeds: int) -> int:
    """How often a network is validated."""
    return recipes + (-(-recipes // 2) + 1) * seeds


def _seconds(costs: Mapping[str, float], steps: int, seeds: int) -> float:
    """Of all trials, if recipes of mean cost go on."""
    mean, short = float(np.mean(list(costs.values()))), max(steps / 3, 1 / 3)
    long = (-(-len(costs) // 2) + 1) * (seeds * steps - short)
    return sum(costs.values()) * short + mean * long


def _speed(portfolio: Portfolio, asked: AdaptRequest) -> tuple[dict[str, float], float]:
    """Seconds of a step of each recipe, and of a validation."""
    costs = {}
    for name, recipe in portfolio.recipes.items():
        probe = Schedule(steps=3, batch=asked.batch, rate=1e-9)
        training = Training(portfolio.samples[name], recipe, probe, 0)
        training.until(1)  # a first one also loads what it needs
        begin = time.perf_counter()
        training.until(3)
        costs[name] = (time.perf_counter() - begin) / 2
    begin = time.perf_counter()
    portfolio.validation.scored(portfolio.network.module)
    return costs, (time.perf_counter() - begin) * len(WEIGHTS)


def save(content: Mapping[str, Any], path: Path) -> None:
    """Write beside, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    torch.save(content, beside)
    os.replace(beside, path)
