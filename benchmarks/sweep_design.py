"""What the design of the sweep costs: intervals of the curves and their coverage, against the whole sweep.

    vidrobust sensitivity CLIPS... --model SPEC --strengths 0 --frames N --out RUN
    python benchmarks/sweep_design.py RUN [--clips 6,8,12] [--runs 60] [--frames 24]

RUN holds the whole sweep once: every perturbation at every strength on every frame, of at least a dozen clips.
They are the population. Time and again so many clips are drawn (with replacement, each an item by itself),
and of the same clips two sweeps are taken from the table: the whole one, and what the design shows of these frames
(``stages/sensitivity/design.py``). Both are summed up as in the report. Given are the forward passes, the ratio
of the intervals' widths (of the median curve, and the median of the curves' ratios), and how often the intervals
hold the mean of the population.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import harness
import numpy as np
import pandas as pd
from harness import say

from vidrobust.run_folder.folder import RunFolder
from vidrobust.stages.sensitivity.design import start_of, strengths_shown
from vidrobust.statistics.intervals import Interval, clustered_mean, clustered_rate
from vidrobust.statistics.samples import spread_order

METRICS = ("total_variation", "label_flip")


def whole_sweep(run: Path, frames: int) -> tuple[list[tuple[str, float]], np.ndarray]:
    """The cells (perturbation, strength), and values (clips, frames, cells, metrics); clips with enough frames."""
    table = RunFolder.existing(run).table("sensitivity")
    model = table["model"].iloc[0]
    table = table[(table["model"] == model) & (table["draw"] == 0) & table["metric"].isin(METRICS)]
    wide = table.pivot_table(
        index=["item", "frame"], columns=["metric", "perturbation", "strength"], values="value"
    )
    cells = [(str(p), float(s)) for p, s in wide[METRICS[0]].columns]
    clips = []
    for item, rows in wide.groupby(level="item"):
        if len(rows) < frames:
            say(f"{item}: has {len(rows)} frames, and is left out")
            continue
        spread = np.linspace(0, len(rows) - 1, frames).round().astype(int)
        clips.append(np.stack([rows[metric].to_numpy()[spread] for metric in METRICS], axis=-1))
    values = np.array(clips)
    if np.isnan(values).any():
        raise SystemExit(f"{run}: not every frame has every strength; make it with --strengths 0")
    return cells, values


def printable(
    cells: Sequence[tuple[str, float]], frames: int, content: str, each: int
) -> np.ndarray:
    """(frames, cells) bool: what the design shows of a clip."""
    found = np.zeros((frames, len(cells)), bool)
    ranks = np.argsort(spread_order(frames, frames, start_of(0, content)))
    for name in dict.fromkeys(name for name, _ in cells):
        mine = [k for k, (perturbation, _) in enumerate(cells) if perturbation == name]
        found[:, mine] = strengths_shown(name, len(mine), ranks, content=content, seed=0, each=each)
    return found


def summed_up(values: np.ndarray, seen: np.ndarray) -> list[Interval]:
    """The interval of each cell and metric: values (clips, frames, cells, metrics), seen the same but metrics."""
    clip = np.repeat(np.arange(len(values)), values.shape[1]).reshape(values.shape[:2])
    found = []
    for metric, name in enumerate(METRICS):
        for cell in range(values.shape[2]):
            of = seen[:, :, cell]
            one = values[:, :, cell, metric][of]
            found.append(
                clustered_rate(one > 0, clip[of])
                if name == "label_flip"
                else clustered_mean(one, clip[of], bounds=(0.0, 1.0))
            )
    return found


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--clips", default="6,8,12")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--strengths", type=int, default=1)
    asked = parser.parse_args()
    cells, values = whole_sweep(asked.run, asked.frames)
    frames = values.shape[1]
    truth = np.concatenate([values[..., m].mean(axis=(0, 1)) for m in range(len(METRICS))])
    say(f"{len(values)} clips of {frames} frames, {len(cells)} strengths of perturbations")
    passes = printable(cells, frames, "any", asked.strengths).sum() + frames
    say(
        f"forward passes of the design: {passes / (frames * (len(cells) + 1)):.2f} of the whole sweep"
    )
    widths_of = "median width, whole", "design", "of median curve", "median of ratios"
    table = harness.table("clips", "metric", *widths_of, "cover, whole", "cover, design")
    rng = np.random.default_rng(0)
    for clips in map(int, asked.clips.split(",")):
        widths = np.empty((asked.runs, 2, len(truth)))
        covers = np.empty((asked.runs, 2, len(truth)))
        for run in range(asked.runs):
            drawn = rng.integers(len(values), size=clips)
            every = np.ones((clips, frames, len(cells)), bool)
            design = np.array(
                [
                    printable(cells, frames, f"{run} {k} {clip}", asked.strengths)
                    for k, clip in enumerate(drawn)
                ]
            )
            for side, seen in enumerate((every, design)):
                found = summed_up(values[drawn], seen)
                widths[run, side] = [each.high - each.low for each in found]
                covers[run, side] = [
                    each.low <= true <= each.high for each, true in zip(found, truth, strict=True)
                ]
        for metric, name in enumerate(METRICS):
            mine = slice(metric * len(cells), (metric + 1) * len(cells))
            curve = np.median(widths[:, :, mine].mean(axis=0), axis=1)
            ratios = np.median(
                pd.Series((widths[:, 1, mine] / widths[:, 0, mine]).ravel()).dropna()
            )
            cover = covers[:, :, mine].mean(axis=(0, 2))
            whole, design = curve
            figures = whole, design, design / whole, ratios, *cover
            table.row(clips, name, *map(float, figures))


if __name__ == "__main__":
    harness.run(main)
