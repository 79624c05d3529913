"""Do the intervals of the account's shares hold the true shares, on stills and seeds that no one chose?

    python benchmarks/share_intervals.py --out DIR [--commit HASH] [--worlds 36] [--pairs 24] [--draw fresh]
                                         [--seconds 3000] [--page FILE]

Everything is drawn by the hash of a commit (of HEAD, where none is given): ImageNet pictures as stills, sizes,
noise, seeds and two of six networks for each world. ``--draw development`` takes the even pictures and
``fresh`` the odd ones. The tables of what was run are kept in DIR; the same command continues, and counts them
by the account as it is now.

true share  as in ``certificate.py``: from noise-free twins, along the real change of the same pairs. That of noise
            and coding is what the twins leave of the change
cell        a planted cause of one network in one world. A part, a wire or a line of text that moves uncovers what
            is behind it: its cell is objects and newly visible content *together*
pairs       the interval over pairs alone, without the error of the measurement; *measurement alone* is that error
            without the pairs: what would be left with many
false       a named cause that was not planted. Rain and a rolling shutter's wobble are no causes of the account:
            of rain, what moves, comes into view or is noise may be named; of wobble, any motion
"""

from __future__ import annotations

import hashlib
import subprocess
import time
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import account_worlds as worlds
import certificate
import cv2
import harness
import numpy as np
import pandas as pd
import torch
from certificate import NETWORKS, RATES, ROUNDINGS, course, with_field_of
from harness import say

from vidrobust.frames.pixels import to_levels
from vidrobust.models.load import load_model
from vidrobust.stages.causes.catalogue import NOISE, REPLAYED, UNEXPLAINED
from vidrobust.stages.causes.naming import named
from vidrobust.stages.causes.pair_replays import study_pair
from vidrobust.stages.causes.score import coordinates, predict, score
from vidrobust.stages.causes.shares import (
    MEASURED,
    PairTable,
    estimate,
    measurement_error,
    measurement_errors,
    summarise,
    with_the_rest,
)
from vidrobust.statistics.intervals import clopper_pearson, clustered_rate

BELTS = ("belt", "wire", "ticker")
"""Kinds whose field is the place of a part."""
TOGETHER = ("objects", "came_into_view")
KINDS = (
    *(
        ("jitter",),
        ("shadow", "belt"),
        ("hue", "flicker"),
        ("focus",),
        ("rain",),
        ("exposure", "jitter"),
    ),
    *(("lamp",), ("hunting", "wire"), ("none", "h264"), ("shadow", "jitter"), ("flicker", "focus")),
    *(("ticker",), ("hue", "focus"), ("wobble",), ("belt", "jitter"), ("hue",), ("jitter", "h264")),
    *(("lamp", "jitter"), ("hunting",), ("wire", "flicker"), ("shadow",), ("exposure", "hue")),
    *(
        ("belt", "h264"),
        ("focus", "jitter"),
        ("exposure",),
        ("rain", "flicker"),
        ("ticker", "shadow"),
    ),
    *(
        ("flicker",),
        ("belt",),
        ("wobble", "exposure"),
        ("focus", "h264"),
        ("lamp", "hue"),
        ("wire",),
    ),
    *(("none",), ("hunting", "focus"), ("jitter", "hue")),
)
"""Kinds of world in turn; "h264" codes what the others make."""
UNKNOWN = {"rain": (*TOGETHER, NOISE), "wobble": ("camera", *TOGETHER)}
"""What may be named of kinds that are no cause of the account."""
FIELDS = {
    **certificate.FIELDS,
    "hunting": {"light": "gain"},
    **{kind: {"objects": "part"} for kind in BELTS},
}
LOOKS = ("plain", "plain", "plain", "text", "dust")
"""Of a scene: as it is, with printed lines, or behind dust on the lens."""
FAR = 0.1
"""A share that is off by more is wrong."""
TWO_CAMERAS = 5
"""Every so many-th world has two cameras, each with half of the pairs, a still and noise of its own."""
CLEAN = 4
"""Every so many-th world is free of noise."""
SMALLEST, LARGEST = 0.35, 1.6
"""Sizes of conditions, of the certificate's."""


@dataclass(frozen=True)
class Shot(worlds.Frame):
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
    height, width = worlds.HEIGHT + 2 * worlds.MARGIN, worlds.WIDTH + 2 * worlds.MARGIN
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
    mask, rng = np.full((worlds.HEIGHT, worlds.WIDTH), 255, np.uint8), np.random.default_rng(5)
    for _ in range(30):
        centre = (int(rng.integers(worlds.WIDTH)), int(rng.integers(worlds.HEIGHT)))
        cv2.circle(
            mask, centre, int(rng.integers(1, 6)), int(rng.integers(80, 200)), -1, cv2.LINE_AA
        )
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.2)[..., None])


def render(world: World, scene: np.ndarray, part: np.ndarray, shot: Shot) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) float32 without noise."""
    if shot.part is not None and "belt" not in world.kinds:
        thin = _wires if "wire" in world.kinds else _ticker
        scene, shot = thin(scene, shot.part), replace(shot, part=None)
    x = worlds.render(scene, part, shot)
    if world.look == "dust":
        x = x * dust()
    if shot.wobble[0]:
        rows, columns = np.mgrid[: worlds.HEIGHT, : worlds.WIDTH].astype(np.float32)
        bent = columns + np.float32(shot.wobble[0]) * np.sin(
            2 * np.pi * rows / 160 + shot.wobble[1]
        )
        x = cv2.remap(
            x, bent.astype(np.float32), rows, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
        )
    if shot.rain:
        rng, drops = np.random.default_rng(shot.rain), np.zeros(x.shape[:2], np.uint8)
        for a, b in zip(
            rng.integers(0, worlds.WIDTH, 70), rng.integers(-10, worlds.HEIGHT, 70), strict=True
        ):
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
        options = {**worlds.H264, "crf": str(world.crf)}
        self.recorded = worlds.coded(recorded, options=options) if world.crf else recorded

    def twin(self, shot: Shot) -> np.ndarray:
        return render(self.world, self.scene, self.part, shot)

    def usable(self) -> list[int]:
        """First frames of the pairs; a repeated frame is no pair."""
        r = self.recorded
        return [t for t in range(1, len(r) - 2) if not np.array_equal(r[t], r[t + 1])]

    def truth(self, model: Any) -> pd.DataFrame:
        """Of each pair <d, d> and, by cause, the part of it along d that the twins show."""
        rng = np.random.default_rng([self.world.seed, 2])

        @cache
        def answer(shot: Shot) -> np.ndarray:
            x = self.twin(shot)
            made = tuple(
                to_levels(np.floor(x + rng.random(x.shape, np.float32))) for _ in range(ROUNDINGS)
            )
            return np.asarray(coordinates(predict(model, made, "cpu"), "logits").mean(axis=0))

        d = np.diff(coordinates(predict(model, tuple(self.recorded), "cpu"), "logits"), axis=0)
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


def run_world(world: World, stills: Path, models: Path, pairs: int, tables: Path) -> None:
    """Replay one world, and keep the tables of each network."""
    each = -(-pairs // len(world.cameras))
    courses = [Course(world, number, stills, each) for number in range(len(world.cameras))]
    asked = [load_model(f"onnx:{models / name}.onnx", device="cpu") for name in world.networks]
    rows: list[list[dict[str, Any]]] = [[] for _ in asked]
    for number, at in enumerate(courses):
        for t in at.usable():
            replays = study_pair(*at.recorded[t - 1 : t + 3])
            ids = {"item": f"camera {number}", "frame_a": t, "frame_b": t + 1, "weight": 1.0}
            for k, model in enumerate(asked):
                rows[k] += [{**ids, "scale": "adjacent", **row} for row in score(replays, model)]
    for k, model in enumerate(asked):
        truth = pd.concat([at.truth(model) for at in courses], ignore_index=True)
        name = f"{world.number}_{world.networks[k]}"
        pd.DataFrame(rows[k]).to_parquet(tables / f"{name}.parquet")
        truth.to_parquet(tables / f"{name}_truth.parquet")


def kept(world: World, tables: Path) -> list[dict[str, Any]]:
    """What the account now says of a world's kept tables, a row a network."""
    found = []
    for network in world.networks:
        names = [tables / f"{world.number}_{network}{end}.parquet" for end in ("", "_truth")]
        if all(name.is_file() for name in names):
            found.append({**of_world(world, *map(pd.read_parquet, names)), "network": network})
    return found


def of_world(world: World, table: pd.DataFrame, truth: pd.DataFrame) -> dict[str, Any]:
    """Cells, names and what a tool knows besides, of one network."""
    account = summarise(table, per_item=False, coded=world.crf > 0)
    of, pairs = account.set_index("cause"), PairTable.of(table)
    change = float(truth["change"].sum())
    cells = {}
    noisy = world.crf > 0 or any(camera.sigma > 0 for camera in world.cameras)
    errors = measurement_errors(
        {c: of.share[c] for c in MEASURED if of.occurs[c]}, coded=world.crf > 0
    )
    left = 1 - float(of.share[list(REPLAYED)].sum())
    for cause in (*planted(world.kinds), *([NOISE] if noisy and "rain" not in world.kinds else [])):
        own = [cause] if cause != "objects" else list(TOGETHER)
        over = estimate(pairs, np.sum([pairs.part_of(each) for each in own], axis=0))
        error = (
            measurement_error(cause, over.value, left, coded=world.crf > 0)
            if len(own) > 1
            else errors.get(cause, (0.0, 0.0))
        )
        ends = with_the_rest(
            pairs, own, over.value, (over.low, over.high), error, coded=world.crf > 0
        )
        cells["together" if len(own) > 1 else cause] = {
            "true": float(truth[cause].sum()) / change,
            "share": over.value,
            "pairs": [over.low, over.high],
            "measure": [over.value - error[0], over.value + error[1]],
            "interval": [*ends],
        }
    wanted = {*planted(world.kinds), NOISE}
    wanted |= {*TOGETHER} if "objects" in wanted else set()
    wanted |= {cause for kind in world.kinds for cause in UNKNOWN.get(kind, ())}
    names = named(account)["cause"].tolist()
    return {
        "key": world.key,
        "kinds": list(world.kinds),
        "look": world.look,
        "cameras": len(world.cameras),
        "sigma": [camera.sigma for camera in world.cameras],
        "crf": world.crf,
        "n": len(pairs.change),
        "shares": {c: float(of.share[c]) for c in of.index},
        "cells": cells,
        "named": names,
        "false": [cause for cause in names if cause in (*REPLAYED, NOISE) and cause not in wanted],
        "misfit": bool(of.misfit[NOISE] or of.misfit[UNEXPLAINED]),
        "excluded": int(of.excluded.iloc[0]),
    }


def describe(rows: list[dict[str, Any]]) -> None:
    """Coverage and width, then every miss."""
    cells = [(row, cause, cell) for row in rows for cause, cell in row["cells"].items()]
    table = harness.table(
        "cells",
        "worlds",
        "inside, pairs alone",
        "width",
        "inside, measurement alone",
        "inside",
        "over worlds",
        "width",
        "within .05",
        digits=2,
    )
    for title, some in (
        ("planted causes", [c for c in cells if c[1] != NOISE]),
        ("of them .05 to .2", [c for c in cells if c[1] != NOISE and 0.05 <= c[2]["true"] < 0.2]),
        ("of them .2 or more", [c for c in cells if c[1] != NOISE and c[2]["true"] >= 0.2]),
        ("noise and coding", [c for c in cells if c[1] == NOISE]),
        ("of it without H.264", [c for c in cells if c[1] == NOISE and not c[0]["crf"]]),
    ):
        if not some:
            continue
        inside = {
            which: np.array([_inside(cell, which) for *_, cell in some])
            for which in ("pairs", "measure", "interval")
        }
        width = {
            which: np.mean([cell[which][1] - cell[which][0] for *_, cell in some])
            for which in inside
        }
        world = np.unique([row["key"] for row, *_ in some], return_inverse=True)[1]
        over = clustered_rate(inside["interval"], world)
        low, high = clopper_pearson(int(inside["interval"].sum()), len(some))
        table.row(
            f"{title}: {len(some)}",
            int(world.max()) + 1,
            f"{inside['pairs'].sum()} ({inside['pairs'].mean():.0%})",
            float(width["pairs"]),
            f"{inside['measure'].sum()} ({inside['measure'].mean():.0%})",
            f"{inside['interval'].sum()} ({inside['interval'].mean():.0%} [{low:.0%}, {high:.0%}])",
            f"[{over.low:.0%}, {over.high:.0%}]",
            float(width["interval"]),
            f"{np.mean([abs(cell['share'] - cell['true']) <= 0.05 for *_, cell in some]):.0%}",
        )
    say("")
    for low, high in ((0.05, 0.1), (0.1, 0.2), (0.2, 2.0)):
        some = [cell for cell in cells if cell[1] != NOISE and low <= cell[2]["true"] < high]
        hits = sum(
            bool({cause, *(TOGETHER if cause == "together" else ())} & {*r["named"]})
            for r, cause, _ in some
        )
        say(
            f"* named, of causes of true share {low:g} to {min(high, 1.0):g}: {hits} of {len(some)}"
        )
    wrong = [_farthest(r) > FAR for r in rows]
    for title, want in (("some share off by more than", True), ("none", False)):
        said = [r["misfit"] for r, each in zip(rows, wrong, strict=True) if each == want]
        say(f"* misfit said, of networks with {title} {FAR}: {sum(said)} of {len(said)}")
    say(
        f"* networks in worlds with a false name: {sum(bool(r['false']) for r in rows)} of {len(rows)}"
    )
    for kind in UNKNOWN:
        own = [r for r in rows if kind in r["kinds"]]
        say(f"* of them with {kind}: {sum(bool(r['false']) for r in own)} of {len(own)}")
    say("")
    missed = harness.table(
        "missed", "network", "noise", "cause", "true", "share", "pairs", "interval", digits=2
    )
    for row, cause, cell in cells:
        if not _inside(cell, "interval"):
            missed.row(
                f"{row['key'].rsplit(' ', 1)[0]}, {row['look']}",
                row["network"],
                " ".join(f"{sigma:.1f}" for sigma in row["sigma"])
                + (f" crf {row['crf']}" if row["crf"] else ""),
                cause,
                cell["true"],
                cell["share"],
                "[{:.2f}, {:.2f}]".format(*cell["pairs"]),
                "[{:.2f}, {:.2f}]".format(*cell["interval"]),
            )
    for row in rows:
        if row["false"]:
            say(f"* false name: {row['key']}, {row['network']}: {', '.join(row['false'])}")


def _farthest(row: dict[str, Any]) -> float:
    """Of the cells of a network the largest error; rain is no cause of the account."""
    if "rain" in row["kinds"]:
        return float("inf")
    return max((abs(cell["true"] - cell["share"]) for cell in row["cells"].values()), default=0.0)


def _inside(cell: dict[str, Any], which: str) -> bool:
    low, high = cell[which]
    return bool(low <= cell["true"] <= high)


def main() -> None:
    root = Path(__file__).resolve().parents[2] / "shared"
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--commit", help="whose hash draws; HEAD where none is given")
    parser.add_argument("--stills", type=Path, default=root / "corpus" / "imagenet_sample")
    parser.add_argument("--models", type=Path, default=root / "models")
    parser.add_argument("--worlds", type=int, default=36)
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--draw", choices=("development", "fresh"), default="fresh")
    parser.add_argument("--seconds", type=float, default=3000)
    given = parser.parse_args()
    head = ["git", "rev-parse", "HEAD"]
    commit = (
        given.commit
        or subprocess.run(
            head, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
        ).stdout.strip()
    )
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    folder = given.out / f"{given.draw}_{commit[:12]}_{given.pairs}"
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(path.name for path in given.stills.glob("*.JPEG"))
    stills, began = names[0 if given.draw == "development" else 1 :: 2], time.monotonic()
    worlds_of = drawn(commit, given.worlds, stills)
    for world in worlds_of:
        if time.monotonic() - began > given.seconds:
            break
        try:
            (folder / f"{world.number}.claim").open("x").close()  # several may run at a time
        except FileExistsError:
            continue
        run_world(world, given.stills, given.models, given.pairs, folder)
    of_worlds = [rows for rows in (kept(world, folder) for world in worlds_of) if rows]
    say(
        f"Drawn by commit {commit[:12]} ({given.draw}), {given.pairs} pairs a world, {len(of_worlds)} worlds.\n"
    )
    describe([row for rows in of_worlds for row in rows])


if __name__ == "__main__":
    harness.run(main)
