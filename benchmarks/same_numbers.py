"""Are the numbers of two run folders the same? Row by row, with the largest difference of each column.

    python benchmarks/same_numbers.py RUN_A RUN_B [--tolerance 1e-9]
    python benchmarks/same_numbers.py TREE_A TREE_B --worlds demo line [--clip FILE=MODEL ...]

Every table of the runs is compared; rows are matched by what names them (item, frame, model, ...), so that their
order does not matter, and the script ends by saying what it covered. With --worlds the two are checkouts of the
project, before and after a change, and each makes the runs itself, small: ``demo`` the demo's clip and network,
``line`` the simulated line with its classifier and its detector, rendered there too, and each --clip by a model.
Ends with 1 where a row or table is missing or a number differs by more than the tolerance.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import harness
import numpy as np
import pandas as pd
from harness import say

from vidrobust.finished_runs.demo import CLIP

KEYS = {
    "frames": ["model", "item", "frame"],
    "pairs": ["model", "item", "kind", "frame_a", "frame_b"],
    "stability": ["model", "item", "metric"],
    "sensitivity": ["model", "item", "frame", "perturbation", "strength", "draw", "metric"],
    "variation": ["item", "scale", "quantity", "who"],
    "changes": ["item", "scale", "quantity", "who", "frame_a", "frame_b"],
    "causes": ["model", "item", "frame_a", "frame_b", "cause", "scale"],
    "account": ["model", "item", "cause"],
}


FEW = (
    *("--frames=4", "--pairs=4", "--resamples=99"),
    *("--perturbation=brightness", "--perturbation=jpeg", "--quiet"),
)
LINE = ("--parts", "2", "--passes", "2", "--seconds", "0.5", "--seed", "3", "--dial", "light=0.6")


def keys_of(name: str, first: pd.DataFrame, second: pd.DataFrame) -> list[str]:
    """What names a row; of a table that is not listed every column without fractions that both have."""
    if name in KEYS:
        return KEYS[name]
    return [
        c
        for c in first
        if c in second and first[c].dtype.kind != "f" and second[c].dtype.kind != "f"
    ]


def differences(
    first: pd.DataFrame, second: pd.DataFrame, keys: list[str], tolerance: float
) -> list[str]:
    """What differs, a line each; empty where nothing does."""
    if not len(first) or not len(second):
        return (
            []
            if len(first) == len(second)
            else [f"{len(first)} rows, and {len(second)} in the second"]
        )
    first, second = (
        t.assign(nth=t.groupby(keys, dropna=False).cumcount()) for t in (first, second)
    )
    keys = [*keys, "nth"]
    both = first.merge(second, on=keys, how="outer", suffixes=("", "_other"), indicator=True)
    said = [
        f"{(both['_merge'] == side).sum()} rows only in the {word}"
        for side, word in (("left_only", "first"), ("right_only", "second"))
        if (both["_merge"] == side).any()
    ]
    both = both[both["_merge"] == "both"]
    for column in first.columns:
        if column in keys or column not in second:
            continue
        a, b = both[column], both[f"{column}_other"]
        if a.dtype.kind in "fiu" and b.dtype.kind in "fiu":
            mine, others = a.to_numpy(float), b.to_numpy(float)
            apart = np.abs(np.subtract(mine, others, out=np.zeros(len(mine)), where=mine != others))
            unknown = int((a.isna() != b.isna()).sum())
            if unknown or (len(apart) and np.nanmax(apart, initial=0.0) > tolerance):
                said.append(
                    f"{column}: up to {np.nanmax(apart, initial=0.0):.3g}, {unknown} known in one alone"
                )
        elif (a.astype(str) != b.astype(str)).any():
            said.append(f"{column}: {(a.astype(str) != b.astype(str)).sum()} of {len(a)} differ")
    return said


def compare(runs: tuple[Path, Path], tolerance: float, title: str = "") -> bool:
    """Whether all tables of two runs say the same; a line each, and what was covered."""
    one, other = ({path.stem for path in run.glob("*.parquet")} for run in runs)
    same, covered, rows = one == other, 0, 0
    for name in sorted(one & other):
        first, second = (pd.read_parquet(run / f"{name}.parquet") for run in runs)
        keys = keys_of(name, first, second)
        if not keys or not set(keys) <= set(first) & set(second):
            say(f"{title}{name}: has other columns, and is not compared")
            same = False
            continue
        said = differences(first, second, keys, tolerance)
        same &= not said
        covered, rows = covered + 1, rows + len(first)
        say(f"{title}{name}: {len(first)} rows, " + ("; ".join(said) if said else "the same"))
    for name in sorted(one ^ other):
        say(f"{title}{name}: only in the {'first' if name in one else 'second'}")
    say(f"{title}covered: {covered} of {len(one | other)} tables, {rows} rows")
    return same


def make(tree: Path, world: str, folder: Path) -> Path:
    """A small run of a world, made by a checkout."""
    folder.mkdir(parents=True)

    def python(*words: str) -> None:
        env = {**os.environ, "PYTHONPATH": str(tree.resolve())}
        subprocess.run(
            [sys.executable, "-m", *words],
            cwd=folder,
            env=env,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    if world == "line":
        python("datasets.line_sim.render", "--out", "line", *LINE)
        source, models, more = "line/manifest.csv", ("line-classifier", "line-detector"), ()
    elif world == "demo":
        source = str(CLIP)
        models, more = ("efficientnet-lite0",), ("--end-s=2",)
    else:
        clip, _, model = world.partition("=")
        source, models, more = str(Path(clip).resolve()), (model,), ("--end-s=2",)
    python("vidrobust", "study", source, *(f"-m{m}" for m in models), "-orun", *FEW, *more)
    return folder / "run"


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-9)
    parser.add_argument("--worlds", nargs="*", choices=("demo", "line"), default=())
    parser.add_argument(
        "--clip", action="append", default=[], metavar="FILE=MODEL", help="a world more"
    )
    arguments = parser.parse_args()
    both = (arguments.first, arguments.second)
    worlds = (*arguments.worlds, *arguments.clip)
    if not worlds:
        sys.exit(0 if compare(both, arguments.tolerance) else 1)
    same = True
    with tempfile.TemporaryDirectory() as base:
        for number, world in enumerate(worlds):
            one, other = (
                make(t, world, Path(base) / f"{number}" / f"{k}") for k, t in enumerate(both)
            )
            same &= compare(
                (one, other), arguments.tolerance, f"{Path(world.partition('=')[0]).stem}, "
            )
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    harness.run(main)
