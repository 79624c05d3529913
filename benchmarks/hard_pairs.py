"""Is the account right where pairs are hard: strong noise, blur of ever new length and angle, strong hue?

    python benchmarks/hard_pairs.py [--corpus DIR] [--models DIR] [--world NAME ...] [--pairs 24] [--stills 2]

A world is rendered from stills of real clips, as in ``account_worlds.py``: a condition that is new in each frame,
then noise of its own. The true share comes from the twin without noise (``truth``) and from twins with noise of
their own (``with noise``), since to a network a picture without noise is another picture. ``measured`` and
``planted`` are the medians of the size of the change between neighbours, in the cause's unit. The still alone is
the null.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import account_worlds as worlds
import cv2
import harness
import numpy as np
import pandas as pd
import torch
from harness import say

from vidrobust.frames.pixels import to_levels
from vidrobust.models.load import load_model
from vidrobust.perturb.blur import line_kernel
from vidrobust.stages.causes.catalogue import NOISE, REPLAYED
from vidrobust.stages.causes.naming import named
from vidrobust.stages.causes.pair_replays import PairReplays
from vidrobust.stages.causes.shares import summarise

NETWORKS = ("mobilenet_v2_1.0_224", "squeezenet1_1_227")


PLAIN = worlds.Frame()


@dataclass(frozen=True)
class Frame:
    """One frame: what ``account_worlds`` renders, and a line of motion blur, its length px and angle degrees."""

    plain: worlds.Frame = PLAIN
    line: tuple[float, float] = (0.0, 0.0)


def render(scene: np.ndarray, frame: Frame) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) float32 without noise."""
    length, degrees = frame.line
    if length > 0:
        scene = cv2.filter2D(scene, -1, line_kernel(length, float(np.deg2rad(degrees))))
    return worlds.render(scene, scene, frame.plain)


def _still(rng: np.random.Generator, n: int) -> list[Frame]:
    return [Frame()] * n


def _jitter(rng: np.random.Generator, n: int) -> list[Frame]:
    return [Frame(worlds.Frame(shift=(float(x), float(y)))) for x, y in rng.normal(0, 2.0, (n, 2))]


def _shake(rng: np.random.Generator, n: int) -> list[Frame]:
    return [
        Frame(line=(float(x), float(a)))
        for x, a in zip(rng.uniform(1, 7, n), rng.uniform(0, 180, n), strict=True)
    ]


def _focus(rng: np.random.Generator, n: int) -> list[Frame]:
    return [Frame(worlds.Frame(blur=float(s))) for s in rng.uniform(0, 2.5, n)]


def _hue(rng: np.random.Generator, n: int) -> list[Frame]:
    steps = rng.uniform(40, 60, n) * rng.choice([-1, 1], n)
    return [Frame(worlds.Frame(hue=float(h))) for h in np.cumsum(steps)]


def _between(a: Frame, b: Frame, cause: str) -> float:
    """Size of the planted change between two frames, in the cause's unit; of two lines the longer one."""
    if cause == "sharpness" and max(a.line[0], b.line[0]) > 0:
        return max(a.line[0], b.line[0]) / math.sqrt(12)
    if cause == "sharpness":
        return math.sqrt(abs(a.plain.blur**2 - b.plain.blur**2))
    if cause == "colour":
        return abs(b.plain.hue - a.plain.hue)
    return math.dist(a.plain.shift, b.plain.shift) if cause == "camera" else math.nan


VIVID = 3
"""From here on the stills are of strong colours."""
WORLDS: dict[str, tuple[Callable[[np.random.Generator, int], list[Frame]], float, str, int]] = {
    # conditions, noise sigma, the cause that is planted, the first still
    "still": (_still, 1.0, NOISE, 0),
    "noise 32": (_still, 32.0, NOISE, 0),
    "noise 32, jitter": (_jitter, 32.0, "camera", 0),
    "motion blur": (_shake, 1.0, "sharpness", 0),
    "focus": (_focus, 1.0, "sharpness", 0),
    "focus, noise": (_focus, 6.0, "sharpness", 0),
    "hue": (_hue, 1.0, "colour", VIVID),
}


def sizes(kept: list[tuple[str, int, PairReplays]], cause: str) -> float:
    """Median size of what was measured of a cause, hue in degrees."""
    found = [pair.sizes[cause] for _, _, pair in kept if cause in pair.sizes]
    if cause == NOISE or not found:
        return float("nan")
    return float(
        np.median([abs(s.more["hue_deg"] if cause == "colour" else s.size) for s in found])
    )


def main() -> None:
    root = Path(__file__).resolve().parents[2] / "shared"
    parser = harness.parser(__doc__)
    parser.add_argument("--corpus", type=Path, default=root / "corpus")
    parser.add_argument("--models", type=Path, default=root / "models")
    parser.add_argument("--world", nargs="*", default=list(WORLDS))
    parser.add_argument("--pairs", type=int, default=24, help="of all stills together")
    parser.add_argument("--stills", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    models = [load_model(f"onnx:{given.models / name}.onnx", device="cpu") for name in NETWORKS]
    table = harness.table(
        *("world", "network", "replayed", "cause", "share", "low", "high", "truth", "with noise"),
        *("noise", "measured", "planted", "named"),
        digits=2,
    )
    for name in given.world:
        make, sigma, cause, first = WORLDS[name]
        rows, truth, planted, used = (
            [],
            {model.name: [] for model in models},
            [],
            time.process_time(),
        )
        kept: list[tuple[str, int, PairReplays]] = []
        for k in range(first, first + given.stills):
            scene = worlds.still(given.corpus / worlds.STILLS[k][0], worlds.STILLS[k][1])
            rng = np.random.default_rng(k)
            conditions = make(rng, given.pairs // given.stills + 3)
            clean = [render(scene, frame) for frame in conditions]
            frames = [to_levels(x + rng.normal(0, sigma, x.shape)) for x in clean]
            planted += [_between(*each, cause) for each in pairwise(conditions[1:-1])]
            rows += worlds.study(frames, models, f"still {k}", kept)
            for model in models:
                truth[model.name].append(
                    worlds.truth_of(frames, [to_levels(x) for x in clean], sigma, model)
                )
        frame = pd.DataFrame(rows)
        account = summarise(frame)
        who = named(account)
        replayed = sum(pair.excluded is None for _, _, pair in kept)
        for model in models:
            own = account[(account["model"] == model.name) & (account["item"] == "")].set_index(
                "cause"
            )
            free, noisy, change = np.concatenate(truth[model.name]).sum(axis=0)
            true = [1 - x / change if cause == NOISE else x / change for x in (free, noisy)]
            names = who[who["model"] == model.name]["cause"].tolist()
            table.row(
                *(name, model.name[:12], f"{replayed}/{len(kept)}", cause),
                *(float(own[x][cause]) for x in ("share", "low", "high")),
                *map(float, true),
                *(
                    float(own.share[NOISE]),
                    sizes(kept, cause),
                    float(np.median(planted)),
                    ",".join(names) or "-",
                ),
            )
            others = {
                c: round(float(own.share[c]), 2)
                for c in REPLAYED
                if abs(own.share[c]) > 0.03 and c != cause
            }
            if others:
                say(f"  besides: {others}")
        say(f"  {time.process_time() - used:.0f} processor s")


if __name__ == "__main__":
    harness.run(main)
