"""From a file to policy.json on planted worlds and nulls: is the planted cause named, is a null left alone?

    python benchmarks/verdicts.py --out DIR [--corpus DIR] [--models DIR] [--nulls 150] [--seconds 3000]
                                  [--only worlds|nulls|table]

Every world is rendered from two stills of the corpus, written as two clips and studied as a user would
(``vidrobust.study``), with one real network. A null is a still with noise or H.264 and nothing else, with a real
network; or a world with a model that answers at random. Results are kept in DIR/results.jsonl, so that the same
command continues; the table is printed at the end, with binomial intervals (Clopper-Pearson).

truth    of a share: <z_clean(t+1) - z_clean(t), d> / <d, d> on the noise-free twin, all pairs
range    half the distance of the 2.5th and 97.5th percentile of the planted condition
false    a step of a policy whose cause was not planted; of a null any step but those of noise and coding, and of
         a model that answers at random any step
covers   of worlds with one cause: the planted cause's interval holds the truth, those of the other causes 0; of
         nulls of noise and of H.264 those of all causes 0, and that of noise and coding 1
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
import harness
from account_worlds import MARGIN, STILLS, Frame, RandomAnswers, render, still
from harness import say

from vidrobust.api.study import study
from vidrobust.frames.pixels import to_levels
from vidrobust.models.load import load_model
from vidrobust.predictions import Classifications, Classifier
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.causes.catalogue import REPLAYED
from vidrobust.stages.causes.score import coordinates, predict
from vidrobust.statistics.intervals import clopper_pearson

FRAMES = 40
ASKED = (
    *("brightness", "exposure_offset", "contrast", "gamma", "saturation", "hue", "white_balance"),
    *("translation", "rotation", "scale", "gaussian_blur", "defocus_blur", "motion_blur"),
    *("gaussian_noise", "shot_noise", "jpeg"),
)
SETTINGS = Settings(
    perturbation=ASKED, frames=5, strengths=0, pairs=14, resamples=99, pictures=False
)
"""Of a clip; frames and pairs are numbers of a run, and a world has two clips."""
CRF = {"small": 26, "middle": 33, "large": 40}
SIZES = {"small": 0.5, "middle": 1.0, "large": 2.0}


@dataclass(frozen=True)
class World:
    """What is planted: conditions of the frames at size 1, the cause, and the perturbation that stands for it."""

    cause: str
    perturbation: str
    make: Callable[[np.random.Generator, float], list[Frame]]
    planted: Callable[[list[Frame]], float] = lambda frames: float("nan")
    noise: float = 1.0
    after: Callable[[np.ndarray, int, float], np.ndarray] | None = None
    also: tuple[str, ...] = ()


def half_spread(values: Sequence[float]) -> float:
    low, high = np.percentile(np.asarray(values, float), (2.5, 97.5))
    return float((high - low) / 2)


def _gains(frames: list[Frame]) -> float:
    return float(np.expm1(half_spread(np.log([f.gain for f in frames]))))


def _shifts(frames: list[Frame]) -> float:
    return max(half_spread([f.shift[k] for f in frames]) for k in (0, 1)) / 320


def _turned(x: np.ndarray, angle: float, zoom: float = 1.0) -> np.ndarray:
    centre = ((x.shape[1] - 1) / 2, (x.shape[0] - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, angle, zoom)
    return cv2.warpAffine(
        x, matrix, x.shape[1::-1], flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
    )


def _saturated(x: np.ndarray, factor: float) -> np.ndarray:
    grey = cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)[..., None]
    return np.clip(grey + factor * (x - grey), 0, 255)


def _smeared(x: np.ndarray, length: float) -> np.ndarray:
    """Motion blur along x over so many pixels: a box of that length, its ends in part."""
    half = math.ceil(length / 2)
    ends = np.clip(length / 2 - np.abs(np.arange(-half, half + 1)) + 0.5, 0, 1)
    kernel = np.where(ends.sum() > 0, ends / max(ends.sum(), 1e-9), np.arange(-half, half + 1) == 0)
    return cv2.filter2D(x, -1, kernel[None].astype(np.float32), borderType=cv2.BORDER_REFLECT_101)


def _series(seed: int, size: float) -> np.ndarray:
    """A condition for each frame, uniform in -size..size, the same for a world's twin."""
    return np.random.default_rng([seed, 7]).uniform(-size, size, FRAMES)


WORLDS: dict[str, World] = {
    "noise": World(
        "noise_and_coding", "gaussian_noise", lambda r, s: [Frame()] * FRAMES, noise=4.0
    ),
    "h264": World("noise_and_coding", "jpeg", lambda r, s: [Frame()] * FRAMES, noise=2.0),
    "flicker": World(
        "light",
        "brightness",
        lambda r, s: [Frame(gain=1 + g) for g in r.uniform(-0.08 * s, 0.08 * s, FRAMES)],
        _gains,
    ),
    "drift": World(
        "light",
        "brightness",
        lambda r, s: [Frame(gain=0.85 + 0.2 * s * t / FRAMES) for t in range(FRAMES)],
        _gains,
    ),
    "slow drift": World(
        "light",
        "brightness",
        lambda r, s: [Frame(gain=0.85 + 0.2 * s * t / (3 * FRAMES)) for t in range(3 * FRAMES)],
        _gains,
    ),
    "jitter": World(
        "camera",
        "translation",
        lambda r, s: [
            Frame(shift=(float(x), float(y))) for x, y in r.normal(0, 1.5 * s, (FRAMES, 2))
        ],
        _shifts,
    ),
    "rotation": World(
        "camera",
        "rotation",
        lambda r, s: [Frame()] * FRAMES,
        after=lambda x, t, s: _turned(x, float(_series(1, 2 * s)[t])),
        planted=lambda f: 1.0,
    ),
    "zoom": World(
        "camera",
        "scale",
        lambda r, s: [Frame()] * FRAMES,
        after=lambda x, t, s: _turned(x, 0.0, 1 + float(_series(2, 0.03 * s)[t])),
        planted=lambda f: 1.0,
    ),
    "hue": World(
        "colour",
        "hue",
        lambda r, s: [Frame(hue=float(h)) for h in r.uniform(-6 * s, 6 * s, FRAMES)],
        lambda f: half_spread([x.hue for x in f]),
    ),
    "saturation": World(
        "colour",
        "saturation",
        lambda r, s: [Frame()] * FRAMES,
        after=lambda x, t, s: _saturated(x, 1 + float(_series(3, 0.3 * s)[t])),
        planted=lambda f: 1.0,
    ),
    "focus": World(
        "sharpness",
        "gaussian_blur",
        lambda r, s: [
            Frame(blur=float(max(0.0, s * (0.8 + 0.7 * np.sin(2 * np.pi * t / 11)))))
            for t in range(FRAMES)
        ],
        lambda f: (
            float(np.sqrt(np.diff(np.percentile([x.blur**2 for x in f], (2.5, 97.5)))[0])) / 320
        ),
    ),
    "motion blur": World(
        "sharpness",
        "motion_blur",
        lambda r, s: [Frame()] * FRAMES,
        after=lambda x, t, s: _smeared(x, abs(float(_series(4, 6 * s)[t]))),
    ),
    "belt": World(
        "objects", "", lambda r, s: [Frame(part=float(60 + 4.3 * s * t)) for t in range(FRAMES)]
    ),
    "entering": World(
        "came_into_view",
        "",
        lambda r, s: [Frame(part=float(-60 + 12 * s * t)) for t in range(FRAMES)],
        also=("objects",),
    ),
    "jitter and flicker": World(
        "camera",
        "translation",
        lambda r, s: [
            Frame(shift=(float(x), float(y)), gain=1 + float(g))
            for (x, y), g in zip(
                r.normal(0, 1.5 * s, (FRAMES, 2)), r.uniform(-0.08, 0.08, FRAMES), strict=True
            )
        ],
        _shifts,
        also=("light",),
    ),
    "hue and jitter": World(
        "camera",
        "translation",
        lambda r, s: [
            Frame(shift=(float(x), float(y)), hue=float(h))
            for (x, y), h in zip(
                r.normal(0, 1.5 * s, (FRAMES, 2)), r.uniform(-6, 6, FRAMES), strict=True
            )
        ],
        _shifts,
        also=("colour",),
    ),
}


def planted_range(name: str, size: float, frames: list[Frame]) -> float:
    """What the range of the step should be: the spread of the condition as it was drawn."""
    if name == "rotation":
        return half_spread(_series(1, 2 * size).tolist())
    if name == "zoom":
        return float(np.expm1(half_spread(np.log1p(_series(2, 0.03 * size)).tolist())))
    if name == "motion blur":
        return half_spread(np.square(_series(4, 6 * size)).tolist()) ** 0.5 * 2**0.5 / 320
    if name == "saturation":
        return float(np.expm1(half_spread(np.log1p(_series(3, 0.3 * size)).tolist())))
    return WORLDS[name].planted(frames)


def write_clip(path: Path, frames: Sequence[np.ndarray], crf: int | None) -> None:
    """Frames (H, W, 3) uint8 as FFV1, which loses nothing, or as H.264 with one keyframe."""
    with av.open(str(path), "w") as out:
        if crf is None:
            stream, kind = out.add_stream("ffv1", rate=25), "bgr0"
        else:
            stream = out.add_stream("libx264", rate=25, options={"crf": str(crf), "g": "10000"})
            kind = "yuv420p"
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], kind
        for frame in frames:
            out.mux(
                stream.encode(
                    av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
                )
            )
        out.mux(stream.encode(None))


def rendered(
    name: str, size: str, scene: np.ndarray, part: np.ndarray, seed: int
) -> tuple[list[np.ndarray], list[np.ndarray], list[Frame]]:
    """Frames as recorded (before any codec), their noise-free twins, and the conditions."""
    world, rng = WORLDS[name], np.random.default_rng(seed)
    conditions = world.make(rng, SIZES[size])
    clean = [render(scene, part, frame) for frame in conditions]
    if world.after is not None:
        clean = [world.after(x, t, SIZES[size]) for t, x in enumerate(clean)]
    sigma = world.noise * (SIZES[size] if name == "noise" else 1.0)
    return (
        [to_levels(x + rng.normal(0, sigma, x.shape)) for x in clean],
        [to_levels(x) for x in clean],
        conditions,
    )


def truth_of(recorded: list[np.ndarray], clean: list[np.ndarray], model: Classifier) -> float:
    """The share of the change that the noise-free twin shows, over all pairs."""
    z, free = (coordinates(predict(model, tuple(x), "cpu"), "logits") for x in (recorded, clean))
    d, own = np.diff(z, axis=0), np.diff(free, axis=0)
    return float((own * d).sum() / np.square(d).sum())


def run_world(
    name: str, size: str, scenes: list[np.ndarray], spec: str, folder: Path, seed: int
) -> dict[str, Any]:
    """One planted world through the whole study."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model, truths, ranges = load_model(spec), [], []
    for k in range(2):
        scene, part = scenes[(seed + k) % len(scenes)], scenes[(seed + k + 2) % len(scenes)]
        frames, clean, conditions = rendered(name, size, scene, part, seed + k)
        write_clip(folder / f"clip{k}.mkv", frames, CRF[size] if name == "h264" else None)
        if name != "h264":
            truths.append(truth_of(frames, clean, model))
        ranges.append(planted_range(name, SIZES[size], conditions))
    return {
        "kind": "world",
        "name": name,
        "size": size,
        "truth": float(np.mean(truths)) if truths else None,
        "range": float(np.mean(ranges)),
        **outcome(folder, spec, clips=2),
    }


def outcome(folder: Path, spec: str, *, clips: int = 1) -> dict[str, Any]:
    """What the study says: shares, named causes, the largest first, and the steps of the policy."""
    assert SETTINGS.frames is not None
    assert SETTINGS.pairs is not None
    settings = replace(SETTINGS, frames=clips * SETTINGS.frames, pairs=clips * SETTINGS.pairs)
    run = study(
        folder, spec, out=folder / "run", settings=settings, stages=["policy"], overwrite=True
    )
    account, named = run.table("account"), run.table("named")
    whole = account[account["item"] == ""].set_index("cause")
    policy = run.policy
    return {
        "shares": whole["share"].to_dict(),
        "low": whole["low"].to_dict(),
        "high": whole["high"].to_dict(),
        "rejected": {r["perturbation"]: r["reason"] for r in policy["rejected"]},
        "named": named.sort_values("share", ascending=False)["cause"].tolist(),
        "steps": [
            {"perturbation": s["perturbation"], "high": s["high"], "cause": s["evidence"]["cause"]}
            for s in policy["steps"]
        ],
    }


def null_kind(number: int) -> str:
    """One in ten is a clip that lies there twice."""
    return "duplicated" if number % 10 == 9 else ("noise", "h264", "random")[number % 3]


def run_null(number: int, scenes: list[np.ndarray], spec: str, folder: Path) -> dict[str, Any]:
    """Noise or H.264 alone with a real network, or a world with models that answer at random, in turn; some noise
    twice under two names."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng([99, number])
    kind = null_kind(number)
    scene, part = scenes[number % len(scenes)], scenes[(number + 2) % len(scenes)]
    world = str(rng.choice(["jitter", "flicker", "belt", "noise"])) if kind == "random" else "noise"
    frames, _, _ = rendered(world, "middle", scene, part, 1000 + number)
    if kind in ("noise", "duplicated"):
        sigma = float(rng.uniform(1, 8))
        frames = [
            to_levels(render(scene, part, Frame()) + rng.normal(0, sigma, (240, 320, 3)))
            for _ in range(FRAMES)
        ]
    write_clip(folder / "clip.mkv", frames, int(rng.integers(23, 40)) if kind == "h264" else None)
    if kind == "duplicated":
        shutil.copy(folder / "clip.mkv", folder / "again.mkv")
    chosen = f"verdicts:random_{(2, 3, 10)[number // 3 % 3]}_{number}" if kind == "random" else spec
    return {"kind": "null", "name": kind, "number": number, **outcome(folder, chosen)}


class AtRandom:
    """A model that answers at random, as ``package.module:factory`` wants it."""

    task = "classification"

    def __init__(self, classes: int, seed: int) -> None:
        self._answers = RandomAnswers(classes, seed)
        self.name, self.version = f"random {classes}", str(seed)
        self.class_names = self._answers.class_names

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        return self._answers(pixels)


def __getattr__(name: str) -> AtRandom:
    """``verdicts:random_CLASSES_SEED``."""
    if name.startswith("random_"):
        classes, seed = map(int, name.split("_")[1:])
        return AtRandom(classes, seed)
    raise AttributeError(name)


def table(rows: list[dict[str, Any]]) -> str:
    """Each aim with its figure and interval, the confusion table, errors of shares and ranges."""
    worlds, nulls = ([r for r in rows if r["kind"] == kind] for kind in ("world", "null"))
    lines = []

    def aim(title: str, hits: int, of: int, wanted: str) -> None:
        low, high = clopper_pearson(hits, of) if of else (float("nan"), float("nan"))
        lines.append(
            f"{title}: {hits} of {of} ({hits / max(of, 1):.1%}, [{low:.1%}, {high:.1%}]); aim {wanted}"
        )

    false = [
        r
        for r in nulls
        if any(s["cause"] != "noise_and_coding" or r["name"] == "random" for s in r["steps"])
    ]
    aim("nulls with a false step", len(false), len(nulls), "at most 2 %")
    for kind in ("noise", "h264", "random", "duplicated"):
        own = [r for r in nulls if r["name"] == kind]
        aim(f"  {kind}", sum(r in false for r in own), len(own), "at most 2 %")
    strong = [
        r
        for r in worlds
        if r["shares"].get(WORLDS[r["name"]].cause, 0) > 0.2 or (r["truth"] or 0) > 0.2
    ]
    # a part that enters moves as well: of two causes planted at once either may come first
    named_first = [
        r for r in strong if {*r["named"][:1]} & {WORLDS[r["name"]].cause, *WORLDS[r["name"]].also}
    ]
    aim(
        "planted cause named first, above a share of .2",
        len(named_first),
        len(strong),
        "at least 90 %",
    )
    wrong = [
        r
        for r in worlds
        if any(
            s["cause"] not in (WORLDS[r["name"]].cause, *WORLDS[r["name"]].also, "noise_and_coding")
            for s in r["steps"]
        )
    ]
    aim("worlds with a step of another cause", len(wrong), len(worlds), "at most 2 %")
    known = [r for r in worlds if r["truth"] is not None]
    errors = [sum(r["shares"][c] or 0 for c in REPLAYED) - r["truth"] for r in known]
    aim(
        "share of all causes within .15 of the truth",
        sum(abs(e) <= 0.15 for e in errors),
        len(errors),
        "all",
    )
    single = [r for r in known if not WORLDS[r["name"]].also and r["name"] not in ("noise", "belt")]
    planted = [_covers(r, WORLDS[r["name"]].cause, r["truth"]) for r in single]
    others = [_covers(r, c, 0.0) for r in single for c in REPLAYED if c != WORLDS[r["name"]].cause]
    silent = [r for r in nulls if r["name"] != "random" and r["shares"]]
    wanted = "93-97 %"
    aim("intervals of the planted cause hold the truth", sum(planted), len(planted), wanted)
    aim("intervals of causes not planted hold 0", sum(others), len(others), wanted)
    zero = [_covers(r, c, 0.0) for r in silent for c in REPLAYED]
    aim("intervals of causes hold 0 on noise and H.264", sum(zero), len(zero), wanted)
    one = [_covers(r, "noise_and_coding", 1.0) for r in silent]
    aim("intervals of noise and coding hold 1 there", sum(one), len(one), wanted)
    ranged = [
        (r, s["high"] / r["range"])
        for r in worlds
        for s in r["steps"]
        if s["perturbation"] == WORLDS[r["name"]].perturbation
        and r["range"]
        and np.isfinite(r["range"])
    ]
    aim(
        "ranges within 25 % of the planted",
        sum(abs(q - 1) <= 0.25 for _, q in ranged),
        len(ranged),
        "all",
    )
    lines.append(
        "\n| planted | size | truth | named by all causes | first named | steps (range / planted) |"
    )
    lines.append("|---|---|---|---|---|---|")
    for r in sorted(
        worlds, key=lambda r: (list(WORLDS).index(r["name"]), list(SIZES).index(r["size"]))
    ):
        truth = "" if r["truth"] is None else f"{r['truth']:.2f}"
        held = sum(r["shares"][c] or 0 for c in REPLAYED)
        steps = ", ".join(
            f"{s['perturbation']} {s['high']:.3g}"
            + (
                f" ({s['high'] / r['range']:.2f})"
                if s["perturbation"] == WORLDS[r["name"]].perturbation and r["range"] == r["range"]
                else ""
            )
            for s in r["steps"]
        )
        lines.append(
            f"| {r['name']} | {r['size']} | {truth} | {held:.2f} | {(r['named'] or ['-'])[0]} | {steps or '-'} |"
        )
    frame = pd.DataFrame(
        [{"planted": WORLDS[r["name"]].cause, "first": (r["named"] or ["none"])[0]} for r in worlds]
    )
    if len(frame):
        lines.append("\n" + pd.crosstab(frame["planted"], frame["first"]).to_string())
    return "\n".join(lines)


def _covers(row: dict[str, Any], cause: str, truth: float) -> bool:
    low, high = row["low"][cause], row["high"][cause]
    return bool(low is not None and high is not None and low <= truth <= high)


def main() -> None:
    parser = harness.parser(__doc__)
    root = Path(__file__).resolve().parents[2] / "shared"
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=root / "corpus")
    parser.add_argument("--models", type=Path, default=root / "models")
    parser.add_argument("--nulls", type=int, default=150)
    parser.add_argument("--seconds", type=float, default=3000)
    parser.add_argument("--only", choices=["worlds", "nulls", "table"])
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    kept = arguments.out / "results.jsonl"
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.is_file() else []
    done = {(r["kind"], r["name"], r.get("size"), r.get("number")) for r in rows}
    scenes = [still(arguments.corpus / path, frame) for path, frame in STILLS]
    assert all(scene.shape[0] > 2 * MARGIN for scene in scenes)
    spec = f"onnx:{arguments.models / 'mobilenet_v1_0.5_160.onnx'}"
    jobs: list[tuple[tuple[Any, ...], Callable[[], dict[str, Any]]]] = []
    place = arguments.out / "work"
    if arguments.only in (None, "worlds"):
        for number, (name, size) in enumerate(
            (n, s) for s in ("middle", "large", "small") for n in WORLDS
        ):
            key = ("world", name, size, None)
            jobs.append(
                (key, lambda n=name, s=size, k=number: run_world(n, s, scenes, spec, place, k))
            )
    if arguments.only in (None, "nulls"):
        for number in range(arguments.nulls):
            key = ("null", null_kind(number), None, number)
            jobs.append((key, lambda k=number: run_null(k, scenes, spec, place)))
    started = time.monotonic()
    for key, work in jobs:
        if key in done or time.monotonic() - started > arguments.seconds:
            continue
        rows.append(work())
        with kept.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        say(
            key,
            rows[-1]["named"],
            rows[-1]["steps"] or rows[-1]["rejected"],
            f"{time.monotonic() - started:.0f} s",
        )
    say(table(rows))


if __name__ == "__main__":
    harness.run(main)
