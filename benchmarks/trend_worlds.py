"""Is a step of a factor 2 told, does a flat year stay silent, and do alarms come as seldom as promised?

    python benchmarks/trend_worlds.py [--draws 200] [--seed 1]

A run is a week of 24 clips of 250 pairs. A clip's flip rate is log-normal about .02 (sigma .6), a week's about that
(sigma .15), and flips are binomial. In the world ``step`` the rate doubles in week 6 of 12; in ``flat`` nothing
changes in 52 weeks, and the alarm limit is drawn anew before each week from the sixth on.

Aims: the step told in 18 of 20 draws; at most one alarm in a flat year.
"""

from __future__ import annotations

import harness
import numpy as np
from harness import counted, say

from vidrobust.plugins.trend.change import FEWEST_RUNS, alarm_above, change_of

CLIPS, PAIRS, RATE, OF_CLIPS, OF_WEEKS = 24, 250, 0.02, 0.6, 0.15
WEEKS, STEP = 12, 6
YEAR = 52


def weeks(rng: np.random.Generator, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Events and trials of weeks whose mean rates are RATE times ``factors``."""
    level = RATE * factors * np.exp(OF_WEEKS * rng.normal(size=len(factors)) - OF_WEEKS**2 / 2)
    clips = np.exp(OF_CLIPS * rng.normal(size=(len(factors), CLIPS)) - OF_CLIPS**2 / 2)
    rates = np.minimum(level[:, None] * clips, 1)
    return rng.binomial(PAIRS, rates).sum(axis=1).astype(float), np.full(
        len(factors), CLIPS * PAIRS * 1.0
    )


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng, step = np.random.default_rng(args.seed), np.where(np.arange(WEEKS) < STEP, 1.0, 2.0)
    told = at = held = false = 0
    for draw in range(args.draws):
        change = change_of(*weeks(rng, step), seed=draw)
        told += change.verdict == "changed"
        at += change.verdict == "changed" and abs(change.since - STEP) <= 1
        held += change.low <= 2 <= change.high
        false += change_of(*weeks(rng, np.ones(WEEKS)), seed=draw).verdict == "changed"
    say("step of 2 told: ", counted(told, args.draws))
    say("to a week: ", counted(at, args.draws))
    say("interval of the factor holds 2: ", counted(held, args.draws))
    say("flat twelve weeks called a change: ", counted(false, args.draws))
    alarms = []
    for _ in range(args.draws):
        events, n = weeks(rng, np.ones(YEAR))
        alarms.append(
            sum(
                events[k] / n[k] > alarm_above(events[:k], n[:k], YEAR)
                for k in range(FEWEST_RUNS, YEAR)
            )
        )
    say("flat years of at most one alarm: ", counted(sum(a <= 1 for a in alarms), args.draws))
    say(f"alarms a year: {np.mean(alarms):.2f}")


if __name__ == "__main__":
    harness.run(main)
