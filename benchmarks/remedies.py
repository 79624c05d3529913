"""Each remedy against each dial of the simulated line, whose truth is known: what it takes away, and costs.

    python benchmarks/remedies.py [--dial rest shake=6 flicker=0.2 ...] [--parts 6] [--seconds 2] [--seed 11] \
        [--remedy majority-5 steady-camera ...] [--keep DIR]

For each dial the label changes of ``line-classifier`` with nothing done, and what each remedy leaves of them. A
right remedy for a dial takes its changes away, a wrong one should not: stabilising removes what shake does and not
what flicker does, levelling the light the reverse. With labels there is also what it costs in right answers.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import pandas as pd
from harness import say

from vidrobust.line_sim.render import RenderSettings, render
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.replays.make import replay_all
from vidrobust.text.numbers import percent, percent_with_interval

DIALS = ("rest", "shake=6", "light=0.3", "flicker=0.2", "noise=16")
REPLAYED = ("steady-camera", "level-light", "no-flicker", "blur-pool", "batch-norm")
REMEDIES = (
    *("majority-3", "majority-5", "majority-9", "k-of-n-4-6", "mean-0.3", "hysteresis-0.1"),
    *("abstain-margin-0.1", "abstain-unstable-3"),
    *REPLAYED,
)


def table_of(dial: str, given: Any, folder: Path) -> pd.DataFrame:
    """The table ``remedies`` of one line with this dial."""
    footage, out = folder / f"footage-{dial}", folder / f"run-{dial}"
    dials = () if dial == "rest" else (dial,)
    if not (footage / "manifest.csv").is_file():
        render(
            RenderSettings(parts=given.parts, seconds=given.seconds, seed=given.seed, dials=dials), footage
        )
    settings = Settings(sources=(str(footage / "manifest.csv"),), model=("line-classifier",))
    with opened_sources(settings, str(out), Reporter(quiet=True)) as run:
        build(run, STAGES, ["stability"])
        replay_all(run, only=[name for name in given.remedy if name in REPLAYED])
        build(run, STAGES, ["remedies"])
        return run.table("remedies")


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--dial", nargs="+", default=list(DIALS))
    parser.add_argument("--parts", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--remedy", nargs="+", default=list(REMEDIES))
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        for dial in given.dial:
            table = table_of(dial, given, folder)
            rows = table[(table["metric"] == "flip_rate") & table["remedy"].isin(given.remedy)]
            first = rows[rows["ratio"].notna()].head(1)
            if first.empty:
                say(f"\n{dial}: no label changes between neighbours\n")
                continue
            say(
                f"\n{dial}: {percent(float(first['before'].iloc[0]))} of {int(first['n'].iloc[0])} pairs change, "
                f"{percent(float(first['accuracy_before'].iloc[0]))} of the answers are right\n"
            )
            say("| remedy | changes left | verdict | worst delay, frames | right answers | note |")
            say("|---|---|---|---|---|---|")
            for row in rows.to_dict("records"):
                say(line_of(row))


def line_of(row: dict[str, Any]) -> str:
    """One remedy."""
    known = row["ratio"] == row["ratio"]
    left = percent_with_interval(row["ratio"], row["low"], row["high"]) if known else "not measured"
    delay = f"{row['delay_frames']:g}" if row["delay_frames"] == row["delay_frames"] else "not known"
    note = row["note"] if row["kind"] in ("input", "network") else ""
    asked = f"{percent(row['asked'])} asked; " if row["asked"] else ""
    return (
        f"| {row['remedy']} | {left} | {row['verdict']} | {delay} | {asked}{percent(row['accuracy_after'])} "
        f"| {note} |"
    )


if __name__ == "__main__":
    harness.run(main)
