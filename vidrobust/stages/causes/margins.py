"""The account of flips: how many of them would not have happened without a cause.

A flip from class a to class b is decided by the margin between the two alone::

    margin(x) = z_a(x) - z_b(x)      t ──────────────0──────── t+1      past: how far t+1 lies from 0
                                       <─── steps of a cause ──>

The steps of all causes add up to the way from t to t+1. A cause is necessary where its own are longer than what lies
past 0; several may be for one flip.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from vidrobust.metrics.metric import usable_pairs
from vidrobust.statistics.levels import LEVEL


def margin_of(z: np.ndarray, a: int, b: int) -> np.ndarray:
    return np.asarray(z[:, a] - z[:, b])


def at_most(seen: np.ndarray, unknown: np.ndarray, weight: np.ndarray, total: int) -> float:
    """Return the upper limit (95 %, one-sided) of how many of ``total`` flips a cause is necessary for.

    Flips beyond the sample have the limit of Clopper & Pearson (1934), with as many trials as the weights
    (k,) are worth (Kish 1965). Pairs not replayed count as necessary.
    """
    counted, beyond = seen | unknown, max(0, total - len(seen))
    known = float(counted.sum())
    if not beyond:
        return known
    if not len(seen):
        return float(total)
    trials = float(weight.sum() ** 2 / np.square(weight).sum())
    hits = float(weight[counted].sum() / weight.sum()) * trials
    upper = 1.0 if hits >= trials else float(special.betaincinv(hits + 1, trials - hits, LEVEL))
    return float(min(total, np.ceil(known + upper * beyond - 1e-9)))


def flip_counts(pairs: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Count the flips between neighbours by (model, item); "" is all items."""
    sums = usable_pairs(pairs).groupby(["model", "item"], sort=False)["label_flip"].sum()
    counts = {(str(model), str(item)): int(count) for (model, item), count in sums.items()}
    for (model, _), count in list(counts.items()):
        counts[model, ""] = counts.get((model, ""), 0) + count
    return counts
