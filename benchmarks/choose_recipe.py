"""Does choosing a recipe by trying it on one's own footage leave fewer flips and errors than any usual recipe?

    python benchmarks/choose_recipe.py --out DIR [--seeds 1] [--worlds 16]
    python benchmarks/choose_recipe.py --out DIR --result

A test whose design was committed before its run (docs/heal.md): the second one, whose rule asks a jury. A world has
a line under one condition or two (``worlds``, drawn once by seed), labelled calm pictures, and 40 fresh parts under
the condition, half of which validate and half judge. The user has no labels of the condition. ``vidrobust study``
looks at validating parts and writes policy.json; each recipe is trained as ``vidrobust adapt`` trains it, and its rule
chooses (vidrobust/plugins/finetune/choose.py). Every finished training is a JSON line in ``--out``, so that a second
call goes on. Seeds come one after another: all worlds have the first seed before any has the second.

Primary outcome: flips and errors of *chosen* in % of each fixed recipe's on the parts that judge, means over seeds,
pooled over worlds: the mean of log ratios of (events + .5) / (rows + 1), its 95 % t interval and the p-value of sign
flips over worlds. Worlds without a step of the policy have no recipe *policy*. Only worlds in which every recipe has
the same number of seeds count.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import harness
import line_one_view
import numpy as np
import pandas as pd
import torch
from harness import say

from vidrobust.files.atomic import write_text
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.finetune.choose import (
    BEFORE,
    Choice,
    Scored,
    Trial,
    Validation,
    choose,
    short_steps,
    weighted,
)
from vidrobust.plugins.finetune.judge import ClassBench, CountedRows, neighbours
from vidrobust.plugins.finetune.network import TrainableClassifier
from vidrobust.plugins.finetune.recipes import PLAIN, Recipe, of_policy, usual
from vidrobust.plugins.finetune.steps import steps_of
from vidrobust.plugins.finetune.train import ClassSamples, LineFrames, Schedule, Training, mixed
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.policy.policy import Policy
from vidrobust.statistics.associations import spearman
from vidrobust.statistics.significance import sign_flip_p
from vidrobust.statistics.standard_errors import t_quantile
from vidrobust.text.numbers import percent, percent_with_interval
from vidrobust.video.source import open_video

MODEL = "line_one_view:classifier"
# Of each dial the range that its size is drawn from, and the family of its augmentation.
SIZES = {
    "light": (0.2, 0.4),
    "exposure": (0.15, 0.3),
    "hue": (12.0, 28.0),
    "noise": (10.0, 22.0),
    "shake": (4.0, 8.0),
    "focus": (2.0, 4.0),
}
FAMILIES = {
    "light": "light",
    "exposure": "light",
    "hue": "colour",
    "noise": "noise",
    "shake": "geometry",
    "focus": "blur",
}
DRAWN, FIRST_SEED = 62, 62_100  # seed of the worlds, and of the first world's parts
COUNT, SEEDS = 16, 1
SCHEDULE = Schedule(steps=150, batch=16, rate=1e-3)
CALM, LINE = (48, 5), (40, 12)  # parts and frames a clip
# Where the parts of a class go in turn.
SIDES = {
    "line": ("validate", "judge"),
    "calm": ("train", "train", "validate", "train", "judge", "train"),
}
# Of the study: parts of the validating half, pairs and frames.
STUDIED, PAIRS, TESTED = 12, 18, 16
# Pictures and draws by which recipes are ranked before training.
SHOWN, DRAWS = 16, 4
NEAR_BEST = 1.1
TRAININGS = "trainings.jsonl"
USUAL_ONES = ("trivialaugment", "randaugment", "augmix")


def worlds() -> list[dict[str, float]]:
    """Dial -> size of every world: two rounds of the six dials, each with two pairs at its end."""
    rng, made = np.random.default_rng(DRAWN), []
    for _ in range(2):
        singles = [(name,) for name in rng.permutation(list(SIZES))]
        pairs = [tuple(rng.permutation(list(SIZES))[:2]) for _ in range(2)]
        for names in (*singles, *pairs):
            made.append({str(name): round(float(rng.uniform(*SIZES[name])), 3) for name in names})
    return made


@dataclass
class World:
    """One world: its footage, its policy, what trains, validates and judges."""

    number: int
    folder: Path

    @property
    def seed(self) -> int:
        return FIRST_SEED + 10 * self.number

    @property
    def dials(self) -> dict[str, float]:
        return worlds()[self.number]

    @cached_property
    def network(self) -> TrainableClassifier:
        module, preprocess, names = line_one_view.classifier()
        return TrainableClassifier(module.eval(), preprocess, names, False, torch.device("cpu"))

    def footage(self, what: str) -> pd.DataFrame:
        """The manifest of calm or line footage, with the side of each part."""
        parts, frames = CALM if what == "calm" else LINE
        dials = () if what == "calm" else tuple(f"{k}={v}" for k, v in self.dials.items())
        folder = self.folder / what
        if not (folder / "manifest.csv").is_file():
            settings = RenderSettings(
                parts=parts, seconds=frames / 30, seed=self.seed + (what == "line"), dials=dials
            )
            render(settings, folder, overwrite=True)
        rows = pd.read_csv(folder / "manifest.csv")
        rows["path"] = [str((folder / path).resolve()) for path in rows["path"]]
        label, sides = pd.factorize(rows["label"])[0], SIDES[what]
        # as many of every class on each side
        turn = rows.groupby("label", sort=False).cumcount() + label
        return rows.assign(side=[sides[k % len(sides)] for k in turn])

    @cached_property
    def policy(self) -> Policy:
        """What the study of validating parts recommends or suggests."""
        rows = self.footage("line")
        rows = rows[rows["side"] == "validate"].head(STUDIED).drop(columns="side")
        manifest = self.folder / "studied.csv"
        write_text(manifest, rows.to_csv(index=False))
        settings = Settings(
            sources=(str(manifest),), model=(MODEL,), pairs=PAIRS, frames=TESTED, workers=1
        )
        run_folder = str(self.folder / "run")
        with opened_sources(settings, run_folder, Reporter(quiet=True)) as run:
            build(run, STAGES, ["policy"])
        return Policy.read(self.folder / "run" / "policy.json")

    @cached_property
    def recipes(self) -> dict[str, Recipe]:
        """The portfolio without footage: the usual recipes, and the policy where it has a step."""
        every = (*usual(), *of_policy(steps_of(self.policy), boxes=False)[:1])
        return {recipe.name: recipe for recipe in every}

    def pictures(self, what: str, side: str) -> tuple[pd.DataFrame, list[torch.Tensor]]:
        """Rows of whole parts (item, part, place, time_s, label), and their frames (1, 3, H, W)."""
        manifest, found, frames = self.footage(what), [], []
        truth = pd.read_parquet(self.folder / what / "truth.parquet")
        for row in manifest[manifest["side"] == side].itertuples():
            whole = truth[(truth["item"] == row.item) & truth["whole"]]["frame"].to_numpy(int)
            with open_video(row.path) as source:
                frames += [frame[None] for frame in source.at(whole.tolist()).pixels]
            about = {"item": row.item, "part": row.part, "place": whole, "time_s": whole / 30}
            found.append(pd.DataFrame({**about, "label": row.label}))
        return pd.concat(found, ignore_index=True), frames

    def bench(self, what: str, side: str, *, labelled: bool) -> ClassBench:
        frames, pixels = self.pictures(what, side)
        return ClassBench(
            network=self.network,
            frames=frames,
            pictures=torch.cat([self.network.cut(frame) for frame in pixels]),
            pairs=neighbours(frames, np.zeros(len(frames), bool)),
            line=LineFrames(
                stretch=pd.factorize(frames["item"])[0],
                time_s=frames["time_s"].to_numpy(float),
                whole=np.ones(len(frames), bool),
            ),
            right=[frozenset({self.network.class_names.index(name)}) for name in frames["label"]]
            if labelled
            else (),
        )

    @cached_property
    def samples(self) -> ClassSamples:
        frames, pixels = self.pictures("calm", "train")
        targets = torch.zeros(len(frames), len(self.network.class_names))
        for row, name in enumerate(frames["label"]):
            targets[row, self.network.class_names.index(name)] = 1
        return ClassSamples(
            network=self.network,
            frames=pixels,
            cut=torch.cat([self.network.cut(frame) for frame in pixels]),
            targets=targets,
            pools=(np.arange(len(frames)),),
            after=np.arange(len(frames)),
        )

    @cached_property
    def shorts(self) -> dict[str, Training]:
        """The first short training of every recipe, which goes on."""
        made = {
            name: Training(self.samples, recipe, SCHEDULE, 0)
            for name, recipe in self.recipes.items()
        }
        for training in made.values():
            training.until(short_steps(SCHEDULE.steps))
        return made

    @cached_property
    def validation(self) -> Validation:
        """With the jury that ``adapt`` has: the network as it is and the short trainings."""
        line = self.bench("line", "validate", labelled=False)
        kept = self.folder / "jury.npy"
        if not kept.is_file():
            old = self.network.module
            new = [mixed(old, training.module, 1.0) for training in self.shorts.values()]
            np.save(kept, line.with_jury([old, *new]).jury)
        return Validation(
            replace(line, jury=np.load(kept)), self.bench("calm", "validate", labelled=True)
        )

    @cached_property
    def judges(self) -> tuple[ClassBench, ClassBench]:
        return (
            self.bench("line", "judge", labelled=True),
            self.bench("calm", "judge", labelled=True),
        )

    def judged(self, module: torch.nn.Module) -> dict[str, list[float]]:
        """Events and rows of flips, errors and errors at rest on the parts that judge."""
        line, calm = (bench.measured(module) for bench in self.judges)
        counted = {
            "flips": line.flips,
            "errors": line.errors,
            "errors_at_rest": calm.errors_at_rest,
        }
        return {k: [float(v.values.sum()), len(v.values)] for k, v in counted.items()}

    def about(self) -> dict[str, Any]:
        """What is known before training: the network as it is, the policy, and the ranks of the recipes."""
        steps = [
            {
                "perturbation": s.perturbation,
                "family": s.family,
                "level": s.level,
                "words": s.in_words,
            }
            for s in self.policy.steps
        ]
        return {
            "world": self.number,
            "dials": self.dials,
            "steps": steps,
            "before": plain_score(self.validation.scored(self.network.module)),
            "judged": self.judged(self.network.module),
            "near": {name: self.near(recipe) for name, recipe in self.recipes.items()},
        }

    def near(self, recipe: Recipe) -> dict[str, float]:
        """How near the draws of a recipe come to the measured changes, in logits (Mintun et al. 2021).

        ``distance`` is from each measured change of a frame from its clip's mean to the nearest draw, over the mean
        size of the changes; ``covered`` is the share of changes that a draw comes nearer to than half of their
        size; ``beyond`` is the mean size of draws over that of the changes.
        """
        footage = self.validation.footage
        answers = self.centred(footage.pictures)
        means = pd.DataFrame(answers).groupby(footage.line.stretch).transform("mean").to_numpy()
        seen = answers - means
        rows = np.linspace(0, len(self.samples.cut) - 1, SHOWN).astype(int)
        calm, draws = self.centred(self.samples.cut[rows]), torch.Generator().manual_seed(self.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            views = [
                self.samples.view(int(row), recipe, draws) for _ in range(DRAWS) for row in rows
            ]
        drawn = self.centred(torch.stack(views)) - np.tile(calm, (DRAWS, 1))
        size = np.linalg.norm(seen, axis=1)
        nearest = np.linalg.norm(seen[:, None] - drawn[None], axis=2).min(axis=1)
        return {
            "distance": float(nearest.mean() / size.mean()),
            "covered": float((nearest < size / 2).mean()),
            "beyond": float(np.linalg.norm(drawn, axis=1).mean() / size.mean()),
        }

    def centred(self, pictures: torch.Tensor) -> np.ndarray:
        """(N, K) centred logits."""
        with torch.inference_mode():
            rows = torch.cat(
                [self.network.logits(self.network.module, part) for part in pictures.split(32)]
            ).numpy()
        centred: np.ndarray = rows - rows.mean(axis=1, keepdims=True)
        return centred

    def trained(self, name: str, seed: int) -> dict[str, Any]:
        """One training: the short one, which goes on, and what judges the long one."""
        begin = time.process_time()
        training = (
            Training(self.samples, self.recipes[name], SCHEDULE, seed)
            if seed
            else self.shorts[name]
        )
        line: dict[str, Any] = {"world": self.number, "recipe": name, "seed": seed}
        module = training.module
        for key, steps in (("short", short_steps(SCHEDULE.steps)), ("long", SCHEDULE.steps)):
            if key == "short" and seed:
                continue  # the first seed alone decides which recipes go on
            training.until(steps)
            module, weight, found = weighted(self.network.module, training.module, self.validation)
            line[key] = {"weight": weight, **plain_score(found)}
        return line | {"judged": self.judged(module), "cpu_s": time.process_time() - begin}


def plain_score(found: Scored) -> dict[str, Any]:
    return {
        "score": found.score,
        "at_rest": found.at_rest.values.tolist(),
        "code": found.at_rest.code.tolist(),
    }


def score_of(plain: Mapping[str, Any]) -> Scored:
    rows = CountedRows(np.array(plain["at_rest"]), np.array(plain["code"], np.int64))
    return Scored(float(plain["score"]), rows)


# What is kept


def abouts_of(out: Path) -> dict[int, dict[str, Any]]:
    return {
        found["world"]: found
        for file in sorted(out.glob("world-*.json"))
        for found in [json.loads(file.read_text())]
    }


def make(given: Any) -> None:
    """Every missing training."""
    file = given.out / TRAININGS
    for seed, number in itertools.product(range(given.seeds), range(given.worlds)):
        kept = [line for line in harness.kept_lines(file) if line["world"] == number]
        done = {(line["recipe"], line["seed"]) for line in kept}
        world = World(number, given.out / f"footage-{number:02d}")
        about = given.out / f"world-{number:02d}.json"
        if not about.is_file():
            write_text(about, json.dumps(world.about()))
            print(f"world {number}: {world.dials}: studied", flush=True)
        for name in json.loads(about.read_text())["near"]:
            if (name, seed) not in done:
                line = world.trained(name, seed)
                harness.keep_line(file, line)
                print(f"world {number}: {name}, seed {seed}: {line['cpu_s']:.0f} s", flush=True)


# The result


@dataclass(frozen=True)
class Result:
    """One finished world: the choice and the judged rates of every recipe and of BEFORE."""

    about: Mapping[str, Any]
    choice: Choice
    rates: Mapping[str, Mapping[str, float]]
    seeds: int

    @property
    def chosen(self) -> Mapping[str, float]:
        return self.rates[self.choice.chosen]

    def loss(self, name: str) -> float:
        """Flips and errors of a recipe."""
        return self.rates[name]["flips"] + self.rates[name]["errors"]

    @property
    def near_best(self) -> bool:
        """Whether the chosen recipe is the best or within a tenth of it."""
        best = min(self.loss(name) for name in self.rates)
        return self.loss(self.choice.chosen) <= NEAR_BEST * best


def rate(counts: Sequence[Sequence[float]]) -> float:
    """The mean over seeds of (events + .5) / (rows + 1)."""
    return float(np.mean([(events + 0.5) / (rows + 1) for events, rows in counts]))


def results(out: Path) -> Iterator[Result]:
    """The worlds in which all recipes have as many seeds."""
    every = harness.kept_lines(out / TRAININGS)
    for number, about in abouts_of(out).items():
        mine = {
            name: [line for line in every if (line["world"], line["recipe"]) == (number, name)]
            for name in about["near"]
        }
        seeds = min(len(lines) for lines in mine.values())
        if not seeds:
            continue
        of = {(name, line["seed"]): line for name, lines in mine.items() for line in lines}

        def trial(name: str, seed: int, steps: int, of: Any = of) -> Trial:
            found = of[name, seed]["long" if steps == SCHEDULE.steps else "short"]
            return Trial(steps, found["weight"], score_of(found))

        choice = choose(list(mine), trial, score_of(about["before"]), SCHEDULE.steps, seeds)
        rates = {
            name: {
                metric: rate([of[name, seed]["judged"][metric] for seed in range(seeds)])
                for metric in about["judged"]
            }
            for name in mine
        }
        rates[BEFORE] = {metric: rate([counts]) for metric, counts in about["judged"].items()}
        yield Result(about, choice, rates, seeds)


@dataclass(frozen=True)
class Pooled:
    """A ratio pooled over worlds, its 95 % interval and the p-value of sign flips."""

    ratio: float
    low: float
    high: float
    p: float
    n: int

    def __str__(self) -> str:
        return percent_with_interval(self.ratio, self.low, self.high)


def pooled(logs: Sequence[float]) -> Pooled:
    """Of log ratios of worlds."""
    values, n = np.array(logs), len(logs)
    if n < 2:
        return Pooled(
            float(np.exp(values.mean())) if n else math.nan, math.nan, math.nan, math.nan, n
        )
    half = t_quantile(0.975, n - 1) * values.std(ddof=1) / math.sqrt(n)
    ends = np.exp([values.mean(), values.mean() - half, values.mean() + half])
    return Pooled(*ends.tolist(), sign_flip_p(values, alternative="two-sided"), n)


def against(every: Sequence[Result], name: str, metric: str, tried: str | None = None) -> Pooled:
    """A recipe, by default the chosen one, in % of a fixed recipe, over the worlds that have both."""
    pairs = [
        (r.chosen if tried is None else r.rates[tried], r.rates[name])
        for r in every
        if name in r.rates and (tried is None or tried in r.rates)
    ]
    return pooled([math.log(one[metric] / other[metric]) for one, other in pairs])


def result(given: Any) -> None:
    """The tables, and the verdicts of the aims."""
    every = list(results(given.out))
    seeds = sorted({r.seeds for r in every})
    say(
        f"{len(every)} of {COUNT} worlds finished, with {' or '.join(map(str, seeds))} of {SEEDS} seeds.\n"
    )
    names = list(dict.fromkeys(name for r in every for name in r.rates))
    rates = harness.table("world", *names, "chosen")
    for r in every:
        dials = ", ".join(f"{k} {v:.2g}" for k, v in r.about["dials"].items())
        cells = [
            f"{percent(r.rates[n]['flips'])} ({percent(r.rates[n]['errors'])})"
            if n in r.rates
            else "no step"
            for n in names
        ]
        rates.row(dials, *cells, r.choice.chosen)
    say("\nFlips and errors of *chosen* in % of each fixed recipe's, pooled over worlds:\n")
    pool = harness.table("recipe", "flips", "p", "errors", "p", "errors at rest", "worlds")
    for name in names:
        flips, errors, rest = (
            against(every, name, m) for m in ("flips", "errors", "errors_at_rest")
        )
        pool.row(name, flips, flips.p, errors, errors.p, rest, flips.n)
    say("\nEach recipe in % of plain fine-tuning:\n")
    fixed = harness.table("recipe", "flips", "p", "errors", "p", "worlds")
    for name in names:
        if name != PLAIN.name:
            flips, errors = (against(every, PLAIN.name, m, name) for m in ("flips", "errors"))
            fixed.row(name, flips, flips.p, errors, errors.p, flips.n)
    say("")
    verdicts(every)
    ranks(every)


def verdicts(every: Sequence[Result]) -> None:
    """The aims, one after another."""
    fixed = [n for n in every[0].rates if n != BEFORE] if every else []
    best = min(fixed, key=lambda n: np.mean([r.loss(n) for r in every if n in r.rates]), default="")
    aims = harness.table("aim", "reached")
    of_plain = [against(every, PLAIN.name, m) for m in ("flips", "errors")]
    aims.row(
        "at most 60 % of plain's flips and errors, surely fewer",
        all(p.ratio <= 0.6 and p.high < 1 for p in of_plain),
    )
    for name in USUAL_ONES:
        two = [against(every, name, m) for m in ("flips", "errors")]
        reached = any(p.ratio <= 0.85 for p in two) and not any(p.low > 1 for p in two)
        aims.row(f"at most 85 % of {name}'s flips or errors, neither surely above 100 %", reached)
    if best:
        two = [against(every, best, m) for m in ("flips", "errors")]
        aims.row(
            f"at most 110 % of {best}'s, the best fixed one in hindsight",
            all(p.ratio <= 1.1 for p in two),
        )
    near = sum(r.near_best for r in every)
    aims.row(
        f"the best or within 10 % of it in 12 of 16 worlds: {near} of {len(every)}", near >= 12
    )
    rest = against(every, BEFORE, "errors_at_rest")
    aims.row(f"errors at rest not surely above before: {rest}", not rest.low > 1)
    opened = [r for r in every if not acted_on(r)]
    right = sum(bool(planted(r) & {s["family"] for s in r.about["steps"]}) for r in opened)
    aims.row(
        f"suggested steps right in open worlds: {right} of {len(opened)}",
        right >= 0.8 * len(opened),
    )


def planted(r: Result) -> set[str]:
    return {FAMILIES[name] for name in r.about["dials"]}


def acted_on(r: Result) -> bool:
    """Whether a planted family has a step that is not merely suggested."""
    return any(s["family"] in planted(r) and s["level"] != "suggested" for s in r.about["steps"])


def ranks(every: Sequence[Result]) -> None:
    """How the order of the recipes before training agrees with what training gave."""
    say("\nRank correlation of recipes with flips and errors after training, mean over worlds:\n")
    shown = harness.table("what ranks", "correlation")
    for key in ("distance", "covered", "beyond"):
        found = []
        for r in every:
            names = list(r.about["near"])
            loss = np.array([r.loss(name) for name in names])
            near = np.array([r.about["near"][name][key] for name in names])
            found.append(float(spearman(near[:, None], loss[:, None])[0, 0]))
        mean, n = float(np.mean(found)) if found else math.nan, len(found)
        half = (
            t_quantile(0.975, n - 1) * np.std(found, ddof=1) / math.sqrt(n) if n > 1 else math.nan
        )
        shown.row(key, f"{mean:.2f} [{mean - half:.2f}, {mean + half:.2f}]")


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--worlds", type=int, default=COUNT)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--result", action="store_true", help="train nothing, print what is there")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    if not given.result:
        make(given)
    result(given)


if __name__ == "__main__":
    harness.run(main)
