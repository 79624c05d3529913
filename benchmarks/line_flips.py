"""How often ``line-classifier`` contradicts itself: at rest, and with each dial turned, over many lines.

    python benchmarks/line_flips.py [--seeds 8001 8002 ...] [--parts 8] [--seconds 1] [--dial NAME ...] \
        [--size mild mid strong]

A line is one seed: parts, belt and machine of its own. Of all its clips, neighbouring frames in which the part is
wholly in view are counted, and those of them that differ in class. The interval is that of a rate over parts
(``vidrobust.statistics.intervals``), each being one cluster. Dials are named ``rest`` and as in
``benchmarks/results/line_sim.json``; ``NAME=SIZE`` takes a size of one's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import harness
import numpy as np
import pandas as pd
import torch

from datasets.line_sim.train import classes_in
from vidrobust.plugins.line.dials import BY_NAME
from vidrobust.plugins.line.model_kind import trained_classifier
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.statistics.intervals import clustered_rate
from vidrobust.text.numbers import percent, percent_with_interval

SEEDS = (8001, 8002, 8003, 8004, 8005)
WORDS = ("mild", "mid", "strong")
REST = "rest"


def lines_of(dials: Sequence[str], words: Sequence[str]) -> list[tuple[str, str]]:
    """(dial as ``--dial`` takes it, size in words) of what was asked for."""
    found = []
    for name in dials:
        if name == REST:
            found.append(("", REST))
        elif "=" in name:
            found.append((name, ""))
        else:
            sizes = dict(zip(WORDS, BY_NAME[name].sizes, strict=True))
            found += [(f"{name}={sizes[word]:g}", word) for word in words]
    return found


def judge(dial: str, seed: int, parts: int, seconds: float) -> list[dict[str, int]]:
    """Counts of each clip of a line: ``dial`` as ``--dial`` takes it, or "" at rest."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    dials = (dial,) if dial else ()
    settings = RenderSettings(parts=parts, seconds=seconds, seed=seed, dials=dials)
    with TemporaryDirectory() as name:
        folder = Path(name)
        manifest = render(settings, folder)
        truth = pd.read_parquet(folder / "truth.parquet")
        return [
            classes_in(trained_classifier(), folder / path, truth[truth["item"] == item])
            for path, item in zip(manifest["path"], manifest["item"], strict=True)
        ]


def row_of(found: Sequence[list[dict[str, int]]]) -> tuple[Any, ...]:
    """What lines with the same dial say, in percent."""
    clips = [clip for line in found for clip in line]
    events = np.concatenate([np.arange(clip["pairs"]) < clip["flips"] for clip in clips])
    clusters = np.repeat(np.arange(len(clips)), [clip["pairs"] for clip in clips])
    rate = clustered_rate(events, clusters)
    frames = sum(clip["frames"] for clip in clips)
    right = (percent(sum(clip[k] for clip in clips) / frames) for k in ("right", "right_kind"))
    flips = percent_with_interval(rate.value, rate.low, rate.high)
    flipped = f"{sum(clip['flips'] > 0 for clip in clips)} of {len(clips)}"
    return flips, flipped, rate.n, *right


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--dial", nargs="+", default=[REST, *BY_NAME])
    parser.add_argument("--size", nargs="+", default=list(WORDS), choices=WORDS)
    given = parser.parse_args()
    rows = lines_of(given.dial, given.size)
    columns = "flips", "parts that flip", "pairs", "right class", "right kind"
    table = harness.table("dial", "size", *columns)
    for dial, word in rows:
        found = [judge(dial, seed, given.parts, given.seconds) for seed in given.seeds]
        table.row(dial or REST, word, *row_of(found))


if __name__ == "__main__":
    harness.run(main)
