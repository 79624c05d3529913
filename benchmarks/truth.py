"""What was planted on the simulated line, and what the tool says: docs/truth.md.

    python benchmarks/truth.py --out DIR [--seconds 3000] [--only NAME ...]

Each dial in turn at its three sizes, pairs of dials at mid size, and none, through the whole of a study from
clips to ``policy.json`` with ``line-classifier`` (``detector_lines.py`` asks detectors). What is found is kept in
DIR/results.jsonl, so that the same command continues; the tables are printed at the end.

planted, found  by the truth and by the tables ``spread`` and ``variation``, as vidrobust.plugins.line.demo says
share           of the change of the model's answer that goes to the dial's cause, with its 95 % interval
true share      of the change between all neighbours, from twins without noise and coding: a frame with the dial
                alone gone on to the next, and the next with the dial alone held back, along the real change;
                the mean over roundings to 8 bits. That of the belt's run stands beside it. Of one of two lamps
                the gain of the middle pixel is light, and the rest local light
not planted     a named cause, or a step of one, that no dial plants; objects and what came into view are always
                there, since the belt runs, and so are noise and coding
"""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import harness
import numpy as np
import pandas as pd
from harness import say
from planted import mean_answer

from vidrobust.api.study import study
from vidrobust.frames.pixels import to_array
from vidrobust.models.load import load_model
from vidrobust.plugins.line.camera import SENSOR_LEVELS, uneven
from vidrobust.plugins.line.demo import planted_spread
from vidrobust.plugins.line.dials import BY_NAME, DIALS
from vidrobust.plugins.line.render import RenderSettings, render, stage
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.causes.catalogue import NOISE
from vidrobust.stages.causes.score import seen_by
from vidrobust.video.source import open_video

PARTS, SECONDS, SEED = 6, 0.8, 4000
SIZES = ("mild", "mid", "strong")
PAIRS = (
    ("light", "shake"),
    ("light", "hue"),
    ("light", "focus"),
    ("exposure", "noise"),
    ("flicker", "speed"),
    ("drift", "compression"),
    ("hue", "shake"),
    ("shake", "focus"),
)
NONE = 6
"""Lines at rest, each of another seed."""
CLASSIFIER = "line-classifier"
ASKED = (
    *("brightness", "exposure_offset", "contrast", "gamma", "saturation", "hue", "white_balance"),
    *("translation", "rotation", "scale", "gaussian_blur", "defocus_blur"),
    *("gaussian_noise", "shot_noise", "jpeg"),
)
SETTINGS = Settings(
    perturbation=ASKED, frames=5 * PARTS, pairs=4 * PARTS, resamples=199, pictures=False
)
ALWAYS = ("objects", "came_into_view", "noise_and_coding")
"""Causes that every clip has: the belt runs, and x264 codes it."""
LARGE = 0.2
"""A cause of so much of the change ought to be named."""
CLOSE = 0.25
"""Relative error up to which a size counts as found."""


ROUNDINGS = 2
"""Roundings of a twin over which its answer is averaged."""
BELT = "belt"
"""What the belt's run does: objects and what came into view together."""
COLUMNS = {
    "shadow": ("shadow_x", "shadow_y"),
    "hue": ("hue_deg",),
    "shake": ("shake_x_px", "shake_y_px"),
    "focus": ("focus_px",),
    "lamp2": ("lamp2",),
    **dict.fromkeys(("light", "drift", "flicker", "exposure"), ("gain",)),
}
"""By dial the columns of a frame's condition that it moves; noise, coding and what stands still have none."""


GoneOn = Callable[[dict[str, float], dict[str, float]], dict[str, float]]
"""(a frame's condition, another's) -> what of the first is as in the second."""


@dataclass(frozen=True)
class World:
    """dials as ``--dial`` takes them; ``size`` in words, "" at rest."""

    dials: tuple[str, ...]
    size: str
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(text.partition("=")[0] for text in self.dials)

    @property
    def key(self) -> str:
        return f"{' '.join(self.dials) or 'none'} {self.seed}"


def planted_state(truth: pd.DataFrame) -> dict[str, float]:
    """By quantity, the median of what is between neighbours: noise in levels, the belt's run in px."""
    return {
        "noise_sigma": float(np.median(np.hypot(truth["noise"].to_numpy(float), SENSOR_LEVELS))),
        "part_shift_x_px": float(np.median(np.abs(truth["speed_px"].to_numpy(float)))),
    }


def worlds() -> list[World]:
    """All of them, the most important first: at rest, mid sizes, pairs, then the other sizes."""
    rest = [World((), "", SEED + number) for number in range(NONE)]
    alone = {
        word: [
            World(
                (f"{dial.name}={dial.sizes[place]:g}",),
                word,
                SEED + 100 * (place + 1) + row,
            )
            for row, dial in enumerate(DIALS)
        ]
        for place, word in enumerate(SIZES)
    }
    pairs = [
        World(
            tuple(f"{name}={BY_NAME[name].sizes[1]:g}" for name in pair),
            "mid",
            SEED + 500 + row,
        )
        for row, pair in enumerate(PAIRS)
    ]
    return [
        *rest[:2],
        *alone["mid"],
        *pairs[:4],
        *alone["strong"],
        *alone["mild"],
        *rest[2:],
        *pairs[4:],
    ]


def run_world(world: World, folder: Path) -> dict[str, Any]:
    """Rendered, studied, and reported."""
    shutil.rmtree(folder, ignore_errors=True)
    line = RenderSettings(parts=PARTS, seconds=SECONDS, seed=world.seed, dials=world.dials)
    render(line, folder / "line")
    manifest = folder / "line" / "manifest.csv"
    run = study(manifest, CLASSIFIER, out=folder / "run", stages=["policy"], settings=SETTINGS)
    truth = pd.read_parquet(folder / "line" / "truth.parquet")
    spread, variation = run.table("spread"), run.table("variation")
    spread = spread[spread["item"] == ""].set_index("quantity")["spread"]
    beside = variation[variation["scale"] == "adjacent"]
    states = beside.groupby("quantity")["p50"].median()
    account, named = (
        table[table["level"] == "cause"] for table in (run.table("account"), run.table("named"))
    )
    shares = account[account["item"] == ""].set_index("cause")
    figures = run.metrics.set_index(["model", "metric"])
    flips = figures.loc[CLASSIFIER, "flip_rate"]
    return {
        "key": world.key,
        "dials": list(world.dials),
        "names": list(world.names),
        "size": world.size,
        "planted": {**planted_spread(truth), **planted_state(truth)},
        "found": {**spread.to_dict(), **{q: states.get(q) for q in planted_state(truth)}},
        "flips": [flips["value"], flips["n"]],
        "true": true_shares(world.names, line, folder / "line" / "clips"),
        "shares": {c: [r["share"], r["low"], r["high"]] for c, r in shares.iterrows()},
        "named": named.sort_values("share", ascending=False)["cause"].tolist(),
        "steps": [
            {"perturbation": s["perturbation"], "high": s["high"], "cause": s["evidence"]["cause"]}
            for s in [*run.policy["steps"], *run.policy["suggested"]]
        ],
        "rejected": {row["perturbation"]: row["reason"] for row in run.policy["rejected"]},
    }


def true_shares(names: tuple[str, ...], line: RenderSettings, clips: Path) -> dict[str, float]:
    """Of the belt's run and of each dial's causes, from twins of the frames, over all neighbours of all clips."""
    model: Any = load_model(CLASSIFIER, device="cpu")
    rng = np.random.default_rng(line.seed)
    along, change, coded = dict.fromkeys((BELT, *_twins(names)), 0.0), 0.0, 0.0

    answer = partial(mean_answer, model, rng=rng, count=ROUNDINGS)
    for plan in line.plans():
        camera = stage(plan).camera
        with open_video(clips / f"{plan.item}.mp4") as source:
            frames = tuple(to_array(x) for batch in source.batches(32) for x in batch.pixels)
        d = np.diff(seen_by(model, frames).z, axis=0)
        change += float(np.square(d).sum())
        twin = [answer(camera.light(number)) for number in range(len(frames))]
        coded += float(((d - np.diff(twin, axis=0)) * d).sum())
        for t in range(len(d)):
            now, then = camera.condition(t), camera.condition(t + 1)
            for cause, gone_on in {BELT: _belt, **_twins(names)}.items():
                on = answer(camera.light(t, **gone_on(now, then))) - twin[t]
                off = twin[t + 1] - answer(camera.light(t + 1, **gone_on(then, now)))
                along[cause] += float((on + off) / 2 @ d[t])
    if NOISE in (BY_NAME[name].causes[0] for name in names if BY_NAME[name].causes):
        along[NOISE] = coded
    return {cause: each / change for cause, each in along.items()}


def _belt(now: dict[str, float], then: dict[str, float]) -> dict[str, float]:
    return {"travel_px": then["travel_px"]}


def _twins(names: tuple[str, ...]) -> dict[str, GoneOn]:
    """By cause the columns that go on to another frame's."""
    found: dict[str, GoneOn] = {}
    for name in names:
        if name == "lamp2":
            found |= {"light": _level, "local_light": _beside_the_level}
        elif name in COLUMNS:
            found[BY_NAME[name].causes[0]] = partial(_columns, COLUMNS[name])
    return found


def _columns(
    names: tuple[str, ...], now: dict[str, float], then: dict[str, float]
) -> dict[str, float]:
    return {name: then[name] for name in names}


def _level(now: dict[str, float], then: dict[str, float]) -> dict[str, float]:
    return {"gain": now["gain"] * _middle(then) / _middle(now)}


def _beside_the_level(now: dict[str, float], then: dict[str, float]) -> dict[str, float]:
    return {"lamp2": then["lamp2"], "gain": now["gain"] * _middle(now) / _middle(then)}


def _middle(condition: dict[str, float]) -> float:
    """Gain of the second lamp at the middle pixel."""
    return float(np.median(uneven(0.0, (0.5, 0.5), condition["lamp2"])))


def true_causes(row: dict[str, Any]) -> set[str]:
    """Of a world: those that were planted, and those that are always there."""
    return {*ALWAYS, *(cause for name in row["names"] for cause in BY_NAME[name].causes)}


def false_steps(row: dict[str, Any]) -> list[str]:
    """Steps whose cause was not planted."""
    return [s["perturbation"] for s in row["steps"] if s["cause"] not in true_causes(row)]


def false_names(row: dict[str, Any]) -> list[str]:
    """Causes of the classifier's account that are named and were not planted."""
    return [cause for cause in row["named"] if cause not in true_causes(row)]


def sizes(row: dict[str, Any]) -> list[tuple[str, float, float]]:
    """(quantity, planted, found) of the dials of a world."""
    found = {q: math.nan if value is None else value for q, value in row["found"].items()}
    quantities = [q for name in row["names"] for q in BY_NAME[name].quantities]
    return [(q, row["planted"].get(q, math.nan), found.get(q, math.nan)) for q in quantities]


def headline(rows: list[dict[str, Any]]) -> list[str]:
    """Counts with binomial intervals (Clopper-Pearson)."""

    def large(count: int) -> list[bool]:
        """Of each cause of worlds of so many dials whose true share is 20 % or more, whether it is named."""
        return [
            cause in row["named"]
            for row in rows
            for cause, share in row["true"].items()
            if len(row["names"]) == count and cause != BELT and share >= LARGE
        ]

    one, two = large(1), large(2)
    belt = [not {*ALWAYS[:2]}.isdisjoint(r["named"]) for r in rows if r["true"][BELT] >= LARGE]
    seen = [(p, f) for row in rows for _, p, f in sizes(row) if math.isfinite(p)]
    rest = [row for row in rows if not row["names"]]
    lines = {
        "one dial, causes of a true share of 20 % or more that are named": one,
        "two dials, the same": two,
        "the belt's run, objects or what came into view named where it is so much": belt,
        "lines on which a cause is named that was not planted": [*map(false_names, rows)],
        "lines with a step for what was not planted": [*map(false_steps, rows)],
        "of them at rest": [*map(false_steps, rest)],
        f"sizes found within {CLOSE:.0%} of the planted": [
            abs(f / p - 1) <= CLOSE for p, f in seen
        ],
    }
    return [
        f"* {title}: {harness.counted(sum(map(bool, hits)), len(hits))}"
        for title, hits in lines.items()
        if hits
    ]


def describe(rows: list[dict[str, Any]]) -> None:
    """Print headline and table."""
    order = {world.key: place for place, world in enumerate(_in_print())}
    rows = sorted((row for row in rows if row["key"] in order), key=lambda row: order[row["key"]])
    for line in headline(rows):
        say(line)
    say("")
    columns = "planted", "found", "flips", "true share", "share of the change", "named"
    table = harness.table("dial", *columns, "steps of the policy")
    for row in rows:
        table.row(*_row(row))


def _in_print() -> list[World]:
    """None first, then dial by dial with its sizes, then pairs."""
    made = worlds()
    names = [dial.name for dial in DIALS]
    return sorted(
        made,
        key=lambda w: (
            len(w.dials),
            names.index(w.names[0]) if len(w.dials) == 1 else 0,
            SIZES.index(w.size) if w.size else 0,
        ),
    )


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    each = sizes(row)
    planted, found = (
        "; ".join(f"{q} {_number(pair[place])}" for q, *pair in each) or "-" for place in (0, 1)
    )
    steps = ", ".join(
        f"{s['perturbation']} {_number(s['high'])}"
        + " (not planted)" * (s["cause"] not in true_causes(row))
        for s in row["steps"]
    )
    true = "; ".join(f"{name} {share:.2f}" for name, share in row["true"].items())
    flips, named = f"{100 * row['flips'][0]:.1f} %", ", ".join(row["named"]) or "none"
    dials = ", ".join(row["dials"]) or "none"
    return dials, planted, found, flips, true, _said(row), named, steps or "none"


def _said(row: dict[str, Any]) -> str:
    lines = []
    for cause in dict.fromkeys(c for name in row["names"] for c in BY_NAME[name].causes[:1]):
        share, low, high = row["shares"][cause]
        lines.append(f"{cause} {share:.2f} [{low:.2f}, {high:.2f}]")
    return "; ".join(lines) or "-"


def _number(value: float) -> str:
    return f"{value:.2g}" if math.isfinite(value) else "not measured"


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=3000)
    parser.add_argument(
        "--only",
        nargs="*",
        default=[],
        metavar="DIAL",
        help="worlds with these dials, as 'focus', or just these, as 'focus=3'; or none",
    )
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    kept = given.out / "results.jsonl"
    rows = harness.kept_lines(kept)
    done, started = {row["key"] for row in rows}, time.monotonic()
    for world in worlds():
        asked = {*(world.names or ("none",)), " ".join(world.dials)}
        if given.only and not asked & {*given.only}:
            continue
        if world.key in done or time.monotonic() - started > given.seconds:
            continue
        rows.append(run_world(world, given.out / "work"))
        harness.keep_line(kept, rows[-1])
        print(_row(rows[-1]), f"{time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    describe(rows)


if __name__ == "__main__":
    harness.run(main)
