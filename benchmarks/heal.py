"""Does the augmentation that the study itself recommends heal a network better than random augmentation?

    python benchmarks/heal.py --keep DIR [--only light shake ...] [--design] [--development]

A test whose design was committed before its one run (docs/heal.md): ``--design`` prints it, with the parts that
judge. For each condition of the simulated line: ``vidrobust study`` looks at a recording of its own and writes
policy.json; ``vidrobust adapt`` trains with that policy, on labelled calm pictures and on unlabelled footage of
the condition, and judges on parts that nothing has seen. Arms, seeds and steps are the same in every condition.
The script goes on where it was stopped, and prints what is there; ``--development`` draws other parts and seeds.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adapt as line
import adapt_boxes
import cv2
import harness
import numpy as np
import pandas as pd
import torch
from harness import say

from vidrobust.files.atomic import write_text
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_folder, opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.finetune.arms import BEFORE
from vidrobust.plugins.finetune.compare import one
from vidrobust.plugins.finetune.gather import split
from vidrobust.plugins.finetune.judge import BOXES, CLASSES, NEGATIVE, Headline
from vidrobust.plugins.finetune.study import adapt
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.plugins.line.scene import make_part
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.policy.policy import Policy
from vidrobust.statistics.significance import benjamini_hochberg
from vidrobust.text.numbers import percent, percent_with_interval


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Dials of the line, and the model that is healed under them."""

    dials: tuple[str, ...]
    boxes: bool = False


CONDITIONS: Mapping[str, Condition] = {
    "light": Condition(dials=("light=0.3",)),
    "exposure": Condition(dials=("exposure=0.2",)),
    "light and hue": Condition(dials=("light=0.3", "hue=16")),
    "hue": Condition(dials=("hue=24",)),
    "noise": Condition(dials=("noise=16",)),
    "shake": Condition(dials=("shake=6",)),
    "focus": Condition(dials=("focus=3",)),
    "detector, light": Condition(dials=("light=0.3",), boxes=True),
}
# The primary comparison of every condition is made first, then the other arms, then the oracle policy.
ARMS, PRIMARY = "none,random,policy,policy-swapped", "random,policy"


@dataclass(frozen=True, kw_only=True)
class Size:
    """Parts and frames a clip, and the training.

    ``calm`` are labelled pictures at rest, a quarter of which validates; ``studied`` is the recording that is
    studied; of ``line`` half judges, three eighths train without labels and one eighth validates.
    """

    model: str
    calm: tuple[int, int] = (48, 20)
    studied: tuple[int, int] = (10, 30)
    line: tuple[int, int] = (112, 20)
    steps: int = 200
    rate: float = 1e-3


CLASSIFIER = Size(model=line.MODEL)
# A detector costs ten times as much.
DETECTOR = Size(
    model=adapt_boxes.MODEL, calm=(32, 12), studied=(8, 20), line=(80, 12), steps=120, rate=5e-4
)
# First seed of the parts: of the one run, and of development.
JUDGED, DEVELOPMENT = 35_100, 2_100
BATCH, SEEDS, TRAINING, JUDGING = 8, 3, 600, 1200
# What is studied.
PAIRS, TESTED = 36, 36
LEVEL, HALF = 0.05, 0.5


def seed_of(given: Any, name: str, what: int) -> int:
    """Of one footage: calm pictures (0) are the same for every condition of a model."""
    if not what:
        return int(given.start) + (95 if CONDITIONS[name].boxes else 0)
    return int(given.start) + 10 * (1 + list(CONDITIONS).index(name)) + what


def design(given: Any) -> None:
    """Everything that decides the result, and the parts that judge."""
    for size in (CLASSIFIER, DETECTOR):
        say(f"{size}, batches of {BATCH}, seeds 0 to {SEEDS - 1}, arms {ARMS}, oracle\n")
    said = harness.table(
        "condition", "dials", "seed of the studied parts", "of the line's", "parts that judge"
    )
    for name, condition in CONDITIONS.items():
        parts = [
            make_part(f"part-{k:02d}", k - 1, [seed_of(given, name, 2), 11])
            for k in range(1, size_of(name).line[0] + 1)
        ]
        kinds = {part.name: part.label for part in parts}
        frames = pd.DataFrame({"item": list(kinds), "time_s": 0.0})
        judged = frames["item"][split(frames, {k: k for k in kinds}, kinds, 0).judging]
        said.row(
            name,
            " ".join(condition.dials),
            seed_of(given, name, 1),
            seed_of(given, name, 2),
            " ".join(part.removeprefix("part-") for part in judged),
        )


def run_of(given: Any, name: str, what: int, size: tuple[int, int]) -> Path:
    """The run folder of one footage, answered; its parts bear its seed."""
    seed, dials = seed_of(given, name, what), CONDITIONS[name].dials if what else ()
    footage = given.keep / f"footage-{seed}"
    if not (footage / "manifest.csv").is_file():
        settings = RenderSettings(parts=size[0], seconds=size[1] / 30, seed=seed, dials=dials)
        render(settings, footage, overwrite=True)
    rows = pd.read_csv(footage / "manifest.csv")
    rows["path"] = [str((footage / path).resolve()) for path in rows["path"]]
    rows["part"] = [f"{seed}-{part}" for part in rows["part"]]
    rows["item"] = [f"{seed}-{item}" for item in rows["item"]]
    manifest = given.keep / f"{seed}.csv"
    write_text(manifest, rows.to_csv(index=False))
    boxes = str(footage / "boxes.json") if CONDITIONS[name].boxes else ""
    kind, model = (
        ("boxes", detector(given)) if CONDITIONS[name].boxes else ("labels", CLASSIFIER.model)
    )
    settings = Settings(
        sources=(str(manifest),),
        model=(model,),
        labels=boxes,
        pairs=PAIRS,
        frames=TESTED,
        workers=1,
    )
    with opened_sources(
        settings, str(given.keep / f"run-{kind}-{seed}"), Reporter(quiet=True)
    ) as run:
        build(run, STAGES, ["policy" if what == 1 else "stability"])
        return run.path


def size_of(name: str) -> Size:
    """That of the classifier or of the detector."""
    return DETECTOR if CONDITIONS[name].boxes else CLASSIFIER


def detector(given: Any) -> str:
    """The detector with weights that have learnt parts at rest."""
    folder = given.keep / "detector"
    weights = folder / "run-base" / "adapt" / "weights" / "none.pt"
    if not weights.is_file():
        adapt_boxes.base(
            folder, Namespace(seed=given.start + 90, parts=40, seconds=0.4, base_steps=300)
        )
    return f"{DETECTOR.model},weights={weights}"


def table_of(given: Any, name: str, arms: str, policy: Path, tag: str) -> None:
    """Keep the table ``adaptation`` of one condition with a policy; one of more arms takes its place."""
    kept = given.keep / "cells" / f"{name}-{tag}.parquet".replace(" ", "-")
    if kept.is_file() and set(arms.split(",")) <= set(pd.read_parquet(kept)["arm"]):
        return
    size = size_of(name)
    asked = line.AskedAtLength(
        arms=arms,
        seeds=SEEDS,
        steps=size.steps,
        batch=BATCH,
        rate=size.rate,
        targets="labels",
        policy=policy,
        on=str(run_of(given, name, 0, size.calm)),
        training=TRAINING,
        judging=JUDGING,
        quick=True,
    )
    with opened_folder(run_of(given, name, 2, size.line), {}, Reporter(quiet=True)) as run:
        adapt(run, asked)
        found = run.table("adaptation")
        kept.parent.mkdir(exist_ok=True)
        write_text(
            kept.with_suffix(".json"), (run.path / "adaptation.json").read_text(encoding="utf-8")
        )
    found.to_parquet(kept)


def oracle_of(name: str) -> Policy:
    """A step for each dial, as whoever turned the dials would write it."""
    made = [line.right_policy(dial) for dial in CONDITIONS[name].dials]
    return Policy(
        steps=tuple(step for each in made for step in each.steps), image_size=made[0].image_size
    )


def policy_of(given: Any, name: str) -> tuple[Path, Policy]:
    """What the study of a recording of the condition recommends."""
    file = run_of(given, name, 1, size_of(name).studied) / "policy.json"
    return file, Policy.read(file)


def make(given: Any, name: str, what: str) -> None:
    """Make what is missing of a condition: the primary comparison, the other arms, or the oracle policy."""
    file, policy = policy_of(given, name)
    if what == "oracle":
        written = given.keep / f"{name}.json".replace(" ", "-")
        write_text(written, oracle_of(name).to_json())
        table_of(given, name, "policy" if policy.steps else "none,random,policy", written, "oracle")
    elif policy.steps:
        table_of(given, name, PRIMARY if what == "primary" else ARMS, file, "tool")
    print(f"{name}: {what} done", flush=True)


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--only", nargs="+", choices=[*CONDITIONS], default=[*CONDITIONS])
    parser.add_argument("--keep", type=Path, help="where footage, runs and tables are kept")
    parser.add_argument("--design", action="store_true", help="print the design and stop")
    parser.add_argument("--development", action="store_true", help="other parts and seeds")
    parser.add_argument("--result", action="store_true", help="run nothing, print what is there")
    given = parser.parse_args()
    given.start = DEVELOPMENT if given.development else JUDGED
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if given.design:
        return design(given)
    if given.keep is None:
        parser.error("--keep DIR is needed")
    given.keep.mkdir(parents=True, exist_ok=True)
    for what in ("primary", "arms", "oracle") if not given.result else ():
        for name in given.only:
            make(given, name, what)
    return result(given)


def result(given: Any) -> None:
    """The tables, and the verdicts of the aims."""
    kept = {
        (name, tag): pd.read_parquet(file)
        for name in given.only
        for tag in ("tool", "oracle")
        if (file := given.keep / "cells" / f"{name}-{tag}.parquet".replace(" ", "-")).is_file()
    }
    say("Steps that the study recommends, by level of evidence:\n")
    said = harness.table("condition", "recommended")
    advised = {}
    for name in given.only:
        if (
            given.keep
            / f"run-{'boxes' if CONDITIONS[name].boxes else 'labels'}-{seed_of(given, name, 1)}"
        ).is_dir():
            advised[name] = policy_of(given, name)[1].steps
            said.row(
                name, "; ".join(f"{s.in_words}: {s.level}" for s in advised[name]) or "no step"
            )
    tool = {name: kept[name, "tool"] for name in given.only if (name, "tool") in kept}
    missing = [name for name in given.only if name not in tool and advised.get(name, ("?",))]
    say(f"\nNot run: {', '.join(missing) or 'none'}\n")
    _flips(kept)
    say("")
    against = _against_random(tool)
    _verdicts(against)


def headline_of(name: str) -> Headline:
    """What counts under a condition."""
    return BOXES if CONDITIONS[name].boxes else CLASSES


def _flips(kept: Mapping[tuple[str, str], pd.DataFrame]) -> None:
    said = harness.table(
        "condition", "arm", "flips", "left of before", "errors", "right before, wrong now"
    )
    for (name, tag), table in kept.items():
        of = headline_of(name)
        arms = list(dict.fromkeys(table["arm"]))
        first = one(table, arms[0], BEFORE, metric=of.steady)
        wrong = one(table, arms[0], BEFORE, metric=of.wrong)
        if tag == "tool" or (name, "tool") not in kept:
            said.row(
                name,
                "before",
                f"{percent(first['before'])} of {first['n']}",
                "",
                percent(wrong["before"]),
                "",
            )
        for arm in arms:
            row, wrong, lost = (
                one(table, arm, BEFORE, metric=m) for m in (of.steady, of.wrong, NEGATIVE)
            )
            said.row(
                name,
                "oracle policy" if (tag, arm) == ("oracle", "policy") else arm,
                percent(row["after"]),
                percent_with_interval(row["ratio"], row["low"], row["high"]),
                percent(wrong["after"]),
                percent(lost["after"]) if lost else "",
            )


def _against_random(tool: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The primary outcome: what the tool's policy leaves of random's flips, corrected over conditions."""
    rows = []
    for name, table in tool.items():
        of = headline_of(name)
        main, errors = (one(table, "policy", "random", metric=m) for m in (of.steady, of.wrong))
        left, swapped = (
            one(table, "policy", BEFORE, metric=of.steady),
            one(table, "policy-swapped", "random", metric=of.steady),
        )
        other = (
            percent_with_interval(*(swapped[key] for key in ("ratio", "low", "high")))
            if swapped
            else ""
        )
        rows.append(
            {
                "condition": name,
                **{key: main[key] for key in ("ratio", "low", "high", "p")},
                "more_errors": errors["ratio"] > 1 and errors["p"] < LEVEL,
                "errors": percent_with_interval(errors["ratio"], errors["low"], errors["high"]),
                "left": left["ratio"],
                "swapped": other,
            }
        )
    found = pd.DataFrame(rows)
    if not len(found):
        return found
    found["q"] = benjamini_hochberg(found["p"].to_numpy(np.float64))
    found["sure"] = (found["q"] < LEVEL) & (found["ratio"] < 1) & ~found["more_errors"]
    said = harness.table(
        "condition", "policy's flips of random's", "q", "errors of random's", "swapped's flips"
    )
    for row in found.itertuples():
        ratio = percent_with_interval(row.ratio, row.low, row.high)
        said.row(
            row.condition, f"**{ratio}**" if row.sure else ratio, row.q, row.errors, row.swapped
        )
    return found


def _verdicts(found: pd.DataFrame) -> None:
    if not len(found):
        return
    of_boxes = found["condition"].map(lambda name: CONDITIONS[name].boxes)
    classes, boxes = found[~of_boxes], found[of_boxes]
    half = classes["left"] <= HALF
    for what, count, aim in (
        (
            "classifier: surely fewer flips than random, errors not surely more",
            int(classes["sure"].sum()),
            3,
        ),
        ("classifier: at most half of the flips left", int(half.sum()), 3),
        (
            "detector: the same of uncovered frames",
            int((boxes["sure"] & (boxes["left"] <= HALF)).sum()),
            1,
        ),
    ):
        of = len(boxes) if "detector" in what else len(classes)
        say(
            f"\n* {what}: {count} of {of} conditions with a recommended step, aim {aim}: "
            f"**{'met' if count >= aim else 'missed'}**"
        )


if __name__ == "__main__":
    harness.run(main)
