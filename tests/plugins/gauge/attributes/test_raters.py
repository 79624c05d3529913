"""Agreement of several raters, against published figures and statsmodels."""

import numpy as np
import pytest
from statsmodels.stats import contingency_tables as reference

from vidrobust.plugins.gauge.attributes.raters import cochrans_q, exact_mcnemar, fleiss_kappa

FLEISS_1971 = """444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 144444 124444 222333 144444
224445 333335 111455 111112 224444 133555 555555 244444 224555 114444 144445 222224 111155 224444 133333 555555"""
"""Thirty patients, the diagnoses of six psychiatrists: Fleiss 1971, table 1."""
TEXTBOOK = """0 0 0 0 14; 0 2 6 4 2; 0 0 3 5 6; 0 3 9 2 0; 2 2 8 1 1;
7 7 0 0 0; 3 2 6 3 0; 2 5 3 2 2; 6 5 2 1 0; 0 2 2 3 7"""
"""Ten subjects, fourteen raters, five classes: counts."""


def counted(ratings, classes):
    return np.stack([np.bincount(row, minlength=classes) for row in ratings])


def test_fleiss_kappa_is_the_published_one():
    ratings = np.array([[int(c) - 1 for c in word] for word in FLEISS_1971.split()])
    assert fleiss_kappa(counted(ratings, 5)).value == pytest.approx(0.4302445, abs=5e-8)
    counts = np.array([[int(c) for c in row.split()] for row in TEXTBOOK.split(";")])
    assert fleiss_kappa(counts).value == pytest.approx(0.210, abs=5e-4)


def test_fleiss_kappa_of_uneven_ratings_counts_parts_by_them():
    # parts AAB (3 ratings) and BB (2): agreeing pairs 1/3 x 3 + 1 x 2 = 3 of 5; chance (2/5)^2 + (3/5)^2 = 13/25
    found = fleiss_kappa(np.array([[2, 1], [0, 2]]))
    assert found.value == pytest.approx((3 / 5 - 13 / 25) / (12 / 25))


def test_the_interval_covers_the_kappa_of_many_parts():
    """40 parts, each bad with probability .3, three raters err on one in twenty."""
    rng = np.random.default_rng(4)

    def drawn(parts):
        bad = rng.random(parts) < 0.3
        seen = bad[:, None] ^ (rng.random((parts, 3)) < 0.05)
        return np.column_stack([(~seen).sum(axis=1), seen.sum(axis=1)])

    truth = fleiss_kappa(drawn(400_000), np.arange(400_000) % 2).value
    held = 0
    for _ in range(400):
        found = fleiss_kappa(drawn(40))
        held += found.low <= truth <= found.high
    assert 0.93 <= held / 400 <= 0.98


def test_where_fleiss_kappa_cannot_be_reported():
    assert fleiss_kappa(np.empty((0, 2))).n == 0
    with pytest.raises(ValueError, match="at least two ratings"):
        fleiss_kappa(np.array([[1, 0]]))


@pytest.mark.parametrize(("first", "second"), [(9, 2), (0, 6), (5, 5), (1, 0), (40, 21)])
def test_mcnemar_is_that_of_statsmodels(first, second):
    expected = reference.mcnemar([[20, first], [second, 3]], exact=True).pvalue
    assert exact_mcnemar(first, second) == pytest.approx(float(expected), abs=1e-12)


def test_mcnemar_by_hand():
    assert exact_mcnemar(0, 3) == pytest.approx(2 / 8)  # three of three tosses, either side
    assert exact_mcnemar(0, 0) == 1.0


def test_cochrans_q_is_that_of_statsmodels():
    hits = (np.random.default_rng(3).random((40, 4)) < [0.2, 0.4, 0.4, 0.7]).astype(int)
    expected, found = reference.cochrans_q(hits), cochrans_q(hits)
    assert (found["q"], found["p"]) == pytest.approx((expected.statistic, expected.pvalue))
    assert found["df"] == expected.df == 3


def test_raters_who_agree_on_every_part_have_no_q():
    assert np.isnan(cochrans_q(np.array([[1, 1], [0, 0]]))["q"])
