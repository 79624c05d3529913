"""How often is a cause found that acts on few pairs, drawn by the picture's change and by the model's own as well?

    python benchmarks/pair_power.py [--draws 200] [--counts 12 24 48 96]

A made line of 240 pairs: a belt changes every picture, and every fourth pair has a step of exposure by a
heavy-tailed amount (Student's t, 3 degrees of freedom), to which the answer responds; noise of its own stands in
both frames and in the replays. In *nothing* the replays have no tie to the change. A cause is found where the
sign-flip test says that it holds more than 5 % (p <= .01: one of five causes that are asked together). The share
over the pairs drawn is compared with that over all pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import harness
import numpy as np
import pandas as pd

from vidrobust.stages.causes.pairs import choose_pairs
from vidrobust.statistics import significance

PAIRS, EVERY, DIRECTIONS = 240, 4, 8
LINES = 10
LEVEL, SMALLEST = 0.01, 0.05
HOW = ("picture", "picture and answer", "nothing")


@dataclass(frozen=True)
class Line:
    """All pairs of a line: the table that pairs are drawn from, projection and squared change of each."""

    pairs: pd.DataFrame
    projection: np.ndarray
    change: np.ndarray


def line(seed: int, *, planted: bool) -> Line:
    """A line whose replays hold the steps, or nothing of them."""
    rng, t = np.random.default_rng(seed), np.arange(PAIRS)
    size = np.where(t % EVERY == EVERY - 1, np.abs(rng.standard_t(3, PAIRS)), 0.0)
    return line_of(rng, size, planted=planted)


def line_of(rng: np.random.Generator, size: np.ndarray, *, planted: bool) -> Line:
    """The same with steps of these sizes."""
    t = np.arange(PAIRS)
    picture = 0.5 + np.abs(rng.normal(1, 0.3, PAIRS)) + 0.6 * size
    step = np.zeros((PAIRS, DIRECTIONS))
    step[:, 0] = size * rng.lognormal(0, 0.7, PAIRS)
    d = step + rng.normal(0, 0.35, step.shape)
    other = step[:, ::-1] * rng.choice([-1.0, 1.0], (PAIRS, 1))
    replay = 0.9 * (step if planted else other) + rng.normal(0, 0.15, step.shape)
    change = np.square(d).sum(axis=1)
    own = np.sqrt(change) * rng.lognormal(0, 0.2, PAIRS)
    columns = {
        "frame_a": t,
        "frame_b": t + 1,
        "pixel_change": picture,
        "own_change": own,
        "excluded": "",
    }
    return Line(pd.DataFrame(columns), (replay * d).sum(axis=1), change)


def drawn(of: Line, how: str, count: int, key: str) -> tuple[bool, float]:
    """Whether the pairs drawn find the cause, and its share over them."""
    table = of.pairs.drop(columns="own_change") if how == "picture" else of.pairs
    chosen = choose_pairs(table, count, key)
    at, weight = chosen["frame_a"].to_numpy(), chosen["weight"].to_numpy()
    projection, change = weight * of.projection[at], weight * of.change[at]
    p = significance.sign_flip_p(projection - SMALLEST * change)
    return p <= LEVEL, float(projection.sum() / change.sum())


def power(counts: tuple[int, ...], draws: int) -> dict[tuple[str, int], tuple[float, float, float]]:
    """(how, pairs) -> share of draws in which the cause is found; its share less the true: mean, deviation."""
    found = {}
    for how in HOW:
        lines = [line(seed, planted=how != "nothing") for seed in range(LINES)]
        for count in counts:
            hits, off = [], []
            for number in range(draws):
                own = lines[number % LINES]
                hit, share = drawn(own, how, count, f"draw {number}")
                hits.append(hit)
                off.append(share - own.projection.sum() / own.change.sum())
            found[how, count] = (float(np.mean(hits)), float(np.mean(off)), float(np.std(off)))
    return found


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--counts", type=int, nargs="+", default=[12, 24, 48, 96])
    given = parser.parse_args()
    table = harness.table(
        "drawn by", "pairs", "found", "share less the true one", "its deviation", digits=2
    )
    for (how, count), values in power(tuple(given.counts), given.draws).items():
        table.row(how, count, *values)


if __name__ == "__main__":
    harness.run(main)
