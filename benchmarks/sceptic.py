"""What does a study say of kinds of change that no one had in mind when the account was made?

    python benchmarks/sceptic.py --out DIR [--corpus DIR] [--models DIR] [--world NAME ...] [--pairs 24] [--again]

Each world is one clip of a still, written to a file and studied with the defaults of the command line. Its page
lies in DIR/WORLD/run, to be read. The same command continues what was stopped; --again studies anew.

true share  as in the certificate: along the noise-free twins with this condition alone gone on, over all pairs of
            the clip. What passes, bends or shines is that of objects and what came into view together; of footage
            that is coded and else at rest noise and coding are all
found       the shares that are named, or .05 and more
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import harness
import numpy as np
import pandas as pd
from account_worlds import HEIGHT, MARGIN, WIDTH, Frame, local_gain, still
from verdicts import write_clip

from vidrobust.frames.pixels import to_levels
from vidrobust.models.load import load_model
from vidrobust.stages.causes.score import coordinates, predict

FRAMES, ROUNDINGS = 90, 4
SMALL, LARGE = "mobilenet_v1_0.25_128", "mobilenet_v2_1.0_224"
BACKPACK, WORKER = (
    ("objects/cotracker_backpack.mp4", 40),
    ("factory/intel_preview_worker-zone-detection.gif", 30),
)
BOTTLES, CUPS = ("factory/intel_bottle-detection.mp4", 300), ("objects/sam2_02_cups.mp4", 150)
RABBIT, RIGGER = (
    ("faults/moviepy_big_buck_bunny_432_433.webm", 12),
    ("faults/torchcodec_nasa_13013.mp4", 200),
)
X, Y = (
    each.astype(np.float32)
    for each in np.meshgrid(np.arange(WIDTH) / WIDTH, np.arange(HEIGHT) / HEIGHT)
)
Condition = dict[str, float]
"""By field its value in a frame; what is not there is at rest."""


@dataclass(frozen=True)
class World:
    """``fields`` of the condition, by the cause that ought to get its share; ``of`` what clip and frame."""

    fields: dict[str, str]
    course: Callable[[np.random.Generator], list[Condition]]
    of: tuple[str, int]
    network: str
    sigma: float = 1.0
    crf: int | None = None


def each(**values: Any) -> list[Condition]:
    """One condition a frame, of arrays of values."""
    return [{name: float(v[t]) for name, v in values.items()} for t in range(FRAMES)]


def rest(_: np.random.Generator) -> list[Condition]:
    return [{}] * FRAMES


def _lamp(rng: np.random.Generator) -> list[Condition]:
    gain = rng.uniform(0.85, 1.15, FRAMES)
    return each(lamp=gain, level=gain)


T = np.arange(FRAMES)
MOVING = "objects+came_into_view"
WORLDS = {
    "nothing": World({}, rest, WORKER, SMALL, sigma=0),
    "noise": World({}, rest, BACKPACK, LARGE, sigma=5),
    "lamp of two": World({"light": "level", "local_light": "lamp"}, _lamp, CUPS, SMALL, sigma=0.7),
    "one step": World(
        {"light": "gain"}, lambda r: each(gain=np.where(T < 41, 0.75, 1.0)), WORKER, SMALL
    ),
    "sawtooth": World(
        {"light": "gain"}, lambda r: each(gain=0.7 + 0.025 * (T % 12)), BACKPACK, LARGE
    ),
    "white balance": World(
        {"colour": "balance"}, lambda r: each(balance=r.uniform(-0.1, 0.1, FRAMES)), RABBIT, SMALL
    ),
    "saturation": World(
        {"colour": "saturation"},
        lambda r: each(saturation=r.uniform(0.5, 1.5, FRAMES)),
        CUPS,
        LARGE,
    ),
    "zoom": World({"camera": "zoom"}, lambda r: each(zoom=0.15 * T / FRAMES), RIGGER, SMALL),
    "focus": World(
        {"sharpness": "blur"}, lambda r: each(blur=1.1 * (1 + np.sin(T / 3))), WORKER, LARGE
    ),
    "x264, crf 18": World({}, rest, RABBIT, SMALL, sigma=2, crf=18),
    "x264, crf 26": World({}, rest, CUPS, LARGE, sigma=2, crf=26),
    "x264, crf 34": World({}, rest, RIGGER, SMALL, sigma=2, crf=34),
    "cloth": World({MOVING: "bend"}, lambda r: each(bend=T + 1.0), BACKPACK, SMALL),
    "glint": World({MOVING: "glint"}, lambda r: each(glint=T + 1.0), BOTTLES, LARGE),
    "hand": World(
        {MOVING: "hand"},
        lambda r: each(hand=np.clip((T - 12) / 66, 0, 1)),
        RIGGER,
        LARGE,
        sigma=1.5,
    ),
}


def render(scene: np.ndarray, now: Condition) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) float32 without noise."""
    scale, bend = 1 / (1 + now.get("zoom", 0.0)), now.get("bend", 0.0)
    x, y = (
        (X - 0.5) * WIDTH * scale + WIDTH / 2 + MARGIN,
        (Y - 0.5) * HEIGHT * scale + HEIGHT / 2 + MARGIN,
    )
    if bend:
        about = np.exp(-(((X - 0.5) / 0.2) ** 2 + ((Y - 0.5) / 0.25) ** 2) / 2)
        x = x + 4 * about * np.sin(2 * np.pi * (3 * X - bend / 9))
        y = y + 3 * about * np.cos(2 * np.pi * (2 * Y - bend / 7))
    made = cv2.remap(scene, np.float32(x), np.float32(y), cv2.INTER_CUBIC)
    if now.get("blur", 0.0) > 0.05:
        made = cv2.GaussianBlur(made, (0, 0), now["blur"])
    grey = made @ np.float32([0.299, 0.587, 0.114])
    made = grey[..., None] + np.float32(now.get("saturation", 1.0)) * (made - grey[..., None])
    balance = now.get("balance", 0.0)
    made = made * np.float32([1 + balance, 1, 1 - balance]) * (0.9 if balance else 1)
    made = made * local_gain(Frame(lamp=now.get("lamp", 1.0), level=now.get("level", 1.0)))
    if now.get("glint", 0.0):
        made = made + _glints(now["glint"])
    if now.get("hand", 0.0):
        made = _hand(made, now["hand"])
    return np.clip(made * now.get("gain", 1.0), 0, 255).astype(np.float32)


def _glints(t: float) -> np.ndarray:
    """Three small highlights, each on a way of its own."""
    places = ((0.3, 0.4), (0.6, 0.55), (0.45, 0.7))
    ways = [(x + 0.1 * np.sin(t / 3 + 9 * x), y + 0.07 * np.cos(t / 2 + 7 * y)) for x, y in places]
    return np.asarray(
        200 * sum(np.exp(-((X - x) ** 2 + (Y - y) ** 2) / 6e-4) for x, y in ways)[..., None]
    )


def _hand(made: np.ndarray, part: float) -> np.ndarray:
    """An arm that comes in from the right and leaves again."""
    tip = 1 - 0.62 * np.sin(np.pi * part)
    arm = np.where(tip < X, np.abs(Y - 0.55) / 0.08 - 1, 9)
    alpha = np.clip(
        0.5 - 12 * np.minimum(np.hypot((X - tip) / 0.1, (Y - 0.55) / 0.13) - 1, arm), 0, 1
    )[..., None]
    lines = 0.8 + 0.2 * np.sin(40 * Y + 9 * (X - tip))
    skin = (
        np.float32([205, 150, 120]) * lines[..., None]
        + 8 * np.sin(90 * (X - tip) + 60 * Y)[..., None]
    )
    return np.asarray((1 - alpha) * made + alpha * skin)


def true_shares(
    world: World, course: list[Condition], scene: np.ndarray, d: np.ndarray, model: Any
) -> dict[str, float]:
    """By cause; d (pairs, K) real changes."""
    rng = np.random.default_rng(FRAMES)
    known: dict[tuple[Any, ...], np.ndarray] = {}

    def answer(now: Condition) -> np.ndarray:
        key = tuple(sorted(now.items()))
        if key not in known:
            x = render(scene, now)
            made = tuple(
                to_levels(np.floor(x + rng.random(x.shape, np.float32))) for _ in range(ROUNDINGS)
            )
            known[key] = coordinates(predict(model, made, "cpu"), "logits").mean(axis=0)
        return known[key]

    found = {}
    for cause, name in world.fields.items():
        along = 0.0
        for change, (now, then) in zip(d, pairwise(course), strict=True):
            on, off = {**now, name: then[name]}, {**then, name: now[name]}
            along += float((answer(on) - answer(now) + answer(then) - answer(off)) / 2 @ change)
        found[cause] = along / float(np.square(d).sum())
    return found


def run_world(name: str, folder: Path, options: Any) -> dict[str, Any]:
    """The clip, its truth, and what the study says of it."""
    world, rng = WORLDS[name], np.random.default_rng(list(WORLDS).index(name))
    folder.mkdir(parents=True, exist_ok=True)
    scene, course = still(options.corpus / world.of[0], world.of[1]), world.course(rng)
    recorded = [
        to_levels(render(scene, now) + rng.normal(0, world.sigma, (HEIGHT, WIDTH, 3)))
        for now in course
    ]
    clip, spec = (
        folder / f"{name.replace(' ', '-').replace(',', '')}.mkv",
        f"onnx:{options.models / world.network}.onnx",
    )
    write_clip(clip, recorded, world.crf)
    true: dict[str, float] = {}
    if world.fields:
        model: Any = load_model(spec, device="cpu")
        d = np.diff(coordinates(predict(model, tuple(recorded), "cpu"), "logits"), axis=0)
        true = true_shares(world, course, scene, d, model)
    run = folder / "run"
    harness.study(clip, spec, run, "--pairs", str(options.pairs))
    account, named = (pd.read_parquet(run / f"{table}.parquet") for table in ("account", "named"))
    of = account[account["item"] == ""].set_index("cause")
    policy = json.loads((run / "policy.json").read_text())
    return {
        "true": true,
        "shares": {cause: [row["share"], row["low"], row["high"]] for cause, row in of.iterrows()},
        "named": named["cause"].tolist(),
        "steps": [
            f"{s['perturbation']} {s['low']:.2g} to {s['high']:.2g}" for s in policy["steps"]
        ],
    }


def main() -> None:
    """Print the table."""
    root = Path(__file__).resolve().parents[2] / "shared"
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=root / "corpus")
    parser.add_argument("--models", type=Path, default=root / "models")
    parser.add_argument("--world", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    table = harness.table("world", "network", "true share", "found", "named", "steps")
    for name in options.world:
        folder = options.out / name.replace(" ", "-").replace(",", "")
        kept = folder / "result.json"
        if options.again or not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(run_world(name, folder, options), indent=1) + "\n")
        row = json.loads(kept.read_text())
        shown = {c: v for c, v in row["shares"].items() if c in row["named"] or abs(v[0]) >= 0.05}
        table.row(
            name,
            WORLDS[name].network,
            "; ".join(f"{cause} {share:.2f}" for cause, share in row["true"].items()) or "-",
            "; ".join(f"{cause} {v[0]:.2f} [{v[1]:.2f}, {v[2]:.2f}]" for cause, v in shown.items())
            or "-",
            ", ".join(row["named"]) or "none",
            ", ".join(row["steps"]) or "none",
        )


if __name__ == "__main__":
    harness.run(main)
