"""Limits of further values of a series: against Student's t, another way to compute them, and as they hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from vidrobust.statistics import predicted_mean as module
from vidrobust.statistics.posteriors import predicted_mean


def series(rng: np.random.Generator, count: int, correlation: float) -> np.ndarray:
    values = rng.normal(0, 1, count)
    for k in range(1, count):
        values[k] = correlation * values[k - 1] + np.sqrt(1 - correlation**2) * values[k]
    return values


def test_of_surely_independent_values_it_is_student(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(5, 2, 7)
    monkeypatch.setattr(module, "CORRELATIONS", np.zeros(1))
    monkeypatch.setattr(module, "PRIOR", np.ones(1))
    module._places.cache_clear()
    low, high = predicted_mean(values, np.arange(7), np.arange(10, 14), tail=0.01)
    module._places.cache_clear()
    half = stats.t.ppf(0.99, 6) * values.std(ddof=1) * np.sqrt(1 / 7 + 1 / 4)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half))


def test_the_posterior_by_integrals_over_level_and_spread() -> None:
    """Chance beyond the upper limit, from densities of the normal alone: no t, no least squares."""
    values, at = np.array([0.3, 1.1, 0.9, -0.4]), np.arange(4)
    _, high = predicted_mean(values, at, np.array([5]), tail=0.05)
    mass = beyond = 0.0
    for r, prior in zip(module.CORRELATIONS, module.PRIOR, strict=True):
        alike = r ** np.abs(np.subtract.outer(at, at)) if r else np.eye(4)
        with_it = (r ** np.abs(5 - at) if r else np.zeros(4)) @ np.linalg.inv(alike) @ np.ones(4)
        root = np.linalg.inv(np.linalg.cholesky(alike))
        ones, seen = root @ np.ones(4), root @ values
        level = float(ones @ seen / (ones @ ones))  # of the normal in the level, given r and spread
        assert with_it >= 0

        def density(s: float, ones=ones, seen=seen, level=level, alike=alike, prior=prior) -> float:
            rest = float(np.square(seen - ones * level).sum())
            across = np.sqrt(2 * np.pi / (ones @ ones)) * s  # the level integrated out
            return prior * across * np.exp(-rest / (2 * s * s)) / s**5 / np.sqrt(np.linalg.det(alike))

        weights = np.linalg.solve(alike, np.ones(4)) / np.linalg.solve(alike, np.ones(4)).sum()
        apart = np.concatenate([[5], at])
        joint = r ** np.abs(np.subtract.outer(apart, apart)) if r else np.eye(5)
        contrast = np.concatenate([[1.0], -weights])
        variance = float(contrast @ joint @ contrast)

        def above(s: float, density=density, level=level, variance=variance) -> float:
            return density(s) * float(stats.norm.sf((high - level) / (s * np.sqrt(variance))))

        mass += integrate.quad(density, 0.02, 200, points=[0.5, 1, 3, 10], limit=300)[0]
        beyond += integrate.quad(above, 0.02, 200, points=[0.5, 1, 3, 10], limit=300)[0]
    assert beyond / mass == pytest.approx(0.05, abs=0.001)


@pytest.mark.parametrize(("correlation", "most"), [(0.0, 0.06), (0.3, 0.11), (0.6, 0.2)])
def test_the_mean_of_eight_more_is_beyond_as_seldom_as_ten_can_show(correlation: float, most: float) -> None:
    """At a level of 5 %; of a memory of .6 ten values show little."""
    rng = np.random.default_rng(3)
    lines = [series(rng, 18, correlation) for _ in range(1500)]
    ends = [predicted_mean(line[:10], np.arange(10), np.arange(10, 18), tail=0.025) for line in lines]
    beyond = [not low <= line[10:].mean() <= high for line, (low, high) in zip(lines, ends, strict=True)]
    assert np.mean(beyond) <= most
    if correlation:  # as if the values were independent
        half = stats.t.ppf(0.975, 9) * np.sqrt(1 / 8 + 1 / 10)
        plain = [abs(x[10:].mean() - x[:10].mean()) > half * x[:10].std(ddof=1) for x in lines]
        assert np.mean(plain) > np.mean(beyond) + 0.04
