"""One number per unit over the strengths it was shown, all or some of them."""

import numpy as np
import pandas as pd

from tests.stages.correlate.test_correlation import units
from vidrobust.stages.correlate.study import correlate
from vidrobust.stages.correlate.units import over_strengths


def test_with_all_strengths_it_is_the_mean():
    values = np.array([[1.0, 2.0, 9.0], [0.0, 1.0, 2.0]])
    assert over_strengths(values).tolist() == [4.0, 1.0]


def test_by_hand_with_one_strength_each():
    # strength 1: 0 and 2, mean 1, spread 1; strength 2: 10 and 30, mean 20, spread 10; over both 10.5 and 5.5
    values = np.array([[0.0, np.nan], [2.0, np.nan], [np.nan, 10.0], [np.nan, 30.0]])
    assert over_strengths(values).tolist() == [5.0, 16.0, 5.0, 16.0]


def test_the_formula_gives_the_mean_where_all_is_known():
    values = np.random.default_rng(0).gamma(1.0, size=(40, 5)) * np.arange(1, 6)
    with_a_stranger = np.vstack([values, np.full(5, np.nan)])
    found = over_strengths(with_a_stranger)
    assert np.allclose(found[:-1], values.mean(axis=1))
    assert np.isnan(found[-1])


def test_a_strength_that_none_was_shown_says_nothing():
    values = np.array([[1.0, np.nan, np.nan], [np.nan, np.nan, 5.0], [3.0, np.nan, np.nan]])
    assert np.isfinite(over_strengths(values)).all()


def test_units_keep_their_order_where_a_design_shows_each_a_fifth():
    rng = np.random.default_rng(1)
    own = rng.gamma(4.0, size=200)
    whole = own[:, None] * np.array([0.02, 0.05, 0.1, 0.2, 0.4]) * rng.lognormal(0, 0.1, (200, 5))
    shown = np.arange(5) == (np.arange(200) % 5)[:, None]
    part = np.where(shown, whole, np.nan)
    assert np.corrcoef(over_strengths(part), own)[0, 1] > 0.9
    # as they are, the strength would drown the units
    assert np.corrcoef(np.nanmean(part, axis=1), own)[0, 1] < 0.6


def test_a_strength_shown_to_some_units_has_no_row_but_the_perturbation_has():
    rng = np.random.default_rng(2)
    count = 60
    own = rng.gamma(3.0, size=count)
    whole = own[:, None] * np.array([0.1, 0.2, 0.4]) + rng.normal(0, 0.01, (count, 3))
    some = np.where(np.arange(3) == (np.arange(count) % 3)[:, None], whole, np.nan)
    names = [("blur", strength, "total_variation") for strength in (1.0, 2.0, 3.0)]
    names += [("noise", strength, "total_variation") for strength in (1.0, 2.0, 3.0)]
    made = units(
        np.column_stack([some, whole]),
        own + rng.normal(0, 0.1, count),
        rng.random((count, 1)),
        np.arange(count) // 5,
        columns=pd.DataFrame(names, columns=["perturbation", "strength", "metric"]),
    )
    table = correlate(made, resamples=50).table
    strengths = table.groupby("perturbation")["strength"].agg(lambda of: sorted(set(of.dropna())))
    assert strengths.to_dict() == {"blur": [], "noise": [1.0, 2.0, 3.0]}
    blur = table[(table["perturbation"] == "blur") & (table["method"] == "spearman")]
    assert blur["n"].tolist() == [count]
    assert blur["value"].iloc[0] > 0.8
