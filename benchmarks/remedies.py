"""Each remedy against each dial of the simulated line, whose truth is known: what it takes away, and costs.

    python benchmarks/remedies.py --keep DIR [--dial rest shake=6 flicker=0.4 ...] [--parts 10] [--seconds 1] \
        [--seed 11] [--remedy majority-5 steady-camera ...] [--fast 20]

For each dial the label changes of the line's classifier, asked once about each frame, with nothing done, and what
each remedy leaves of them. A right remedy for a dial takes its changes away, a wrong one should not: stabilising
removes what shake does and not what flicker does, levelling the light the reverse. Then right answers, and what a
rule costs: how late it is, and which defects it misses on a fast line, where each part is in view for a few looks.
With ``--keep`` the same command goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import pandas as pd
from harness import say

from vidrobust.files.atomic import write_text
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.line.parts import EMPTY, LABELS
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.run_folder.settings import Settings
from vidrobust.run_folder.unit_cache import key_of
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.remedies.catalogue import LABEL_RULES, bounded, label_rule
from vidrobust.stages.replays.arms import replay_all
from vidrobust.stages.replays.names import FREE, SHARED
from vidrobust.text.numbers import percent, percent_with_interval

MODEL = "line_one_view:classifier"
DIALS = ("rest", "shake=6", "light=0.3", "flicker=0.4", "hue=24", "noise=16", "focus=3")
REPLAYED = SHARED
REMEDIES = (
    *("majority-3", "majority-5", "majority-9", "k-of-n-4-6", "mean-0.3", "hysteresis-0.1"),
    *("abstain-margin-0.1", "abstain-unstable-3"),
    *FREE,
)
FAST_SECONDS, LOOKS = 2.4, (6, 8, 14)
"""Of the fast line: seconds of a clip, and every so many-th frame that is looked at."""


def table_of(dial: str, given: Any, folder: Path) -> pd.DataFrame:
    """The table ``remedies`` of one line with this dial; kept once it is made."""
    file = folder / f"{dial}-{key_of({'remedy': given.remedy})}.parquet"
    if file.is_file():
        return pd.read_parquet(file)
    footage = rendered(dial, given.seconds, given, folder)
    replayed = [name for name in given.remedy if name in REPLAYED]
    settings = Settings(sources=(str(footage / "manifest.csv"),), model=(MODEL,))
    with opened_sources(settings, str(folder / f"run-{dial}"), Reporter(quiet=True)) as run:
        build(run, STAGES, ["stability"])
        if replayed:
            replay_all(run, only=replayed)
        build(run, STAGES, ["remedies"])
        found = run.table("remedies")
    found.to_parquet(file)
    return found


def fast_line(
    every: int, given: Any, folder: Path
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Parts that pass in a few looks, an empty belt before and behind: truth, answers and probabilities."""
    footage = rendered(f"speed={given.fast:g}", FAST_SECONDS, given, folder)
    whole = footage / "whole.csv"
    # all of each clip, also the empty belt
    rows = pd.read_csv(footage / "manifest.csv")[["path", "item", "part"]]
    write_text(whole, rows.to_csv(index=False))
    settings = Settings(sources=(str(whole),), model=(MODEL,), every=every)
    with opened_sources(settings, str(folder / f"run-fast-{every}"), Reporter(quiet=True)) as run:
        build(run, STAGES, ["stability"])
        found = run.table("frames"), run.table("probabilities")
    return pd.read_parquet(footage / "truth.parquet"), *found


def rendered(dial: str, seconds: float, given: Any, folder: Path) -> Path:
    """The folder of the line with this dial turned."""
    footage = folder / f"footage-{dial}"
    if not (footage / "manifest.csv").is_file():
        dials = () if dial == "rest" else (dial,)
        render(
            RenderSettings(parts=given.parts, seconds=seconds, seed=given.seed, dials=dials),
            footage,
        )
    return footage


def unreported(
    name: str, truth: pd.DataFrame, frames: pd.DataFrame, probabilities: pd.DataFrame
) -> tuple[int, int]:
    """Parts that the model answers rightly in some look, and those of them that the rule never shows.

    One clip follows the other, as parts do on a belt: the rule does not begin anew between them.
    """
    label = dict(zip(truth["item"] + truth["frame"].astype(str), truth["label"], strict=True))
    wide = probabilities.pivot(index=["item", "frame"], columns="label", values="probability")
    answered, missed, rule = 0, 0, label_rule(name)
    for item, looks in frames.groupby("item"):
        right = [label[f"{item}{frame}"] for frame in looks["frame"]]
        shown = [LABELS[rule.update(row)] for row in wide.loc[item].to_numpy().tolist()]
        there = [k for k, each in enumerate(right) if each != EMPTY]
        if not any(looks["label_name"].iloc[k] == right[k] for k in there):
            continue
        answered += 1
        missed += right[there[0]] not in shown[there[0] :]
    return answered, missed


def looks_of(truth: pd.DataFrame, every: int) -> str:
    """How often a part is looked at while it is in view: "4 or 5"."""
    seen = truth[(truth["frame"] % every == 0) & (truth["label"] != EMPTY)].groupby("item").size()
    return " or ".join(map(str, sorted(set(seen))))


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--dial", nargs="+", default=list(DIALS))
    parser.add_argument("--parts", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--remedy", nargs="+", default=list(REMEDIES))
    parser.add_argument(
        "--fast", type=float, default=20.0, help="speed of the fast line's belt, px a frame"
    )
    parser.add_argument("--keep", type=Path, help="where footage, answers and tables are kept")
    given = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = (given.keep or Path(temporary)) / f"{given.parts}x{given.seconds:g}-{given.seed}"
        folder.mkdir(parents=True, exist_ok=True)
        tables = {
            dial: flips_of(table_of(dial, given, folder), given.remedy) for dial in given.dial
        }
        say("Label changes that are left (and frames that go to a person):\n")
        say_each(
            tables, given.remedy, _left, lambda row: f"{percent(row['before'])} of {row['n']} pairs"
        )
        say("\nRight answers, of those that are given:\n")
        say_each(tables, given.remedy, _right, lambda row: percent(row["accuracy_before"]))
        say("\nThe class that loses most right answers:\n")
        say_each(tables, given.remedy, _detail, lambda row: "")
        if not any(name in LABEL_RULES for name in given.remedy):
            return
        say("\nWhat they cost:\n")
        fast = {every: fast_line(every, given, folder) for every in LOOKS}
        say_costs(next(iter(tables.values())), fast, given.remedy)


def flips_of(table: pd.DataFrame, remedies: list[str]) -> pd.DataFrame:
    """The rows of label changes, by remedy."""
    rows = table[(table["metric"] == "flip_rate") & table["remedy"].isin(remedies)]
    return rows.set_index("remedy", drop=False)


def say_each(
    tables: Mapping[str, pd.DataFrame], remedies: list[str], cell: Any, nothing: Any
) -> None:
    """A row a remedy, a column a dial; the first row with nothing done."""
    say(f"| | {' | '.join(tables)} |")
    say("|---" * (len(tables) + 1) + "|")
    first = [table[table["n"] > 0].head(1).to_dict("records") for table in tables.values()]
    say(f"| nothing done | {' | '.join(nothing(rows[0]) if rows else '' for rows in first)} |")
    for name in remedies:
        rows = [
            table.loc[name].to_dict() if name in table.index else None for table in tables.values()
        ]
        say(f"| {name} | {' | '.join(cell(row) if row else '' for row in rows)} |")


def _left(row: dict[str, Any]) -> str:
    if row["ratio"] != row["ratio"]:
        return "no change to lose" if row["n"] else "not tried"
    left = percent_with_interval(row["ratio"], row["low"], row["high"])
    asked = f" ({percent(row['asked'])} asked)" if row["asked"] else ""
    return (
        f"**{left}, {row['verdict']}**" if row["verdict"] in ("helps", "harms") else left
    ) + asked


def _right(row: dict[str, Any]) -> str:
    return percent(row["accuracy_after"]) if row["accuracy_after"] == row["accuracy_after"] else ""


def _detail(row: dict[str, Any]) -> str:
    return f"{row['detail']}: {percent(row['detail_before'])} to {percent(row['detail_after'])}"


def say_costs(
    table: pd.DataFrame,
    fast: Mapping[int, tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]],
    remedies: list[str],
) -> None:
    """A row a rule: how late it is, and of parts that pass in few looks those that it never shows."""
    looks = [f"never shown, of parts in view for {looks_of(fast[e][0], e)} looks" for e in fast]
    say(f"| rule | late once the answer stays, frames | {' | '.join(looks)} |")
    say("|---" * (len(fast) + 2) + "|")
    for name in remedies:
        row = table.loc[name].to_dict() if name in table.index else {}
        if row.get("kind") != "rule":
            continue
        late = f"{row['delay_frames']:g}" if bounded(name) else "no bound"
        found = [unreported(name, *each) for each in fast.values()]
        say(f"| {name} | {late} | {' | '.join(f'{missed} of {seen}' for seen, missed in found)} |")


if __name__ == "__main__":
    harness.run(main)
