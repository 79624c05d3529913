"""Which causes are named, and how surely that comes back on other halves of the footage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from vidrobust.stages.causes.pair_table import PairTable
from vidrobust.stages.causes.shares import ADJACENT, SECOND, SMALLEST_SHARE, UNEXPLAINED, values_of
from vidrobust.statistics.associations import benjamini_hochberg

LEVEL = 0.05
"""False discovery rate over causes and models."""
SLOW = ("light", "colour", "sharpness")
"""Conditions that drift: what neighbours hardly show may be named from pairs a second apart. A second apart all
else moves, and keyframes lie between."""
HALVES = 100
"""Half-samples drawn for ``replication``."""


def named(account: pd.DataFrame, slow: pd.DataFrame | None = None) -> pd.DataFrame:
    """The causes that may be named: columns model, cause, scale, share, low, high, q.

    account  the table ``account``, of which the rows over all items count
    slow     the same of pairs a second apart; a condition that drifts may be named from them alone
    A cause is named where its share is surely above 5 % and, where it can be played in wrong directions, something
    of it is surely specific: the larger of the two p-values counts, and the false discovery rate over all causes
    and models asked is held at 5 % (Benjamini & Hochberg 1995). A cause of which nothing was measured is not
    asked, nor is ``unexplained``.
    """
    asked = account[account["cause"] != UNEXPLAINED].assign(scale=ADJACENT)
    if slow is not None and len(slow):
        asked = pd.concat([asked, slow[slow["cause"].isin(SLOW)].assign(scale=SECOND)], ignore_index=True)
    asked = asked[(asked["item"] == "") & asked["p"].notna() & (asked["occurs"] > 0)]
    asked = asked.assign(q=benjamini_hochberg(asked["p"].to_numpy(float)))
    found = asked[asked["q"] <= LEVEL].drop_duplicates(["model", "cause"])  # neighbours come first
    return found[["model", "cause", "scale", "share", "low", "high", "q"]].reset_index(drop=True)


def replication(
    causes: pd.DataFrame, found: pd.DataFrame, seed: int, *, halves: int = HALVES
) -> pd.DataFrame:
    """``named`` with how often each cause is found again in half of the footage, column replication.

    causes  the table ``causes``; nothing is computed by a model
    replication is the share of half-samples, of the clips or of the stretches where there are few clips, in which
    the cause's share is above 5 % and something of it is specific. That it is so surely was asked of all the
    footage, and half of it cannot be asked the same; here the question is whether the finding hangs on a few clips
    or moments.
    """
    back = []
    for number, ((model, scale), own) in enumerate(found.groupby(["model", "scale"], sort=False)):
        table = PairTable.of(causes[(causes["model"] == model) & (causes["scale"] == scale)])
        rng = np.random.default_rng([seed, number])
        kept = np.mean([_stay(half, own["cause"]) for half in _halves(table, halves, rng)], axis=0)
        back.append(own.assign(replication=kept))
    return pd.concat(back, ignore_index=True) if back else found.assign(replication=pd.Series(dtype=float))


def _halves(table: PairTable, count: int, rng: np.random.Generator) -> Iterator[PairTable]:
    unit = table.cluster
    units = int(unit.max(initial=-1)) + 1
    for _ in range(count):
        yield table.take(np.isin(unit, rng.permutation(units)[: max(1, units // 2)]))


def _stay(half: PairTable, causes: Iterable[str]) -> list[bool]:
    """Whether each cause's share is above 5 %, and its specific part above 0, in these pairs."""
    found = []
    for cause in causes:
        share, specific = values_of(half, cause)
        found.append(bool(share > SMALLEST_SHARE and not specific <= 0))
    return found
