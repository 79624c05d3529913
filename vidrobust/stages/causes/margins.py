"""The account of flips: how many of them would not have happened without a cause.

A flip from class a to class b is decided by the margin between the two alone::

    margin(x) = z_a(x) - z_b(x)      t ──────────────0──────── t+1      before, past: how far t and t+1 lie from 0
                                       <─── step of a cause ──>

A cause is necessary where the margin of t+1 without it is above 0; several may be for one flip. It is undone
in t+1 itself (``pair_replays.undone``), which keeps its noise. What cannot be made so (a blur gives nothing
back) is taken from the chain of replays. (With the noise of t instead, planted worlds are off by .28 of the
flips; undone in t+1 by .00.) The error of a picture is half the mean square difference to the chain over the
flips, and a third of the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from vidrobust.metrics.metric import usable_pairs
from vidrobust.statistics.levels import LEVEL

OF_STEP = 3.0  # a step that is known in one way errs by about one in so many parts of itself
SURE = 1.64  # standard errors beyond which a margin is surely above or below 0, in 95 of 100


def margin_of(z: np.ndarray, a: int, b: int) -> np.ndarray:
    return np.asarray(z[:, a] - z[:, b])


def lead_of(z: np.ndarray, label: int) -> float:
    """Return how far a label leads the best of the others in coordinates z (K,); it may be negative."""
    return float(z[label] - np.delete(z, label).max())


@dataclass(frozen=True, kw_only=True)
class Margins:
    """Margins of k flips and C causes; NaN for pairs that could not be replayed."""

    # before, past: (k,) float64; How far t and t+1 lie from the border
    before: np.ndarray
    past: np.ndarray
    step: np.ndarray  # (k, C) float64: How far each cause moves the margin towards the flip
    # (k, C) float64: Lead of the label of t in t+1 with the cause undone; NaN where not known
    undone: np.ndarray
    noise: np.ndarray  # (k,) float64: How far noise and coding move the margin, without a direction
    # (k,) float64: Lead of the label of t in t+1 with the noise of t; NaN where not known
    noise_undone: np.ndarray

    def without(
        self, cause: int, there: np.ndarray, with_it: Sequence[int] = ()
    ) -> tuple[np.ndarray, float]:
        """Return the margin (k,) of t+1 without a cause, and its standard error.

        ``there`` (k,) bool: such a change was measured. ``with_it``: columns of causes that are not there
        without it.
        """
        share = np.zeros(self.step.shape[1])
        share[list(with_it)] = 1.0
        shares = there[:, None] * share
        shares[:, cause] = 1.0
        step = (self.step * shares).sum(axis=1)
        return _known(np.where(there, self.undone[:, cause], np.nan), step - self.past, step)

    def without_noise(self) -> tuple[np.ndarray, float]:
        return _known(self.noise_undone, self.before - self.step.sum(axis=1), self.noise)


def _known(made: np.ndarray, chain: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, float]:
    both = np.square(made - chain)
    apart = both[np.isfinite(both)]
    error = (apart.sum() / 2 + _mean_square(step / OF_STEP)) / (len(apart) + 1)
    margin = np.where(np.isfinite(made) & np.isfinite(chain), made, chain)
    return margin, float(np.sqrt(error))


def _mean_square(x: np.ndarray) -> float:
    known = x[np.isfinite(x)]
    return float(np.square(known).mean()) if len(known) else 0.0


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
    each = usable_pairs(pairs).groupby(["model", "item"], sort=False)["label_flip"].sum()
    found = {(str(model), str(item)): int(count) for (model, item), count in each.items()}
    for (model, _), count in list(found.items()):
        found[model, ""] = found.get((model, ""), 0) + count
    return found
