"""How often control charts call a run of a line that has not changed, and how soon one that has.

    python benchmarks/charts.py [--lines 60] [--seed 0] [--only NAME]

A line of 40 runs, judged on the first 3, 5, 10 or 20 runs, or each on all before it. "out" and "shifted" are
shares of judged runs, in percent; each says .27. "some in 40" is the share of lines that are called at all.
"found" is the share of lines in which the run after a change is called, "by the 8th" one of the eight after it:
the rate doubles, or the mean moves by three standard deviations.

p            ten clips of 200 pairs a run, beta-binomial with the rate and correlation given
p'           the same, and the rate of a run moves by 30 % besides (Laney's limits)
individuals  normal; above 0, gamma and log-normal with a coefficient of variation of .3, or wide
repeated     numbers that repeat: counts of a mean, mostly nothing, rounded to 2.5 or 1 standard deviations
memory       normal; a run resembles the one before by a correlation of .3 or .6
tails        Student's t with 3 degrees of freedom
"""

from __future__ import annotations

from collections.abc import Callable

import harness
import numpy as np
from harness import say

from vidrobust.plugins.gauge.history.control_charts import Chart, individuals_chart, p_chart

RUNS, SINCE = 40, 25
"""Runs of a line, and the first of one that has changed."""
Line = Callable[[np.random.Generator, int | None, int, int], Chart]
"""(generator, runs of the baseline, first run that has changed, runs so far) -> its chart"""


def clips(rate: float, correlation: float, between: float = 0.0) -> Line:
    """Runs of ten clips; the rate doubles from the run ``since`` on."""

    def made(rng: np.random.Generator, baseline: int | None, since: int, runs: int) -> Chart:
        own = (
            rate
            * np.exp(rng.normal(-(between**2) / 2, between, runs))
            * np.where(np.arange(runs) < since, 1, 2)
        )
        pair = (1 - correlation) / correlation
        events = [
            rng.binomial(200, rng.beta(p * pair, (1 - p) * pair, 10)) for p in np.minimum(own, 0.95)
        ]
        return p_chart(events, [np.full(10, 200)] * runs, baseline=baseline, laney=between > 0)

    return made


def numbers(
    draw: Callable[[np.random.Generator, int], np.ndarray], step: float, least: float
) -> Line:
    """Runs with one number each, which moves by ``step`` from the run ``since`` on."""

    def made(rng: np.random.Generator, baseline: int | None, since: int, runs: int) -> Chart:
        values = draw(rng, runs) + np.where(np.arange(runs) < since, 0, step)
        return individuals_chart(values, baseline=baseline, bounds=(least, np.inf))

    return made


def remembering(correlation: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    """Normal values of which each resembles the one before."""

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        values = rng.normal(0, 1, n)
        for k in range(1, n):
            values[k] = correlation * values[k - 1] + np.sqrt(1 - correlation**2) * values[k]
        return values

    return draw


LINES: dict[str, Line] = {
    "p, .1, .1": clips(0.1, 0.1),
    "p, .02, .05": clips(0.02, 0.05),
    "p, .02, .2": clips(0.02, 0.2),
    "p', .1, .1": clips(0.1, 0.1, 0.3),
    "individuals, normal": numbers(lambda rng, n: rng.normal(0, 1, n), 3.0, -np.inf),
    "individuals, gamma": numbers(lambda rng, n: rng.gamma(11.1, 0.03, n), 0.3, 0.0),
    "individuals, log-normal": numbers(
        lambda rng, n: 0.33 * np.exp(rng.normal(0, 0.3, n)), 0.3, 0.0
    ),
    "individuals, wide log-normal": numbers(lambda rng, n: np.exp(rng.normal(0, 1, n)), 6.5, 0.0),
    "repeated, counts of 10": numbers(lambda rng, n: rng.poisson(10, n), 9.5, 0.0),
    "repeated, counts of 3": numbers(lambda rng, n: rng.poisson(3, n), 5.2, 0.0),
    "repeated, counts of .3": numbers(lambda rng, n: rng.poisson(0.3, n), 1.6, 0.0),
    "repeated, mostly nothing": numbers(
        lambda rng, n: rng.exponential(1, n) * (rng.random(n) < 0.2), 1.8, 0.0
    ),
    "repeated, rounded to 2.5": numbers(lambda rng, n: np.rint(rng.normal(10, 0.4, n)), 1.2, 0.0),
    "repeated, rounded to 1": numbers(lambda rng, n: np.rint(rng.normal(10, 1, n)), 3.0, 0.0),
    "memory, .3": numbers(remembering(0.3), 3.0, -np.inf),
    "memory, .6": numbers(remembering(0.6), 3.0, -np.inf),
    "tails": numbers(lambda rng, n: rng.standard_t(3, n), 5.2, -np.inf),
}


def main() -> None:
    """Print the table."""
    parser = harness.parser(__doc__)
    parser.add_argument("--lines", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="lines whose name holds this")
    given = parser.parse_args()
    titles = ("out, %", "shifted, %", "some in 40, %", "found at once, %", "by the 8th, %")
    say("| line | baseline | " + " | ".join(titles) + " |\n" + "|---" * 7 + "|")
    for name, line in LINES.items():
        for baseline in (3, 5, 10, 20, None) if given.only in name else ():
            rng = np.random.default_rng(given.seed)
            out = shifted = judged = some = at_once = soon = 0
            for _ in range(given.lines):
                quiet = line(rng, baseline, RUNS, RUNS)
                known = ~np.isnan(quiet.low)
                out, judged = out + int(quiet.out.sum()), judged + int(known.sum())
                # of each stretch that is called its last run counts: it is the one at which the alarm rings
                rings = quiet.shifted & ~np.append(quiet.shifted[1:], False)
                shifted += int(rings.sum())
                some += bool((quiet.out | quiet.shifted).any())
                # as it is known by then: a shift is told of the eight runs before as well
                first, eighth = (line(rng, baseline, SINCE, SINCE + more) for more in (1, 8))
                at_once += bool(first.out[-1] | first.shifted[-1])
                soon += bool((eighth.out | eighth.shifted)[SINCE:].any())
            cells = [100 * out / judged, 100 * shifted / judged]
            cells += [100 * count / given.lines for count in (some, at_once, soon)]
            row = " | ".join(
                f"{cell:.2f}" if k < 2 else f"{cell:.0f}" for k, cell in enumerate(cells)
            )
            say(f"| {name} | {'those before' if baseline is None else baseline} | {row} |")


if __name__ == "__main__":
    harness.run(main)
