"""Three other recipes of fine-tuning with the tool's policy against random augmentation, on development parts.

    python benchmarks/heal_redesigns.py --keep DIR [--condition light] [--seeds 2] [--only longer ...] \\
        [--policy FILE]

The parts, seeds and footage are those of ``benchmarks/heal.py --development``; none of them judges there. Against
the recipe of today: the policy alone, on every picture, up to 1.5 times the measured range; twice the steps at
twice the rate; and the divergence between the calm picture's answer and those of two changed copies (AugMix,
Hendrycks et al. 2020), ``random`` and ``policy`` alike. Continues where it was stopped.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import adapt as line
import cv2
import harness
import heal
import numpy as np
import pandas as pd
import torch
from harness import say

from vidrobust.pipeline.open import opened_folder
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.finetune import study
from vidrobust.plugins.finetune.arms import ARMS, Arm
from vidrobust.plugins.finetune.compare import CountedRows, crossed_rates
from vidrobust.plugins.finetune.judge import ERRORS, FLIPS, FOOTAGE
from vidrobust.plugins.finetune.steps import steps_of
from vidrobust.stages.policy.policy import Policy
from vidrobust.text.numbers import percent, percent_with_interval

POLICY, ALONE = "policy", "policy alone"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What differs from the recipe of ``heal.py``; ``alone`` adds an arm with the policy and nothing else."""

    arms: tuple[Arm, ...] = (ARMS["random"], ARMS[POLICY])
    times: int = 1
    alone: bool = False


RECIPES = {
    "today": Recipe(alone=True),
    "longer": Recipe(times=2),
    "consistent": Recipe(arms=tuple(replace(ARMS[name], loss="jsd") for name in ("random", POLICY))),
}
WIDER = 1.5


@dataclass(frozen=True, kw_only=True)
class AskedOfRecipe(line.AskedAtLength):
    """With arms of its own."""

    own: tuple[Arm, ...]

    def chosen_arms(self, known: Any = ARMS) -> tuple[Arm, ...]:
        return self.own


def alone(policy: Policy) -> Arm:
    """The policy on every picture, up to WIDER times its range."""
    steps = (
        replace(
            step,
            low=step.low * WIDER,
            high=step.high * WIDER,
            axes=tuple(size * WIDER for size in step.axes),
            probability=1.0,
        )
        for step in steps_of(policy)
    )
    return Arm(ALONE, "the policy on every picture", steps=tuple(steps))


def rows_of(given: Any, name: str) -> pd.DataFrame:
    """A row for each arm ("before" too), seed, metric and clip: values; kept once they are made."""
    kept = given.keep / "redesigns" / f"{given.condition}-{name}-{given.seeds}.parquet".replace(" ", "-")
    if kept.is_file():
        return pd.read_parquet(kept)
    recipe, size = RECIPES[name], heal.size_of(given.condition)
    file = given.policy or heal.policy_of(given, given.condition)[0]
    kept.parent.mkdir(exist_ok=True)
    asked = AskedOfRecipe(
        own=(*recipe.arms, *([alone(Policy.read(file))] if recipe.alone else [])),
        seeds=given.seeds,
        steps=size.steps * recipe.times,
        batch=heal.BATCH,
        rate=size.rate * recipe.times,
        targets="labels",
        policy=file,
        on=str(heal.run_of(given, given.condition, 0, size.calm)),
        training=heal.TRAINING,
        judging=heal.JUDGING,
        quick=True,
    )
    found: list[pd.DataFrame] = []
    table_of = study.table_of

    def noted(model: str, bench: Any, before: Any, answers: Any, families: Any) -> pd.DataFrame:
        for arm, every in ({"before": [before]} | answers).items():
            for seed, one in enumerate(every):
                for made in bench.values(one, before):
                    if made.judged == FOOTAGE and made.metric in (FLIPS, ERRORS):
                        columns = {"arm": arm, "seed": seed, "metric": made.metric}
                        rows = {"value": made.values, "unit": made.unit}
                        found.append(pd.DataFrame(rows).assign(**columns))
        return table_of(model, bench, before, answers, families)

    study.table_of = noted
    with opened_folder(heal.run_of(given, given.condition, 2, size.line), {}, Reporter(quiet=True)) as run:
        study.adapt(run, asked)
    study.table_of = table_of
    made = pd.concat(found, ignore_index=True)
    made.to_parquet(kept)
    return made


def counted(rows: pd.DataFrame, arm: str, metric: str) -> list[CountedRows]:
    """One repetition a seed."""
    mine = rows[(rows["arm"] == arm) & (rows["metric"] == metric)]
    return [CountedRows(r["value"].to_numpy(), r["unit"].to_numpy(np.int64)) for _, r in mine.groupby("seed")]


def ratio(before: Sequence[CountedRows], after: Sequence[CountedRows]) -> str:
    found = crossed_rates(before, after, "parts", events=True)
    return percent_with_interval(found.ratio, found.low, found.high)


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--condition", choices=[*heal.CONDITIONS], default="light")
    parser.add_argument("--only", nargs="+", choices=[*RECIPES], default=[*RECIPES])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument(
        "--policy", type=Path, help="of an earlier study of the condition, instead of a new one"
    )
    parser.add_argument("--keep", type=Path, required=True, help="where footage, runs and tables are kept")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    given = Namespace(**vars(given), development=True)
    given.keep.mkdir(parents=True, exist_ok=True)
    found = {name: rows_of(given, name) for name in ("today", *(n for n in given.only if n != "today"))}
    table = harness.table(
        "recipe",
        "flips: random, policy",
        "policy's of random's",
        "seed by seed",
        "errors",
        "errors, of random's",
    )
    for name, rows in found.items():
        for arm in [arm for arm in dict.fromkeys(rows["arm"]) if arm not in ("before", "random")]:
            cells: list[str] = []
            for metric in (FLIPS, ERRORS):
                sides = counted(rows, "random", metric), counted(rows, arm, metric)
                means = ", ".join(percent(np.mean([r.values.mean() for r in side])) for side in sides)
                cells += [means, ratio(*sides)]
                if metric == FLIPS:
                    cells.append("; ".join(ratio([a], [b]) for a, b in zip(*sides, strict=True)))
            table.row(f"{name}: {arm}", *cells)
    before = found["today"]
    say("")
    for metric in (FLIPS, ERRORS):
        say(f"before: {metric} {percent(counted(before, 'before', metric)[0].values.mean())}")


if __name__ == "__main__":
    harness.run(main)
