"""Which causes are named, and how surely that comes back on other halves of the footage."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

from vidrobust.account.pair_table import PairTable
from vidrobust.account.shares import ACCOUNT_CAUSES, ADJACENT, UNEXPLAINED, account_of, summarise
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
    """Share of half-samples of the footage in which a cause stays named: columns model, cause, comes_back.

    causes  the table ``causes``; nothing is computed by a model
    Every half-sample takes half of the clips, or of the stretches where there are few clips, at random, the same
    for all models.
    """
    rows = causes[causes["scale"] == ADJACENT]
    pairs = {str(model): PairTable.of(of_model) for model, of_model in rows.groupby("model", sort=False)}
    rng = np.random.default_rng(seed)
    kept: Counter[tuple[str, str]] = Counter()
    for _ in range(halves):
        start = rng.bit_generator.state
        for model, table in pairs.items():
            # the same half for every model, as far as they have the same pairs
            rng.bit_generator.state = start
            kept.update((model, cause) for cause in _named_in(_half(table, rng)))
    every = named(summarise(rows, per_item=False))[["model", "cause"]]
    every["comes_back"] = [kept[model, cause] / halves for model, cause in every.itertuples(index=False)]
    return every


def _half(table: PairTable, rng: np.random.Generator) -> PairTable:
    unit = table.cluster
    count = int(unit.max(initial=-1)) + 1
    return table.take(np.isin(unit, rng.permutation(count)[: max(1, count // 2)]))


def _named_in(half: PairTable) -> list[str]:
    """The causes named in a half-sample of one model."""
    told = [account_of(half, cause) for cause in ACCOUNT_CAUSES if cause != UNEXPLAINED]
    return [str(cause) for cause in named(pd.DataFrame(told).assign(model="", item=""))["cause"]]
