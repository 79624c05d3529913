"""Rates and means of dependent observations: against other implementations, and how often they hold the truth."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import betaln

from vidrobust.statistics.posteriors import CORRELATION_PRIORS, rate_posterior


def by_quadrature(prior, k, n, *ends):
    """P(mean <= end) of each end, by adaptive integration over the mean and the correlation r = u ** 4."""

    def density(u, m):
        r = u**4
        a, b = m * (1 - r) / r, (1 - m) * (1 - r) / r
        fit = np.sum(betaln(k + a, n - k + b) - betaln(a, b))
        priors = stats.beta.pdf(m, 0.5, 0.5) * stats.beta.pdf(r, *prior)
        return float(np.exp(fit + 30) * priors * 4 * u**3)

    how = {"epsabs": 1e-12, "epsrel": 1e-4}
    over = (integrate.dblquad(density, 0, end, 1e-3, 1 - 1e-6, **how) for end in (1.0, *ends))
    whole, *parts = (value for value, _ in over)
    return [part / whole for part in parts]


def test_one_trial_a_cluster_is_the_jeffreys_interval():
    found = rate_posterior(np.repeat([1, 0], [3, 17]), np.ones(20, int))
    expected = stats.beta.ppf([0.025, 0.975], 3.5, 17.5)
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=5e-3)


def test_limits_are_those_of_adaptive_integration():
    k, n = np.array([0, 2, 7, 1]), np.array([20, 25, 30, 18])
    found = rate_posterior(k, n)
    shares = [by_quadrature(prior, k, n, found.low, found.high) for prior in CORRELATION_PRIORS]
    below, above = [low for low, _ in shares], [1 - high for _, high in shares]
    # the hull: each end is the 2.5 % quantile under one prior, and further out under the other
    assert max(below) == pytest.approx(0.025, abs=5e-4)
    assert max(above) == pytest.approx(0.025, abs=5e-4)


def test_no_event_tells_more_than_one_and_more_footage_more():
    def high(clusters, events):
        k = np.zeros(clusters, int)
        k[0] = events
        return rate_posterior(k, np.full(clusters, 120)).high

    for clusters in (1, 5, 20):
        assert high(clusters, 0) < high(clusters, 1) < high(clusters, 2)
        assert high(2 * clusters, 0) < high(clusters, 0)
    # one clip alone tells little; the rule of three would say 3 / 600 = .005 of 5 x 120 independent pairs
    assert 0.005 < high(5, 0) < 0.1
    assert 0.2 < high(1, 0) < 0.5


def test_events_and_the_rest_are_mirror_images():
    k, n = np.array([0, 3, 9, 1, 0]), np.full(5, 40)
    found, other = rate_posterior(k, n), rate_posterior(n - k, n)
    assert (found.low, found.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)
    assert found.correlation == pytest.approx(other.correlation)


def test_much_footage_is_still_resolved():
    # 2 events in a million frames of 30 stretches: the lower limit of a Poisson count of 2 is .24 (Garwood 1936)
    k = np.zeros(30, int)
    k[:2] = 1
    found = rate_posterior(k, np.full(30, 33_333))
    assert 1e-7 < found.low < 2e-6 < found.high


def test_correlation_is_small_for_equal_clusters_and_large_for_unequal_ones():
    n = np.full(40, 100)
    assert rate_posterior(np.full(40, 20), n).correlation < 0.02
    assert rate_posterior(np.where(np.arange(40) < 8, 100, 0), n).correlation > 0.8


def test_counts_must_be_counts():
    with pytest.raises(ValueError, match="events <= trials"):
        rate_posterior(np.array([3]), np.array([2]))
    assert np.isnan(rate_posterior(np.array([0]), np.array([0])).high)
