"""Does training with the right step help, on the simulated line, and a wrong or a random one not?

    python benchmarks/adapt.py [--dial light=0.3 hue=24 shake=6] [--kinds bolt+cap bottle+board] [--parts 160] \
        [--seconds 0.8] [--seed 21] [--targets labels self] [--train turned rest] [--steps 120] [--seeds 3] \
        [--arms ...] [--model SPEC] [--keep DIR]

For each dial, kinds of parts and way to learn: the line's classifier, asked once about each frame, is fine-tuned
on half of the parts and judged on the others, which are seen with the dial turned; those that train are too
(``turned``: footage of the line as it is), or are seen at rest (``rest``: pictures of a calm day, as a network is
usually trained with, given as ``--on``). ``policy`` is one step of the dial's own perturbation over the range that
the dial has, ``policy-swapped`` one of another family as strong, ``random`` one of many as strong.
What is left of the label changes between neighbours, of answers that the right perturbation changes, and errors;
each with an interval over parts and seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import pandas as pd
from harness import say

from vidrobust.adapt.asked import Asked
from vidrobust.adapt.compare import ERRORS, FLIPS, FOOTAGE, MOVED
from vidrobust.adapt.conclusion import one
from vidrobust.adapt.study import adapt
from vidrobust.files.atomic import write_text
from vidrobust.line_sim.belt import HEIGHT, WIDTH
from vidrobust.line_sim.render import RenderSettings, render
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.policy.policy import Policy, PolicyStep
from vidrobust.stages.variation.observed import OF_WIDTH
from vidrobust.text.numbers import percent, percent_with_interval

MODEL = "line_one_view:classifier"
ARMS = "none,none-again,random,policy,policy-consistent,policy-swapped"
SHARES = {
    "light": ("brightness", "light", "relative gain", 1.0),
    "flicker": ("brightness", "light", "relative gain", 1.0),
    "hue": ("hue", "colour", "deg", 2.0),
    "shake": ("translation", "geometry", OF_WIDTH, 2.0 / WIDTH),
    "noise": ("gaussian_noise", "noise", "sigma, levels of 255", 1.0),
}
"""Of each dial its perturbation, and how far it goes for one unit of the setting: twice a standard deviation."""


def right_policy(dial: str) -> Policy:
    """One step, as the line engineer who turned the dial would write it."""
    name, _, setting = dial.partition("=")
    key, family, unit, factor = SHARES[name]
    size = float(setting) * factor
    step = PolicyStep(
        perturbation=key,
        family=family,
        unit=unit,
        low=0.0 if key == "gaussian_noise" else -size,
        high=size,
        probability=0.5,
        axes=(size, size) if key == "translation" else (),
    )
    return Policy(steps=(step,), model=MODEL, image_size=(HEIGHT, WIDTH))


@dataclass(frozen=True, kw_only=True)
class AskedAtLength(Asked):
    """With few strengths, and as many frames as there are."""

    @property
    def limits(self) -> tuple[int, int, int]:
        return self.training, self.judging, self.shown


def rows_of(dial: str, kinds: str, given: Any, folder: Path) -> pd.DataFrame:
    """The manifest of the line with these kinds of parts and a dial ("" for none) turned, with absolute paths."""
    footage = folder / f"footage-{dial or 'rest'}"
    if not (footage / "manifest.csv").is_file():
        dials = (dial,) if dial else ()
        render(
            RenderSettings(parts=given.parts, seconds=given.seconds, seed=given.seed, dials=dials),
            footage,
            workers=given.workers,
        )
    rows = pd.read_csv(footage / "manifest.csv")
    rows["path"] = [str((footage / path).resolve()) for path in rows["path"]]
    return rows[rows["kind"].isin(kinds.split("+"))].reset_index(drop=True)


def manifest_of(dial: str, kinds: str, given: Any, folder: Path) -> Path:
    """The manifest of these kinds of parts with a dial turned, or at rest."""
    path = folder / f"{dial or 'rest'}-{kinds}.csv"
    write_text(path, rows_of(dial, kinds, given, folder).to_csv(index=False))
    return path


def table_of(dial: str, kinds: str, targets: str, train: str, given: Any, folder: Path) -> pd.DataFrame:
    """The table ``adaptation`` of one line with this dial and these kinds of parts."""
    manifest = manifest_of(dial, kinds, given, folder)
    policy = folder / f"{dial}.json"
    write_text(policy, right_policy(dial).to_json())
    asked = AskedAtLength(
        arms=given.arms,
        seeds=given.seeds,
        steps=given.steps,
        rate=given.rate,
        targets=targets,
        policy=policy,
        on=str(manifest_of("", kinds, given, folder)) if train == "rest" else "",
        training=given.frames,
        judging=given.frames,
        quick=True,
    )
    settings = Settings(sources=(str(manifest),), model=(given.model,))
    with opened_sources(settings, str(folder / f"run-{manifest.stem}"), Reporter(quiet=given.quiet)) as run:
        build(run, STAGES, ["stability"])
        adapt(run, asked)
        return run.table("adaptation")


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--dial", nargs="+", default=["light=0.3", "hue=24", "shake=6"])
    parser.add_argument("--kinds", nargs="+", default=["bolt+cap", "bottle+board"])
    parser.add_argument("--targets", nargs="+", default=["labels", "self"])
    parser.add_argument("--train", nargs="+", choices=("turned", "rest"), default=["turned", "rest"])
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--parts", type=int, default=160)
    parser.add_argument("--frames", type=int, default=960)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--arms", default=ARMS)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--quiet", action="store_true")
    given = parser.parse_args()
    say("| dial | parts | trained | arm | flips left | against random | changed by the right step | errors |")
    say("|---|---|---|---|---|---|---|---|")
    with TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        for targets, train, dial, kinds in product(given.targets, given.train, given.dial, given.kinds):
            table = table_of(dial, kinds, targets, train, given, folder)
            for arm in dict.fromkeys(table["arm"]):
                say(line_of(table, arm, f"| {dial} | {kinds} | {train}, {targets}", right_policy(dial)))


def line_of(table: pd.DataFrame, arm: str, start: str, right: Policy) -> str:
    """One arm."""
    flips, errors = one(table, arm, "before"), one(table, arm, "before", metric=ERRORS)
    moved = one(table, arm, "before", right.steps[0].perturbation, MOVED)
    random = one(table, arm, "random", FOOTAGE, FLIPS)
    said = [
        f"{percent(flips['before'])} → {percent(flips['after'])}: {_ratio(flips)} ({flips['verdict']})",
        f"{_ratio(random)} ({random['verdict']})" if random else "",
        f"{percent(moved['before'])} → {percent(moved['after'])} ({moved['verdict']})",
        f"{percent(errors['before'])} → {percent(errors['after'])}" if errors else "",
    ]
    return f"{start} | {arm} | {' | '.join(said)} |"


def _ratio(row: dict[str, Any]) -> str:
    if row["ratio"] != row["ratio"]:
        return "none there"
    return percent_with_interval(row["ratio"], row["low"], row["high"])


if __name__ == "__main__":
    harness.run(main)
