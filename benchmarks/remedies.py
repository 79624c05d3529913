"""Each remedy against each dial of the simulated line, whose truth is known: what it takes away.

    python benchmarks/remedies.py --keep DIR

For each dial the label changes of the line's classifier, asked once about each frame, with nothing done, and what
each remedy leaves of them. A right remedy for a dial takes its changes away, a wrong one should not: stabilising
removes what shake does and not what flicker does, levelling the light the reverse. Then right answers. The same
command goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import harness
import pandas as pd
from harness import say

from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.corrected_footage.ask import ask_again
from vidrobust.plugins.corrected_footage.names import FREE, SHARED
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.text.numbers import percent, percent_with_interval

MODEL = "line_one_view:classifier"
DIALS = ("rest", "shake=6", "light=0.3", "flicker=0.4", "hue=24", "noise=16", "focus=3")
REMEDIES = (
    *("majority-3", "majority-5", "majority-9", "k-of-n-4-6", "mean-0.3", "hysteresis-0.1"),
    *FREE,
)
PARTS, SECONDS, SEED = 10, 1.0, 11


def table_of(dial: str, folder: Path) -> pd.DataFrame:
    """The rows of label changes of one line with this dial, by remedy; kept once they are made."""
    file = folder / f"{dial}.parquet"
    if not file.is_file():
        dials = () if dial == "rest" else (dial,)
        footage = folder / f"footage-{dial}"
        if not (footage / "manifest.csv").is_file():
            render(RenderSettings(parts=PARTS, seconds=SECONDS, seed=SEED, dials=dials), footage)
        settings = Settings(sources=(str(footage / "manifest.csv"),), model=(MODEL,))
        with opened_sources(settings, str(folder / f"run-{dial}"), Reporter(quiet=True)) as run:
            build(run, STAGES, ["stability"])
            ask_again(run, only=[name for name in REMEDIES if name in SHARED])
            build(run, STAGES, ["remedies"])
            run.table("remedies").to_parquet(file)
    table = pd.read_parquet(file)
    rows = table[(table["metric"] == "flip_rate") & table["remedy"].isin(REMEDIES)]
    return rows.set_index("remedy", drop=False)


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--keep", type=Path, required=True, help="where all that is made is kept")
    given = parser.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    tables = {dial: table_of(dial, given.keep) for dial in DIALS}
    say("Label changes that are left:\n")
    say_each(tables, _left, lambda row: f"{percent(row['before'])} of {row['n']} pairs")
    say("\nRight answers:\n")
    say_each(tables, _right, lambda row: percent(row["accuracy_before"]))


def say_each(tables: Mapping[str, pd.DataFrame], cell: Any, nothing: Any) -> None:
    """A row a remedy, a column a dial; the first row with nothing done."""
    shown = harness.table("", *tables)
    first = [table[table["n"] > 0].head(1).to_dict("records") for table in tables.values()]
    shown.row("nothing done", *(nothing(rows[0]) if rows else "" for rows in first))
    for name in REMEDIES:
        found = (table.loc[name] if name in table.index else None for table in tables.values())
        shown.row(name, *("" if row is None else cell(row.to_dict()) for row in found))


def _left(row: dict[str, Any]) -> str:
    if row["ratio"] != row["ratio"]:
        return "no change to lose" if row["n"] else "not tried"
    left = percent_with_interval(row["ratio"], row["low"], row["high"])
    return f"**{left}, {row['verdict']}**" if row["verdict"] in ("helps", "harms") else left


def _right(row: dict[str, Any]) -> str:
    return percent(row["accuracy_after"]) if row["accuracy_after"] == row["accuracy_after"] else ""


if __name__ == "__main__":
    harness.run(main)
