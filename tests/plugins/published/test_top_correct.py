"""Top-1 with label sets, counted by hand."""

import numpy as np

from vidrobust.plugins.published.corruptions import top_correct

SCORES = np.array([[0.1, 0.5, 0.4], [0.4, 0.4, 0.2], [0.0, 0.1, 0.9]])


def test_a_set_is_right_if_one_of_it_leads_and_the_first_of_equals_leads():
    sets = [frozenset({2, 1}), frozenset({1}), frozenset()]
    assert list(top_correct(SCORES, sets)) == [True, False, False]
