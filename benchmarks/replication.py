"""How often is a finding of half of the pairs made again by the others, and by another recording?

    python benchmarks/replication.py [--worlds 60] [--recordings 2000]

Made recordings of 48 pairs whose change holds a condition of a given size, by heavy-tailed amounts (log-normal),
noise of its own, and its replay, noisy too: the numbers of which the account tests its causes, with no pictures. A
finding is a p of .01 to .05 in 24 pairs, made again where others give p <= .1.

share   of the change that the condition holds
power   that 24 pairs give p <= .05
halves  all 70 halves of eight stretches of a recording, as the certificate splits its worlds
anew    two recordings of 24 pairs each
test    what a test of that power has, whatever it found: that z, shifted by what it takes, is above 1.28

Halves of one recording share its luck: where one has more than its part the other has less, and where the whole
has more than is true both have. Over many recordings the two come out even, and the mean over all halves of many
is what another recording would say; that of one recording is not. Where there is next to nothing to find, what is
found again lies in a few recordings of many, all of whose halves find it.
"""

from __future__ import annotations

import harness
import numpy as np
import pandas as pd
from certificate import SURE, again, replication
from scipy import stats

from vidrobust.stages.causes.naming import AGAIN
from vidrobust.stages.causes.shares import PairTable, p_value_of
from vidrobust.statistics.levels import FALSE_DISCOVERY

PAIRS, DIRECTIONS, CAUSE = 48, 8, "light"
SIZES = (0.17, 0.22, 0.27, 0.32, 0.4)
"""Typical length of the condition's step; that of all noise together is 1. With the first the share is near 5 %,
which is the floor: findings are made by chance, and again in one of ten."""


def recording(rng: np.random.Generator, size: float, pairs: int = PAIRS) -> pd.DataFrame:
    """Rows of the table ``causes``: one cause, replayed in each pair."""
    step = np.zeros((pairs, DIRECTIONS))
    step[:, 0] = size * rng.choice([-1.0, 1.0], pairs) * rng.lognormal(0, 0.6, pairs)
    d = step + rng.normal(0, DIRECTIONS**-0.5, step.shape) * rng.lognormal(0, 0.3, (pairs, 1))
    replay = step + rng.normal(0, 0.3 * DIRECTIONS**-0.5, step.shape)
    table = {
        "item": "made",
        "frame_a": np.arange(pairs),
        "frame_b": np.arange(pairs) + 1,
        "cause": CAUSE,
        "projection": (replay * d).sum(axis=1),
        "squared_change": np.square(d).sum(axis=1),
        "size": 1.0,
        "weight": 1.0,
        "placebo": 0.0,
        "excluded": "",
        "flip": False,
        **dict.fromkeys(("margin_step", "margin_undone", "margin_before", "margin_past"), np.nan),
    }
    return pd.DataFrame(table)


def anew(rng: np.random.Generator, size: float, recordings: int) -> tuple[float, int, int]:
    """Power of half of the pairs; findings; those of them that another recording of as many pairs makes again."""
    p = np.array(
        [
            p_value_of(PairTable.of(recording(rng, size, PAIRS // 2)), CAUSE)
            for _ in range(2 * recordings)
        ]
    ).reshape(-1, 2)
    found = (p[:, 0] > SURE) & (p[:, 0] <= FALSE_DISCOVERY)
    return float((p <= FALSE_DISCOVERY).mean()), int(found.sum()), int((p[found, 1] <= AGAIN).sum())


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--worlds", type=int, default=60, help="recordings whose halves are tried")
    parser.add_argument("--recordings", type=int, default=2000, help="pairs of recordings")
    given = parser.parse_args()
    table = harness.table("share", "power", "halves", "anew", "test", digits=2)
    every: list[dict[str, object]] = []
    total = np.zeros(2, int)
    for size in SIZES:
        rng = np.random.default_rng(round(100 * size))
        whole = recording(rng, size, 20_000)
        share = float(whole["projection"].sum() / whole["squared_change"].sum())
        power, findings, hits = anew(rng, size, given.recordings)
        rows = [
            {"planted": [CAUSE], "again": again(recording(rng, size))} for _ in range(given.worlds)
        ]
        if size > SIZES[0]:
            every += rows
            total += (hits, findings)
        test = float(
            stats.norm.cdf(
                stats.norm.ppf(power)
                + stats.norm.ppf(1 - FALSE_DISCOVERY)
                - stats.norm.ppf(1 - AGAIN)
            )
        )
        table.row(share, power, _said(rows), f"{hits / max(findings, 1):.0%} of {findings}", test)
    harness.say(
        f"\nAll but the first: {_said(every)} by halves, {total[0] / total[1]:.0%} of {total[1]} anew."
    )


def _said(rows: list[dict[str, object]]) -> str:
    return replication(rows, "", lambda row: {CAUSE})[2:]


if __name__ == "__main__":
    harness.run(main)
