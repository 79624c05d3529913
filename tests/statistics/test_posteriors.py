"""Rates and means of dependent observations: against other implementations, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import betaln

from vidrobust.statistics import posteriors as module
from vidrobust.statistics.posteriors import CORRELATION_PRIORS, predicted_mean, rate_posterior


def by_quadrature(prior: tuple[float, float], k: np.ndarray, n: np.ndarray, at: float) -> float:
    """P(mean <= at), by adaptive integration over the mean and the correlation r = u ** 4."""

    def density(u: float, m: float) -> float:
        r = u**4
        a, b = m * (1 - r) / r, (1 - m) * (1 - r) / r
        fit = np.sum(betaln(k + a, n - k + b) - betaln(a, b))
        return float(
            np.exp(fit + 30) * stats.beta.pdf(m, 0.5, 0.5) * stats.beta.pdf(r, *prior) * 4 * u**3
        )

    part, whole = (
        integrate.dblquad(density, 0, end, 1e-3, 1 - 1e-6, epsabs=1e-12, epsrel=1e-5)[0]
        for end in (at, 1.0)
    )
    return part / whole


def test_one_trial_a_cluster_is_the_jeffreys_interval() -> None:
    found = rate_posterior(np.repeat([1, 0], [3, 17]), np.ones(20, int))
    expected = stats.beta.ppf([0.025, 0.975], 3.5, 17.5)
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=5e-3)


def test_limits_are_those_of_adaptive_integration() -> None:
    k, n = np.array([0, 2, 7, 1]), np.array([20, 25, 30, 18])
    found = rate_posterior(k, n)
    below = [by_quadrature(prior, k, n, found.low) for prior in CORRELATION_PRIORS]
    above = [1 - by_quadrature(prior, k, n, found.high) for prior in CORRELATION_PRIORS]
    # the hull: each end is the 2.5 % quantile under one prior, and further out under the other
    assert max(below) == pytest.approx(0.025, abs=5e-4)
    assert max(above) == pytest.approx(0.025, abs=5e-4)


def test_no_event_tells_more_than_one_and_more_footage_more() -> None:
    def high(clusters: int, events: int) -> float:
        k = np.zeros(clusters, int)
        k[0] = events
        return rate_posterior(k, np.full(clusters, 120)).high

    for clusters in (1, 2, 5, 20, 100):
        assert high(clusters, 0) < high(clusters, 1) < high(clusters, 2)
        assert high(2 * clusters, 0) < high(clusters, 0)
    # one clip alone tells little; the rule of three would say 3 / 600 = .005 of 5 x 120 independent pairs
    assert 0.005 < high(5, 0) < 0.1
    assert 0.2 < high(1, 0) < 0.5


def test_events_and_the_rest_are_mirror_images() -> None:
    k, n = np.array([0, 3, 9, 1, 0]), np.full(5, 40)
    found, other = rate_posterior(k, n), rate_posterior(n - k, n)
    assert (found.low, found.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)
    assert found.correlation == pytest.approx(other.correlation)


def test_much_footage_is_still_resolved() -> None:
    # 2 events in a million frames of 30 stretches: the lower limit of a Poisson count of 2 is .24 (Garwood 1936)
    k = np.zeros(30, int)
    k[:2] = 1
    found = rate_posterior(k, np.full(30, 33_333))
    assert 1e-7 < found.low < 2e-6 < found.high


def test_correlation_is_small_for_equal_clusters_and_large_for_unequal_ones() -> None:
    n = np.full(40, 100)
    assert rate_posterior(np.full(40, 20), n).correlation < 0.02
    assert rate_posterior(np.where(np.arange(40) < 8, 100, 0), n).correlation > 0.8


def test_counts_must_be_counts() -> None:
    with pytest.raises(ValueError, match="events <= trials"):
        rate_posterior(np.array([3]), np.array([2]))
    assert np.isnan(rate_posterior(np.array([0]), np.array([0])).high)


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
            return (
                prior * across * np.exp(-rest / (2 * s * s)) / s**5 / np.sqrt(np.linalg.det(alike))
            )

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
def test_the_mean_of_eight_more_is_beyond_as_seldom_as_ten_can_show(
    correlation: float, most: float
) -> None:
    """At a level of 5 %; of a memory of .6 ten values show little."""
    rng = np.random.default_rng(3)
    lines = [series(rng, 18, correlation) for _ in range(1500)]
    ends = [
        predicted_mean(line[:10], np.arange(10), np.arange(10, 18), tail=0.025) for line in lines
    ]
    beyond = [
        not low <= line[10:].mean() <= high for line, (low, high) in zip(lines, ends, strict=True)
    ]
    assert np.mean(beyond) <= most
    if correlation:  # as if the values were independent
        half = stats.t.ppf(0.975, 9) * np.sqrt(1 / 8 + 1 / 10)
        plain = [abs(x[10:].mean() - x[:10].mean()) > half * x[:10].std(ddof=1) for x in lines]
        assert np.mean(plain) > np.mean(beyond) + 0.04
