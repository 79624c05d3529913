"""Are as many flips told to be due to a cause as vanish without it?

    python benchmarks/account_flips.py [--out FILE] [--draw flips] [--first 0] [--worlds 40] [--frames 150]
                                       [--flips 12] [--seconds 3000]

Worlds are drawn as those of ``certificate.py``, by a name in place of a commit. Of ``frames`` frames all flips of
a network are found and the first ``flips`` of them replayed; worlds with fewer than five are left out. What was
run is kept in FILE, and the same command continues.

vanishes  the recording of t+1, with its own noise, rendered with the condition of t, has the label of t
noise     the same with the conditions of t+1 and the noise of t
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import account_worlds as worlds
import certificate
import cv2
import harness
import numpy as np
import pandas as pd
import torch
from harness import say

from vidrobust.frames.pixels import to_levels
from vidrobust.models.load import load_model
from vidrobust.predictions import Classifier
from vidrobust.stages.causes.catalogue import NOISE
from vidrobust.stages.causes.pair_replays import study_pair
from vidrobust.stages.causes.score import predict, score
from vidrobust.stages.causes.shares import summarise

FEWEST = 5
"""Flips below which a world says nothing."""
LONGEST = {"belt": 55}
"""Frames after which a part has left the picture."""
NEAR = 0.15
"""Share of the flips by which what is told may differ from what vanishes."""


def run_world(
    world: certificate.World, corpus: Path, models: Path, frames: int, most: int
) -> list[dict[str, Any]]:
    """One row a planted cause, and one of noise; none with too few flips."""
    scene, part = (certificate.picture(corpus, each) for each in (world.still, world.other))
    count = min(frames, *(LONGEST.get(kind, frames) for kind in world.kinds))
    course = certificate.conditions(world, count + 3)
    model: Classifier = load_model(f"onnx:{models / world.network}.onnx", device="cpu")

    def noise(number: int) -> np.ndarray:
        rng = np.random.default_rng([world.seed, 1, number])
        return np.float32(world.sigma) * rng.standard_normal(
            (worlds.HEIGHT, worlds.WIDTH, 3), np.float32
        )

    def record(frame: worlds.Frame, own: np.ndarray) -> np.ndarray:
        return to_levels(worlds.render(scene, part, frame) + own)

    labels = [label(model, record(frame, noise(t))) for t, frame in enumerate(course)]
    flips = [t for t in range(1, count) if labels[t] != labels[t + 1]][:most]
    if len(flips) < FEWEST:
        return []
    rows: list[dict[str, Any]] = []
    gone: dict[str, int] = {}
    for t in flips:
        pair = study_pair(*(record(course[t + k], noise(t + k)) for k in (-1, 0, 1, 2)), flips=True)
        ids = {"item": "world", "frame_a": t, "frame_b": t + 1, "weight": 1.0, "scale": "adjacent"}
        rows += [{**ids, **row} for row in score(pair, model)]
        held = {NOISE: record(course[t + 1], noise(t))}
        then = worlds.render(scene, part, course[t + 1])
        own = certificate.own_noise(then, noise(t + 1))
        for cause, field in certificate.planted(world.kinds).items():
            held[cause] = record(certificate.with_field_of(course[t + 1], course[t], field), own)
        for cause, picture in held.items():
            gone[cause] = gone.get(cause, 0) + (label(model, picture) == labels[t])
    account = summarise(pd.DataFrame(rows), per_item=False).set_index("cause")
    columns = ["flips_due", "flips_due_low", "flips_due_high"]
    return [
        {
            "key": world.key,
            "cause": cause,
            "flips": len(flips),
            "vanish": vanish,
            "told": account.loc[cause, columns].astype(float).tolist(),
        }
        for cause, vanish in gone.items()
        if cause != NOISE or world.sigma > 0
    ]


def label(model: Classifier, picture: np.ndarray) -> int:
    """The label of one picture (H, W, 3) uint8."""
    return int(predict(model, (picture,), "cpu").argmax(axis=1)[0])


def describe(rows: list[dict[str, Any]]) -> None:
    """World by world, then how often what is told is near, and within what is said of it."""
    table = harness.table("world", "cause", "flips", "vanish", "due", "from", "to")
    for r in rows:
        table.row(r["key"], r["cause"], r["flips"], r["vanish"], *(int(x) for x in r["told"]))
    say("")
    for name, of in (
        ("conditions", [r for r in rows if r["cause"] != NOISE]),
        ("noise", [r for r in rows if r["cause"] == NOISE]),
    ):
        near = [abs(r["told"][0] - r["vanish"]) <= NEAR * r["flips"] for r in of]
        held = [r["told"][1] <= r["vanish"] <= r["told"][2] for r in of]
        width = [(r["told"][2] - r["told"][1]) / r["flips"] for r in of]
        if of:
            off = np.mean([(r["told"][0] - r["vanish"]) / r["flips"] for r in of])
            say(
                f"{name}: within {NEAR} of the flips {sum(near)} of {len(of)}, told less what vanishes "
                f"{off:+.2f}; held by the interval {sum(held)} of {len(of)}, width {np.mean(width):.2f}"
            )


def main() -> None:
    """Run the worlds that are missing, and print the table."""
    root = Path(__file__).resolve().parents[2] / "shared"
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--draw", default="flips")
    parser.add_argument("--corpus", type=Path, default=root / "corpus")
    parser.add_argument("--models", type=Path, default=root / "models")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--worlds", type=int, default=40)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--flips", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=3000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    clips = sorted(
        f"{folder}/{p.name}"
        for folder in certificate.CLIPS
        for p in (given.corpus / folder).glob("*.mp4")
    )
    kept = given.out.read_text().splitlines() if given.out and given.out.is_file() else []
    runs: list[dict[str, Any]] = [json.loads(line) for line in kept]
    done, began = {run["key"] for run in runs}, time.monotonic()
    for world in certificate.drawn(given.draw, given.worlds, clips)[given.first :]:
        if not {*world.kinds} <= {*certificate.FIELDS} or world.key in done:
            continue
        if time.monotonic() - began > given.seconds:
            break
        rows = run_world(world, given.corpus, given.models, given.frames, given.flips)
        runs.append({"key": world.key, "rows": rows})
        if given.out:
            with given.out.open("a") as file:
                file.write(json.dumps(runs[-1]) + "\n")
    describe([row for run in runs for row in run["rows"]])


if __name__ == "__main__":
    harness.run(main)
