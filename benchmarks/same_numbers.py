"""Are the numbers of two run folders the same? Row by row, with the largest difference of each column.

    python benchmarks/same_numbers.py RUN_A RUN_B [--tolerance 1e-9]

Rows are matched by what names them (item, frame, model, ...), so that their order does not matter. Ends with 1
where a row is missing or a number differs by more than the tolerance. Version 0.1 called two metrics otherwise;
they are matched by their names of today.
"""

from __future__ import annotations

import sys
from pathlib import Path

import harness
import numpy as np
import pandas as pd
from harness import say

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
RENAMED = {"label_flip": "flip_rate", "revert_flip": "revert_flip_rate"}


def named_today(metric: str) -> str:
    for old, new in RENAMED.items():
        if metric == old or metric.startswith(f"anchor_{old}_"):
            return metric.replace(old, new)
    return metric


def differences(first: pd.DataFrame, second: pd.DataFrame, keys: list[str], tolerance: float) -> list[str]:
    """What differs, a line each; empty where nothing does."""
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
            apart = np.abs(a.to_numpy(float) - b.to_numpy(float))
            unknown = int((a.isna() != b.isna()).sum())
            if unknown or (len(apart) and np.nanmax(apart, initial=0.0) > tolerance):
                said.append(
                    f"{column}: up to {np.nanmax(apart, initial=0.0):.3g}, {unknown} known in one alone"
                )
        elif (a.astype(str) != b.astype(str)).any():
            said.append(f"{column}: {(a.astype(str) != b.astype(str)).sum()} of {len(a)} differ")
    return said


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-9)
    arguments = parser.parse_args()
    same = True
    for name, keys in KEYS.items():
        paths = [folder / f"{name}.parquet" for folder in (arguments.first, arguments.second)]
        if not all(path.is_file() for path in paths):
            continue
        first, second = (pd.read_parquet(path) for path in paths)
        if not set(keys) <= set(first) & set(second):
            say(f"{name}: has other columns, and is not compared")
            continue
        if name == "stability":
            first, second = (t.assign(metric=t["metric"].map(named_today)) for t in (first, second))
        said = differences(first, second, keys, arguments.tolerance)
        same &= not said
        say(f"{name}: {len(first)} rows, " + ("; ".join(said) if said else "the same"))
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    harness.run(main)
