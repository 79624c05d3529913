"""Does the account hold in worlds of kinds that it was not made for?

    python benchmarks/strange_worlds.py --out DIR [--kinds bands shadow ...] [--each 2] [--networks a b c]
                                        [--commit HASH] [--crf 23] [--draw fresh] [--frames 48] [--pairs 24]

The worlds are the files of ``worlds/``. Of each kind there are ``--each`` scenes a network, drawn by the hash of a
commit from ImageNet's pictures: 320 x 240, with noise of 1.5 levels, behind H.264 where ``--crf`` says so.

truth   of all pairs: the Shapley value of each condition, by exchange between the two frames of the noise-free picture
        along the model's real change; what is left is noise and detail
held    of the shares of .1 or more, those whose interval holds the truth
false   a named group with a true share below .02
light   of true shares of light of .2 or more, those that are named
not measured  the mean share of the change of pairs that could not be measured
"""

from __future__ import annotations

import hashlib
import math
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

import cv2
import harness
import numpy as np
import pandas as pd
import torch
import worlds
from account import choose
from harness import say
from planted import ROUNDINGS, add_places, coded, mean_answer, still
from worlds import HEIGHT, MARGIN, WIDTH, Scene

from vidrobust.frames.pixels import to_levels
from vidrobust.models.load import load_model
from vidrobust.stages.causes.catalogue import NOT_MEASURED
from vidrobust.stages.causes.naming import named
from vidrobust.stages.causes.pair_replays import study_pair
from vidrobust.stages.causes.recoded import LEAD, recoded
from vidrobust.stages.causes.score import score, seen_by
from vidrobust.stages.causes.shares import summarise
from vidrobust.statistics.intervals import clopper_pearson

NOISE_LEVELS = 1.5
THERE = 0.02
"""Least true share of a group that may be named."""
CONTENT = ("moving", "camera", "light")


class Strange:
    """One scene of a kind, as recorded."""

    def __init__(self, kind: str, key: str, stills: list[Path], frames: int, crf: int) -> None:
        module = worlds.kinds()[kind]
        self.groups: dict[str, str] = module.GROUPS
        rng = np.random.default_rng(list(hashlib.sha256(key.encode()).digest()))
        one, other = rng.choice(len(stills), 2, replace=False)
        shape = (HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN)
        scene = Scene(
            still=_resized(still(stills[one]), shape),
            other=_resized(still(stills[other]), shape),
            count=frames,
            size=float(np.exp(rng.uniform(np.log(0.5), np.log(1.4)))),
            rng=rng,
        )
        self._picture = module.world(scene)
        self.rng, self.crf, self.quantizer = rng, crf, float("nan")
        noise = (rng.standard_normal((HEIGHT, WIDTH, 3), np.float32) for _ in range(frames))
        self.recorded = [
            to_levels(self.twin(t, t, ()) + np.float32(NOISE_LEVELS) * x)
            for t, x in enumerate(noise)
        ]
        if crf:
            self.recorded, self.quantizer = coded(self.recorded, crf)

    def twin(self, now: int, then: int, exchanged: tuple[str, ...]) -> np.ndarray:
        """The picture of ``now`` with the conditions ``exchanged`` as they are ``then``, without noise."""
        at = {name: then if name in exchanged else now for name in self.groups}
        return np.clip(self._picture(at), 0, 255).astype(np.float32)

    def usable(self) -> list[int]:
        """First frames of the pairs; a repeated frame is no pair."""
        r = self.recorded
        return [t for t in range(1, len(r) - 2) if not np.array_equal(r[t], r[t + 1])]

    def replays(self, t: int) -> Any:
        """The replays of frames t and t+1, made as a study makes them."""
        r, again = self.recorded, ()
        if self.crf:
            again = recoded(r[max(0, t - LEAD) : t + 2], self.quantizer)
        return study_pair(*r[t - 1 : t + 3], coded=self.crf > 0, again=again)

    def truth(self, model: Any) -> dict[str, float]:
        """True share of each group in the change of all pairs."""
        rng = np.random.default_rng(7)
        d = np.diff(seen_by(model, tuple(self.recorded)).z, axis=0)
        parts, total = dict.fromkeys(self.groups, 0.0), 0.0
        orders = list(permutations(self.groups))
        for t in self.usable():

            @cache
            def answer(on: frozenset[str], t: int = t) -> np.ndarray:
                picture = self.twin(t, t + 1, tuple(on))
                return mean_answer(model, picture, rng, ROUNDINGS)

            total += float(d[t] @ d[t])
            for order in orders:
                for n, name in enumerate(order):
                    on, off = frozenset(order[: n + 1]), frozenset(order[:n])
                    part = float(d[t] @ (answer(on) - answer(off)))
                    parts[name] += part / len(orders)
        shares = dict.fromkeys(CONTENT, 0.0)
        for name, group in self.groups.items():
            shares[group] += parts[name] / total
        return {**shares, "noise_and_detail": 1 - sum(shares.values())}


def _resized(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.asarray(cv2.resize(picture, shape[::-1], interpolation=cv2.INTER_CUBIC))


def study(strange: Strange, model: Any, count: int, key: str) -> pd.DataFrame:
    """The table of causes that a study keeps of the pairs that it draws; the truth in its ``attrs``."""
    rows: list[dict[str, Any]] = []
    for pair in choose(strange.recorded, set(strange.usable()), model, count, key).itertuples():
        t = int(pair.frame_a)
        made = strange.replays(t)
        ids = {"item": "world", "frame_a": t, "frame_b": t + 1}
        ids |= {"weight": float(pair.weight), "scale": "adjacent"}
        rows += [{**ids, **row} for row in score(made, model, seen_by(model, made.pictures))]
    table = pd.DataFrame(rows)
    table.attrs = {"truth": strange.truth(model)}
    return table


def shares_of(table: pd.DataFrame) -> tuple[pd.DataFrame, set[str], float]:
    """Share, low, high and true share of each group; the names that are given; and what is not measured."""
    account = summarise(table, per_item=False)
    groups = account[account["level"] == "group"].set_index("cause")
    truth = table.attrs["truth"]
    shares = groups.loc[list(truth), ["share", "low", "high"]].assign(true=pd.Series(truth))
    names = named(account)
    named_groups = set(names.loc[names["level"] == "group", "cause"])
    return shares, named_groups, float(groups.loc[NOT_MEASURED, "share"])


def describe(found: list[tuple[str, str, pd.DataFrame, set[str], float]]) -> None:
    """Every world, and what holds over all of them."""
    worlds_ = harness.table("world", "network", *CONTENT, "noise and detail", "named", digits=2)
    for kind, network, shares, names, _ in found:
        cells = [
            f"{_short(r.share)} [{_short(r.low)}, {_short(r.high)}] for {_short(r.true)}"
            for r in shares.itertuples()
        ]
        worlds_.row(kind, network, *cells, ", ".join(sorted(names)) or "none")
    every = pd.concat(
        [shares.assign(world=k, group=shares.index) for k, (_, _, shares, _, _) in enumerate(found)]
    )
    every["inside"] = (every["low"] <= every["true"]) & (every["true"] <= every["high"])
    every["width"] = every["high"] - every["low"]
    every["off"] = (every["share"] - every["true"]).abs()
    large = every[every["true"] >= 0.1]
    low, high = _by_world(large)
    say(
        f"\nshares of .1 or more: {int(large['inside'].sum())} of {len(large)} held "
        f"({large['inside'].mean():.0%} [{low:.0%}, {high:.0%}], resampled by world), "
        f"{(large['off'] <= 0.1).mean():.0%} within .1, median width {large['width'].median():.2f}"
    )
    say(
        f"all shares: {every['inside'].mean():.0%} of {len(every)} held, "
        f"median width {every['width'].median():.2f}"
    )
    false = [
        f"{kind} {network} {name}"
        for kind, network, shares, names, _ in found
        for name in sorted(names)
        if name in shares.index and shares.loc[name, "true"] < THERE
    ]
    say(f"false names: in {len({' '.join(x.split()[:2]) for x in false})} of {len(found)} {false}")
    say(
        f"not measured: {np.mean([each[-1] for each in found]):.3f} of the change, mean over worlds"
    )
    lit = [
        "light" in names
        for _, _, shares, names, _ in found
        if math.isfinite(shares.loc["light", "true"]) and shares.loc["light", "true"] >= 0.2
    ]
    if lit:
        low, high = clopper_pearson(sum(lit), len(lit))
        say(
            f"light of .2 or more named: {sum(lit)} of {len(lit)} "
            f"({sum(lit) / len(lit):.0%} [{low:.0%}, {high:.0%}])"
        )


def _short(value: float) -> str:
    return f"{value:.2f}".replace("0.", ".")


def _by_world(cells: pd.DataFrame, draws: int = 2000) -> tuple[float, float]:
    # four shares of a world add up to 1: the world is drawn, not the share
    held = cells.groupby("world")["inside"].agg(["sum", "count"]).to_numpy()
    rng = np.random.default_rng(0)
    drawn = held[rng.integers(len(held), size=(draws, len(held)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    parser = harness.parser(__doc__)
    add_places(parser)
    parser.add_argument("--kinds", nargs="+", default=sorted(worlds.kinds()))
    parser.add_argument("--each", type=int, default=2)
    parser.add_argument("--networks", nargs="+", default=["mobilenet_v2_1.0_224"])
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--crf", type=int, default=0, help="behind H.264; 0: raw")
    parser.add_argument("--draw", choices=("development", "fresh"), default="fresh")
    given = parser.parse_args()
    commit = harness.commit(given.commit)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    stills = sorted(given.stills.glob("*.JPEG"))[0 if given.draw == "development" else 1 :: 2]
    folder = given.out / f"{given.draw}_{commit[:12]}_{given.pairs}_{given.frames}_{given.crf}"
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for kind in given.kinds:
        for number in range(given.each):
            for network in given.networks:
                file = folder / f"{kind}-{number}-{network}.parquet"
                if not file.is_file():
                    key = f"{commit} strange {kind} {number} {network}"
                    strange = Strange(kind, key, stills, given.frames, given.crf)
                    model = load_model(f"onnx:{given.models / network}.onnx", device="cpu")
                    study(strange, model, given.pairs, key).to_parquet(file)
                found.append((f"{kind}-{number}", network, *shares_of(pd.read_parquet(file))))
    say(f"Drawn by commit {commit[:12]} ({given.draw}), {len(found)} worlds, crf {given.crf}.\n")
    describe(found)


if __name__ == "__main__":
    harness.run(main)
