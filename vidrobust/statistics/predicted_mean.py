"""What a series of numbers lets expect of the mean of further ones, where each may resemble the one before.

    values ~ Normal(m, s^2 R)      R[i, j] = r ^ |i - j|, a first-order autoregression; m, log s flat
    given r: the mean of further values lies about the least-squares mean of those seen, by Student's t
    r is not known: what is said is the mean over its posterior, on a grid

Of independent values it says what Student's t says, a little more widely, since few values do not show that they
are independent.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import stdtr, stdtrit

CORRELATIONS = np.linspace(0.0, 0.9, 10)
"""How much a value may resemble the one before."""
PRIOR = (1 - CORRELATIONS) ** 3
"""What is held of it before any is seen, up to a factor: most series resemble themselves little."""
HALVINGS = 30
"""Steps in which a limit is enclosed."""


def predicted_mean(
    values: np.ndarray, at: np.ndarray, further: np.ndarray, *, tail: float
) -> tuple[float, float]:
    """Limits of the mean of further values, beyond each of which it lies with a chance of ``tail``.

    values   (b,) those seen, two or more · at (b,) their places, whole numbers · further (n,) the others' places
    The further ones are judged by what the series is about, not by the last of it: a line that drifts away is not
    followed.
    """
    seen, freedom = np.asarray(values, np.float64), len(values) - 1
    weights, inverse, given, factor = _places(tuple(map(int, at)), tuple(map(int, further)))
    middle = weights @ seen
    apart = seen - middle[:, None]
    square = np.einsum("ri,rij,rj->r", apart, inverse, apart)
    if not square.min() > 0:
        return float(middle[0]), float(middle[0])
    share = given - freedom / 2 * np.log(square)
    share = np.exp(share - share.max())
    share /= share.sum()
    spread = np.sqrt(square / freedom * factor)

    def limit(chance: float) -> float:
        ends = middle + stdtrit(freedom, chance) * spread
        low, high = float(ends.min()), float(ends.max())
        for _ in range(HALVINGS):
            half = (low + high) / 2
            if float(share @ stdtr(freedom, (half - middle) / spread)) < chance:
                low = half
            else:
                high = half
        return (low + high) / 2

    return limit(tail), limit(1 - tail)


@lru_cache(maxsize=1024)
def _places(
    at: tuple[int, ...], further: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each correlation: least-squares weights (r, b), inverse of R (r, b, b), what its posterior has of the
    places alone (r,), and the variance of what is judged less the estimated mean, in s^2 (r,)."""
    own = _alike(at, at)
    inverse = np.linalg.inv(own)
    weight = inverse.sum(axis=2)
    total = weight.sum(axis=1)
    weights = weight / total[:, None]
    between = np.einsum("rij,rj->r", _alike(further, at), weights) / len(further)
    factor = _alike(further, further).mean(axis=(1, 2)) + 1 / total - 2 * between
    given = np.log(PRIOR) - (np.linalg.slogdet(own)[1] + np.log(total)) / 2
    return weights, inverse, given, factor


def _alike(one: tuple[int, ...], other: tuple[int, ...]) -> np.ndarray:
    apart = np.abs(np.subtract.outer(np.array(one), np.array(other)))
    return np.where(apart == 0, 1.0, CORRELATIONS[:, None, None] ** apart)
