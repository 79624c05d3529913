"""Error consistency and flips of an update: identities, counts by hand, a world of independent errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from vidrobust.accuracy.answers import two_models

right = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)
FIRST, SECOND = np.array([1, 1, 1, 0] * 2, bool), np.array([1] * 4 + [0] * 4, bool)
"""Every combination as often as for p = 3/4 and q = 1/2: exactly independent."""


def test_kappa_of_independent_errors_is_zero_and_of_equal_ones_one():
    found = two_models(FIRST, SECOND, np.arange(8))
    assert (found.observed, found.expected, found.kappa.value) == pytest.approx((0.5, 0.5, 0.0))
    assert found.relative_nfr == pytest.approx(1)
    assert two_models(FIRST, FIRST, np.arange(8)).kappa.value == pytest.approx(1)
    assert two_models(FIRST, ~FIRST, np.arange(8)).kappa.value < 0


def test_kappa_by_the_formula_of_the_paper():
    """30 both right, 10 only the first, 5 only the second, 55 both wrong: Geirhos et al. 2020, section 2."""
    right = np.array([[1, 1, 0, 0], [1, 0, 1, 0]], bool)
    first, second = np.repeat(right, [30, 10, 5, 55], axis=1)
    found = two_models(first, second, np.arange(100))
    expected = 0.40 * 0.35 + 0.60 * 0.65
    assert found.expected == pytest.approx(expected)
    assert found.kappa.value == pytest.approx((0.85 - expected) / (1 - expected))
    assert found.kappa.low < found.kappa.value < found.kappa.high < 1


def test_errors_that_are_independent_in_the_mean_are_not_called_consistent():
    """Errors that share nothing, on 40 clips of five frames: the interval misses 0 in 5 % of worlds."""
    rng = np.random.default_rng(0)
    missed, shared = 0, 0
    for _ in range(200):
        clip = np.repeat(np.arange(40), 5)
        first, second = (rng.random(200) < np.repeat(rng.beta(6, 3, 40), 5) for _ in range(2))
        kappa = two_models(first, second, clip).kappa
        missed += not kappa.low <= 0 <= kappa.high
        # half of the answers are those of the first
        together = np.where(rng.random(200) < 0.5, first, second)
        shared += two_models(first, together, clip).kappa.low > 0
    assert missed <= 20  # 10 are expected; 21 or more have a probability of 0.1 %
    assert shared >= 190


@given(right)
def test_negative_less_positive_flips_is_the_change_of_error(pairs):
    old, new = np.array(pairs, bool).T
    found = two_models(old, new, np.arange(len(old)))
    difference = np.mean(~new) - np.mean(~old)
    assert found.negative_flips.value - found.positive_flips.value == pytest.approx(difference)
    assert found.difference.value == pytest.approx(-difference)


def test_flips_are_counted_and_tested():
    old = np.array([1] * 30 + [0] * 10, bool)
    new = np.array([1] * 21 + [0] * 9 + [1] * 4 + [0] * 6, bool)
    found = two_models(old, new, np.arange(40))
    assert found.mcnemar_p == pytest.approx(mcnemar([[21, 9], [4, 6]], exact=True).pvalue, abs=0.01)
    assert (found.negative_count, found.positive_count) == (9, 4)
    assert (found.negative_flips.value, found.positive_flips.value) == (9 / 40, 4 / 40)
    assert found.difference.low < -5 / 40 < found.difference.high


def test_nothing_to_agree_on_is_nan_and_other_lengths_are_refused():
    assert np.isnan(two_models(np.ones(5, bool), np.ones(5, bool), np.arange(5)).kappa.value)
    nothing = two_models(np.ones(0, bool), np.ones(0, bool), np.arange(0))
    assert np.isnan(nothing.observed)
    assert nothing.negative_flips.n == 0
    with pytest.raises(ValueError, match=r"right or not on the same frames, got \(3,\) and \(2,\)"):
        two_models(np.ones(3, bool), np.ones(2, bool), np.arange(3))
