"""Intervals of a ratio: against the textbook formula, and their coverage on skewed draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vidrobust.stages.causes.shares import UNSEEN, share_of_totals
from vidrobust.statistics.standard_errors import effective_freedom


def ratio(totals: np.ndarray) -> np.ndarray:
    return np.asarray(totals[..., 0] / totals[..., 1])


def test_the_spread_is_that_of_the_linearised_ratio() -> None:
    rng = np.random.default_rng(0)
    y = rng.uniform(0.9, 1.1, 400)
    x = y * rng.normal(0.4, 0.1, 400)
    found = share_of_totals(np.column_stack([x, y]), ratio, draws=10**9)
    # Cochran 1977, section 6.3: residuals x - R y
    r = x.sum() / y.sum()
    error = np.sqrt(400 / 399 * np.square(x - r * y).sum()) / y.sum()
    freedom = effective_freedom(x - r * y)
    assert found.value == pytest.approx(r)
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, freedom) * error, rel=0.01)


def test_degrees_of_freedom_are_those_of_a_normal_and_fall_to_one() -> None:
    normal = np.random.default_rng(0).normal(size=20_000)
    assert effective_freedom(normal) == pytest.approx(20_000, rel=0.05)
    assert effective_freedom(np.array([100.0, *[0.0] * 30])) == pytest.approx(2, abs=0.3)


def test_a_share_that_was_never_seen_is_not_surely_zero() -> None:
    totals = np.column_stack([np.zeros(24), np.ones(24)])
    found = share_of_totals(totals, ratio, draws=24)
    step = UNSEEN[1] / 25
    assert found.value == 0
    assert found.high == pytest.approx(step * (1 + stats.t.ppf(0.975, 23)))
    assert found.low < 0


def test_one_cluster_has_no_interval() -> None:
    found = share_of_totals(np.array([[1.0, 2.0]]), ratio, draws=5)
    assert (found.value, found.clusters) == (0.5, 1)
    assert np.isnan([found.low, found.high, found.p]).all()


@pytest.mark.parametrize("truth", [0.0, 0.05, 0.4])
def test_intervals_cover_on_skewed_changes(truth: float) -> None:
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(500):
        y = rng.lognormal(0, 1, 24)
        # a share of each pair's change that is mostly nearly nothing or nearly all
        own = rng.beta(truth, 1 - truth, 24) if truth else np.zeros(24)
        x = y * (own + rng.normal(0, 0.1, 24))
        found = share_of_totals(np.column_stack([x, y]), ratio, draws=24)
        covered.append(found.low <= truth <= found.high)
    # 2.5 binomial standard errors below 93 %
    assert np.mean(covered) > 0.90


def test_p_asks_about_the_floor() -> None:
    rng = np.random.default_rng(0)
    y = np.ones(200)
    x = rng.normal(0.1, 0.05, 200)
    totals = np.column_stack([x, y])
    assert share_of_totals(totals, ratio, draws=200, floor=0.05).p < 0.001
    assert share_of_totals(totals, ratio, draws=200, floor=0.1).p > 0.1
    assert share_of_totals(totals, ratio, draws=200, floor=0.15).p > 0.99
