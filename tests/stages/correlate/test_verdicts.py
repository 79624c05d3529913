"""What a correlation could have seen: by simulation, and by the textbook's sample size."""

import numpy as np

from vidrobust.stages.correlate.verdicts import SEEN, could_have_seen


def interval(coefficient, units):
    """Fisher's interval of a coefficient of independent units."""
    z, half = np.arctanh(coefficient), 1.96 / np.sqrt(units - 3)
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def test_sixty_two_units_would_have_shown_a_tie_of_35():
    # (2.8 / atanh .35)^2 + 3 = 61.7, the usual sample size for r = .35 at 80 % power
    assert not could_have_seen(*interval(0.0, 61), (np.nan, np.nan))
    assert could_have_seen(*interval(0.0, 62), (np.nan, np.nan))
    assert could_have_seen(*interval(0.0, 62), (1.0, 1.0))


def test_what_is_measured_with_error_needs_more():
    # reliabilities .5 and .5 leave a tie of .175: (2.8 / atanh .175)^2 + 3 = 253.8
    assert not could_have_seen(*interval(0.0, 253), (0.5, 0.5))
    assert could_have_seen(*interval(0.0, 254), (0.5, 0.5))
    assert not could_have_seen(*interval(0.0, 10_000), (0.0, 0.9))


def test_of_true_ties_few_are_missed_where_it_says_it_could_have_seen_them():
    """No evidence: the interval holds 0. Of 1,000 studies with a tie of .35 about one in five says it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 62))
    y = SEEN * x + np.sqrt(1 - SEEN**2) * rng.normal(size=x.shape)
    found = [np.corrcoef(a, b)[0, 1] for a, b in zip(x, y, strict=True)]
    missed = np.mean([interval(r, 62)[0] <= 0 for r in found])
    assert 0.14 < missed < 0.26
