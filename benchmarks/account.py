"""Do the account's shares hold the true ones, how wide are they, and is anything named that is not there?

    python benchmarks/account.py --out DIR [--commit HASH] [--worlds 36] [--pairs 24] [--draw fresh] [--nulls 300]
                                 [--coded] [--seconds 3000]

Worlds are those of ``planted.py``, drawn by the hash of a commit (of HEAD, where none is given): ``--draw
development`` takes the even pictures as stills and ``fresh`` the odd ones. Each has 48 pairs of frames, of which the
account draws 24 as a study does; the truth is of all 48. ``--coded`` leaves only the worlds behind H.264, about one in
nine. The tables of what was run are kept in DIR; the same command goes on, and counts them by the account as it is now.

group   a group of the coarse account of one world. Rain is something that moves; of a rolling shutter's wobble it is
        not known whether the camera moves or all that it sees, and both are left out
cause   a planted cause with a true share of .1 or more; a part, a wire or a line of text that moves uncovers what is
        behind it: objects and newly visible content are one, *together*
false   a named group or cause that was not planted
nulls   models that answer by a hash of the picture, on pairs of the first worlds: what is named but noise is false
static  random linear models on stills with noise, where random patches are said to move: as many pairs, and again
        what is named but noise is false
"""

from __future__ import annotations

import time
import zlib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import harness
import numpy as np
import pandas as pd
import torch
from harness import say
from planted import Course, World, add_places, drawn, planted, still

from vidrobust.frames.pixels import to_levels
from vidrobust.models.load import load_model
from vidrobust.predictions import Classifications
from vidrobust.stages.causes import pair_replays
from vidrobust.stages.causes.catalogue import CATALOGUE, EITHER, MOTION, NOISE
from vidrobust.stages.causes.naming import named
from vidrobust.stages.causes.pair_replays import PairReplays
from vidrobust.stages.causes.pairs import choose_pairs
from vidrobust.stages.causes.score import SeenPictures, answers, score, seen_by
from vidrobust.stages.causes.shares import summarise
from vidrobust.statistics.intervals import clopper_pearson

FRAMES = 48
"""Pairs of neighbouring frames in a world, of which the account draws some."""
TOGETHER = ("objects", "came_into_view")
UNKNOWN = {"wobble": ("camera", "moving")}
"""Groups of whose shares the truth is not known."""
RANDOM_PAIRS, CLASSES = 8, 10
"""Pairs of a null, and its classes."""
COARSE = (40, 30)
"""Width and height to which pictures are averaged for random linear models."""
SETTLED = 0.3
"""Width of an interval up to which a share is known, as in the sentences of a study."""


class RandomAnswers:
    """A null: answers that depend on the bytes of the picture and mean nothing."""

    task = "classification"
    name = "random"
    class_names = tuple(str(k) for k in range(CLASSES))

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        keys = [zlib.crc32(x.contiguous().numpy().tobytes()) for x in pixels.unbind()]
        logits = [np.random.default_rng([key, self.seed]).normal(0, 2, CLASSES) for key in keys]
        return Classifications.from_logits(np.stack(logits), self.class_names)


def choose(
    frames: list[np.ndarray], usable: set[int], model: Any, count: int, key: str
) -> pd.DataFrame:
    """The sample that a study draws of frames: frame_a, weight."""
    p = answers(model, tuple(frames), "cpu").probabilities.astype(np.float64)
    table = pd.DataFrame(
        {
            "frame_a": range(len(frames) - 1),
            "frame_b": range(1, len(frames)),
            "pixel_change": [float(cv2.norm(a, b, cv2.NORM_L1)) for a, b in pairwise(frames)],
            "own_change": np.abs(np.diff(p, axis=0)).sum(axis=1) / 2,
            "flip": np.diff(p.argmax(axis=1)) != 0,
            "excluded": ["" if t in usable else "duplicate" for t in range(len(frames) - 1)],
        }
    )
    return choose_pairs(table, count, key)


def run_world(world: World, stills: Path, models: Path, pairs: int, tables: Path) -> None:
    """Replay one world with its first network, and keep its tables."""
    cameras = len(world.cameras)
    model = load_model(f"onnx:{models / world.networks[0]}.onnx", device="cpu")
    rows: list[dict[str, Any]] = []
    truth = []
    for number in range(cameras):
        course = Course(world, number, stills, -(-FRAMES // cameras))
        truth.append(course.truth(model))
        for pair in choose(
            course.recorded, {*course.usable()}, model, -(-pairs // cameras), world.key
        ).itertuples():
            t = int(pair.frame_a)
            made = course.replays(t)
            ids = {"item": f"camera {number}", "frame_a": t, "frame_b": t + 1}
            ids |= {"weight": float(pair.weight), "scale": "adjacent"}
            rows += [{**ids, **row} for row in score(made, model, seen_by(model, made.pictures))]
    pd.DataFrame(rows).to_parquet(tables / f"{world.number}.parquet")
    pd.concat(truth, ignore_index=True).to_parquet(tables / f"{world.number}_truth.parquet")


def true_shares(world: World, truth: pd.DataFrame) -> tuple[dict[str, float], dict[str, float]]:
    """True shares of the groups and of the planted causes."""
    change = float(truth["change"].sum())
    causes = {
        name: float(truth[name].fillna(0).sum()) / change for name in (NOISE, *planted(world.kinds))
    }
    groups = dict.fromkeys(("moving", "camera", "light", "noise_and_detail", "keyframes"), 0.0)
    for name, share in causes.items():
        groups[CATALOGUE[name].group] += share
    if "rain" in world.kinds:
        groups["moving"] = 1 - sum(share for name, share in groups.items() if name != "moving")
    return groups, causes


def of_world(world: World, tables: Path) -> dict[str, Any] | None:
    """What the account now says of a world's kept tables."""
    files = [tables / f"{world.number}{end}.parquet" for end in ("", "_truth")]
    if not all(file.is_file() for file in files):
        return None
    table, truth = map(pd.read_parquet, files)
    account = summarise(table, per_item=False)
    by_level = {level: rows.set_index("cause") for level, rows in account.groupby("level")}
    groups, causes = true_shares(world, truth)
    unknown = {group for kind in world.kinds for group in UNKNOWN.get(kind, ())}
    cells = []
    for name, true in groups.items():
        if name not in unknown and name != "keyframes":
            row = by_level["group"].loc[name]
            cells.append(("group", name, true, row["share"], row["low"], row["high"]))
    for name, true in causes.items():
        members = list(TOGETHER) if name == "objects" else [name]
        rows = by_level["cause"].loc[members]
        share = float(rows["share"].sum())
        below, above = (
            float(np.sqrt(np.square(rows[end] - rows["share"]).sum())) for end in ("low", "high")
        )
        if true >= 0.1 and "rain" not in world.kinds:
            cells.append(("cause", name, true, share, share - below, share + above))
    names = named(account)
    there = {name for name, true in groups.items() if true > 0.02} | unknown
    wanted = {*causes, *(TOGETHER if {"objects", "rain"} & {*causes, *world.kinds} else ())}
    wanted |= {"camera", "objects", "came_into_view"} if unknown else set()
    true = {"group": there, "cause": wanted}
    true["either"] = {EITHER.name} if there & {*MOTION} else set()
    false = [
        f"{row.level} {row.cause}" for row in names.itertuples() if row.cause not in true[row.level]
    ]
    found = pd.DataFrame(cells, columns=["level", "name", "true", "share", "low", "high"])
    shares = by_level["group"]["share"]
    return {
        "world": world,
        "cells": found.assign(world=world.number, coded=world.crf > 0),
        "named": {row.cause for row in names.itertuples() if row.level == "group"},
        "groups": groups,
        "false": false,
        "sum": float(shares.sum()),
    }


def describe(found: list[dict[str, Any]]) -> None:
    """Coverage beside width, what is named, and every miss."""
    cells = pd.concat([each["cells"] for each in found], ignore_index=True)
    cells["inside"] = (cells["low"] <= cells["true"]) & (cells["true"] <= cells["high"])
    cells["off"] = (cells["share"] - cells["true"]).abs()
    cells["width"] = cells["high"] - cells["low"]
    group, coded = cells["level"] == "group", cells["coded"]
    table = harness.table(
        "shares", "count", "within .1", "inside", "interval of that", "median width", digits=2
    )
    for title, chosen in (
        ("of groups", group),
        ("of them .1 or more", group & (cells["true"] >= 0.1)),
        ("of groups, raw", group & ~coded),
        ("of groups, H.264", group & coded),
        ("of causes of .1 or more", ~group),
        ("of them raw", ~group & ~coded),
    ):
        some = cells[chosen]
        if not len(some):
            continue
        low, high = clopper_pearson(int(some["inside"].sum()), len(some))
        table.row(
            title,
            len(some),
            f"{(some['off'] <= 0.1).mean():.0%}",
            f"{int(some['inside'].sum())} ({some['inside'].mean():.0%})",
            f"[{low:.0%}, {high:.0%}]",
            float(some["width"].median()),
        )
    say("")
    for low, high in ((0.05, 0.1), (0.1, 0.2), (0.2, 2.0)):
        some = [
            name in each["named"]
            for each in found
            for name, true in each["groups"].items()
            if low <= true < high
        ]
        say(
            f"* groups named, of true share {low:g} to {min(high, 1):g}: {sum(some)} of {len(some)}"
        )
    say(f"* worlds with a false name: {sum(bool(each['false']) for each in found)} of {len(found)}")
    wide = cells[group]["width"] > SETTLED
    say(f"* shares of groups with an interval wider than {SETTLED}: {wide.sum()} of {len(wide)}")
    say(f"* largest distance of a sum from 1: {max(abs(each['sum'] - 1) for each in found):.1e}")
    say("")
    missed = harness.table(
        "missed", "kinds", "noise", "share of", "true", "share", "interval", digits=2
    )
    of = {each["world"].number: each["world"] for each in found}
    for row in cells[~cells["inside"]].itertuples():
        world = of[row.world]
        noise = f"crf {world.crf}" if world.crf else f"{world.cameras[0].sigma:.1f}"
        interval = f"[{row.low:.2f}, {row.high:.2f}]"
        kinds = "+".join(world.kinds)
        missed.row(
            world.number, kinds, noise, f"{row.level} {row.name}", row.true, row.share, interval
        )
    for each in found:
        if each["false"]:
            say(f"* false: world {each['world'].key}: {', '.join(each['false'])}")


def thumbnails(made: PairReplays) -> PairReplays:
    """The same with a few pixels for each picture: enough for answers by a hash."""
    return replace(made, pictures=tuple(np.ascontiguousarray(x[::16, ::16]) for x in made.pictures))


def nulls(worlds: list[World], stills: Path, count: int) -> None:
    """How often anything but noise is named of models that answer at random."""
    replays = []
    for world in worlds[:4]:
        course = Course(world, 0, stills, RANDOM_PAIRS)
        for t in course.usable()[:RANDOM_PAIRS]:
            replays.append((world.number, t, thumbnails(course.replays(t))))
    hits = 0
    for seed in range(count):
        rows: list[dict[str, Any]] = []
        for item, t, made in replays:
            ids = {"item": str(item), "frame_a": t, "frame_b": t + 1, "weight": 1.0}
            model = RandomAnswers(seed)
            scored = score(made, model, seen_by(model, made.pictures))
            rows += [{**ids, "scale": "adjacent", **row} for row in scored]
        names = named(summarise(pd.DataFrame(rows), per_item=False))
        hits += bool({*names["group"]} - {"noise_and_detail"})
    said = f"{harness.counted(hits, count)}, {len(replays)} pairs each"
    say(f"* random models with anything but noise named: {said}")


def patches(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """(H, W) bool, patches about 40 px wide that hold a twentieth to a half of the picture."""
    field = cv2.GaussianBlur(rng.standard_normal(shape[:2], np.float32), (0, 0), 16)
    return np.asarray(field > np.quantile(field, 1 - rng.uniform(0.05, 0.5)))


def static_nulls(worlds: list[World], stills: Path, count: int) -> None:
    """How often anything but noise is named of a still whose patches are said to move."""
    rng = np.random.default_rng(worlds[0].seed)
    replays = []
    for world in worlds[:4]:
        scene, sigma = still(stills / world.cameras[0].still), max(world.cameras[0].sigma, 1.0)
        for t in range(RANDOM_PAIRS):
            noisy = [
                to_levels(scene + np.float32(sigma) * rng.standard_normal(scene.shape, np.float32))
                for _ in range(4)
            ]
            mask = patches(scene.shape, rng)
            with mock.patch.object(pair_replays, "_moving", lambda change, mask=mask: mask):
                replays.append((world.number, t, pair_replays.study_pair(*noisy)))
    small = [
        np.stack([cv2.resize(x, COARSE, interpolation=cv2.INTER_AREA).ravel() for x in of.pictures])
        for _, _, of in replays
    ]
    hits, moving = 0, 0.0
    for seed in range(count):
        model = RandomAnswers(seed)
        weights = np.random.default_rng([seed, 3]).normal(0, 0.01, (small[0].shape[1], CLASSES))
        rows: list[dict[str, Any]] = []
        for (item, t, made), pictures in zip(replays, small, strict=True):
            z = pictures @ weights
            z -= z.mean(axis=1, keepdims=True)
            ids = {"item": str(item), "frame_a": t, "frame_b": t + 1, "weight": 1.0}
            scored = score(made, model, SeenPictures("", z, z.argmax(axis=1), model.class_names))
            rows += [{**ids, "scale": "adjacent", **row} for row in scored]
        account = summarise(pd.DataFrame(rows), per_item=False)
        groups = account[account["level"] == "group"].set_index("cause")["share"]
        moving += float(groups["moving"]) / count
        hits += bool({*named(account)["group"]} - {"noise_and_detail"})
    said = f"{harness.counted(hits, count)}; mean share of what moves {moving:.3f}"
    say(f"* stills with noise and random patches, anything but noise named: {said}")


def main() -> None:
    parser = harness.parser(__doc__)
    add_places(parser)
    parser.add_argument("--worlds", type=int, default=36)
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--draw", choices=("development", "fresh"), default="fresh")
    parser.add_argument("--nulls", type=int, default=0)
    parser.add_argument("--coded", action="store_true", help="only the worlds behind H.264")
    parser.add_argument("--seconds", type=float, default=3000)
    given = parser.parse_args()
    commit = harness.commit(given.commit)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    folder = given.out / f"{given.draw}_{commit[:12]}_{given.pairs}"
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(path.name for path in given.stills.glob("*.JPEG"))
    stills, began = names[0 if given.draw == "development" else 1 :: 2], time.monotonic()
    worlds = [w for w in drawn(commit, given.worlds, stills) if w.crf or not given.coded]
    for world in worlds:
        if time.monotonic() - began > given.seconds:
            break
        try:
            (folder / f"{world.number}.claim").open("x").close()  # several may run at a time
        except FileExistsError:
            continue
        run_world(world, given.stills, given.models, given.pairs, folder)
    found = [each for each in (of_world(world, folder) for world in worlds) if each]
    say(
        f"Drawn by commit {commit[:12]} ({given.draw}), {given.pairs} of {FRAMES} pairs a world, "
        f"{len(found)} worlds.\n"
    )
    if found:
        describe(found)
    if given.nulls:
        nulls(worlds, given.stills, given.nulls)
        static_nulls(worlds, given.stills, given.nulls)


if __name__ == "__main__":
    harness.run(main)
