"""Tests of matched yes-or-no verdicts: do two, or several, raters say yes equally often of the same parts?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class CochransQ(NamedTuple):
    """The statistic, its degrees of freedom, and the p-value by chi-squared, which it follows for many parts."""

    statistic: float
    df: int
    p: float


def exact_mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p of McNemar's test: as many parts are hits of the first alone as of the second alone.

    McNemar, Psychometrika 12, 1947; the binomial test of the discordant pairs against one half. 1.0 where there
    are none.
    """
    from scipy.stats import binom  # here, since scipy.stats takes half a second to import

    both = only_first + only_second
    return min(1.0, float(2 * binom.cdf(min(only_first, only_second), both, 0.5))) if both else 1.0


def cochrans_q(hits: np.ndarray) -> CochransQ:
    """Cochran's Q, (n, k) 0 or 1: n parts, k raters who see each of them (Cochran, Biometrika 37, 1950).

    Q = (k - 1) (k sum C^2 - N^2) / (k N - sum R^2), with C the hits of each rater, R those of each part and N all;
    NaN with p NaN where the raters agree on every part.
    """
    from scipy.stats import chi2

    count = np.asarray(hits, np.float64)
    k, total = count.shape[1], count.sum()
    by_rater, by_part = count.sum(axis=0), count.sum(axis=1)
    under = k * total - np.square(by_part).sum()
    if under == 0:
        return CochransQ(float("nan"), k - 1, float("nan"))
    q = float((k - 1) * (k * np.square(by_rater).sum() - total**2) / under)
    return CochransQ(q, k - 1, float(chi2.sf(q, k - 1)))
