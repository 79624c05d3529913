"""Planted worlds: footage rendered from stills, whose causes and true shares are known. No script.

A world is a still (an ImageNet picture) with one or two conditions that change from frame to frame, before one or two
cameras with noise of their own, or behind H.264. Its truth is that of the noise-free twins: along the model's real
change of the same pairs, one condition after the other, in both orders. Everything is drawn by the hash of a commit.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd

from vidrobust.frames.pixels import to_levels
from vidrobust.stages.causes.catalogue import NOISE
from vidrobust.stages.causes.pair_replays import PairReplays, study_pair
from vidrobust.stages.causes.recoded import LEAD, quantizer_of, recoded
from vidrobust.stages.causes.score import seen_by

WIDTH, HEIGHT = 320, 240
MARGIN = 24
"""Pixels of the still about the frame, so that motion shows real content."""
H264 = MappingProxyType({"g": "10000", "preset": "medium"})
"""With one keyframe at the start."""
NETWORKS = (
    *(f"mobilenet_v1_{size}" for size in ("0.25_128", "0.5_160", "0.75_192", "1.0_224")),
    *("mobilenet_v2_1.0_224", "squeezenet1_1_227"),
)
RATES = (18, 23, 26, 29, 32, 35)
"""Constant rate factors of H.264."""
ROUNDINGS = 4
"""Roundings of a twin over which its answer is averaged."""
FIELDS: Mapping[str, Mapping[str, str]] = {
    "exposure": {"light": "gain"},
    "flicker": {"light": "gain"},
    "shadow": {"local_light": "shadow"},
    "lamp": {"local_light": "lamp", "light": "level"},
    "hue": {"colour": "hue"},
    "jitter": {"camera": "shift"},
    "focus": {"sharpness": "blur"},
    "hunting": {"light": "gain"},
    **{kind: {"objects": "part"} for kind in ("belt", "wire", "ticker")},
}
"""By cause the field of a frame's condition. One of two lamps lights all of the picture, and one side more."""
BELTS = ("belt", "wire", "ticker")
"""Kinds whose field is the place of a part."""
KINDS = tuple(
    tuple(names.split("+"))
    for names in (
        *("jitter", "shadow+belt", "hue+flicker", "focus", "rain", "exposure+jitter", "lamp"),
        *("hunting+wire", "none+h264", "shadow+jitter", "flicker+focus", "ticker"),
        *("hue+focus", "wobble", "belt+jitter", "hue", "jitter+h264", "lamp+jitter"),
        *("hunting", "wire+flicker", "shadow", "exposure+hue", "belt+h264", "focus+jitter"),
        *("exposure", "rain+flicker", "ticker+shadow", "flicker", "belt", "wobble+exposure"),
        *("focus+h264", "lamp+hue", "wire", "none", "hunting+focus", "jitter+hue"),
    )
)
"""Kinds of world in turn; "h264" codes what the others make."""
LOOKS = ("plain", "plain", "plain", "text", "dust")
"""Of a scene: as it is, with printed lines, or behind dust on the lens."""
TWO_CAMERAS = 5
"""Every so many-th world has two cameras, each with half of the pairs, a still and noise of its own."""
CLEAN = 4
"""Every so many-th world is free of noise."""
SMALLEST, LARGEST = 0.35, 1.6
"""Sizes of conditions."""


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add what every script with planted worlds is asked: where to write, who draws, and from which files."""
    root = Path(__file__).resolve().parents[2] / "shared"
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--commit", help="whose hash draws; HEAD where none is given")
    parser.add_argument("--stills", type=Path, default=root / "corpus" / "imagenet_sample")
    parser.add_argument("--models", type=Path, default=root / "models")


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


def _base(scene: np.ndarray, part: np.ndarray, frame: Frame) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) float32 without noise; the part is an ellipse of another still on a belt."""
    x = scene
    if frame.part is not None:
        x = with_part(scene, part, (frame.part + MARGIN, 0.6 * scene.shape[0]))
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


def with_part(scene: np.ndarray, part: np.ndarray, place: tuple[float, float]) -> np.ndarray:
    """A still with a part of 110 x 90 px of another one, its middle at a place (x, y) px of the still."""
    height, width = scene.shape[:2]
    (cx, cy), rx, ry = place, 55.0, 45.0
    source = (part.shape[1] / 2, part.shape[0] / 2)
    shift = np.float32([[1, 0, source[0] - cx], [0, 1, source[1] - cy]])
    moved = cv2.warpAffine(
        part, shift, (width, height), flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    )
    y, x = np.mgrid[:height, :width]
    distance = np.hypot((x - cx) / rx, (y - cy) / ry)
    alpha = np.clip((1 - distance) * 50 + 0.5, 0, 1)[..., None].astype(np.float32)
    return alpha * moved + (1 - alpha) * scene


def coded(frames: list[np.ndarray], crf: int) -> tuple[list[np.ndarray], float]:
    """The frames behind H.264, and the quantizer that the stream tells, as a study reads it.

    At a constant rate factor x264 (mbtree) shares out its bits a little differently from run to run.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "world.mkv"
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx264", rate=25, options={**H264, "crf": str(crf)})
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            for frame in frames:
                out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            out.mux(stream.encode(None))
        with av.open(str(path)) as back:
            seen = [frame.to_ndarray(format="rgb24") for frame in back.decode(video=0)]
        return seen, quantizer_of(path, lambda: seen)


def course(kind: str, rng: np.random.Generator, count: int, phase: float, size: float) -> list[Any]:
    """A condition's value in each of ``count`` frames."""
    t = np.arange(count)
    if kind == "exposure":
        return [
            float(g)
            for g in np.maximum(0.4, 1 + 0.1 * size * rng.standard_normal(-(-count // 4)).repeat(4))
        ][:count]
    if kind == "flicker":
        return [float(1 + 0.08 * size * g) for g in rng.uniform(-1, 1, count)]
    if kind == "shadow":
        turn = 2 * np.pi * t / rng.uniform(12, 30) + phase
        return [
            (
                float(0.5 + 0.35 * np.sin(a)),
                float(0.5 + 0.3 * np.cos(1.3 * a)),
                min(0.8, 0.4 * size),
            )
            for a in turn
        ]
    if kind == "lamp":
        return [float(1 + 0.12 * size * g) for g in rng.uniform(-1, 1, count)]
    if kind == "hue":
        return [float(8 * size * h) for h in rng.uniform(-1, 1, count)]
    if kind == "jitter":
        return [(float(x), float(y)) for x, y in rng.normal(0, 1.3 * size, (count, 2))]
    if kind == "focus":
        return [float(max(0.0, size * (0.8 + 0.7 * np.sin(2 * np.pi * k / 11 + phase)))) for k in t]
    speed = rng.uniform(2, 5)
    return [float(40 + speed * k) for k in t]


def with_field_of(frame: Shot, other: Shot, name: str) -> Shot:
    """A frame's condition with one field of another's."""
    return replace(frame, **{name: getattr(other, name)})


@dataclass(frozen=True)
class Shot(Frame):
    """A frame's condition; ``rain``: seed of its drops; ``wobble``: px of a bent readout, phase."""

    rain: int = 0
    wobble: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Camera:
    """What one camera sees: the still, that of the part, and noise in levels."""

    still: str
    other: str
    sigma: float


@dataclass(frozen=True)
class World:
    """What was drawn of a world; ``sizes`` of its kinds."""

    number: int
    kinds: tuple[str, ...]
    sizes: tuple[float, ...]
    look: str
    cameras: tuple[Camera, ...]
    crf: int
    networks: tuple[str, ...]
    seed: int

    @property
    def key(self) -> str:
        return f"{self.number} {'+'.join(self.kinds)} {self.seed}"


def drawn(commit: str, count: int, stills: list[str]) -> list[World]:
    """The first ``count`` worlds of a commit."""
    found = []
    for number in range(count):
        rng = np.random.default_rng(
            list(hashlib.sha256(f"{commit} shares {number}".encode()).digest())
        )
        kinds = KINDS[number % len(KINDS)]
        # without noise an exposure that holds, or nothing at all, repeats its frames
        clean = number % CLEAN == 1 and not {"none", "exposure", "h264", "rain"} & {*kinds}
        chosen = rng.choice(stills, 4, replace=False).tolist()
        cameras = [
            Camera(chosen[k], chosen[k + 2], 0.0 if clean else float(rng.uniform(0.5, 4.0)))
            for k in (0, 1)
        ]
        found.append(
            World(
                number=number,
                kinds=kinds,
                sizes=tuple(np.exp(rng.uniform(*np.log([SMALLEST, LARGEST]), len(kinds))).tolist()),
                look=str(rng.choice(LOOKS)),
                cameras=tuple(cameras[: 2 if number % TWO_CAMERAS == 2 else 1]),
                crf=int(rng.choice(RATES)) if "h264" in kinds else 0,
                networks=tuple(rng.choice(NETWORKS, 2, replace=False).tolist()),
                seed=int(rng.integers(2**31)),
            )
        )
    return found


def planted(kinds: tuple[str, ...]) -> dict[str, str]:
    """By cause the field of a shot that its condition moves."""
    return {cause: name for kind in kinds for cause, name in FIELDS.get(kind, {}).items()}


def conditions(world: World, camera: int, count: int) -> list[Shot]:
    """The course of every condition of a world, before one camera."""
    rng = np.random.default_rng([world.seed, camera])
    shots = [Shot()] * count
    for kind, size in zip(world.kinds, world.sizes, strict=True):
        phase = rng.uniform(0, 2 * np.pi)
        values: list[Any]
        if kind == "rain":
            shots = [replace(s, rain=int(rng.integers(1, 2**31))) for s in shots]
        elif kind == "wobble":
            turns = rng.uniform(0, 2 * np.pi, count)
            shots = [
                replace(s, wobble=(2 * size, float(turn)))
                for s, turn in zip(shots, turns, strict=True)
            ]
        elif kind == "hunting":
            # an automatic exposure that overshoots and settles, now and again
            t = np.arange(count) % 12
            values = (1 + 0.25 * size * np.exp(-t / 5) * np.cos(2 * np.pi * t / 5 + phase)).tolist()
            shots = [replace(s, gain=v) for s, v in zip(shots, values, strict=True)]
        elif kind in FIELDS:
            values = course("belt" if kind in BELTS else kind, rng, count, phase, size)
            for name in FIELDS[kind].values():
                shots = [replace(s, **{name: v}) for s, v in zip(shots, values, strict=True)]
    if camera:  # the second camera is darker and softer
        shots = [replace(s, gain=0.8 * s.gain, blur=float(np.hypot(s.blur, 0.6))) for s in shots]
    return shots


def still(path: Path) -> np.ndarray:
    """A picture as ``account_worlds.still`` makes it of a frame."""
    picture = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    height, width = HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN
    scale = max(height / picture.shape[0], width / picture.shape[1])
    size = (
        max(width, round(picture.shape[1] * scale)),
        max(height, round(picture.shape[0] * scale)),
    )
    made = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    y, x = (made.shape[0] - height) // 2, (made.shape[1] - width) // 2
    return made[y : y + height, x : x + width].astype(np.float32)


def printed(scene: np.ndarray) -> np.ndarray:
    """The scene with lines of print on it."""
    made = np.rint(np.clip(scene, 0, 255)).astype(np.uint8)
    for row, text in enumerate(("LOT 4711-B", "use before 03/27", "serial 0029183")):
        place = (60, 90 + 60 * row)
        cv2.putText(
            made, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.8, (245, 245, 245), 5, cv2.LINE_AA
        )
        cv2.putText(made, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 20, 20), 2, cv2.LINE_AA)
    return made.astype(np.float32)


@cache
def dust() -> np.ndarray:
    """(HEIGHT, WIDTH, 1) share of the light that dust on the lens lets through."""
    mask, rng = np.full((HEIGHT, WIDTH), 255, np.uint8), np.random.default_rng(5)
    for _ in range(30):
        centre = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT)))
        cv2.circle(
            mask, centre, int(rng.integers(1, 6)), int(rng.integers(80, 200)), -1, cv2.LINE_AA
        )
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.2)[..., None])


def render(world: World, scene: np.ndarray, part: np.ndarray, shot: Shot) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) float32 without noise."""
    if shot.part is not None and "belt" not in world.kinds:
        thin = _wires if "wire" in world.kinds else _ticker
        scene, shot = thin(scene, shot.part), replace(shot, part=None)
    x = _base(scene, part, shot)
    if world.look == "dust":
        x = x * dust()
    if shot.wobble[0]:
        rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
        bent = columns + np.float32(shot.wobble[0]) * np.sin(
            2 * np.pi * rows / 160 + shot.wobble[1]
        )
        x = cv2.remap(
            x, bent.astype(np.float32), rows, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
        )
    if shot.rain:
        rng, drops = np.random.default_rng(shot.rain), np.zeros(x.shape[:2], np.uint8)
        for a, b in zip(rng.integers(0, WIDTH, 70), rng.integers(-10, HEIGHT, 70), strict=True):
            cv2.line(drops, (int(a), int(b)), (int(a) + 3, int(b) + 14), 255, 1, cv2.LINE_AA)
        x = x + 45 / 255 * cv2.GaussianBlur(drops.astype(np.float32), (0, 0), 0.8)[..., None]
    return np.clip(x, 0, 255)


def _wires(scene: np.ndarray, place: float) -> np.ndarray:
    """Three dark wires of 2 px, slanted, that move to the right and come in again on the left."""
    y, x = np.mgrid[: scene.shape[0], : scene.shape[1]].astype(np.float32)
    away = [np.abs(x - (place + 120 * k) % scene.shape[1] - 0.15 * y) for k in range(3)]
    cover = np.clip(1.5 - np.min(away, axis=0), 0, 1)[..., None]
    return np.asarray((1 - cover) * scene + cover * np.float32([30, 25, 20]))


@cache
def _letters() -> np.ndarray:
    made = np.zeros((48, 2000), np.uint8)
    text = "speed limit 60 - exit 14 closed - fog ahead - keep distance - road works in 2 km - "
    cv2.putText(made, 2 * text, (0, 36), cv2.FONT_HERSHEY_SIMPLEX, 1.1, 255, 3, cv2.LINE_AA)
    return made.astype(np.float32) / 255


def _ticker(scene: np.ndarray, place: float) -> np.ndarray:
    """A board with bright letters that run to the left."""
    made, letters = scene.copy(), _letters()
    matrix = np.float32([[1, 0, place + 60], [0, 1, 0]])
    cover = cv2.warpAffine(
        letters, matrix, (scene.shape[1], 48), flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    )
    cover = np.clip(cover, 0, 1)[..., None]
    board = slice(scene.shape[0] // 2 - 24, scene.shape[0] // 2 + 24)
    made[board] = (1 - cover) * np.float32([15, 20, 25]) + cover * np.float32([250, 190, 60])
    return made


def mean_answer(model: Any, levels: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    """The mean of a classifier's coordinates over roundings of a picture without noise to whole levels."""
    made = (np.floor(levels + rng.random(levels.shape, np.float32)) for _ in range(count))
    return np.asarray(seen_by(model, tuple(map(to_levels, made))).z.mean(axis=0))


class Course:
    """One camera's frames: as recorded, and noise-free twins."""

    def __init__(self, world: World, number: int, stills: Path, pairs: int) -> None:
        camera = world.cameras[number]
        self.world, self.shots = world, conditions(world, number, pairs + 3)
        scene = still(stills / camera.still)
        self.scene, self.part = (
            (printed(scene) if world.look == "text" else scene),
            still(stills / camera.other),
        )
        rng = np.random.default_rng([world.seed, 100 + number])
        recorded = []
        for shot in self.shots:
            x = self.twin(shot)
            recorded.append(
                to_levels(x + np.float32(camera.sigma) * rng.standard_normal(x.shape, np.float32))
            )
        self.recorded, self.quantizer = recorded, float("nan")
        if world.crf:
            self.recorded, self.quantizer = coded(recorded, world.crf)

    def twin(self, shot: Shot) -> np.ndarray:
        return render(self.world, self.scene, self.part, shot)

    def usable(self) -> list[int]:
        """First frames of the pairs; a repeated frame is no pair."""
        r = self.recorded
        return [t for t in range(1, len(r) - 2) if not np.array_equal(r[t], r[t + 1])]

    def replays(self, t: int) -> PairReplays:
        """The replays of frames t and t+1, made as a study makes them."""
        r, again = self.recorded, ()
        if self.world.crf:
            again = recoded(r[max(0, t - LEAD) : t + 2], self.quantizer)
        return study_pair(*r[t - 1 : t + 3], coded=self.world.crf > 0, again=again)

    def truth(self, model: Any) -> pd.DataFrame:
        """Of each pair <d, d> and, by cause, the part of it along d that the twins show."""
        rng = np.random.default_rng([self.world.seed, 2])

        @cache
        def answer(shot: Shot) -> np.ndarray:
            return mean_answer(model, self.twin(shot), rng, ROUNDINGS)

        d = np.diff(seen_by(model, tuple(self.recorded)).z, axis=0)
        rows, steps = [], list(pairwise(self.shots))
        for t in self.usable():
            now, then = steps[t]
            row = {
                "change": float(d[t] @ d[t]),
                NOISE: float(d[t] @ (d[t] - answer(then) + answer(now))),
            }
            for cause, name in planted(self.world.kinds).items():
                on, off = with_field_of(now, then, name), with_field_of(then, now, name)
                row[cause] = float(
                    (answer(on) - answer(now) + answer(then) - answer(off)) / 2 @ d[t]
                )
            rows.append(row)
        return pd.DataFrame(rows)
