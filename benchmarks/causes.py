"""Causes by replay on real clips, beside the plain Farneback warp of the first trial, on the same pairs.

    python benchmarks/causes.py CLIP... [--pairs 59] [--step 1] [--model efficientnet-lite0]

Per clip and cause: mean cosine and mean `left` of the replay and of its placebo, the share explained beyond the
placebo with its interval, flips reproduced of flips seen (and by a placebo, on average), and CPU seconds a pair.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch

from vidrobust.account import causes
from vidrobust.differences.classes import total_variation
from vidrobust.frames import FrameBatch
from vidrobust.models.load import load_model
from vidrobust.pixels import to_array
from vidrobust.predictions import Classifier
from vidrobust.video.source import VideoSource, open_video

CHUNK = 4


def farneback(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Frame a warped by OpenCV's Farneback flow at full resolution with Lanczos, as in the first trial."""
    gray_a, gray_b = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (a, b))
    flow = cv2.calcOpticalFlowFarneback(gray_b, gray_a, None, 0.5, 3, 15, 3, 5, 1.2, 0)
    x = np.arange(a.shape[1], dtype=np.float32)[None] + flow[..., 0]
    y = np.arange(a.shape[0], dtype=np.float32)[:, None] + flow[..., 1]
    return cv2.remap(a, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)


def baseline(model: Classifier, a: FrameBatch, b: FrameBatch) -> list[dict[str, float]]:
    """Cosine, left and flips of the Farneback warp of each pair."""
    rows = []
    for first, second in zip(a.pixels, b.pixels, strict=True):
        pictures = [to_array(first), to_array(second)]
        p = causes.predict(model, [*pictures, farneback(*pictures)], torch.device("cpu"))
        change = float(total_variation(p[:1], p[1:2])[0])
        if change < causes.SMALLEST_CHANGE:
            continue
        z, labels = causes.centred_logits(p), p.argmax(axis=1)
        rows.append(
            {
                "cosine": causes.cosine(z[2] - z[0], z[1] - z[0]),
                "left": float(total_variation(p[2:], p[1:2])[0]) / change,
                "flip": float(labels[0] != labels[1]),
                "reproduced": float(labels[0] != labels[1] and labels[2] == labels[1]),
            }
        )
    return rows


def usable_pairs(source: VideoSource, count: int, step: int) -> list[int]:
    """First frames of the adjacent pairs that are not repeated pictures."""
    found, before, number = [], None, 0
    for batch in source.batches(16):
        for pixels in batch.pixels:
            if before is not None and (number - 1) % step == 0 and not torch.equal(before, pixels):
                found.append(number - 1)
            before, number = pixels, number + 1
        if number > count:
            break
    return [first for first in found if first < count]


def study(path: Path, model: Classifier, count: int, step: int) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """The causes table of one clip, the rows of the baseline, and CPU seconds a pair of the former."""
    tables, rows, spent = [], [], 0.0
    with open_video(path) as source:
        firsts = usable_pairs(source, count, step)
        for start in range(0, len(firsts), CHUNK):
            part = firsts[start : start + CHUNK]
            a, b = source.at(part), source.at([first + 1 for first in part])
            began = time.process_time()
            tables.append(causes.study_pairs(path.name, a, b, [model], seed=0).table)
            spent += time.process_time() - began
            rows += baseline(model, a, b)
    return pd.concat(tables), pd.DataFrame(rows), spent / max(1, len(firsts))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--pairs", type=int, default=59)
    parser.add_argument("--step", type=int, default=1, help="every n-th pair")
    parser.add_argument("--model", default="efficientnet-lite0")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    model = load_model(options.model, device="cpu")
    found = []
    for path in options.clips:
        table, plain, seconds = study(path, model, options.pairs, options.step)
        found.append(table)
        print(f"\n{path.name}: {len(plain)} pairs, {seconds:.2f} CPU s a pair")
        print(
            f"Farneback: cosine {plain['cosine'].mean():.2f}, left {plain['left'].mean():.2f}, "
            f"flips {plain['reproduced'].sum():.0f} of {plain['flip'].sum():.0f}"
        )
        report(table)
    print("\nall clips")
    report(pd.concat(found))


def report(table: pd.DataFrame) -> None:
    """One line per cause."""
    kept = table[table["excluded"] == ""]
    left = kept.groupby("cause")[["left", "placebo_left"]].mean()
    for row in causes.summarise(table).itertuples():
        means = left.loc[row.cause] if row.cause in left.index else {"left": np.nan, "placebo_left": np.nan}
        print(
            f"{row.cause:<12} cosine {row.cosine:5.2f} (placebo {row.placebo_cosine:5.2f})  "
            f"left {means['left']:4.2f} (placebo {means['placebo_left']:4.2f})  "
            f"beyond {row.value:5.2f} ({row.low:5.2f} to {row.high:5.2f})  "
            f"flips {row.reproduced} of {row.flips} (placebo {row.placebo_flips:.1f})  "
            f"n {row.n}, out {row.excluded} {row.reasons}",
            flush=True,
        )


if __name__ == "__main__":
    main()
