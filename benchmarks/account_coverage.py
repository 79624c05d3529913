"""Do the intervals of the account cover? Samples of pairs drawn again and again from all pairs of a clip.

    python benchmarks/account_coverage.py CLIP... --model SPEC [--pairs 24] [--draws 400] [--width 320]
                                                  [--frames 250]

Every usable pair of each clip is replayed once (slow); the share of all of them is the truth. Then samples are
drawn as a study draws them, and per cause the share of intervals that hold the truth is printed beside the spread.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import harness
import numpy as np
import pandas as pd
import torch
from harness import say

from vidrobust.frame_pairs.transitions import PairWatcher
from vidrobust.frames.pixels import to_array
from vidrobust.models.load import load_model
from vidrobust.predictions import Classifier
from vidrobust.stages.causes.pair_replays import study_pair
from vidrobust.stages.causes.pairs import choose_pairs
from vidrobust.stages.causes.score import score
from vidrobust.stages.causes.shares import summarise
from vidrobust.video.source import open_video


def footage(path: Path, count: int, width: int) -> tuple[list[np.ndarray], pd.DataFrame]:
    """The first frames of a clip, made smaller, and the transitions between them."""
    frames: list[np.ndarray] = []
    transitions: list[tuple[float, str]] = []
    watcher = PairWatcher()
    with open_video(path) as source:
        for batch in source.batches(16):
            found = watcher.feed(batch)
            transitions += list(zip(found.pixel_change, found.reason, strict=True))
            for pixels in batch.pixels:
                frame = to_array(pixels)
                size = (width, round(frame.shape[0] * width / frame.shape[1]))
                frames.append(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
            if len(frames) >= count:
                break
    table = pd.DataFrame(transitions[1:count], columns=["pixel_change", "excluded"])
    table.insert(0, "frame_a", np.arange(len(table)))
    table.insert(1, "frame_b", table["frame_a"] + 1)
    return frames[:count], table


def replay_all(
    frames: list[np.ndarray], transitions: pd.DataFrame, models: list[Classifier], item: str
) -> pd.DataFrame:
    """Rows of the table ``causes`` of every usable pair."""
    usable = set(transitions.loc[transitions["excluded"] == "", "frame_a"])
    rows: list[dict[str, object]] = []
    for t in sorted(usable):
        before = frames[t - 1] if t - 1 in usable else None
        after = frames[t + 2] if t + 1 in usable else None
        replays = study_pair(before, frames[t], frames[t + 1], after)
        ids = {"item": item, "frame_a": t, "frame_b": t + 1, "weight": 1.0, "scale": "adjacent"}
        rows += [{**ids, **row} for model in models for row in score(replays, model)]
    return pd.DataFrame(rows)


def coverage(rows: pd.DataFrame, transitions: pd.DataFrame, pairs: int, draws: int) -> pd.DataFrame:
    """Per cause: the share of all pairs, the spread of samples' shares, how many intervals hold it, how wide."""
    truth = summarise(rows, per_item=False).set_index("cause")["share"]
    found = []
    for seed in range(draws):
        chosen = choose_pairs(transitions, pairs, f"draw {seed}")
        drawn = rows.drop(columns="weight").merge(chosen, on=["frame_a", "frame_b"])
        found.append(summarise(drawn, per_item=False).set_index("cause")[["share", "low", "high"]])
    every = pd.concat(found)
    every["truth"] = truth.reindex(every.index)
    every["covers"] = (every["low"] <= every["truth"]) & (every["truth"] <= every["high"])
    every["width"] = every["high"] - every["low"]
    by = every.groupby(level=0, sort=False)
    return pd.DataFrame(
        {
            "truth": truth,
            "spread": by["share"].std(),
            "coverage": by["covers"].mean(),
            "width": by["width"].median(),
        }
    )


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--frames", type=int, default=250)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    model = load_model(options.model, device="cpu")
    for path in options.clips:
        frames, transitions = footage(path, options.frames, options.width)
        rows = replay_all(frames, transitions, [model], path.stem)
        say(f"\n{path.name}: {rows['frame_a'].nunique()} pairs, {model.name}")
        say(coverage(rows, transitions, options.pairs, options.draws).round(3).to_string())


if __name__ == "__main__":
    harness.run(main)
