"""Standard errors of numbers over independent clusters, and Student's t from them.

``error_over_clusters`` is for means and smooth functions of means (Cochran 1977, sections 6.3 and 9A.3),
``jackknife_error`` for any number (Efron & Tibshirani 1993, chapter 11).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from vidrobust.statistics.levels import FEWEST_LEFT_OUT, LEVEL

# Where a number is expensive, units are left out one by one up to so many, and else in so many groups.
MOST_LEFT_OUT = 12
LARGEST = 1 - 1e-6  # a coefficient of 1 has no finite Fisher z; it is moved in by this much

# (rows to use (m,) int64) -> numbers on those rows alone, of any shape.
Statistic = Callable[[np.ndarray], np.ndarray]


# Student's t by scipy.special equals scipy.stats to the bit, and scipy.stats takes half a second to import.


def t_quantile(level: float, freedom: float) -> float:
    """Return the t below which a share ``level`` of Student's distribution lies."""
    return float(special.stdtrit(freedom, level))


def t_half_width(error: np.ndarray | float, freedom: float) -> np.ndarray | float:
    """Return half the width of the 95 % interval of a number with this standard error."""
    return t_quantile((1 + LEVEL) / 2, freedom) * error


def t_upper_tail(t: np.ndarray | float, freedom: float) -> np.ndarray:
    """Return the share of Student's distribution above each t (any shape)."""
    return np.asarray(special.stdtr(freedom, -np.asarray(t)))


def t_two_sided(value: float, error: float, freedom: float) -> float:
    """Return the two-sided p-value of zero; without any error it is 0, or 1 where the value is zero itself."""
    if error <= 1e-12 * max(abs(value), 1e-300):
        return 1.0 if value == 0 else 0.0
    return float(2 * t_upper_tail(abs(value) / error, freedom))


@dataclass(frozen=True)
class StandardError:
    """Standard error of a number with its degrees of freedom; NaN with fewer than two clusters."""

    error: float
    freedom: float

    @property
    def half_width(self) -> float:
        return float(t_half_width(self.error, self.freedom))

    def p(self, value: float) -> float:
        return (
            float("nan") if np.isnan(self.error) else t_two_sided(value, self.error, self.freedom)
        )


def cluster_pulls(
    values: np.ndarray, code: np.ndarray, count: int, mean: float | None = None
) -> np.ndarray:
    """Return how far each cluster pulls the mean of all values, (G,): its residuals times G / n."""
    middle = values.mean() if mean is None else mean
    pulls = np.bincount(code, weights=values - middle, minlength=count) * count / len(values)
    return np.asarray(pulls)


def error_over_clusters(pulls: np.ndarray) -> StandardError:
    """Return the standard error of a mean from the pulls (G,) of its clusters."""
    count = len(pulls)
    if count < 2:
        return StandardError(float("nan"), float("nan"))
    error = np.sqrt(float(np.square(pulls).sum() / (count - 1) / count))
    return StandardError(float(error), float(count - 1))


def leave_one_out(
    statistic: Statistic, cluster: np.ndarray, count: int | None = None
) -> np.ndarray:
    """Return (G, ...) a number without each unit; ``cluster`` (n,) is 0..G-1."""
    units = int(cluster.max(initial=-1)) + 1 if count is None else count
    return np.stack([statistic(np.flatnonzero(cluster != g)) for g in range(units)])


def groups(codes: np.ndarray, most: int = MOST_LEFT_OUT) -> np.ndarray:
    """Return codes 0..G-1 of units, neighbours taken together until there are no more than ``most``."""
    count = int(codes.max(initial=0)) + 1
    return codes if count <= most else codes * most // count


def jackknife_error(without: np.ndarray) -> np.ndarray:
    """Return the standard error (...) from the numbers without each unit (G, ...)."""
    count = len(without)
    spread = np.square(without - without.mean(axis=0)).sum(axis=0)
    return np.asarray(np.sqrt((count - 1) / count * spread))


def influence(without: np.ndarray) -> np.ndarray:
    """Return how far each unit pulls the number, (G, ...): G - 1 times its fall without it, about their mean."""
    return np.asarray((len(without) - 1) * (without.mean(axis=0) - without))


def effective_freedom(pulls: np.ndarray) -> float:
    """Return the degrees of freedom that the units' pulls (G,) carry: G - 1 if normal, fewer if skewed.

    3 (sum u^2)^2 / sum u^4 up to the kurtosis of a normal (Satterthwaite 1946).
    """
    square = np.square(pulls - pulls.mean())
    if not square.sum() > 0:
        return float(max(len(pulls) - 1, 1))
    carried = 3 * square.sum() ** 2 / np.square(square).sum()
    return float(np.clip(carried - 1, 1.0, len(pulls) - 1))


def left_out_interval(
    value: float, without: np.ndarray, bounds: tuple[float, float]
) -> tuple[float, float]:
    """Return the 95 % interval of a number from those without each of G units; NaN with fewer than three."""
    if len(without) < FEWEST_LEFT_OUT or not np.isfinite([value, *without]).all():
        return float("nan"), float("nan")
    half = float(t_half_width(float(jackknife_error(without)), len(without) - 1))
    return max(bounds[0], value - half), min(bounds[1], value + half)


@dataclass(frozen=True)
class Jackknife:
    """Coefficients (...) with interval and two-sided p-value, and (G, ...) without each cluster."""

    value: np.ndarray
    without: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def cluster_jackknife(coefficient: Statistic, cluster: np.ndarray, *, lost: int = 2) -> Jackknife:
    """Compute coefficients with intervals that take clusters as independent; NaN with fewer than three.

    The spread of Fisher's z without each cluster gives the error (CV3 of Cameron & Miller 2015), Student's t
    the width. ``lost`` corrects the variance in small samples by (n - lost) / n.
    """
    codes = np.unique(cluster, return_inverse=True)[1]
    count = int(codes.max(initial=-1)) + 1
    value = coefficient(np.arange(len(codes)))
    if count < FEWEST_LEFT_OUT:
        return cluster_interval(value, np.full((1, *value.shape), np.nan))
    return cluster_interval(value, leave_one_out(coefficient, codes), kept=1 - lost / len(codes))


def cluster_interval(value: np.ndarray, without: np.ndarray, *, kept: float = 1.0) -> Jackknife:
    """Return the interval of coefficients from those without each cluster; ``kept`` scales the variance."""
    count = len(without)
    if count < FEWEST_LEFT_OUT:
        blank = np.full(value.shape, np.nan)
        return Jackknife(value, without, blank, blank.copy(), blank.copy())
    z, z_without = fisher_z(value), fisher_z(without)
    error = np.sqrt(max(kept, 0.0)) * jackknife_error(z_without)
    # no spread at all means that all ranks agree in every subset: a tie, not certainty
    error = np.where(error > 1e-9, error, np.nan)
    half = t_half_width(error, count - 1)
    p = 2 * t_upper_tail(np.abs(z) / error, count - 1)
    return Jackknife(value, without, np.tanh(z - half), np.tanh(z + half), p)


def fisher_z(value: np.ndarray) -> np.ndarray:
    """Return atanh of coefficients, finite at -1 and 1."""
    result: np.ndarray = np.arctanh(np.clip(value, -LARGEST, LARGEST))
    return result
