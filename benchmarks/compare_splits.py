"""A/A: how often a comparison of a model with itself says better or worse, and whether a planted change is found.

    python benchmarks/compare_splits.py [RUN] [--splits 200] [--seed 0] [--parts 12] [--passes 4]

RUN is a run folder with parts and passes; without one a line is rendered and seen by ``line-classifier``. In each
split the passes of every part are dealt at random to two halves, as two runs of the same model on two days have
them, and the halves are compared by part, pass and station. "better" and "worse" are false alarms. Besides, the
whole run is compared with itself where the label flips in 2 of 100 pairs more: that must be found.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import harness
import numpy as np
import pandas as pd
from harness import say
from scipy import stats

from vidrobust.cli.app import main as vidrobust
from vidrobust.finished_runs.compare_runs import compare_runs
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.run_folder.folder import RunFolder

PLANTED = 0.02
SHOWN = ("flip_rate", "total_variation", "jitter", "top1")


class Half(RunFolder):
    """Some inputs of a run, its tables kept in memory."""

    def __init__(
        self, whole: RunFolder, inputs: list[dict[str, Any]], tables: dict[str, pd.DataFrame]
    ) -> None:
        super().__init__(whole.path)
        self._run = {**whole.run, "inputs": inputs}
        self._items = [str(entry["item"]) for entry in inputs]
        self._whole, self._tables = whole, tables

    @property
    def run(self) -> dict[str, Any]:
        """run.json of these inputs."""
        return self._run

    def table(self, name: str) -> pd.DataFrame:
        """The rows of these inputs."""
        if name not in self._tables:
            self._tables[name] = self._whole.table(name)
        table = self._tables[name]
        return table[table["item"].isin(self._items)]


def halves(
    rng: np.random.Generator, inputs: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The inputs of two halves: the passes of each part and station dealt at random, and numbered anew.

    Their content is left out, so that they are paired by part, pass and station.
    """
    places: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for entry in inputs:
        places.setdefault((str(entry["part"]), str(entry.get("station") or "")), []).append(entry)
    found: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    for entries in places.values():
        dealt = [entries[k] for k in rng.permutation(len(entries))]
        for number in range(len(dealt) // 2):
            for half, entry in zip(found, dealt[2 * number : 2 * number + 2], strict=True):
                half.append({**entry, "pass": str(number), "sha256": ""})
    return found


def made(folder: Path, parts: int, passes: int, seed: int) -> RunFolder:
    """A rendered line, seen by the small classifier."""
    settings = RenderSettings(
        parts=parts, passes=passes, seconds=0.6, seed=seed, dials=("light=0.3", "shake=2")
    )
    render(settings, folder / "line")
    with contextlib.redirect_stdout(io.StringIO()):
        command = [
            "stability",
            str(folder / "line/manifest.csv"),
            "--model=line-classifier",
            "--quiet",
        ]
        vidrobust([*command, f"--out={folder / 'run'}"])
    return RunFolder.existing(folder / "run")


def planted(whole: RunFolder, tables: dict[str, pd.DataFrame], rng: np.random.Generator) -> Half:
    """The whole run with labels that flip in PLANTED of all pairs more."""
    pairs = whole.table("pairs")
    usable = (pairs["kind"] == "adjacent") & (pairs["excluded"] == "")
    steady = usable & (pairs["label_flip"] == 0)
    more = steady & (rng.random(len(pairs)) < PLANTED * usable.sum() / max(steady.sum(), 1))
    pairs.loc[more, "label_flip"] = True
    return Half(whole, whole.run["inputs"], {**tables, "pairs": pairs})


def study(
    whole: RunFolder, splits: int, seed: int
) -> tuple[dict[str, Counter[str]], Counter[str], int]:
    """Verdicts of the splits by metric, of the planted change of the flip rate, and splits with some alarm."""
    rng = np.random.default_rng(seed)
    tables: dict[str, pd.DataFrame] = {}
    verdicts: dict[str, Counter[str]] = {}
    found: Counter[str] = Counter()
    some = 0
    for _ in range(splits):
        a, b = (Half(whole, inputs, tables) for inputs in halves(rng, whole.run["inputs"]))
        compared = compare_runs(a, b)
        some += any(
            compared["metrics"][name]["verdict"] in ("better", "worse")
            for name in compared["family"]
        )
        for name, metric in compared["metrics"].items():
            verdicts.setdefault(name, Counter())[metric["verdict"]] += 1
        changed = compare_runs(
            Half(whole, whole.run["inputs"], tables), planted(whole, tables, rng)
        )
        found[changed["metrics"]["flip_rate"]["verdict"]] += 1
    return verdicts, found, some


def main() -> None:
    """Print the table."""
    parser = harness.parser(__doc__)
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", type=int, default=12)
    parser.add_argument("--passes", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        whole = (
            RunFolder.existing(arguments.run)
            if arguments.run
            else made(Path(scratch), arguments.parts, arguments.passes, arguments.seed)
        )
        verdicts, found, some = study(whole, arguments.splits, arguments.seed)
    limit = int(stats.binom.ppf(0.99, arguments.splits, 0.05))
    say(f"{arguments.splits} splits; 5 % but for binomial error: up to {limit}\n")
    say("| metric | better | worse | same | cannot tell |\n|---|---|---|---|---|")
    shown = [name for name in verdicts if name in SHOWN] or list(verdicts)
    for name in shown:
        counts = [verdicts[name][v] for v in ("better", "worse", "same", "cannot tell")]
        say(f"| {name} | " + " | ".join(map(str, counts)) + " |")
    worst = max(verdicts, key=lambda name: verdicts[name]["better"] + verdicts[name]["worse"])
    wrong = verdicts[worst]["better"] + verdicts[worst]["worse"]
    say(
        f"\nof all {len(verdicts)} metrics most false alarms: {worst}, {wrong} of {arguments.splits}"
    )
    say(f"some headline metric better or worse: {some} of {arguments.splits}")
    say(f"two points more flips: {dict(found)}")


if __name__ == "__main__":
    harness.run(main)
