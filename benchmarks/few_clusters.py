"""What can be told of a ratio of events with few clusters: level, power and coverage of the sign-flip test.

    python benchmarks/few_clusters.py [--draws 200] [--seed 0] [--csv FILE]

A draw is K clusters with about four events each. Their expected numbers are gamma distributed: with shape 5 events
spread evenly, with 1 they clump, with .2 a fifth of the clusters has nearly all of them. Afterwards

    stay     each event stays with the probability of the ratio
    new      events are new ones at the former rates times the ratio
    uneven   the same, and what was done works unevenly: each cluster's ratio varies exponentially about the mean,
             so that the clusters' differences are not symmetric, which the sign-flip test supposes

Each ratio from .05 to 1 is the true one. Compared are

    flips    ``statistics.ratios.ratio_of_sums``: one test for the verdict, its inversion for the interval
    t, log   Student's t of the clusters' differences for the verdict, and the linearised interval of the logarithm
    weighted the sign-flip test of differences over the root of the number of events of the cluster
    design   the binomial test of events after among all events, with the design effect of the clusters

Called: the share of draws in which a change is called at 5 %. Covered: the share of intervals that hold the true
ratio. Draws with fewer than six clusters that have events count as not called, and have no interval.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import harness
import numpy as np
from harness import say
from scipy import special

from vidrobust.statistics.levels import ALPHA
from vidrobust.statistics.ratios import ratio_of_sums
from vidrobust.statistics.significance import FlippedRatio
from vidrobust.statistics.standard_errors import cluster_pulls, error_over_clusters, t_two_sided

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


def weighted(before: np.ndarray, after: np.ndarray) -> tuple[float, float, float]:
    root = np.sqrt(np.maximum(before + after, 1))
    found = FlippedRatio.of(after / root, before / root)
    return (*found.interval(), found.p(1.0))


def design(before: np.ndarray, after: np.ndarray) -> tuple[float, float, float]:
    """The share of events that are after: Student's t on the logit, with the error over clusters."""
    both = before + after
    share, count = after.sum() / both.sum(), int((both > 0).sum())
    pulls = (after - share * both)[both > 0]
    if count < 2 or share in (0.0, 1.0):  # no spread to see a design effect in
        return np.nan, np.nan, float(2 * 0.5 ** both.sum())
    # not below the error of a binomial with as many events
    error = max(
        error_over_clusters(pulls * count / both.sum()).error,
        np.sqrt(share * (1 - share) / both.sum()),
    )
    logit, of_logit = float(special.logit(share)), float(error / (share * (1 - share)))
    half = float(special.stdtrit(count - 1, 0.975)) * of_logit
    return np.exp(logit - half), np.exp(logit + half), t_two_sided(logit, of_logit, count - 1)


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], tuple[float, float, float]]] = {
    "flips": flips,
    "t, log": students,
    "weighted": weighted,
    "design": design,
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
    parser.add_argument("--csv", type=Path)
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
    if args.csv:
        write(args.csv, rows)
    tables(rows)


def write(path: Path, rows: list) -> None:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(
            [
                "world",
                "events",
                "ratio",
                "clusters",
                "method",
                "called",
                "excluded",
                "covered",
                "known",
            ]
        )
        for *key, found in rows:
            for method, (called, excluded, covered, known) in found.items():
                held = f"{covered / known:.3f}" if known else ""
                out.writerow(
                    [*key, method, f"{called:.3f}", f"{excluded:.3f}", held, f"{known:.3f}"]
                )


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
