"""How often control charts call a run of a line that has not changed, and how soon one that has.

    python benchmarks/charts.py [--lines 60] [--seed 0]

A line of 40 runs, judged on the first 5, 10 or 20 runs, or each on all before it. "out" and "shifted" are
shares of judged runs, in percent; each says .27. "found" is the share of lines in which the run after a change is
called, "by the 8th" one of the eight after it: the rate doubles, or the mean moves by three standard deviations.

p            ten clips of 200 pairs a run, beta-binomial with the rate and correlation given
p'           the same, and the rate of a run moves by 30 % besides (Laney's limits)
individuals  normal; above 0, gamma and log-normal with a coefficient of variation of .3
"""

from __future__ import annotations

from collections.abc import Callable

import harness
import numpy as np
from harness import say

from vidrobust.repeatability.control_charts import Chart, individuals_chart, p_chart

RUNS = 40
Line = Callable[[np.random.Generator, int | None, int], Chart]


def clips(rate: float, correlation: float, between: float = 0.0) -> Line:
    """Runs of ten clips; the rate doubles from the run ``since`` on."""

    def made(rng: np.random.Generator, baseline: int | None, since: int) -> Chart:
        own = (
            rate
            * np.exp(rng.normal(-(between**2) / 2, between, RUNS))
            * np.where(np.arange(RUNS) < since, 1, 2)
        )
        pair = (1 - correlation) / correlation
        events = [rng.binomial(200, rng.beta(p * pair, (1 - p) * pair, 10)) for p in np.minimum(own, 0.95)]
        return p_chart(events, [np.full(10, 200)] * RUNS, baseline=baseline, laney=between > 0)

    return made


def numbers(draw: Callable[[np.random.Generator, int], np.ndarray], step: float, least: float) -> Line:
    """Runs with one number each, which moves by ``step`` from the run ``since`` on."""

    def made(rng: np.random.Generator, baseline: int | None, since: int) -> Chart:
        values = draw(rng, RUNS) + np.where(np.arange(RUNS) < since, 0, step)
        return individuals_chart(values, baseline=baseline, bounds=(least, np.inf))

    return made


LINES: dict[str, Line] = {
    "p, .1, .1": clips(0.1, 0.1),
    "p, .02, .05": clips(0.02, 0.05),
    "p, .02, .2": clips(0.02, 0.2),
    "p', .1, .1": clips(0.1, 0.1, 0.3),
    "individuals, normal": numbers(lambda rng, n: rng.normal(0, 1, n), 3.0, -np.inf),
    "individuals, gamma": numbers(lambda rng, n: rng.gamma(11.1, 0.03, n), 0.3, 0.0),
    "individuals, log-normal": numbers(lambda rng, n: 0.33 * np.exp(rng.normal(0, 0.3, n)), 0.3, 0.0),
}


def main() -> None:
    """Print the table."""
    parser = harness.parser(__doc__)
    parser.add_argument("--lines", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="lines whose name holds this")
    given = parser.parse_args()
    say("| line | baseline | out, % | shifted, % | found at once, % | by the 8th, % |\n" + "|---" * 6 + "|")
    for name, line in LINES.items():
        for baseline in (5, 10, 20, None) if given.only in name else ():
            rng = np.random.default_rng(given.seed)
            out = shifted = judged = at_once = soon = 0
            for _ in range(given.lines):
                quiet = line(rng, baseline, RUNS)
                known = np.isfinite(quiet.low)
                out, judged = out + int(quiet.out.sum()), judged + int(known.sum())
                # of each stretch that is called its last run counts: it is the one at which the alarm rings
                rings = quiet.shifted & ~np.append(quiet.shifted[1:], False)
                shifted += int(rings.sum())
                loud = line(rng, baseline, 25)
                called = loud.out | loud.shifted
                at_once, soon = at_once + int(called[25]), soon + int(called[25:33].any())
            cells = [100 * out / judged, 100 * shifted / judged]
            cells += [100 * at_once / given.lines, 100 * soon / given.lines]
            row = " | ".join(f"{cell:.2f}" if k < 2 else f"{cell:.0f}" for k, cell in enumerate(cells))
            say(f"| {name} | {'those before' if baseline is None else baseline} | {row} |")


if __name__ == "__main__":
    harness.run(main)
