"""Which causes are named, and how surely that comes back on other halves of the footage."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vidrobust.account.clusters import clusters_of
from vidrobust.account.pair_table import KEYS
from vidrobust.account.shares import ADJACENT, UNEXPLAINED, summarise
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
    Every half-sample takes half of the clips, or of the stretches where there are few clips, at random.
    """
    rows = causes[causes["scale"] == ADJACENT].reset_index(drop=True)
    pairs = rows.drop_duplicates(KEYS)[KEYS]
    unit = pd.Series(clusters_of(pairs), index=pd.MultiIndex.from_frame(pairs))
    of_row = unit.reindex(pd.MultiIndex.from_frame(rows[KEYS])).to_numpy()
    count = int(unit.max()) + 1 if len(unit) else 0
    rng = np.random.default_rng(seed)
    found: dict[tuple[str, str], int] = {}
    for _ in range(halves):
        half = rng.permutation(count)[: max(1, count // 2)]
        part = summarise(rows[np.isin(of_row, half)], per_item=False)
        for model, cause in named(part)[["model", "cause"]].itertuples(index=False):
            found[model, cause] = found.get((model, cause), 0) + 1
    every = named(summarise(rows, per_item=False))[["model", "cause"]]
    every["comes_back"] = [found.get(key, 0) / halves for key in every.itertuples(index=False, name=None)]
    return every
