"""Does the account of causes name what was planted, and only that, on stills and seeds that no one chose?

    python benchmarks/certificate.py --out DIR [--commit HASH] [--worlds 24] [--further 43] [--weak 15]
                                     [--nulls 500] [--pairs 48] [--seconds 3000] [--page FILE]

Clips, frames, sizes, seeds and networks are drawn by the hash of the commit (of HEAD, where none is given), so
that none of them can have been used in development. What was run is kept in DIR, by the
commit and the version of the account, and the same command continues.

true share  of a planted cause: the noise-free twin is rendered with this condition alone gone on from t to t+1,
            with the others as they were and as they will be, and the mean of <z(after) - z(before), d> taken,
            over <d, d>. Causes of true share .2 or more are those that ought to be named, whatever the account
            makes of them. The twin's answer is its mean over roundings to 8 bits, drawn at random: what a surface
            answers to being rounded anew comes from no condition, and would otherwise be told of each. One of two
            lamps is light as far as the middle pixel goes, and local light beyond. A part that runs on carries
            what it uncovers with it: its true share is that of objects and what came into view *together*
false       a named cause that was not planted. Noise and coding are false in a world without noise and codec;
            what came into view is none beside a planted motion
null        a model that answers at random, three in four with heavy tails, on the replays of a world
step        of JPEG or noise: noise and coding are named, and played in their place it does about as much, with the
            grain of the footage
again       a finding of half of the pairs (p .01 to .05) is tested on the other half (p <= .1). A clip is cut into
            eight stretches, and all 70 choices of four of them are halves. Those of one world share their pairs,
            and its luck: the interval is one over worlds, and over many of them the mean is that of another
            recording (``replication.py``). Conditions as strong as those above are surer than that in most
            halves, so that weak worlds, of .3 to .8 of their size, are drawn for this question alone
vanishes    a flip that does not happen where the recording of t+1, with its own noise, has the condition of t, or,
            of noise, the noise of t; beside it the account's flips that are due to the cause. A frame's own noise
            is its rounding, too
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import account_worlds as worlds
import cv2
import harness
import numpy as np
import pandas as pd
import torch
from harness import say

from vidrobust.frames.pixels import to_levels
from vidrobust.models.load import load_model
from vidrobust.predictions import Classifications, Classifier
from vidrobust.stages.causes.candidate_fits import candidates
from vidrobust.stages.causes.candidate_fits import rows as candidate_rows
from vidrobust.stages.causes.catalogue import NOISE, REPLAYED
from vidrobust.stages.causes.naming import AGAIN, named
from vidrobust.stages.causes.pair_replays import PairReplays, study_pair
from vidrobust.stages.causes.score import coordinates, predict, score, seen_by
from vidrobust.stages.causes.shares import (
    PairTable,
    estimate,
    measurement_error,
    p_value_of,
    summarise,
    with_the_rest,
)
from vidrobust.stages.causes.stage import CAUSES
from vidrobust.stages.policy.candidates import standings
from vidrobust.statistics.intervals import clopper_pearson, clustered_rate
from vidrobust.video.source import open_video

NETWORKS = (
    *(
        "mobilenet_v1_0.25_128",
        "mobilenet_v1_0.5_160",
        "mobilenet_v1_0.75_192",
        "mobilenet_v1_1.0_224",
    ),
    *("mobilenet_v2_1.0_224", "squeezenet1_1_227"),
)
CLIPS = ("objects", "factory")
"""Folders of the corpus whose clips are drawn; those of ``faults`` are damaged on purpose."""
LARGE = 0.2
"""True share from which a cause ought to be named."""
LEVEL, SURE = 0.05, 0.01
"""A finding of half of the pairs, and one that is so sure that it says nothing of how others replicate."""
KINDS = ("exposure", "flicker", "shadow", "lamp", "hue", "jitter", "focus", "belt", "none", "h264")
TWO = (("exposure", "jitter"), ("hue", "flicker"), ("shadow", "jitter"), ("flicker", "focus"))
FIELDS = {
    "exposure": {"light": "gain"},
    "flicker": {"light": "gain"},
    "shadow": {"local_light": "shadow"},
    "lamp": {"local_light": "lamp", "light": "level"},
    "hue": {"colour": "hue"},
    "jitter": {"camera": "shift"},
    "focus": {"sharpness": "blur"},
    "belt": {"objects": "part"},
}
"""By cause the field of a frame's condition. One of two lamps lights all of the picture, and one side more."""
WITH = {"belt": ("came_into_view",)}
"""Causes that are planted besides: a part uncovers the belt, and its true share is that of both together."""
FURTHER = tuple(kind for kind in FIELDS if kind != "exposure")
"""Kinds of further noise-free worlds: without noise an exposure that holds repeats its frames."""
FURTHER_PAIRS = 12
EVERY, RATES = 5, (23, 26, 29, 32, 35)
"""At every so many-th of them H.264 alone, at these crf in turn."""
WEAK, WEAKEST, WEAKER = ("exposure", "flicker", "shadow", "lamp", "hue"), 0.3, 0.8
"""Kinds and sizes of weak worlds, whose causes half of the pairs finds with p of .01 to .05 now and then."""
STRETCHES = 8
"""Stretches of a world, of which four are a half."""
ROUNDINGS = 4
"""Roundings of a twin over which its answer is averaged."""


@dataclass(frozen=True)
class World:
    """What was drawn: conditions, noise in levels, the crf of H.264 (0: lossless), the still and the network.

    size  of the conditions: 1, as large as elsewhere
    """

    kinds: tuple[str, ...]
    sigma: float
    crf: int
    still: tuple[str, float]
    other: tuple[str, float]
    network: str
    seed: int
    size: float = 1.0

    @property
    def key(self) -> str:
        return f"{'+'.join(self.kinds)} {self.seed}"


def drawn(commit: str, count: int, clips: list[str]) -> list[World]:
    """The first ``count`` worlds of a commit; every kind in turn, about every third without noise."""
    found = []
    for number in range(count):
        rng = np.random.default_rng(list(hashlib.sha256(f"{commit} {number}".encode()).digest()))
        two = number % 5 == 4
        kinds = (
            TWO[number // 5 % len(TWO)] if two else (KINDS[(number - number // 5) % len(KINDS)],)
        )
        first, second = rng.choice(len(clips), 2, replace=False)
        codec = kinds == ("h264",)
        # without noise an exposure that holds repeats its frames, and a repeated frame is no third frame
        clean = number % 3 == 1 and not codec and not {"none", "exposure"} & {*kinds}
        found.append(
            World(
                kinds=kinds,
                sigma=0.0 if clean else float(rng.uniform(0.5, 3.0)),
                crf=33 if codec else 0,
                still=(clips[first], float(rng.uniform(0.1, 0.9))),
                other=(clips[second], float(rng.uniform(0.1, 0.9))),
                network=str(rng.choice(NETWORKS)),
                seed=int(rng.integers(2**31)),
            )
        )
    return found


def further(commit: str, count: int, clips: list[str]) -> list[World]:
    """Further worlds of a commit: a noise-free condition each, and at every EVERY-th H.264 alone."""
    found = []
    for number in range(count):
        rng = np.random.default_rng(
            list(hashlib.sha256(f"{commit} further {number}".encode()).digest())
        )
        coded = number % EVERY == EVERY - 1
        first, second = rng.choice(len(clips), 2, replace=False)
        found.append(
            World(
                kinds=("h264",) if coded else (FURTHER[(number - number // EVERY) % len(FURTHER)],),
                sigma=float(rng.uniform(0.5, 3.0)) if coded else 0.0,
                crf=RATES[number // EVERY % len(RATES)] if coded else 0,
                still=(clips[first], float(rng.uniform(0.1, 0.9))),
                other=(clips[second], float(rng.uniform(0.1, 0.9))),
                network=str(rng.choice(NETWORKS)),
                seed=int(rng.integers(2**31)),
            )
        )
    return found


def weak(commit: str, count: int, clips: list[str]) -> list[World]:
    """Weak worlds of a commit: a condition each that is smaller than elsewhere, under noise."""
    found = []
    for number in range(count):
        rng = np.random.default_rng(
            list(hashlib.sha256(f"{commit} weak {number}".encode()).digest())
        )
        first, second = rng.choice(len(clips), 2, replace=False)
        found.append(
            World(
                kinds=(WEAK[number % len(WEAK)],),
                sigma=float(rng.uniform(0.5, 3.0)),
                crf=0,
                still=(clips[first], float(rng.uniform(0.1, 0.9))),
                other=(clips[second], float(rng.uniform(0.1, 0.9))),
                network=str(rng.choice(NETWORKS)),
                seed=int(rng.integers(2**31)),
                size=float(np.exp(rng.uniform(*np.log([WEAKEST, WEAKER])))),
            )
        )
    return found


def conditions(world: World, count: int) -> list[worlds.Frame]:
    """The course of every condition of a world."""
    rng = np.random.default_rng(world.seed)
    frames = [worlds.Frame()] * count
    for kind in world.kinds:
        if kind not in FIELDS:
            continue
        phase, size = rng.uniform(0, 2 * np.pi), world.size * float(rng.uniform(0.6, 1.6))
        values = course(kind, rng, count, phase, size)
        for name in FIELDS[kind].values():
            frames = [replace(f, **{name: v}) for f, v in zip(frames, values, strict=True)]
    return frames


def planted(kinds: tuple[str, ...]) -> dict[str, str]:
    """By cause the field of a frame's condition, of all that is planted."""
    return {cause: name for kind in kinds for cause, name in FIELDS.get(kind, {}).items()}


def wanted_causes(kinds: tuple[str, ...]) -> list[str]:
    """The causes of conditions, with those that come along."""
    return [*planted(kinds), *(cause for kind in kinds for cause in WITH.get(kind, ()))]


def with_field_of(frame: worlds.Frame, other: worlds.Frame, name: str) -> worlds.Frame:
    """A frame's condition with one field of another's."""
    return replace(frame, **{name: getattr(other, name)})


def own_noise(x: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """What a recording of x with this noise has beyond x, its rounding too."""
    return np.asarray(noise + (np.rint(x + noise) - (x + noise)))


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


def picture(corpus: Path, where: tuple[str, float]) -> np.ndarray:
    """The still: a frame of a clip at a share of its length."""
    name, share = where
    with open_video(corpus / name) as source:
        count = sum(len(batch) for batch in source.batches(32))
    return worlds.still(corpus / name, int(share * (count - 1)))


def true_shares(
    world: World, frames: list[worlds.Frame], scene: Any, part: Any, d: np.ndarray, model: Any
) -> dict[str, float]:
    """Of each planted cause, from noise-free twins; d (pairs, K) real changes of the pairs that are studied."""
    rng = np.random.default_rng([world.seed, 2])

    @cache
    def answer(frame: worlds.Frame) -> np.ndarray:
        x = worlds.render(scene, part, frame)
        made = tuple(
            to_levels(np.floor(x + rng.random(x.shape, np.float32))) for _ in range(ROUNDINGS)
        )
        return np.asarray(coordinates(predict(model, made, "cpu"), "logits").mean(axis=0))

    def along(name: str) -> float:
        total = 0.0
        for pair, (now, then) in enumerate(pairwise(frames[1:-1])):
            on, off = with_field_of(now, then, name), with_field_of(then, now, name)
            total += float((answer(on) - answer(now) + answer(then) - answer(off)) / 2 @ d[pair])
        return total

    return {
        cause: along(name) / float(np.square(d).sum())
        for cause, name in planted(world.kinds).items()
    }


def run_world(
    world: World, corpus: Path, models: Path, pairs: int
) -> tuple[dict[str, Any], list[Any]]:
    """One world through replays, account and names."""
    scene, part = picture(corpus, world.still), picture(corpus, world.other)
    frames = conditions(world, pairs + 3)
    rng = np.random.default_rng([world.seed, 1])
    shape = (worlds.HEIGHT, worlds.WIDTH, 3)
    noise = [np.float32(world.sigma) * rng.standard_normal(shape, np.float32) for _ in frames]

    def record(frame: worlds.Frame, own: np.ndarray) -> np.ndarray:
        return to_levels(worlds.render(scene, part, frame) + own)

    recorded = _coded([record(frame, own) for frame, own in zip(frames, noise, strict=True)], world)
    model: Classifier = load_model(f"onnx:{models / world.network}.onnx", device="cpu")
    kept: list[tuple[str, int, PairReplays]] = []
    z = coordinates(predict(model, tuple(recorded), "cpu"), "logits")
    labels = z.argmax(axis=1)
    rows, fits = _study(recorded, model, kept, labels, world)
    table = pd.DataFrame(rows)
    account = summarise(table, per_item=False, coded=world.crf > 0)
    d = np.diff(z, axis=0)[1:-1]
    of = account.set_index("cause")
    flips = [t for t in range(1, len(frames) - 2) if labels[t] != labels[t + 1]]
    own = {t: own_noise(worlds.render(scene, part, frames[t + 1]), noise[t + 1]) for t in flips}
    without = {
        cause: [record(with_field_of(frames[t + 1], frames[t], name), own[t]) for t in flips]
        for cause, name in planted(world.kinds).items()
    }
    if world.sigma > 0:
        without[NOISE] = [record(frames[t + 1], noise[t]) for t in flips]
    vanishes = {}
    for cause, held in without.items() if flips and not world.crf else ():
        vanishes[cause] = int(
            (predict(model, tuple(held), "cpu").argmax(axis=1) == labels[flips]).sum()
        )
    both = PairTable.of(table)
    together = {
        cause: (cause, *WITH[kind])
        for kind in world.kinds
        if kind in WITH
        for cause in planted((kind,))
    }
    left = 1 - float(of.share[list(REPLAYED)].sum())

    def span(causes: tuple[str, ...]) -> list[float]:
        over = estimate(both, np.sum([both.part_of(cause) for cause in causes], axis=0))
        error = measurement_error(causes[0], over.value, left, coded=world.crf > 0)
        ends = with_the_rest(
            both, causes, over.value, (over.low, over.high), error, coded=world.crf > 0
        )
        return [over.value, *ends]

    return {
        **_said(world, account, fits),
        "planted": [*wanted_causes(world.kinds), *([NOISE] if world.sigma or world.crf else [])],
        "true": true_shares(world, frames, scene, part, d, model),
        "together": {cause: span(causes) for cause, causes in together.items()},
        "again": again(table),
        "flips": len(flips),
        "vanishes": vanishes,
        "flips_due": {c: of.flips_due[c] for c in (*REPLAYED, NOISE)},
        "flips_range": {c: [of.flips_due_low[c], of.flips_due_high[c]] for c in (*REPLAYED, NOISE)},
        "flips_at_most": {c: of.flips_at_most[c] for c in REPLAYED},
    }, kept


def run_further(world: World, corpus: Path, models: Path, pairs: int) -> dict[str, Any]:
    """One further world: what of it is named, and how much noise and coding hold."""
    scene, part = picture(corpus, world.still), picture(corpus, world.other)
    rng = np.random.default_rng([world.seed, 1])
    shape = (worlds.HEIGHT, worlds.WIDTH, 3)
    count = pairs if world.crf else FURTHER_PAIRS
    recorded = [
        to_levels(
            worlds.render(scene, part, frame) + world.sigma * rng.standard_normal(shape, np.float32)
        )
        for frame in conditions(world, count + 3)
    ]
    model: Classifier = load_model(f"onnx:{models / world.network}.onnx", device="cpu")
    rows, fits = _study(_coded(recorded, world), model, [], np.zeros(len(recorded)), world)
    return _said(world, summarise(pd.DataFrame(rows), per_item=False, coded=world.crf > 0), fits)


def run_weak(world: World, corpus: Path, models: Path, pairs: int) -> dict[str, Any]:
    """One weak world: which findings of half of the pairs the others make again."""
    scene, part = picture(corpus, world.still), picture(corpus, world.other)
    rng = np.random.default_rng([world.seed, 1])
    shape = (worlds.HEIGHT, worlds.WIDTH, 3)
    recorded = [
        to_levels(
            worlds.render(scene, part, frame) + world.sigma * rng.standard_normal(shape, np.float32)
        )
        for frame in conditions(world, pairs + 3)
    ]
    model: Classifier = load_model(f"onnx:{models / world.network}.onnx", device="cpu")
    rows, _ = _study(recorded, model, [], np.zeros(len(recorded)), world, played=False)
    table = pd.DataFrame(rows)
    shares = summarise(table, per_item=False).set_index("cause").share
    return {
        "key": f"weak {world.key}",
        "planted": [*wanted_causes(world.kinds), NOISE],
        "weak": {cause: shares[cause] for cause in planted(world.kinds)},
        "again": again(table),
    }


def _coded(frames: list[np.ndarray], world: World) -> list[np.ndarray]:
    return (
        worlds.coded(frames, options={**worlds.H264, "crf": str(world.crf)})
        if world.crf
        else frames
    )


def _said(world: World, account: pd.DataFrame, fits: pd.DataFrame) -> dict[str, Any]:
    """What was drawn, and what the account says."""
    of, names = account.set_index("cause"), named(account)["cause"].tolist()
    stands = [s.perturbation for s in standings(NOISE, fits) if s.stands] if len(fits) else []
    return {
        "key": world.key,
        "kinds": list(world.kinds),
        "sigma": world.sigma,
        "crf": world.crf,
        "still": list(world.still),
        "network": world.network,
        "shares": {c: [of.share[c], of.low[c], of.high[c]] for c in of.index},
        "p": {c: of.p[c] for c in of.index},
        "named": names,
        "misfit": bool(of.misfit[NOISE]),
        "steps": stands if NOISE in names else [],
    }


def _study(
    recorded: list[np.ndarray],
    model: Classifier,
    kept: list[tuple[str, int, PairReplays]],
    labels: np.ndarray,
    world: World,
    *,
    played: bool = True,
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Rows of the tables ``causes`` and ``candidate_fits``; fills ``kept`` with the replays' stand-ins.

    played  whether perturbations are played in the place of causes; else the second table is empty
    """
    rows: list[dict[str, Any]] = []
    fits: list[dict[str, Any]] = []
    for t in range(1, len(recorded) - 2):
        if np.array_equal(recorded[t], recorded[t + 1]):
            continue  # a repeated frame is no pair
        replays = study_pair(*recorded[t - 1 : t + 3], flips=bool(labels[t] != labels[t + 1]))
        kept.append(("world", t, worlds.small(replays)))
        ids = {"item": "world", "frame_a": t, "frame_b": t + 1, "weight": 1.0, "scale": "adjacent"}
        album, fitted = (
            candidates(replays, "h264" if world.crf else "") if played else (replays.pictures, [])
        )
        seen = seen_by(model, album)
        rows += [{**ids, **row} for row in score(replays, model, seen)]
        fits += [{**ids, **row} for row in candidate_rows(replays, fitted, seen[0])]
    return rows, pd.DataFrame(fits)


def again(rows: pd.DataFrame) -> list[tuple[str, float, float]]:
    """Cause, p in the half of the stretches that makes the finding (p <= .05), p in the other: of all halves."""
    pairs = PairTable.of(rows)
    order = np.argsort(np.argsort(pairs.frame, kind="stable"), kind="stable")
    stretch = order * STRETCHES // len(order)
    found = []
    halves = [np.isin(stretch, chosen) for chosen in combinations(range(STRETCHES), STRETCHES // 2)]
    for cause in (*REPLAYED, NOISE):
        # the complement of the first is the last, that of the second the last but one
        p = [p_value_of(pairs.take(half), cause) for half in halves]
        found += [
            (cause, first, second)
            for first, second in zip(p, reversed(p), strict=True)
            if first <= LEVEL
        ]
    return found


def there(row: dict[str, Any]) -> set[str]:
    """The causes that a world has, noise and coding with them."""
    return {*row["planted"]}


def replication(
    rows: list[dict[str, Any]], title: str, causes: Callable[[dict[str, Any]], set[str]]
) -> str:
    """Of the findings of halves (p .01 to .05) of these causes, how many the other halves make again."""
    of_world = [
        [
            second <= AGAIN
            for cause, first, second in r["again"]
            if cause in causes(r) and first > SURE
        ]
        for r in rows
    ]
    made = [np.array(each) for each in of_world if each]
    if not made:
        return f"{title}: no finding"
    e = clustered_rate(
        np.concatenate(made), np.repeat(np.arange(len(made)), [len(each) for each in made])
    )
    return f"{title}: {e.value:.0%} of {e.n} in {len(made)} worlds [{e.low:.0%}, {e.high:.0%}]"


@dataclass(frozen=True)
class HeavyTails(worlds.RandomAnswers):
    """A null: answers at random whose logits have two degrees of freedom."""

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        z = np.log(np.maximum(super().__call__(pixels).probabilities.astype(np.float64), 1e-12))
        z -= z.mean(axis=1, keepdims=True)
        return Classifications.from_logits(np.sign(z) * np.expm1(np.abs(z)), self.class_names)


def run_nulls(kept: list[Any], numbers: range) -> list[dict[str, Any]]:
    """Models that answer at random, on the replays of one world."""
    found = []
    for number in numbers:
        kind = worlds.RandomAnswers if number % 4 == 0 else HeavyTails
        model = kind((2, 3, 10, 100)[number % 4], number)
        rows = [
            {
                "item": item,
                "frame_a": t,
                "frame_b": t + 1,
                "weight": 1.0,
                "scale": "adjacent",
                **row,
            }
            for item, t, replays in kept
            for row in score(replays, model)
        ]
        account = summarise(pd.DataFrame(rows), per_item=False)
        found.append(
            {
                "key": f"null {number}",
                "named": [c for c in named(account)["cause"] if c in REPLAYED],
            }
        )
    return found


def describe(rows: list[dict[str, Any]], wanted: tuple[int, int, int, int]) -> None:
    """Each aim with its figure, then world by world."""
    made, nulls = [r for r in rows if "true" in r], [r for r in rows if r["key"].startswith("null")]
    every = [r for r in rows if "kinds" in r]

    def aim(title: str, hits: int, of: int, aimed: str) -> None:
        if not of:
            say(f"* {title}: not run; aim {aimed}")
            return
        low, high = clopper_pearson(hits, of)
        say(f"* {title}: {hits} of {of} ({hits / of:.0%} [{low:.0%}, {high:.0%}]); aim {aimed}")

    faint = sum("weak" in r for r in rows)
    say(
        f"Run: {len(made)} of {wanted[0]} worlds, {len(every) - len(made)} of {wanted[1]} further ones, "
        f"{faint} of {wanted[2]} weak ones, {len(nulls)} of {wanted[3]} nulls.\n"
    )
    for count, aimed in ((1, "85 %"), (2, "70 %")):
        large = [
            (r, c)
            for r in made
            if len(r["kinds"]) == count
            for c, s in r["true"].items()
            if s >= LARGE
        ]
        words = {1: "one condition", 2: "two conditions"}[count]
        aim(
            f"{words}, causes of true share .2 or more that are named",
            sum(c in r["named"] for r, c in large),
            len(large),
            f"at least {aimed}",
        )
    wanted_of = {r["key"]: wanted_causes(tuple(r["kinds"])) for r in every}
    aim(
        "worlds with a named cause that was not planted",
        sum(bool({*r["named"]} - {*wanted_of[r["key"]], NOISE}) for r in every),
        len(every),
        "at most 5 %",
    )
    clean = [r for r in every if r["sigma"] == 0 and "h264" not in r["kinds"]]
    aim(
        "worlds without noise in which noise and coding are named",
        sum(NOISE in r["named"] for r in clean),
        len(clean),
        "at most 5 %",
    )
    aim(
        "of them with a lower end of noise and coding above .05",
        sum(r["shares"][NOISE][1] > 0.05 for r in clean),
        len(clean),
        "at most 5 %",
    )
    aim("of them called a misfit", sum(r["misfit"] for r in clean), len(clean), "none")
    lossless = [r for r in every if "h264" not in r["kinds"]]
    aim(
        "lossless worlds with a step of JPEG or H.264",
        sum(bool({"jpeg", "h264"} & {*r["steps"]}) for r in lossless),
        len(lossless),
        "none",
    )
    for kind, title in (("none", "noise"), ("h264", "H.264")):
        alone = [r for r in every if r["kinds"] == [kind]]
        shares = [r["shares"][NOISE][0] for r in alone]
        seen = f" ({', '.join(f'{share:.2f}' for share in shares)})" if shares else ""
        aim(
            f"{title} alone, share within .15 of 1{seen}",
            sum(abs(share - 1) <= 0.15 for share in shares),
            len(alone),
            "all",
        )
        held = sum(low <= 1 <= high for _, low, high in (r["shares"][NOISE] for r in alone))
        aim(f"{title} alone, the interval holds 1", held, len(alone), "95 %")
    split = [r for r in rows if "again" in r]
    said = "findings of half of the pairs (p .01 to .05) made again by the others"
    say(f"* {replication(split, f'{said}, of causes that were planted', there)}; aim 50-90 %")
    say(
        f"* {replication(split, f'{said}, of others', lambda r: {*REPLAYED, NOISE} - there(r))}; 10 % by chance"
    )
    true_and_said = [
        (true, r["together"].get(c, r["shares"][c])) for r in made for c, true in r["true"].items()
    ]
    aim(
        "true shares within .05 of what is said",
        sum(abs(true - share) <= 0.05 for true, (share, _, _) in true_and_said),
        len(true_and_said),
        "none set",
    )
    aim(
        "true shares within the interval",
        sum(low <= true <= high for true, (_, low, high) in true_and_said),
        len(true_and_said),
        "95 %",
    )
    dials = [(r, c) for r in made for c in r["vanishes"] if r["flips"] >= 5]
    aim(
        "of five flips or more, those due to a cause or to noise within .15 of those that vanish without it",
        sum(abs(r["flips_due"][c] - r["vanishes"][c]) <= 0.15 * r["flips"] for r, c in dials),
        len(dials),
        "all",
    )
    aim(
        "the same, within the interval given",
        sum(r["flips_range"][c][0] <= r["vanishes"][c] <= r["flips_range"][c][1] for r, c in dials),
        len(dials),
        "95 %",
    )
    aim(
        "models that answer at random with a cause named",
        sum(bool(r["named"]) for r in nulls),
        len(nulls),
        "at most 5 %",
    )
    say("")
    table = harness.table(
        "planted",
        "noise",
        "network",
        "true share",
        "share [95 %]",
        "noise and coding",
        "named",
        "flips; due [from, to], vanish",
        digits=2,
    )
    for r in made:
        shares = "; ".join(
            f"{c} {r['shares'][c][0]:.2f} [{r['shares'][c][1]:.2f}, {r['shares'][c][2]:.2f}]"
            for c in wanted_of[r["key"]]
        )
        for share, low, high in r["together"].values():
            shares += f"; together {share:.2f} [{low:.2f}, {high:.2f}]"
        table.row(
            ", ".join(r["kinds"]),
            r["sigma"],
            r["network"],
            "; ".join(f"{c} {s:.2f}" for c, s in r["true"].items()) or "-",
            shares or "-",
            f"{r['shares'][NOISE][0]:.2f}{' (misfit)' if r['misfit'] else ''}",
            ", ".join(r["named"]) or "none",
            f"{r['flips']}"
            + "".join(
                f"; {c} {r['flips_due'][c]:.0f} [{r['flips_range'][c][0]:.0f}, {r['flips_range'][c][1]:.0f}], {n}"
                for c, n in r["vanishes"].items()
            ),
        )


def main() -> None:
    root = Path(__file__).resolve().parents[2] / "shared"
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--commit", help="whose hash draws; HEAD where none is given")
    parser.add_argument("--corpus", type=Path, default=root / "corpus")
    parser.add_argument("--models", type=Path, default=root / "models")
    parser.add_argument("--worlds", type=int, default=24)
    parser.add_argument("--further", type=int, default=43, help="cheap worlds besides")
    parser.add_argument("--weak", type=int, default=15, help="worlds with weak conditions besides")
    parser.add_argument("--nulls", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=48)
    parser.add_argument("--seconds", type=float, default=3000)
    given = parser.parse_args()
    commit = (
        given.commit
        or subprocess.run(
            ["git", "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        ).stdout.strip()
    )
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / f"{commit[:12]}_{given.pairs}_{CAUSES.version}.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    clips = sorted(
        f"{folder}/{p.name}" for folder in CLIPS for p in (given.corpus / folder).glob("*.mp4")
    )
    done, began = {row["key"] for row in rows}, time.monotonic()
    each = -(-given.nulls // max(given.worlds, 1))
    for number, world in enumerate(drawn(commit, given.worlds, clips)):
        if world.key in done or time.monotonic() - began > given.seconds:
            continue
        row, kept = run_world(world, given.corpus, given.models, given.pairs)
        fresh = [row, *run_nulls(kept, range(number * each, min((number + 1) * each, given.nulls)))]
        rows += fresh
        with file.open("a") as kept_file:
            kept_file.writelines(json.dumps(each_row, default=float) + "\n" for each_row in fresh)
    others = [
        *((run_further, "", world) for world in further(commit, given.further, clips)),
        *((run_weak, "weak ", world) for world in weak(commit, given.weak, clips)),
    ]
    for run, prefix, world in others:
        if prefix + world.key in done or time.monotonic() - began > given.seconds:
            continue
        rows.append(run(world, given.corpus, given.models, given.pairs))
        with file.open("a") as kept_file:
            kept_file.write(json.dumps(rows[-1], default=float) + "\n")
    say(f"Drawn by commit {commit[:12]}, {given.pairs} pairs a world.")
    describe(rows, (given.worlds, given.further, given.weak, given.nulls))


if __name__ == "__main__":
    harness.run(main)
