"""How often ``line-classifier`` contradicts itself: at rest, and with each dial turned, over many lines.

    python benchmarks/line_flips.py [--seeds 8001 8002 ...] [--parts 8] [--seconds 1] [--dial NAME ...] \
        [--size mild mid strong] [--weights DIR] [--keep DIR] [--workers 2]

A line is one seed: parts, belt and machine of its own. Of all its clips, neighbouring frames in which the part is
wholly in view are counted, and those of them that differ in class. The interval is that of a rate over parts
(``vidrobust.statistics.intervals``), each being one cluster. ``--keep DIR`` keeps the footage and takes what lies
there already, so that other weights are judged on the same frames. Dials are named ``rest`` and as in
``benchmarks/results/line_sim.json``; ``NAME=SIZE`` takes a size of one's own.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import harness
import numpy as np
import pandas as pd
import torch
from harness import say

from datasets.line_sim.train import classes_in
from vidrobust.plugins.line import model_kind as trained
from vidrobust.plugins.line.dials import BY_NAME
from vidrobust.plugins.line.model_kind import LineClassifier
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.statistics.intervals import clustered_rate

SEEDS = (8001, 8002, 8003, 8004, 8005)
WORDS = ("mild", "mid", "strong")
REST = "rest"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line: ``dial`` as ``--dial`` takes it, or "" at rest."""

    dial: str
    word: str
    seed: int
    parts: int
    seconds: float
    weights: Path
    keep: Path | None


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


def judge(line: Line) -> list[dict[str, int]]:
    """Counts of each clip."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    network = LineClassifier()
    trained.fill(network, line.weights / trained.CLASSIFIER.name)
    network.eval()
    dials = (line.dial,) if line.dial else ()
    settings = RenderSettings(parts=line.parts, seconds=line.seconds, seed=line.seed, dials=dials)
    with TemporaryDirectory() as temporary:
        name = f"{line.dial or REST}-{line.seed}-{line.parts}-{line.seconds:g}"
        folder = (line.keep or Path(temporary)) / name
        if not (folder / "manifest.csv").is_file():
            render(settings, folder)
        manifest, truth = (
            pd.read_csv(folder / "manifest.csv"),
            pd.read_parquet(folder / "truth.parquet"),
        )
        return [
            classes_in(network, folder / path, truth[truth["item"] == item])
            for path, item in zip(manifest["path"], manifest["item"], strict=True)
        ]


def row_of(dial: str, word: str, found: Sequence[list[dict[str, int]]]) -> str:
    """One line of the table, in percent."""
    clips = [clip for line in found for clip in line]
    events = np.concatenate([np.arange(clip["pairs"]) < clip["flips"] for clip in clips])
    clusters = np.repeat(np.arange(len(clips)), [clip["pairs"] for clip in clips])
    rate = clustered_rate(events, clusters)
    each = [
        sum(clip["flips"] for clip in line) / max(sum(clip["pairs"] for clip in line), 1)
        for line in found
    ]
    right, kind = (
        sum(clip[key] for clip in clips) / sum(clip["frames"] for clip in clips)
        for key in ("right", "right_kind")
    )
    return (
        f"| {dial or REST} | {word} | {100 * rate.value:.1f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}] "
        f"| {100 * min(each):.1f} to {100 * max(each):.1f} | {sum(clip['flips'] > 0 for clip in clips)} of "
        f"{len(clips)} | {rate.n} | {100 * right:.1f} | {100 * kind:.1f} |"
    )


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--dial", nargs="+", default=[REST, *BY_NAME])
    parser.add_argument("--size", nargs="+", default=list(WORDS), choices=WORDS)
    parser.add_argument("--weights", type=Path, default=trained.FOLDER)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    rows = lines_of(given.dial, given.size)
    lines = [
        Line(
            dial=dial,
            word=word,
            seed=seed,
            parts=given.parts,
            seconds=given.seconds,
            weights=given.weights,
            keep=given.keep,
        )
        for dial, word in rows
        for seed in given.seeds
    ]
    say("| dial | size | flips | by line | parts that flip | pairs | right class | right kind |")
    say("|---|---|---|---|---|---|---|---|")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.workers, mp_context=context) as pool:
        found = pool.map(judge, lines)
        for dial, word in rows:
            say(row_of(dial, word, [next(found) for _ in given.seeds]))


if __name__ == "__main__":
    harness.run(main)
