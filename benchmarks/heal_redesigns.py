"""Three other recipes of fine-tuning with the tool's policy against random augmentation, on development parts.

    python benchmarks/heal_redesigns.py --keep DIR [--condition light] [--seeds 2] [--only longer ...] \\
        [--policy FILE]
    python benchmarks/heal_redesigns.py --keep DIR --judged

The parts, seeds and footage are those of ``benchmarks/heal.py --development``; none of them judges there. Against
the recipe of today: the policy alone, on every picture, up to 1.5 times the measured range; twice the steps at
twice the rate; and the divergence between the calm picture's answer and those of two changed copies (AugMix,
Hendrycks et al. 2020), ``random`` and ``policy`` alike. Continues where it was stopped.

``--judged`` judges the first of them, chosen on development parts, once on parts that nothing else has used
(docs/heal.md, "Second judgement").
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
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

from vidrobust.files.atomic import write_text
from vidrobust.perturb.catalogue import find
from vidrobust.pipeline.open import opened_folder
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.finetune import plan, study
from vidrobust.plugins.finetune.arms import ARMS, Arm
from vidrobust.plugins.finetune.compare import CountedRows, crossed_rates
from vidrobust.plugins.finetune.judge import ERRORS, FLIPS, FOOTAGE, NEGATIVE
from vidrobust.plugins.finetune.steps import Mixture, steps_of
from vidrobust.stages.policy.policy import GAIN, Policy, PolicyStep
from vidrobust.stages.variation.spread import OF_WIDTH
from vidrobust.statistics.ratios import PairedRatio
from vidrobust.statistics.significance import benjamini_hochberg
from vidrobust.text.numbers import percent, percent_with_interval

RANDOM, POLICY, ALONE, STRONG = "random", "policy", "policy alone", "random as strong"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What differs from the recipe of ``heal.py``; ``alone`` adds an arm with the policy and nothing else."""

    arms: tuple[Arm, ...] = (ARMS[RANDOM], ARMS[POLICY])
    times: int = 1
    alone: bool = False


RECIPES = {
    "today": Recipe(alone=True),
    "longer": Recipe(times=2),
    "consistent": Recipe(arms=tuple(replace(ARMS[name], loss="jsd") for name in (RANDOM, POLICY))),
}
WIDER = 1.5

# The second judgement. Its rival as often and as strong as the policy alone:
OF_EQUAL_STRENGTH = Arm(STRONG, "on every picture as many changes, each as strong", mix="random")
JUDGED = Recipe(arms=(ARMS[RANDOM], OF_EQUAL_STRENGTH), alone=True)
# First seed of its parts, and the seeds of training.
FRESH, SEEDS = 36_100, 3


def step(
    key: str,
    low: float,
    high: float,
    unit: str,
    probability: float = 0.5,
    axes: tuple[float, ...] = (),
) -> PolicyStep:
    return PolicyStep(
        perturbation=key,
        family=find(key).family,
        unit=unit,
        low=low,
        high=high,
        probability=probability,
        axes=axes,
    )


# Steps that the study recommended for the recordings of the first judgement; none under hue and focus.
RECOMMENDED: Mapping[str, tuple[PolicyStep, ...]] = {
    "shake": (step("translation", -0.02, 0.02, OF_WIDTH, axes=(0.02, 0.01941)),),
    "light": (
        step("brightness", -0.4444, 0.4352, GAIN),
        step("translation", 0.0, 0.004827, OF_WIDTH, probability=0.3),
    ),
    "exposure": (step("brightness", -0.5826, 0.4147, GAIN),),
    "noise": (
        step("gaussian_noise", 0.0, 15.17, "sigma, levels of 255"),
        step("translation", 0.0, 0.003712, OF_WIDTH),
    ),
    "light and hue": (
        step("brightness", -0.4623, 0.4198, GAIN),
        step("translation", 0.0, 0.005254, OF_WIDTH),
    ),
}


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


def rows_of(given: Any, name: str, recipe: Recipe) -> pd.DataFrame:
    """A row for each arm ("before" too), seed, metric and clip: values; kept once they are made."""
    kept = (
        given.keep
        / "redesigns"
        / f"{given.condition}-{name}-{given.seeds}.parquet".replace(" ", "-")
    )
    if kept.is_file():
        return pd.read_parquet(kept)
    size = heal.size_of(given.condition)
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
    table_of, mixtures_of = study.table_of, study._mixtures

    def mixtures(
        network: Any, arms: Any, policy: Policy, steps: Any, on: Any, held: Any
    ) -> dict[str, Mixture]:
        made = mixtures_of(network, arms, policy, steps, on, held)
        if OF_EQUAL_STRENGTH in arms:
            wide = alone(policy).steps
            drawn = plan.matched(network, on, wide, held).steps.values()
            made[STRONG] = Mixture(one_of=tuple(drawn), chances=(1.0,) * len(wide))
        return made

    def noted(model: str, bench: Any, before: Any, answers: Any, families: Any) -> pd.DataFrame:
        for arm, every in ({"before": [before]} | answers).items():
            for seed, one in enumerate(every):
                for made in bench.values(one, before):
                    if made.judged == FOOTAGE and made.metric in (FLIPS, ERRORS, NEGATIVE):
                        columns = {"arm": arm, "seed": seed, "metric": made.metric}
                        rows = {"value": made.values, "unit": made.unit}
                        found.append(pd.DataFrame(rows).assign(**columns))
        made = table_of(model, bench, before, answers, families)
        return made[made["arm"].isin(ARMS)]  # the conclusions of ``adapt`` are about its own arms

    study.table_of, study._mixtures = noted, mixtures
    with opened_folder(
        heal.run_of(given, given.condition, 2, size.line), {}, Reporter(quiet=True)
    ) as run:
        study.adapt(run, asked)
    study.table_of, study._mixtures = table_of, mixtures_of
    made = pd.concat(found, ignore_index=True)
    made.to_parquet(kept)
    return made


def counted(rows: pd.DataFrame, arm: str, metric: str) -> list[CountedRows]:
    """One repetition a seed."""
    mine = rows[(rows["arm"] == arm) & (rows["metric"] == metric)]
    return [
        CountedRows(r["value"].to_numpy(), r["unit"].to_numpy(np.int64))
        for _, r in mine.groupby("seed")
    ]


def compared(before: Sequence[CountedRows], after: Sequence[CountedRows]) -> PairedRatio:
    return crossed_rates(before, after, "parts", events=True)


def ratio(before: Sequence[CountedRows], after: Sequence[CountedRows]) -> str:
    found = compared(before, after)
    return percent_with_interval(found.ratio, found.low, found.high)


def judge(given: Any) -> None:
    """The second judgement, a condition after another; what is there is printed after each."""
    found: dict[str, pd.DataFrame] = {}
    for name, steps in RECOMMENDED.items():
        file = given.keep / f"{name}.json".replace(" ", "-")
        write_text(file, Policy(steps=steps).to_json())
        asked = vars(given) | {"condition": name, "seeds": SEEDS, "policy": file}
        found[name] = rows_of(Namespace(**asked), "judged", JUDGED)
        print(f"{name} done", flush=True)
    rates = harness.table(
        "condition", "arm", "flips", "left of before", "errors", "right before, wrong now"
    )
    for name, rows in found.items():
        was = counted(rows, "before", FLIPS) * SEEDS
        for arm in dict.fromkeys(rows["arm"]):
            flips, errors, lost = (
                counted(rows, arm, metric) for metric in (FLIPS, ERRORS, NEGATIVE)
            )
            means = [
                percent(np.mean([r.values.mean() for r in each])) for each in (flips, errors, lost)
            ]
            left = "" if arm == "before" else ratio(was, flips)
            rates.row(name, arm, means[0], left, *means[1:])
    for rival in (RANDOM, STRONG):
        say(f"\nThe policy alone against {rival}:\n")
        verdicts(found, rival)


def verdicts(found: Mapping[str, pd.DataFrame], rival: str) -> None:
    """Flips and errors of the policy alone in % of a rival's, q over conditions."""
    flips, errors = (
        [compared(counted(r, rival, metric), counted(r, ALONE, metric)) for r in found.values()]
        for metric in (FLIPS, ERRORS)
    )
    q = benjamini_hochberg(np.array([each.p for each in flips]))
    table = harness.table("condition", "flips", "q", "errors", "surely better")
    for name, less, wrong, each in zip(found, flips, errors, q, strict=True):
        more_errors = wrong.ratio > 1 and wrong.p < heal.LEVEL
        sure = each < heal.LEVEL and less.ratio < 1 and not more_errors
        shown = [percent_with_interval(r.ratio, r.low, r.high) for r in (less, wrong)]
        table.row(name, shown[0], each, shown[1], "yes" if sure else "no")


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--condition", choices=[*heal.CONDITIONS], default="light")
    parser.add_argument("--only", nargs="+", choices=[*RECIPES], default=[*RECIPES])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument(
        "--policy", type=Path, help="of an earlier study of the condition, instead of a new one"
    )
    parser.add_argument(
        "--judged", action="store_true", help="the second judgement, on fresh parts"
    )
    parser.add_argument(
        "--keep", type=Path, required=True, help="where footage, runs and tables are kept"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    given.start = FRESH if given.judged else heal.DEVELOPMENT
    given.keep.mkdir(parents=True, exist_ok=True)
    (judge if given.judged else develop)(given)


def develop(given: Any) -> None:
    """Every recipe on development parts."""
    names = ("today", *(n for n in given.only if n != "today"))
    found = {name: rows_of(given, name, RECIPES[name]) for name in names}
    table = harness.table(
        "recipe",
        "flips: random, policy",
        "policy's of random's",
        "seed by seed",
        "errors",
        "errors, of random's",
    )
    for name, rows in found.items():
        for arm in [arm for arm in dict.fromkeys(rows["arm"]) if arm not in ("before", RANDOM)]:
            cells: list[str] = []
            for metric in (FLIPS, ERRORS):
                sides = counted(rows, RANDOM, metric), counted(rows, arm, metric)
                means = ", ".join(
                    percent(np.mean([r.values.mean() for r in side])) for side in sides
                )
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
