"""How often a gauge takes a bad part for a good one and a good one for a bad one.

Parts and errors are normal and independent (Burdick, Borror & Montgomery, 2005, chapter 6).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import special

from vidrobust.errors import SettingsError

# Standard deviations of parts that are summed over.
REACH = 9.0


@dataclass(frozen=True, kw_only=True)
class Misclassification:
    """Shares of all parts (bad, bad_and_accepted, good_and_rejected), and risks of the bad and of the good
    parts.
    """

    bad: float
    bad_and_accepted: float
    good_and_rejected: float
    consumers_risk: float
    producers_risk: float


def misclassification(
    mean: float, part_sd: float, gauge_sd: float, low: float = -math.inf, high: float = math.inf
) -> Misclassification:
    """The risks of parts of a normal distribution measured by this gauge; -inf or inf where a limit is missing."""
    if not low < high or not (math.isfinite(low) or math.isfinite(high)) or part_sd < 0 or gauge_sd < 0:
        raise SettingsError(
            "risks: expected a tolerance with one limit at least, the low one below the high one"
        )
    if part_sd == 0:
        x, weight = np.array([mean]), np.array([1.0])
    else:
        edges = [mean - REACH * part_sd, mean + REACH * part_sd]
        ends = sorted({*edges, *(e for e in (low, high) if edges[0] < e < edges[1])})
        x, weight = _quadrature(ends, mean, part_sd)
    good = (x >= low) & (x <= high)
    accepted = _accepted(x, gauge_sd, low, high)
    bad = float(weight[~good].sum())
    wrong_in, wrong_out = (
        float((weight * accepted)[~good].sum()),
        float((weight * (1 - accepted))[good].sum()),
    )
    return Misclassification(
        bad=bad,
        bad_and_accepted=wrong_in,
        good_and_rejected=wrong_out,
        consumers_risk=wrong_in / bad if bad > 0 else math.nan,
        producers_risk=wrong_out / (1 - bad) if bad < 1 else math.nan,
    )


def _quadrature(ends: list[float], mean: float, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Points within each piece between ends, none on a limit, and their shares of a normal distribution."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    places, shares = [], []
    for a, b in pairwise(ends):
        cuts = np.linspace(a, b, max(2, math.ceil((b - a) / (2 * sd)) + 1))
        for c, d in pairwise(cuts):
            x = (c + d) / 2 + (d - c) / 2 * nodes
            places.append(x)
            shares.append(
                (d - c)
                / 2
                * weights
                * np.exp(-((x - mean) ** 2) / (2 * sd**2))
                / (sd * math.sqrt(2 * math.pi))
            )
    return np.concatenate(places), np.concatenate(shares)


def _accepted(x: np.ndarray, gauge_sd: float, low: float, high: float) -> np.ndarray:
    """(N,) chance that a part of true value x is measured within the tolerance."""
    if gauge_sd == 0:
        return ((x >= low) & (x <= high)).astype(np.float64)
    return np.asarray(special.ndtr((high - x) / gauge_sd) - special.ndtr((low - x) / gauge_sd))
