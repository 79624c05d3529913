"""The account of flips: how many of them would not have happened without a cause.

A flip from class a to class b is decided by the margin between the two alone:

    margin(x) = z_a(x) - z_b(x)        margin(t) >= 0 >= margin(t+1)

    t ──────────────0──────── t+1      past: how far beyond the border t+1 lies
      <─── step of a cause ──>         a cause whose step is longer than ``past`` is one without which
                                       the label would have stayed

Noise and coding have no direction: their step is the larger difference of margins of an exchanged pair. Several
causes may each be necessary for one flip, so that the counts of all causes need not add up to the number of flips.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.95
"""One-sided confidence of an upper limit."""


def margin_of(z: np.ndarray, a: int, b: int) -> np.ndarray:
    """(N,) margin of class a over class b in coordinates z (N, K)."""
    return np.asarray(z[:, a] - z[:, b])


def due(flip: np.ndarray, step: np.ndarray, past: np.ndarray) -> np.ndarray:
    """(n,) bool: flips that would not have happened without a cause, by its steps and how far t+1 is past the
    border.

    A NaN is no such flip.
    """
    return np.asarray(flip & (step > past))


def at_most(seen: np.ndarray, unknown: np.ndarray, weight: np.ndarray, total: int) -> float:
    """Upper limit (95 %, one-sided) of how many of ``total`` flips a cause is necessary for.

    seen     (k,) bool, of the flips in the sample: the cause is necessary
    unknown  (k,) bool, of them: the pair could not be replayed; counts as necessary
    weight   (k,) how many pairs each stands for
    total    flips in all the footage

    Flips in the sample are known; of those beyond it the upper limit of Clopper & Pearson (1934) is taken, with as
    many trials as the weights are worth (Kish 1965).
    """
    counted, beyond = seen | unknown, max(0, total - len(seen))
    known = float(counted.sum())
    if not beyond:
        return known
    if not len(seen):
        return float(total)
    trials = float(weight.sum() ** 2 / np.square(weight).sum())
    hits = float(weight[counted].sum() / weight.sum()) * trials
    upper = 1.0 if hits >= trials else float(stats.beta.ppf(LEVEL, hits + 1, trials - hits))
    return float(min(total, np.ceil(known + upper * beyond - 1e-9)))


def flip_counts(pairs: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Flips between neighbours by model and item, and by model and "" over all items.

    pairs  the table ``pairs``: model, item, kind, excluded, label_flip
    """
    rows = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    each = rows.groupby(["model", "item"], sort=False)["label_flip"].sum()
    found = {(str(model), str(item)): int(count) for (model, item), count in each.items()}
    for (model, _), count in list(found.items()):
        found[model, ""] = found.get((model, ""), 0) + count
    return found
