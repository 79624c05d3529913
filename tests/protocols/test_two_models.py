"""Error consistency and flips of an update: identities and counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from vidrobust.protocols.two_models import error_consistency, update

right = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


def test_kappa_of_independent_errors_is_zero_and_of_equal_ones_one():
    """Every combination once for p1 = 3/4, p2 = 1/2: exactly independent."""
    first = np.array([1, 1, 1, 0] * 2, bool)
    second = np.array([1] * 4 + [0] * 4, bool)
    found = error_consistency(first, second)
    assert (found.observed, found.expected, found.kappa) == pytest.approx((0.5, 0.5, 0.0))
    assert error_consistency(first, first).kappa == pytest.approx(1)
    assert error_consistency(first, ~first).kappa < 0
    assert np.isnan(error_consistency(np.ones(5, bool), np.ones(5, bool)).kappa)  # nothing to agree on
    assert np.isnan(error_consistency(np.ones(0, bool), np.ones(0, bool)).observed)


@given(right)
def test_negative_less_positive_flips_is_the_change_of_error(pairs):
    old, new = np.array(pairs, bool).T
    found = update(old, new, np.arange(len(old)))
    difference = np.mean(~new) - np.mean(~old)
    assert found.negative_flips.value - found.positive_flips.value == pytest.approx(difference)
    assert found.difference.value == pytest.approx(-difference)


def test_mcnemar_is_that_of_statsmodels_and_the_relative_rate_is_one_for_independent_errors():
    old = np.array([1] * 30 + [0] * 10, bool)
    new = np.array([1] * 21 + [0] * 9 + [1] * 4 + [0] * 6, bool)
    found = update(old, new, np.arange(40))
    assert found.mcnemar_p == pytest.approx(mcnemar([[21, 9], [4, 6]], exact=True).pvalue)
    assert (found.negative_flips.value, found.positive_flips.value) == (9 / 40, 4 / 40)
    first, second = np.array([1, 1, 1, 0] * 2, bool), np.array([1] * 4 + [0] * 4, bool)
    assert update(first, second, np.arange(8)).relative_nfr == pytest.approx(1)
    assert found.difference.low < -5 / 40 < found.difference.high


def test_other_lengths_are_refused():
    with pytest.raises(ValueError, match=r"right or not on the same frames, got \(3,\) and \(2,\)"):
        update(np.ones(3, bool), np.ones(2, bool), np.arange(3))
