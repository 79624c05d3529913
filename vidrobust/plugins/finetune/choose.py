"""Which recipe: short trainings first, the better half goes on, and what validates decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from vidrobust.plugins.finetune.compare import crossed_rates
from vidrobust.plugins.finetune.judge import Bench, BenchFigures, CountedRows
from vidrobust.plugins.finetune.train import WEIGHTS, mixed
from vidrobust.statistics.levels import ALPHA

SHORT = 1 / 3  # of the steps, after which the worse half is left out
BEFORE = "before"  # the network as it is, in the place of a recipe


@dataclass(frozen=True)
class Validation:
    """What chooses recipes and weights: footage that does not judge, and pictures at rest."""

    footage: Bench
    rest: Bench

    def with_jury(self, modules: Iterable[nn.Module]) -> Validation:
        """The same, where footage is compared with what these networks agree on."""
        return Validation(self.footage.with_jury(modules), self.rest)

    def scored(self, module: nn.Module) -> Scored:
        """The score of a network."""
        return Scored.of(self.footage.measured(module), self.rest.measured(module))


@dataclass(frozen=True)
class Scored:
    """A score, lower is better, and the errors at rest behind it."""

    score: float
    at_rest: CountedRows

    @classmethod
    def of(cls, footage: BenchFigures, rest: BenchFigures) -> Scored:
        """Flips, disagreement with the consensus, errors where they are known, and errors at rest.

        Without labels of pictures at rest, answers unlike those of the network before stand for their errors.
        """
        at_rest = rest.errors_at_rest if len(rest.errors_at_rest.values) else rest.other
        parts = (footage.flips, footage.disagreement, footage.errors, at_rest)
        return cls(float(np.nansum([part.mean for part in parts])), at_rest)


@dataclass(frozen=True)
class Trial:
    """A recipe trained so many steps with one seed: the weights' share of the way, and its score."""

    steps: int
    weight: float
    scored: Scored


def weighted(
    old: nn.Module, new: nn.Module, validation: Validation
) -> tuple[nn.Module, float, Scored]:
    """The best network between old and new weights, its share of the way, and its score."""
    tried = [(share, mixed(old, new, share)) for share in WEIGHTS]
    scores = [(validation.scored(module), module, share) for share, module in tried]
    best, module, share = min(scores, key=lambda each: each[0].score)
    return module, share, best


@dataclass(frozen=True)
class Choice:
    """The chosen recipe, or BEFORE, and the last trials of every recipe."""

    chosen: str
    trials: Mapping[str, Sequence[Trial]]

    def score(self, name: str) -> float:
        """The mean score of a recipe."""
        return mean_score(self.trials[name])


def mean_score(trials: Sequence[Trial]) -> float:
    """Over seeds."""
    return float(np.mean([trial.scored.score for trial in trials]))


def short_steps(steps: int) -> int:
    """After how many steps the worse half is left out."""
    return max(1, round(SHORT * steps))


def choose(
    names: Sequence[str],
    trial: Callable[[str, int, int], Trial],
    before: Scored,
    steps: int,
    seeds: int,
    always: Sequence[str] = (),
) -> Choice:
    """Choose by successive halving (Jamieson & Talwalkar 2016) with one halving.

    Parameters
    ----------
    names
        Of the recipes.
    trial
        Trains a recipe (name, seed, steps); a longer training goes on where a shorter one paused.
    before
        Of the network as it is.
    steps, seeds
        Of the trainings that go on.
    always
        Recipes that go on for comparison, whatever their score.

    Returns
    -------
    Choice
        The recipe of the lowest mean score whose errors at rest did not surely rise; BEFORE if none scores lower
        than the network as it is.
    """
    trials = {name: [trial(name, 0, short_steps(steps))] for name in names}
    ranked = sorted(names, key=lambda name: mean_score(trials[name]))
    better = ranked[: math.ceil(len(names) / 2)]
    for name in (*better, *(one for one in always if one not in better)):
        trials[name] = [trial(name, seed, steps) for seed in range(seeds)]
    scores = {
        name: mean_score(trials[name])
        for name in better
        if not rises(before.at_rest, [run.scored.at_rest for run in trials[name]])
    }
    chosen = min(scores, key=lambda name: scores[name], default=BEFORE)
    if not scores or scores[chosen] >= before.score:
        chosen = BEFORE
    return Choice(chosen, trials)


def rises(before: CountedRows, after: Sequence[CountedRows]) -> bool:
    """Whether a rate surely rises, over clusters and seeds."""
    rates = crossed_rates([before] * len(after), after, "", events=before.events)
    return bool(rates.after > rates.before and rates.p < ALPHA)
