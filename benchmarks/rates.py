"""How often the intervals of rates and means cover the truth, on simulated clips.

    python benchmarks/rates.py [--runs 1000] [--seed 0] [--only rates|sizes|means|stretches]

rates      beta-binomial clips of 120 pairs: five rates and correlations at 3 to 50 clips, and cells beyond them
sizes      clips of unequal length, and rates that are not beta distributed
means      skewed means of clips, 100 frames each
stretches  one clip or two, cut into stretches: flips driven by a slow state with a memory of .3 to 10 seconds

A cell is the share of runs whose interval holds the truth, in percent; in brackets the interval's mean length over
the truth. The binomial error of a cell of 1,000 runs is 0.7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import harness
import numpy as np
from harness import say
from scipy import signal, special, stats

from vidrobust.statistics.clusters import independent_clusters
from vidrobust.statistics.intervals import Interval, clustered_mean, clustered_rate

CLIPS = (3, 5, 8, 12, 20, 50)
PAIRS = 120
CELLS = ((0.02, 0.05), (0.02, 0.2), (0.05, 0.3), (0.1, 0.1), (0.3, 0.3))
BEYOND = (
    (0.02, 0.0),
    (0.3, 0.0),
    (0.02, 0.02),
    (0.001, 0.01),
    (0.01, 0.5),
    (0.3, 0.5),
    (0.5, 0.05),
)


def beta_rates(rng: np.random.Generator, mean: float, correlation: float, clips: int) -> np.ndarray:
    """Rates of clips with a mean and an intraclass correlation."""
    if correlation == 0:
        return np.full(clips, mean)
    a, b = (share * (1 - correlation) / correlation for share in (mean, 1 - mean))
    return rng.beta(a, b, clips)


def coverage(draw: Callable[[], Interval], truth: float, runs: int) -> tuple[float, float]:
    """Share of intervals that hold the truth, and their mean length over the truth."""
    held, length = 0, 0.0
    for _ in range(runs):
        found = draw()
        held += found.low <= truth <= found.high
        length += (found.high - found.low) / truth
    return held / runs, length / runs


def printable(cells: Sequence[tuple[float, float]]) -> str:
    """The row of a table in Markdown, and the mean of its cells."""
    mean = np.mean([held for held, _ in cells])
    return (
        " | ".join(f"{100 * held:.1f} ({length:.2g})" for held, length in cells)
        + f" | {100 * mean:.1f} |"
    )


def rates(rng: np.random.Generator, runs: int) -> None:
    """The rate of beta-binomial clips."""
    for name, cells in (("rate, correlation", CELLS), ("beyond", BEYOND)):
        say(f"\n| {name} | " + " | ".join(f"{m:g}, {r:g}" for m, r in cells) + " | mean |")
        say("|---" * (len(cells) + 2) + "|")
        for clips in CLIPS:
            label = np.repeat(np.arange(clips), PAIRS)
            row = [
                coverage(
                    lambda m=m, r=r, label=label, clips=clips: clustered_rate(
                        rng.random(len(label)) < beta_rates(rng, m, r, clips)[label], label
                    ),
                    m,
                    runs,
                )
                for m, r in cells
            ]
            say(f"| {clips} clips | {printable(row)}")


def sizes(rng: np.random.Generator, runs: int) -> None:
    """Clips of 20 to 600 pairs; and clips of which one in ten is bad, a mixture of two rates."""
    say("\n| clips | unequal, rate .05, correlation .1 | one in ten bad (.2, else .01) | mean |")
    say("|---|---|---|---|")
    for clips in CLIPS:

        def unequal(clips: int = clips) -> Interval:
            sizes = np.exp(rng.uniform(np.log(20), np.log(600), clips)).astype(int)
            label = np.repeat(np.arange(clips), sizes)
            return clustered_rate(
                rng.random(len(label)) < beta_rates(rng, 0.05, 0.1, clips)[label], label
            )

        def mixture(clips: int = clips) -> Interval:
            label = np.repeat(np.arange(clips), PAIRS)
            bad = np.where(rng.random(clips) < 0.1, 0.2, 0.01)
            return clustered_rate(rng.random(len(label)) < bad[label], label)

        say(
            f"| {clips} | {printable([coverage(unequal, 0.05, runs), coverage(mixture, 0.029, runs)])}"
        )


def means(rng: np.random.Generator, runs: int) -> None:
    """Means of skewed clips; beside each the coverage of the plain Student's t over clips."""
    worlds: dict[str, Callable[[int], np.ndarray]] = {
        "normal .3 ± .05": lambda n: rng.normal(0.3, 0.05, n),
        "gamma, CV .5": lambda n: rng.gamma(4, 0.02 / 4, n),
        "exponential": lambda n: rng.exponential(0.02, n),
        "gamma, CV 1.5": lambda n: rng.gamma(1 / 2.25, 0.02 * 2.25, n),
        "log-normal, s = 1": lambda n: 0.02 * np.exp(rng.normal(-0.5, 1, n)),
        "one in five bad": lambda n: np.where(rng.random(n) < 0.2, 0.06, 0.01),
        "U-shaped": lambda n: rng.beta(0.5, 0.5, n),
    }
    truth = dict.fromkeys(worlds, 0.02) | {"normal .3 ± .05": 0.3, "U-shaped": 0.5}
    say(
        "\n| mean of clips | "
        + " | ".join(worlds)
        + " | mean |\n"
        + "|---" * (len(worlds) + 2)
        + "|"
    )
    for clips in CLIPS:
        label = np.repeat(np.arange(clips), 100)
        row, plain = [], []
        for name, world in worlds.items():
            held = 0

            def draw(
                world: Callable[[int], np.ndarray] = world, label: np.ndarray = label
            ) -> Interval:
                nonlocal held
                centre = world(int(label[-1]) + 1)
                values = np.clip(centre[label] * rng.gamma(2, 0.5, len(label)), 0, 1)
                if centre.max() > 0.4:  # bounded worlds: noise that keeps the mean
                    values = (rng.random(len(label)) < centre[label]).astype(float)
                by_clip = np.bincount(label, weights=values) / 100
                t = stats.t.interval(0.95, len(by_clip) - 1, by_clip.mean(), stats.sem(by_clip))
                held += t[0] <= truth[name] <= t[1]  # noqa: B023
                return clustered_mean(values, label, bounds=(0.0, 1.0))

            row.append(coverage(draw, truth[name], runs))
            plain.append(held / runs)
        say(f"| {clips} clips | {printable(row)}")
        say(
            "| Student's t | "
            + " | ".join(f"{100 * p:.1f}" for p in plain)
            + f" | {100 * np.mean(plain):.1f} |"
        )


def stretches(rng: np.random.Generator, runs: int) -> None:
    """Flips at 25 frames a second; the logit of their rate moves slowly, with a standard deviation of 1."""
    memories = (0.3, 1.0, 3.0, 10.0)
    say("\n| footage | " + " | ".join(f"memory {m:g} s" for m in memories) + " | mean |")
    say("|---" * (len(memories) + 2) + "|")
    truth = float(np.mean(special.expit(-3.5 + rng.normal(size=1_000_000))))
    for seconds, clips in ((10, 1), (30, 1), (60, 1), (60, 3), (600, 1)):
        frames = seconds * 25
        item = np.repeat(np.arange(clips), frames)
        time_s = np.tile(np.arange(frames) / 25, clips)
        clusters = independent_clusters(item, time_s)

        def draw(
            memory: float, frames: int = frames, clips: int = clips, clusters=clusters
        ) -> Interval:  # type: ignore[no-untyped-def]
            keep = np.exp(-1 / (25 * memory))
            shocks = rng.normal(size=(clips, frames)) * np.sqrt(1 - keep**2)
            shocks[:, 0] /= np.sqrt(1 - keep**2)
            state = signal.lfilter([1.0], [1.0, -keep], shocks, axis=1)
            return clustered_rate(
                rng.random(clips * frames) < special.expit(-3.5 + state.ravel()), clusters
            )

        row = [coverage(lambda m=m: draw(m), truth, runs) for m in memories]
        say(f"| {clips} x {seconds} s, {clusters.count} stretches | {printable(row)}")


def main() -> None:
    """Print the tables."""
    parser = harness.parser(__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["rates", "sizes", "means", "stretches"])
    arguments = parser.parse_args()
    for part in (rates, sizes, means, stretches):
        if arguments.only in (None, part.__name__):
            part(np.random.default_rng(arguments.seed), arguments.runs)


if __name__ == "__main__":
    harness.run(main)
