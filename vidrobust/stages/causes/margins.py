"""The account of flips: how many of them would not have happened without a cause.

A flip from class a to class b is decided by the margin between the two alone:

    margin(x) = z_a(x) - z_b(x)        margin(t) >= 0 >= margin(t+1)

    t ──────────────0──────── t+1      before, past: how far from the border t and t+1 lie
      <─── step of a cause ──>         a cause is one without which the label would have stayed where the margin
                                       of t+1 without it is above 0

That margin is known in two ways, each with an error of its own, and their mean weighted by these:

    undone     the cause taken back in t+1 itself (``undone.py``), or -past + step where that cannot be done. The
               error: half the mean square of what the two differ by
    added      before - the steps of all other causes, with t's own noise. The error: what noise and coding do to
               the margin, or what all steps leave of its change, where that is more

A step that nothing else was measured beside errs by about a third of itself (on planted worlds by .2 to .4 of it).
Noise and coding have no step with a direction: without them t+1 is t with the steps of all causes, and what is
left of the margin's change beyond what they do counts as error. Several causes may each be necessary for one flip,
so that the counts of all causes need not add up to the number of flips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.95
"""One-sided confidence of an upper limit."""
OF_STEP = 3.0
"""A step of the chain errs by about one in so many parts of itself."""
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
    Pairs that could not be replayed are NaN.
    """

    before: np.ndarray
    past: np.ndarray
    step: np.ndarray
    undone: np.ndarray
    noise: np.ndarray

    def without(self, cause: int, there: np.ndarray, with_it: Sequence[int] = ()) -> tuple[np.ndarray, float]:
        """(k,) margin of t+1 without a cause, and without others that go with it; and its standard error.

        there  (k,) bool, such a change was measured; elsewhere nothing goes with it, and it is not undone
        """
        share = np.zeros(self.step.shape[1])
        share[list(with_it)] = 1.0
        shares = there[:, None] * share
        shares[:, cause] = 1.0
        mine, others = (self.step * shares).sum(axis=1), self.step * (1 - shares)
        chain = mine - self.past
        undone = np.where(there, self.undone[:, cause], np.nan)
        apart = np.square(undone - chain)[np.isfinite(undone - chain)]
        back = (apart.sum() / 2 + _mean_square(mine / OF_STEP)) / (len(apart) + 1)
        ahead = max(_mean_square(self.noise) + self._of_steps(others), self._left())
        weight = ahead / (back + ahead) if back + ahead > 0 else 0.5
        undone = np.where(np.isfinite(undone), undone, chain)
        margin = weight * undone + (1 - weight) * (self.before - others.sum(axis=1))
        return margin, float(np.sqrt(weight * back))

    def _left(self) -> float:
        """Mean square of what the steps of all causes leave of the margin's change."""
        return _mean_square(self.before + self.past - self.step.sum(axis=1))

    def without_noise(self) -> tuple[np.ndarray, float]:
        """The same without noise and coding."""
        steps = self.step.sum(axis=1)
        left = self._left() - _mean_square(self.noise)
        return self.before - steps, float(np.sqrt(self._of_steps(self.step) + max(0.0, left)))

    def _of_steps(self, step: np.ndarray) -> float:
        return sum(_mean_square(each / OF_STEP) for each in step.T)


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
