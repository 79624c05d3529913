"""The account of flips: how many of them would not have happened without a cause.

A flip from class a to class b is decided by the margin between the two alone:

    margin(x) = z_a(x) - z_b(x)        margin(t) >= 0 >= margin(t+1)

    t ──────────────0──────── t+1      before, past: how far from the border t and t+1 lie
      <─── step of a cause ──>         a cause is one without which the label would have stayed where the margin
                                       of t+1 without it is above 0

With c the conditions of a frame, n its noise, and M the margin of label a, t is M(c_t, n_t) and t+1 M(c_t+1,
n_t+1). Without a cause t+1 is M(c, n_t+1), where c is c_t+1 with this condition of t; without noise it is
M(c_t+1, n_t). Both are made as pictures, and the network is asked (``undone.py``):

    a cause    taken back in t+1 itself, which keeps the noise that it had
    noise      t, with its own noise, brought onto t+1 by all that was measured

What cannot be made so (a blur gives nothing back) is taken from the chain of replays: -past + step for a cause,
before - the steps of all for noise. The chain has a third frame's noise. It is the only other way that
estimates the same: before - the steps of all *other* causes is M(c, n_t), the margin without this cause and
without noise, and since a flip is found where n_t keeps the label and n_t+1 does not, it is too high for each
cause (on planted worlds by .28 of the flips; taken back, by .00).

The error of a picture is half the mean square of what it and the chain differ by, over the flips, and as one
more a third of the step: on planted worlds, where the margin is known, .3 to 2 times what it errs by. Several
causes may each be necessary for one flip, so that the counts of all causes need not add up to the number of
flips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.statistics.levels import LEVEL

OF_STEP = 3.0
"""A step that is known in one way errs by about one in so many parts of itself."""
SURE = 1.64
"""Standard errors beyond which a margin is surely above or below 0, in 95 of 100."""


def margin_of(z: np.ndarray, a: int, b: int) -> np.ndarray:
    """(N,) margin of class a over class b in coordinates z (N, K)."""
    return np.asarray(z[:, a] - z[:, b])


def lead_of(z: np.ndarray, label: int) -> float:
    """How far a label leads the best of the others in coordinates z (K,); below 0 where another one leads."""
    return float(z[label] - np.delete(z, label).max())


@dataclass(frozen=True, kw_only=True)
class Margins:
    """Margins of k flips.

    before, past  (k,) how far t and t+1 lie from the border
    step          (k, C) how far each cause moves the margin towards the flip
    undone        (k, C) lead of the label of t in t+1 with the cause taken back; NaN where not known
    noise         (k,) how far noise and coding move it, without a direction
    noise_undone  (k,) lead of the label of t in t+1 with the noise of t; NaN where not known
    Pairs that could not be replayed are NaN.
    """

    before: np.ndarray
    past: np.ndarray
    step: np.ndarray
    undone: np.ndarray
    noise: np.ndarray
    noise_undone: np.ndarray

    def without(self, cause: int, there: np.ndarray, with_it: Sequence[int] = ()) -> tuple[np.ndarray, float]:
        """(k,) margin of t+1 without a cause, and without others that go with it; and its standard error.

        there  (k,) bool, such a change was measured; elsewhere nothing goes with it, and it is not undone
        """
        share = np.zeros(self.step.shape[1])
        share[list(with_it)] = 1.0
        shares = there[:, None] * share
        shares[:, cause] = 1.0
        step = (self.step * shares).sum(axis=1)
        return _known(np.where(there, self.undone[:, cause], np.nan), step - self.past, step)

    def without_noise(self) -> tuple[np.ndarray, float]:
        """The same without noise and coding."""
        return _known(self.noise_undone, self.before - self.step.sum(axis=1), self.noise)


def _known(made: np.ndarray, chain: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, float]:
    """(k,) margins as pictures show them, else as the chain does, and their standard error.

    step  (k,) what is taken back
    """
    both = np.square(made - chain)
    apart = both[np.isfinite(both)]
    error = (apart.sum() / 2 + _mean_square(step / OF_STEP)) / (len(apart) + 1)
    margin = np.where(np.isfinite(made) & np.isfinite(chain), made, chain)
    return margin, float(np.sqrt(error))


def _mean_square(x: np.ndarray) -> float:
    known = x[np.isfinite(x)]
    return float(np.square(known).mean()) if len(known) else 0.0


def at_most(seen: np.ndarray, unknown: np.ndarray, weight: np.ndarray, total: int) -> float:
    """Upper limit (95 %, one-sided) of how many of ``total`` flips a cause is necessary for.

    seen     (k,) bool, of the flips in the sample: the cause may be necessary
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
