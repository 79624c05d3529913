"""Variance components of any design by restricted maximum likelihood: missing cells, more factors than two.

y = mean + sum of random effects + error, each effect independent normal with a variance of its own (Patterson &
Thompson, Biometrika 58, 1971, p. 545-554; Searle, Casella & McCulloch, Variance Components, 1992, chapter 6).
Variances are estimated within their range, so none is negative. For balanced designs the estimates are those of
the analysis of variance wherever that gives none below 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize, stats

from vidrobust.errors import InputError

LEVEL = 0.95
MOST_ROWS = 3000
"""Values up to which the covariance of all of them is solved as a whole."""
RESIDUAL = "repeatability"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One variance with its Satterthwaite interval: df = 2 variance^2 / (variance of the estimate)."""

    variance: float
    se: float
    df: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Reml:
    """The fit: mean, its standard error, and the estimates by name; log_likelihood of the residuals.

    covariance  (K, K) of the estimates, in the order of ``names``
    """

    mean: float
    mean_se: float
    names: tuple[str, ...]
    estimates: dict[str, Estimate]
    covariance: np.ndarray
    log_likelihood: float
    n: int


def fit_reml(y: np.ndarray, factors: Mapping[str, np.ndarray]) -> Reml:
    """The fit of values (n,) with random effects, each given by its level of every value (n,).

    InputError where there are too many values, or a factor that has as many levels as values.
    """
    y = np.asarray(y, np.float64)
    n = len(y)
    if n > MOST_ROWS:
        raise InputError(f"{n} values: the fit of a design that is not balanced takes up to {MOST_ROWS}")
    codes = {name: np.unique(np.asarray(level), return_inverse=True)[1] for name, level in factors.items()}
    for name, code in codes.items():
        if code.max(initial=0) + 1 >= n:
            raise InputError(
                f"{name} has a level for every value: it cannot be distinguished from repeatability"
            )
    if not np.ptp(y) > 0:
        raise InputError("all values are equal: there is no variation to share out")
    kernels = [(code[:, None] == code[None]).astype(np.float64) for code in codes.values()]
    scale = float(np.var(y))
    names = (*codes, RESIDUAL)
    ratios = _best(y / math.sqrt(scale), kernels)
    v, log_likelihood, mean, mean_se = _profiled(ratios, y, kernels)
    variances = np.append(ratios, 1.0) * v
    covariance = _information(variances, kernels, n)
    estimates = {name: _estimate(variances[k], covariance[k, k]) for k, name in enumerate(names)}
    return Reml(
        mean=mean,
        mean_se=mean_se,
        names=names,
        estimates=estimates,
        covariance=covariance,
        log_likelihood=log_likelihood,
        n=n,
    )


LEAST, MOST = 1e-9, 1e6
"""Ratios of variances that are looked at; the least counts as 0."""


def _best(y: np.ndarray, kernels: list[np.ndarray]) -> np.ndarray:
    """(K,) the ratios to the residual variance with the largest likelihood.

    On the scale of logarithms a ratio that has come near 0 sees no slope, so each such one is tried again from a
    larger start.
    """

    def loss(logs: np.ndarray) -> float:
        return -_profiled(np.exp(logs), y, kernels)[1]

    def fitted(start: np.ndarray) -> optimize.OptimizeResult:
        bounds = [(math.log(LEAST), math.log(MOST))] * len(start)
        return optimize.minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12})

    starts = (np.full(len(kernels), math.log(start)) for start in (0.1, 3.0))
    best = min((fitted(start) for start in starts), key=lambda fit: float(fit.fun))
    for k in range(len(kernels)):
        if best.x[k] < math.log(1e-4):
            again = best.x.copy()
            again[k] = math.log(0.03)
            other = fitted(again)
            best = other if other.fun < best.fun else best
    ratios = np.exp(best.x)
    for k in range(len(kernels)):
        at_zero = np.where(np.arange(len(ratios)) == k, 0.0, ratios)
        if _profiled(at_zero, y, kernels)[1] >= -float(best.fun) - 1e-7:
            ratios = at_zero
    return np.asarray(ratios)


def _profiled(
    ratios: np.ndarray, y: np.ndarray, kernels: list[np.ndarray]
) -> tuple[float, float, float, float]:
    """Residual variance, restricted log-likelihood, mean and its standard error for these ratios."""
    n = len(y)
    h = np.eye(n)
    for ratio, kernel in zip(ratios, kernels, strict=True):
        h += ratio * kernel
    factor = linalg.cho_factor(h, lower=True)
    one = linalg.cho_solve(factor, np.ones(n))
    weight = float(one.sum())
    mean = float(one @ y) / weight
    residual = y - mean
    squares = float(residual @ linalg.cho_solve(factor, residual))
    v = squares / (n - 1)
    logs = 2 * float(np.log(np.diag(factor[0])).sum())
    likelihood = -0.5 * ((n - 1) * (math.log(2 * math.pi * v) + 1) + logs + math.log(weight))
    return v, likelihood, mean, math.sqrt(v / weight)


def _information(variances: np.ndarray, kernels: list[np.ndarray], n: int) -> np.ndarray:
    """(K, K) covariance of the estimates: the inverse of the expected information of those above 0.

    A variance on the edge at 0 has no standard error; its row is taken as if it were known.
    """
    v = variances[-1] * np.eye(n)
    for variance, kernel in zip(variances[:-1], kernels, strict=True):
        v += variance * kernel
    inverse = linalg.inv(v)
    ones = inverse.sum(axis=1)
    p = inverse - np.outer(ones, ones) / ones.sum()
    every = [p @ kernel for kernel in kernels] + [p]
    k = len(every)
    information = np.array([[0.5 * float((a * b.T).sum()) for b in every] for a in every])
    inside = variances > 1e-9 * variances.sum()
    covariance = np.zeros((k, k))
    covariance[np.ix_(inside, inside)] = linalg.pinvh(information[np.ix_(inside, inside)])
    return covariance


def _estimate(variance: float, spread: float) -> Estimate:
    return estimate_of(variance, spread)


def estimate_of(variance: float, spread: float) -> Estimate:
    """A variance (or a sum of variances) and the variance of its estimate as an estimate with an interval."""
    if not spread > 0 or not variance > 0:
        return Estimate(variance=max(0.0, variance), se=math.nan, df=math.nan, low=math.nan, high=math.nan)
    df = 2 * variance**2 / spread
    tail = (1 - LEVEL) / 2
    low, high = (df * variance / float(stats.chi2.ppf(q, df)) for q in (1 - tail, tail))
    return Estimate(variance=variance, se=math.sqrt(spread), df=df, low=low, high=high)
