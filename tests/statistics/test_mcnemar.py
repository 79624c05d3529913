"""McNemar's test over clusters: of independent rows that of statsmodels, and copies tell no more."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from vidrobust.statistics.significance import clustered_mcnemar


def test_of_independent_rows_it_is_the_exact_test() -> None:
    first, second = np.arange(31) < 9, (np.arange(31) >= 9) & (np.arange(31) < 11)
    expected = mcnemar([[20, 9], [2, 0]], exact=True).pvalue
    assert clustered_mcnemar(first, second, np.arange(31)) == pytest.approx(expected)
    # the same in copies of ten tells no more
    copied = [np.repeat(each, 10) for each in (first, second, np.arange(31))]
    assert clustered_mcnemar(*copied) == pytest.approx(expected)
    many = clustered_mcnemar(np.tile(first, 3), np.tile(second, 3), np.arange(93))
    assert many == pytest.approx(mcnemar([[60, 27], [6, 0]], exact=True).pvalue, abs=5e-4)
    nothing = np.zeros(31, bool)
    assert clustered_mcnemar(nothing, nothing, np.arange(31)) == 1.0
