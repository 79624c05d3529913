"""What can be told of a ratio of events with few clusters: level, power and coverage of the sign-flip test.

    python benchmarks/few_clusters.py [--draws 200] [--seed 0]

A draw is K clusters with about four events each. Their expected numbers are gamma distributed: with shape 5 events
spread evenly, with 1 they clump, with .2 a fifth of the clusters has nearly all of them. Afterwards

    stay     each event stays with the probability of the ratio
    new      events are new ones at the former rates times the ratio
    uneven   the same, and what was done works unevenly: each cluster's ratio varies exponentially about the mean,
             so that the clusters' differences are not symmetric, which the sign-flip test supposes

Each ratio from .05 to 1 is the true one. Compared are

    flips    ``statistics.ratios.ratio_of_sums``: one test for the verdict, its inversion for the interval
    t, log   Student's t of the clusters' differences for the verdict, and the linearised interval of the logarithm

Called: the share of draws in which a change is called at 5 %. Covered: the share of intervals that hold the true
ratio. Draws with fewer than six clusters that have events count as not called, and have no interval.
"""

from __future__ import annotations

from collections.abc import Callable

import harness
import numpy as np
from harness import say

from vidrobust.statistics.levels import ALPHA
from vidrobust.statistics.ratios import ratio_of_sums
from vidrobust.statistics.standard_errors import cluster_pulls, error_over_clusters

CLUSTERS = (2, 4, 6, 8, 10, 14, 20, 40)
SHAPES = {"even": 5.0, "clumped": 1.0, "strongly clumped": 0.2}
WORLDS = ("stay", "new", "uneven")
RATIOS = (0.05, 0.15, 0.5, 1.0)
EVENTS = 4.0
"""Expected events of a cluster before."""


def draw(
    rng: np.random.Generator, world: str, count: int, shape: float, ratio: float
) -> np.ndarray:
    """(2, G) events before and after in each cluster."""
    rate = rng.gamma(shape, EVENTS / shape, count)
    before = rng.poisson(rate)
    if world == "stay":
        after = rng.binomial(before, ratio)
    else:
        own = rng.exponential(1.0, count) if world == "uneven" else 1.0
        after = rng.poisson(rate * ratio * own)
    return np.stack([before, after]).astype(float)


def flips(before: np.ndarray, after: np.ndarray) -> tuple[float, float, float]:
    low, high, p, _ = ratio_of_sums(before, after, events=True)
    return low, high, p


def students(before: np.ndarray, after: np.ndarray) -> tuple[float, float, float]:
    """The t test of the differences, and the interval of the logarithm by linearisation."""
    code, count = np.arange(len(before)), len(before)
    p = error_over_clusters(cluster_pulls(after - before, code, count)).p(
        float(after.mean() - before.mean())
    )
    if not after.sum() > 0:
        return np.nan, np.nan, p
    ratio = after.sum() / before.sum()
    half = error_over_clusters(
        cluster_pulls(after - ratio * before, code, count) / after.mean()
    ).half_width
    return float(ratio * np.exp(-half)), float(ratio * np.exp(half)), p


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], tuple[float, float, float]]] = {
    "flips": flips,
    "t, log": students,
}


def cell(
    rng: np.random.Generator, world: str, count: int, shape: float, ratio: float, draws: int
) -> dict:
    """Of each method the shares called, excluded (1 outside the interval), covered, and with an interval."""
    totals = {name: np.zeros(4) for name in METHODS}
    for _ in range(draws):
        before, after = draw(rng, world, count, shape, ratio)
        if not before.sum() > 0:
            continue
        for name, method in METHODS.items():
            low, high, p = method(before, after)
            known = bool(low <= high)
            inside = bool(low - 1e-9 <= ratio <= high + 1e-9)
            totals[name] += p <= ALPHA, known and not low <= 1 <= high, inside, known
    return {name: each / draws for name, each in totals.items()}


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    rows = []
    for world in WORLDS:
        for name, shape in SHAPES.items():
            for ratio in RATIOS:
                if world == "stay" and ratio == 1:  # nothing happens: no method ever calls it
                    continue
                for count in CLUSTERS:
                    found = cell(rng, world, count, shape, ratio, args.draws)
                    rows.append((world, name, ratio, count, found))
    tables(rows)


def tables(rows: list) -> None:
    """Level, power and coverage, each one table."""
    say(
        "\nCalled where nothing changes (ratio 1), percent, and in brackets: 1 outside the interval"
    )
    told = harness.table("world", "events", "clusters", *METHODS)
    for world, events, ratio, count, found in rows:
        if ratio == 1.0:
            shown = [f"{100 * f[0]:.0f} ({100 * f[1]:.0f})" for f in found.values()]
            told.row(world, events, count, *shown)
    say("\nA true cut of 85 %, called, percent")
    told = harness.table("world", "events", "clusters", *METHODS)
    for world, events, ratio, count, found in rows:
        if ratio == 0.15:
            told.row(world, events, count, *(f"{100 * f[0]:.0f}" for f in found.values()))
    say("\nIntervals that hold the true ratio, percent of those there are")
    told = harness.table("world", "ratio", "clusters", *METHODS)
    for world in WORLDS:
        for ratio in RATIOS:
            for count in CLUSTERS:
                same = [f for w, _, r, c, f in rows if (w, r, c) == (world, ratio, count)]
                if not same:
                    continue
                shown = []
                for method in METHODS:
                    covered, known = (sum(f[method][k] for f in same) for k in (2, 3))
                    shown.append(f"{100 * covered / known:.0f}" if known else "-")
                told.row(world, ratio, count, *shown)


if __name__ == "__main__":
    harness.run(main)
