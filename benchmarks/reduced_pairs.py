"""Do reduced pairs give the account of whole ones? Shares of both, and processor seconds a pair.

    python benchmarks/reduced_pairs.py [--corpus DIR] [--models DIR] [--world NAME ...] [--clip FILE ...]
                                       [--pairs 12] [--lines 360] [--keep FILE] [--page FILE]

The same pairs are replayed whole and averaged over squares, and both accounts are made of them. Worlds are
those of ``account_worlds.py`` at 1280x720, lengths and blur three times as large, seen through a resize to 256
px. Real clips, averaged to 360 lines where they have more, are seen through one to 128 px: 180 lines are left,
fewer than ``factor_of`` leaves; with ``--lines 720`` through one to 256 px, which leaves as many as it does.
The table shows the cause whose share moves by most of its interval's arm on that side; above 1 it leaves the
interval that it has on whole frames. True shares, of worlds with one condition, are those of the twin without
and with noise. ``--keep``: rows done, continued.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import account_worlds as worlds
import cv2
import harness
import numpy as np
import pandas as pd
import torch

from vidrobust.frame_pairs.transitions import PairWatcher
from vidrobust.frames.pixels import to_array, to_levels
from vidrobust.models.load import load_model
from vidrobust.models.network import NetworkClassifier
from vidrobust.stages.causes.catalogue import UNEXPLAINED
from vidrobust.stages.causes.pair_replays import study_pair
from vidrobust.stages.causes.pairs import MARGIN
from vidrobust.stages.causes.score import score
from vidrobust.stages.causes.shares import summarise
from vidrobust.video.source import open_video

TIMES = 3
"""How much larger than 320x240 the worlds' lengths are."""
LINES = 360
"""Shorter side to which larger clips are averaged, unless another is given."""
WORLDS = ("noise", "h264", "flicker", "jitter", "hue", "focus", "belt", "shadow, noise")
CLIPS = (
    *("objects/sam2_01_dog.mp4", "objects/sam2_02_cups.mp4", "objects/mdn_flower.mp4"),
    *(
        "objects/intel_car-detection.mp4",
        "objects/cotracker_teddy.mp4",
        "objects/cotracker_cat.mp4",
    ),
    *("objects/cotracker_backpack.mp4", "factory/intel_bottle-detection.mp4"),
    *("factory/flour_bag_conveyor_output.gif", "faults/moviepy_chaplin.mp4"),
    *("faults/moviepy_video_with_failing_audio.mp4", "faults/torchcodec_av1_video.mkv"),
    "faults/moviepy_big_buck_bunny_432_433.webm",
)
ONE_CONDITION = {"flicker": "light", "jitter": "camera", "hue": "colour", "focus": "sharpness"}
Quadruple = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def model_of(models: Path, side: int) -> NetworkClassifier:
    """A classifier that resizes the shorter side to so many px."""
    name = "mobilenet_v1_1.0_224" if side == 256 else "mobilenet_v1_0.25_128"
    model = load_model(f"onnx:{models / name}.onnx", device="cpu")
    assert isinstance(model, NetworkClassifier), "a network"
    model.network = replace(
        model.network, preprocess=replace(model.network.preprocess, resize_to=side)
    )
    return model


def of_world(
    name: str, corpus: Path, pairs: int, model: NetworkClassifier
) -> tuple[list[Quadruple], dict[str, float]]:
    """Pairs of a world at 1280x720, and the true shares of its one condition, without and with noise."""
    number = WORLDS.index(name)
    worlds.WIDTH, worlds.HEIGHT, worlds.MARGIN = 1280, 720, 24 * TIMES
    still, part = (
        worlds.still(corpus / file, frame)
        for file, frame in (worlds.STILLS * 2)[number : number + 2]
    )
    conditions, sigma, codec = worlds.WORLDS[name]
    rng = np.random.default_rng(number)
    frames, clean = [], []
    for each in conditions(rng, pairs + 3):
        shift = (TIMES * each.shift[0], TIMES * each.shift[1])
        place = None if each.part is None else TIMES * each.part
        large = dataclasses.replace(each, shift=shift, blur=TIMES * each.blur, part=place)
        clean.append(worlds.render(still, part, large))
        frames.append(to_levels(clean[-1] + _noise(rng, TIMES * sigma)))
    frames = worlds.coded(frames) if codec else frames
    truth = {}
    if name in ONE_CONDITION:
        found = worlds.truth_of(frames, [to_levels(x) for x in clean], TIMES * sigma, model)
        free, own, all_of = found.sum(axis=0)
        truth = {"free": float(free / all_of), "noisy": float(own / all_of)}
    return [tuple(frames[k : k + 4]) for k in range(pairs)], truth  # type: ignore[misc]


def _noise(rng: np.random.Generator, sigma: float) -> np.ndarray:
    return np.float32(sigma) * rng.standard_normal((worlds.HEIGHT, worlds.WIDTH, 3), np.float32)


def of_clip(path: Path, pairs: int, lines: int) -> list[Quadruple]:
    """Usable pairs spread over a clip, each with the frames beside it."""
    with open_video(path) as source:
        watcher, reasons = PairWatcher(), []
        for batch in source.batches(16):
            reasons += watcher.feed(batch).reason.tolist()
        usable = [k for k in range(1, len(reasons) - 2) if not any(reasons[k : k + 3][1:])]
        chosen = [usable[k] for k in np.unique(np.linspace(0, len(usable) - 1, pairs).astype(int))]
        return [_four(source, k, lines) for k in chosen]


def _of_lines(picture: np.ndarray, lines: int) -> np.ndarray:
    height, width = picture.shape[:2]
    if min(height, width) <= lines:
        return picture
    scale = lines / min(height, width)
    size = (round(width * scale), round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _four(source: Any, k: int, lines: int) -> Quadruple:
    shown = source.at([k - 1, k, k + 1, k + 2]).pixels
    found = [_of_lines(to_array(each).copy(), lines) for each in shown]
    return found[0], found[1], found[2], found[3]


def account(
    pairs: Sequence[Quadruple], model: NetworkClassifier, factor: int
) -> tuple[pd.DataFrame, float]:
    """The account of the pairs, and processor seconds a pair."""
    rows: list[dict[str, Any]] = []
    begin = time.process_time()
    for number, (before, a, b, after) in enumerate(pairs):
        made = study_pair(before, a, b, after, factor=factor)
        ids = {
            "item": "clip",
            "scale": "adjacent",
            "frame_a": 100 * number,
            "frame_b": 100 * number + 1,
        }
        rows += [{**ids, "weight": 1.0, **row} for row in score(made, model)]
    spent = (time.process_time() - begin) / max(1, len(pairs))
    return summarise(pd.DataFrame(rows), per_item=False).set_index("cause"), spent


def compared(pairs: Sequence[Quadruple], model: NetworkClassifier) -> dict[str, Any]:
    """Both accounts of the pairs: each cause's whole share, its interval, and the reduced share."""
    height, width = pairs[0][1].shape[:2]
    factor = int(model.network.preprocess.frame_px(height, width) / MARGIN)
    whole, slow = account(pairs, model, 1)
    small, fast = account(pairs, model, factor)
    known = [
        cause
        for cause in whole.index
        if cause != UNEXPLAINED and np.isfinite(whole["share"][cause])
    ]
    columns = (whole["share"], whole["low"], whole["high"], small["share"])
    return {
        "size": f"{width}x{height}",
        "factor": factor,
        "pairs": len(pairs),
        "shares": {cause: [float(column[cause]) for column in columns] for cause in known},
        "seconds": [slow, fast],
    }


def moved(share: float, low: float, high: float, reduced: float) -> float:
    """How far a share moves, in arms of its interval on that side; 0 where it moves by less than .005."""
    if abs(reduced - share) < 0.005:
        return 0.0
    arm = high - share if reduced > share else share - low
    return abs(reduced - share) / arm if arm > 0 else float("inf")


def said(row: dict[str, Any]) -> tuple[Any, ...]:
    """One line of the table."""
    by = {cause: moved(*four) for cause, four in row["shares"].items()}
    cause = max(by, key=lambda each: by[each])
    share, low, high, reduced = row["shares"][cause]
    true = ""
    if row["true"]:
        known = ONE_CONDITION[row["name"]]
        own = row["shares"][known]
        true = f"{known} {row['true']['free']:.2f} to {row['true']['noisy']:.2f}: {own[0]:.2f}, {own[3]:.2f}"
    of = (row["size"], row["factor"], row["pairs"], cause, f"{share:.2f} [{low:.2f}, {high:.2f}]")
    return (Path(row["name"]).stem, *of, reduced, by[cause], *row["seconds"], true)


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--models", type=Path, default=Path("../shared/models"))
    parser.add_argument("--world", nargs="*", choices=WORLDS, default=WORLDS)
    parser.add_argument("--clip", nargs="*", default=CLIPS)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    done: dict[str, Any] = {}
    if asked.keep is not None and asked.keep.is_file():
        done = json.loads(asked.keep.read_text())
    table = harness.table(
        *(
            "footage",
            "size",
            "factor",
            "pairs",
            "cause that moves most",
            "whole",
            "reduced",
            "arms",
        ),
        *("s whole", "s reduced", "true share: whole, reduced"),
        digits=2,
    )
    for name in (*asked.world, *asked.clip):
        if name not in done:
            world = name in WORLDS
            model = model_of(asked.models, 256 if world or asked.lines > LINES else 128)
            pairs, true = (
                of_world(name, asked.corpus, asked.pairs, model)
                if world
                else (of_clip(asked.corpus / name, asked.pairs, asked.lines), {})
            )
            done[name] = {"name": name, **compared(pairs, model), "true": true}
            if asked.keep is not None:
                asked.keep.write_text(json.dumps(done))
        table.row(*said(done[name]))
    _judged(done)


def _judged(done: dict[str, Any]) -> None:
    """Say how many shares left their interval, and the worst of them."""
    every = [
        (moved(*four), cause, row["name"], four)
        for row in done.values()
        for cause, four in row["shares"].items()
    ]
    left = [each for each in every if each[0] > 1]
    harness.say(f"\n{len(left)} of {len(every)} shares in {len(done)} rows left their interval")
    for arms, cause, name, (share, low, high, reduced) in sorted(
        left or [max(every)], reverse=True
    ):
        range_ = f"[{low:.2f}, {high:.2f}]"
        harness.say(f"{name}, {cause}: {share:.2f} {range_} to {reduced:.2f}, {arms:.2f} arms")


if __name__ == "__main__":
    harness.run(main)
