"""Which causes are named, and how surely that comes back on other halves of the footage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from vidrobust.account.pair_table import PairTable
from vidrobust.account.shares import ADJACENT, SMALLEST_SHARE, UNEXPLAINED, summarise, values_of
from vidrobust.statistics.associations import benjamini_hochberg

LEVEL = 0.05
"""False discovery rate over causes and models."""
HALVES = 100
"""Half-samples drawn for ``comes_back``."""


def named(account: pd.DataFrame) -> pd.DataFrame:
    """The causes that may be named, of the rows over all items: columns model, cause, share, low, high, q.

    account  the table ``account``
    A cause is named where its share is surely above 5 % and, where it can be played in wrong directions, something
    of it is surely specific: the larger of the two p-values counts, and the false discovery rate over all causes
    and models asked is held at 5 % (Benjamini & Hochberg 1995). A cause of which nothing was measured is not
    asked, nor is ``unexplained``.
    """
    asked = account[(account["item"] == "") & (account["cause"] != UNEXPLAINED) & account["p"].notna()]
    asked = asked[asked["occurs"] > 0]
    asked = asked.assign(q=benjamini_hochberg(asked["p"].to_numpy(float)))
    return asked[asked["q"] <= LEVEL][["model", "cause", "share", "low", "high", "q"]].reset_index(drop=True)


def comes_back(causes: pd.DataFrame, seed: int, *, halves: int = HALVES) -> pd.DataFrame:
    """How often each named cause is found again in half of the footage: columns model, cause, comes_back.

    causes  the table ``causes``; nothing is computed by a model
    comes_back is the share of half-samples, of the clips or of the stretches where there are few clips, in which
    the cause's share is above 5 % and something of it is specific. That it is so surely was asked of all the
    footage, and half of it cannot be asked the same; here the question is whether the finding hangs on a few clips
    or moments.
    """
    rows = causes[causes["scale"] == ADJACENT]
    found = named(summarise(rows, per_item=False))[["model", "cause"]]
    back = []
    for number, (model, own) in enumerate(found.groupby("model", sort=False)):
        table = PairTable.of(rows[rows["model"] == model])
        rng = np.random.default_rng([seed, number])
        kept = np.mean([_stay(half, own["cause"]) for half in _halves(table, halves, rng)], axis=0)
        back.append(own.assign(comes_back=kept))
    return pd.concat(back, ignore_index=True) if back else found.assign(comes_back=pd.Series(dtype=float))


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
