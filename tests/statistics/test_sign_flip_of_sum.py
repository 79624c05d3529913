"""Sign flips, against a count by hand, scipy's permutation test, and what holds under the null."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vidrobust.statistics.significance import discard_conservative, sign_flip_p


def test_by_hand() -> None:
    assert sign_flip_p(np.array([1.0, 2.0, 3.0])) == 1 / 8
    # sums of +-1 +-2 that reach -1: +3, +1, -1
    assert sign_flip_p(np.array([1.0, -2.0])) == 3 / 4
    assert sign_flip_p(np.array([100.0, 0.0, 0.0])) == 1 / 2  # one value is one toss of a coin
    assert sign_flip_p(np.zeros(4)) == 1
    assert np.isnan(sign_flip_p(np.array([np.nan])))


@pytest.mark.parametrize("n", [9, 30])
def test_agrees_with_scipy(n: int) -> None:
    x = np.random.default_rng(n).standard_t(3, n) + 0.4
    wanted = stats.permutation_test(
        (x,), np.sum, permutation_type="samples", alternative="greater", n_resamples=60_000, rng=1
    ).pvalue
    assert sign_flip_p(x) == pytest.approx(wanted, abs=0.006)


def test_is_as_often_small_as_it_says_under_heavy_tails() -> None:
    rng = np.random.default_rng(0)
    p = np.array([sign_flip_p(rng.standard_cauchy(12)) for _ in range(600)])
    # binomial sd of .05 over 600 is .009
    assert 0.025 < (p <= 0.05).mean() < 0.075


def test_more_values_of_the_same_kind_never_mean_less_power() -> None:
    rng = np.random.default_rng(1)
    found = []
    for n in (12, 24, 48):
        steps = [np.where(rng.random(n) < 0.25, rng.exponential(1, n), -0.02) for _ in range(80)]
        found.append(np.mean([sign_flip_p(x) <= 0.05 for x in steps]))
    assert found[0] <= found[1] <= found[2]
    assert found[2] > 0.9


def test_discarding_keeps_the_level_and_drops_what_is_surely_null() -> None:
    summary = discard_conservative(np.array([0.02, 0.5, 0.51, np.nan]))
    assert summary[:2].tolist() == [0.04, 1.0]
    assert np.isnan(summary[2:]).all()
    uniform = discard_conservative(np.random.default_rng(2).random(20_000))
    kept = uniform[np.isfinite(uniform)]
    assert (kept <= 0.05).mean() == pytest.approx(0.05, abs=0.007)
