"""How many flips of a clip a cause can be necessary for: by hand."""

import numpy as np
import pandas as pd

from vidrobust.stages.causes.margins import at_most, flip_counts, margin_of


def test_the_margin_is_the_lead_of_one_class_over_another():
    z = np.array([[1.0, 3.0, 0.0], [2.0, -1.0, 5.0]])
    assert margin_of(z, 1, 0).tolist() == [2.0, -3.0]


def test_flips_beyond_the_sample_have_the_limit_of_clopper_and_pearson():
    seen, none = np.array([True, False, False, False]), np.zeros(4, bool)
    assert at_most(seen, none, np.ones(4), 4) == 1
    # 1 of 4: the upper limit is .751, and of four flips not seen 3.005
    assert at_most(seen, none, np.ones(4), 8) == 1 + 4
    # what could not be replayed counts
    assert at_most(seen, ~seen, np.ones(4), 4) == 4
    assert at_most(none[:0], none[:0], np.ones(0), 7) == 7


def test_flips_are_counted_by_model_and_item():
    pairs = pd.DataFrame(
        {
            "model": "m",
            "item": ["a", "a", "b"],
            "kind": "adjacent",
            "excluded": "",
            "label_flip": [1, 0, 1],
        }
    )
    assert flip_counts(pairs) == {("m", "a"): 1, ("m", "b"): 1, ("m", ""): 2}
