"""Matched verdicts against statsmodels and hand counts."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats import contingency_tables as reference

from vidrobust.statistics.agreement import cochrans_q
from vidrobust.statistics.significance import exact_mcnemar


@pytest.mark.parametrize(("first", "second"), [(9, 2), (0, 6), (5, 5), (1, 0), (40, 21)])
def test_mcnemar_is_that_of_statsmodels(first: int, second: int) -> None:
    expected = reference.mcnemar([[20, first], [second, 3]], exact=True).pvalue
    assert exact_mcnemar(first, second) == pytest.approx(float(expected), abs=1e-12)


def test_mcnemar_by_hand() -> None:
    assert exact_mcnemar(0, 3) == pytest.approx(2 / 8)  # three of three tosses, either side
    assert exact_mcnemar(0, 0) == 1.0


def test_cochrans_q_is_that_of_statsmodels() -> None:
    hits = (np.random.default_rng(3).random((40, 4)) < [0.2, 0.4, 0.4, 0.7]).astype(int)
    expected, found = reference.cochrans_q(hits), cochrans_q(hits)
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert found.df == expected.df == 3


def test_raters_who_agree_on_every_part_have_no_q() -> None:
    assert np.isnan(cochrans_q(np.array([[1, 1], [0, 0]])).statistic)
