"""Does training with the right step help, on the simulated line, and a wrong or a random one not?

    python benchmarks/adapt.py --keep DIR [--dial light=0.3 shake=6 noise=12 ...] \
        [--self-dial light=0.3 shake=6] [--kinds bolt+cap bottle+board] [--parts 112] [--seconds 0.8] [--seed 21] \
        [--train rest turned] [--steps 80] [--seeds 2] [--arms ...] [--self-arms ...] [--model SPEC]

For each dial, kinds of parts and way to learn: the line's classifier, asked once about each frame, is fine-tuned
on half of the parts and judged on the others, which are seen with the dial turned; those that train are too
(``turned``: footage of the line as it is), or are seen at rest (``rest``: pictures of a calm day, as a network is
usually trained with, given as ``--on``) together with parts of all other kinds, so that no arm gains by forgetting
kinds. ``policy`` is one step of the dial's own perturbation over the range that
the dial has, ``policy-swapped`` one of another family as strong, ``random`` one of many as strong. It learns from
labels, and for ``--self-dial`` from its own answers too. What is left of the label changes between neighbours, and
errors; each with an interval over parts and seeds. With ``--keep`` the same command goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import pandas as pd
from harness import say

from vidrobust.files.atomic import write_text
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_folder, opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.finetune.arms import ARMS, BEFORE, AdaptRequest, key_of
from vidrobust.plugins.finetune.compare import one
from vidrobust.plugins.finetune.judge import ERRORS, MOVED
from vidrobust.plugins.finetune.study import adapt
from vidrobust.plugins.line.belt import HEIGHT, WIDTH
from vidrobust.plugins.line.parts import KINDS
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.policy.policy import Policy, PolicyStep
from vidrobust.stages.variation.spread import OF_WIDTH
from vidrobust.text.numbers import percent, percent_with_interval

ALL = "+".join(kind.name for kind in KINDS)
MODEL = "line_one_view:classifier"
DEFAULT = "none,random,policy-alone,policy,policy-swapped"
SELF = "none,random,policy,policy-swapped"
SHARES = {
    "light": ("brightness", "light", "relative gain", 1.0),
    "flicker": ("brightness", "light", "relative gain", 1.0),
    "exposure": ("brightness", "light", "relative gain", 2.0),
    "hue": ("hue", "colour", "deg", 2.0),
    "shake": ("translation", "geometry", OF_WIDTH, 2.0 / WIDTH),
    "noise": ("gaussian_noise", "noise", "sigma, levels of 255", 1.0),
    "focus": ("gaussian_blur", "blur", "sigma px", 1.0),
}
"""Of each dial its perturbation, and how far it goes for one unit of the setting: twice a standard deviation."""
ONE_WAY = ("gaussian_noise", "gaussian_blur")
WAYS = {
    "rest": "trained at rest",
    "turned": "trained on footage as it is",
    "labels": "by labels",
    "self": "by its own answers",
}
SHOWN = 24
DECIDE = ("parts", "frames", "seconds", "seed", "steps", "seeds", "rate", "model")


def right_policy(dial: str) -> Policy:
    """One step, as the line engineer who turned the dial would write it."""
    name, _, setting = dial.partition("=")
    key, family, unit, factor = SHARES[name]
    size = float(setting) * factor
    step = PolicyStep(
        perturbation=key,
        family=family,
        unit=unit,
        low=0.0 if key in ONE_WAY else -size,
        high=size,
        probability=0.5,
        axes=(size, size) if key == "translation" else (),
    )
    return Policy(steps=(step,), model=MODEL, image_size=(HEIGHT, WIDTH))


@dataclass(frozen=True, kw_only=True)
class AskedAtLength(AdaptRequest):
    """With few strengths, and as many frames as there are."""

    @property
    def limits(self) -> tuple[int, int, int]:
        return self.training, self.judging, SHOWN


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


def asked_of(dial: str, kinds: str, given: Any, folder: Path) -> Path:
    """The run folder of these kinds of parts with a dial turned, or at rest, answered."""
    manifest = folder / f"{dial or 'rest'}-{kinds}.csv"
    write_text(manifest, rows_of(dial, kinds, given, folder).to_csv(index=False))
    settings = Settings(sources=(str(manifest),), model=(given.model,))
    with opened_sources(
        settings, str(folder / f"run-{manifest.stem}"), Reporter(quiet=given.quiet)
    ) as run:
        build(run, STAGES, ["stability"])
        return run.path


def table_of(
    dial: str, kinds: str, targets: str, train: str, arms: str, given: Any, folder: Path
) -> pd.DataFrame:
    """The table ``adaptation`` of one line with this dial and these kinds of parts, of these arms.

    It is kept once it is made; one of more arms is taken too, with the false discovery rate over all of them.
    """
    kept = {k: v for k, v in vars(given).items() if k in DECIDE} | {
        "policy": right_policy(dial).to_json()
    }
    cells, begin = folder / "cells", f"{dial}-{kinds}-{train}-{targets}-{key_of(kept)}-"
    wanted = arms.split(",")
    for file in sorted(cells.glob(f"{begin}*.parquet")):
        found = pd.read_parquet(file)
        if set(wanted) <= set(found["arm"]):
            return found[found["arm"].isin(wanted)]
    policy = folder / f"{dial}.json"
    write_text(policy, right_policy(dial).to_json())
    asked = AskedAtLength(
        arms=arms,
        seeds=given.seeds,
        steps=given.steps,
        rate=given.rate,
        targets=targets,
        policy=policy,
        on=str(asked_of("", ALL, given, folder)) if train == "rest" else "",
        training=given.frames,
        judging=given.frames,
        quick=True,
    )
    with opened_folder(
        asked_of(dial, kinds, given, folder), {}, Reporter(quiet=given.quiet)
    ) as run:
        adapt(run, asked)
        found = run.table("adaptation")
    cells.mkdir(exist_ok=True)
    found.to_parquet(cells / f"{begin}{key_of(arms)}.parquet")
    return found


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--dial", nargs="+", default=["light=0.3", "shake=6", "noise=12"])
    parser.add_argument("--self-dial", nargs="*", default=["light=0.3", "shake=6"])
    parser.add_argument("--kinds", nargs="+", default=["bolt+cap", "bottle+board"])
    parser.add_argument("--train", nargs="+", choices=("turned", "rest"), default=["rest"])
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--parts", type=int, default=112)
    parser.add_argument("--frames", type=int, default=960)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--arms", default=DEFAULT)
    parser.add_argument("--self-arms", default=SELF)
    parser.add_argument("--keep", type=Path, help="where footage, answers and tables are kept")
    parser.add_argument("--quiet", action="store_true")
    given = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = (given.keep or Path(temporary)) / f"{given.parts}x{given.seconds:g}-{given.seed}"
        folder.mkdir(parents=True, exist_ok=True)
        asked = (("labels", given.dial, given.arms), ("self", given.self_dial, given.self_arms))
        for (targets, dials, arms), train, kinds in product(asked, given.train, given.kinds):
            if not dials:
                continue
            tables = {
                dial: table_of(dial, kinds, targets, train, arms, given, folder) for dial in dials
            }
            say(f"\n**{kinds.replace('+', ' and ')}, {WAYS[train]}, {WAYS[targets]}**\n")
            say_left(tables)
            for other, words in (
                ("none", "fine-tuning without augmentation"),
                ("random", "random augmentation"),
            ):
                say(f"\nAgainst {words}:\n")
                say_against(tables, other)


def say_left(tables: Mapping[str, pd.DataFrame]) -> None:
    """A row an arm: what is left of the flips of each dial, errors, and where the arm surely harms."""
    say(f"| flips (errors) | {' | '.join(tables)} | surely more answers change under |")
    say("|---" * (len(tables) + 2) + "|")
    first = {dial: next(iter(table["arm"])) for dial, table in tables.items()}
    was = [_before(table, first[dial]) for dial, table in tables.items()]
    say(f"| before | {' | '.join(was)} | |")
    for arm in arms_in(tables):
        cells = [_left(table, arm) for table in tables.values()]
        say(f"| {arm} | {' | '.join(cells)} | {'; '.join(_harmed(tables, arm))} |")


def say_against(tables: Mapping[str, pd.DataFrame], other: str) -> None:
    """A row an arm: what it leaves of the flips that another arm leaves."""
    say(f"| flips, of those of {other} | {' | '.join(tables)} |")
    say("|---" * (len(tables) + 1) + "|")
    for arm in arms_in(tables):
        if arm == other or (other == "random" and not ARMS[arm].mix):
            continue
        found = [one(table, arm, other) for table in tables.values()]
        say(f"| {arm} | {' | '.join(_ratio(row) if row else '' for row in found)} |")


def arms_in(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """All arms, in order."""
    return list(dict.fromkeys(arm for table in tables.values() for arm in table["arm"]))


def _before(table: pd.DataFrame, arm: str) -> str:
    flips, errors = one(table, arm, BEFORE), one(table, arm, BEFORE, metric=ERRORS)
    return f"{percent(flips['before'])} of {flips['n']} ({percent(errors['before'])})"


def _left(table: pd.DataFrame, arm: str) -> str:
    flips, errors = one(table, arm, BEFORE), one(table, arm, BEFORE, metric=ERRORS)
    return (
        f"{percent(flips['after'])}: {_ratio(flips)} ({percent(errors['after'])})" if flips else ""
    )


def _harmed(tables: Mapping[str, pd.DataFrame], arm: str) -> list[str]:
    """Of each dial the perturbations under which the arm surely has more changed answers than before."""
    found = []
    for dial, table in tables.items():
        rows = table[
            (table["arm"] == arm) & (table["against"] == BEFORE) & (table["metric"] == MOVED)
        ]
        rows = rows[rows["times"].isin([0.0, 1.0]) & (rows["verdict"] == "harms")]
        if len(rows):
            found.append(f"{dial}: {', '.join(dict.fromkeys(rows['judged']))}")
    return found


def _ratio(row: dict[str, Any]) -> str:
    if row["ratio"] != row["ratio"]:
        return "none to compare"
    ratio = percent_with_interval(row["ratio"], row["low"], row["high"])
    return f"**{ratio}, {row['verdict']}**" if row["verdict"] in ("helps", "harms") else ratio


if __name__ == "__main__":
    harness.run(main)
