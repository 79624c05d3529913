"""Negative controls: fragility, other data, clips changed round; on planted worlds and on a published table."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vidrobust.stages.correlate.coefficients import (
    ControlUnits,
    donors_of,
    expected_of_fragility,
    negative_controls,
)
from vidrobust.stages.correlate.study import correlate

from .test_correlation import clips, nets

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def control_units(x, y, z, foreign=None, family=None):
    return ControlUnits(
        x=x,
        y=y,
        foreign=pd.DataFrame(index=range(len(y)))
        if foreign is None
        else pd.DataFrame({"drawings": foreign}),
        z=z,
        cluster=np.arange(len(y)) // 5,
        family=np.array(family or [f"f{k}" for k in range(x.shape[1])], dtype=object),
    )


def one_factor(rng, n=4000, loads=(0.9, 0.6, 0.3, 0.8, 0.5)):
    """Perturbations that show one common fragility unequally, and footage that shows it too; nothing else."""
    fragile = rng.normal(size=n)
    own = [(load, rng.normal(size=n)) for load in loads]
    x = np.column_stack([load * fragile + np.sqrt(1 - load**2) * rest for load, rest in own])
    return x, fragile, 0.7 * fragile + np.sqrt(1 - 0.49) * rng.normal(size=n)


def test_what_one_fragility_makes_expected_is_the_product_of_both_ties():
    """Loads l and .7: the coefficient is .7 l, and all of it is expected, however unequal the loads."""
    loads = np.array([0.9, 0.6, 0.3, 0.8, 0.5])
    among = np.outer(loads, loads)
    np.fill_diagonal(among, 1.0)
    others = np.tile(np.eye(5), (5, 1, 1))
    others[range(5), range(5)] = 0
    expected = expected_of_fragility(among, 0.7 * loads, others)
    # Cronbach's alpha is a lower bound of the agreement where loads differ: a little too much is expected
    np.testing.assert_allclose(expected, 0.7 * loads, rtol=0.12)
    equal = np.full((5, 5), 0.36)
    np.fill_diagonal(equal, 1.0)
    # exact: .6 * .7
    np.testing.assert_allclose(expected_of_fragility(equal, np.full(5, 0.42), others), 0.42)
    # one other alone
    assert np.isnan(expected_of_fragility(among[:2, :2], loads[:2], others[:2, :2, :2])).all()


def test_fragility_alone_leaves_nothing_and_a_tie_of_its_own_is_left():
    rng = np.random.default_rng(0)
    x, _, y = one_factor(rng, n=600)
    z = rng.normal(size=(600, 1))
    found = negative_controls(control_units(x, y, z), rng)
    assert (found["beyond_others_low"] < 0.02).all()
    assert found["beyond_others"].abs().max() < 0.12
    own = rng.normal(size=600)
    x[:, 0] += own
    tied = negative_controls(control_units(x, y + own, z), rng)
    assert tied["beyond_others_low"][0] > 0.2
    assert (tied["beyond_others_low"][1:] < 0.02).all()


def test_other_data_that_is_as_fragile_is_not_beaten_and_other_data_without_the_tie_is():
    rng = np.random.default_rng(1)
    x, fragile, y = one_factor(rng, n=600)
    z, other = rng.normal(size=(600, 1)), 0.7 * fragile + rng.normal(size=600)
    found = negative_controls(control_units(x, y, z, other), rng)
    assert set(found["foreign"]) == {"drawings"}
    assert (found["beyond_foreign_low"] < 0.1).all()
    own = rng.normal(size=600)
    x[:, 0] += own
    found = negative_controls(control_units(x, y + own, z, other), rng)
    assert found["beyond_foreign_low"][0] > 0.2
    # the difference of two plain coefficients, as z is tied to nothing: scipy's on the same data
    plain = [stats.spearmanr(x[:, 0], target).statistic for target in (y + own, other)]
    assert found["beyond_foreign"][0] == pytest.approx(plain[0] - plain[1], abs=0.02)


def test_clips_changed_round_keep_the_bend_of_the_margin():
    """Both sides bend with the margin: the straight coefficient is fooled, and so is the shuffled target."""
    rng = np.random.default_rng(2)
    margin = rng.normal(size=400)
    bend = -1.5 * np.tanh(4 * margin)
    x, y = bend[:, None] + 0.7 * rng.normal(size=(400, 2)), bend + 0.7 * rng.normal(size=400)
    found = negative_controls(control_units(x, y, margin[:, None]), rng)
    assert (found["shuffled"] > 0.25).all()
    assert (found["shuffled_p"] > 0.01).all()
    tie = rng.normal(size=400)
    tied = negative_controls(control_units(x + tie[:, None], y + tie, margin[:, None]), rng)
    assert (tied["shuffled_p"] == 1 / 500).all()


def test_donors_are_of_other_clusters_and_near():
    z = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    donors = donors_of(z, np.array([0, 0, 1, 1, 2, 2]))
    assert donors.shape == (6, 4)
    assert set(donors[0]) == {2, 3, 4, 5}
    assert list(donors[0]) == [2, 3, 4, 5]  # nearest by rank first
    assert donors_of(z, np.zeros(6)) is None


def test_where_every_perturbation_does_it_the_models_are_fragile_and_it_says_so():
    rng = np.random.default_rng(3)
    made = nets(rng, own=0.6, count=80, p=6)  # all six share one weakness with the footage
    found = correlate(made)
    table = found.table[found.table["primary"] & (found.table["method"] == "partial_spearman")]
    assert (table["low"] > 0).all()
    assert set(table["verdict"]) == {"no evidence"}
    assert list(table["same"]) == list(table["others"]) == [5] * 6
    assert set(table["why"]) == {"fragile"}


def test_one_family_alone_cannot_be_distinguished_from_fragility():
    made = nets(np.random.default_rng(4), own=0.7, count=60)
    found = correlate(made, dict.fromkeys(["p0", "p1", "p2"], "blur"))
    assert set(found.table["verdict"]) == {"cannot tell"}
    assert set(found.table["why"]) == {"few families"}
    assert set(found.table["needs"]) == {"more families"}
    assert set(found.table["needs_count"]) == {3}


@pytest.mark.parametrize(
    ("made", "code", "now"),
    [
        (lambda rng: nets(rng, count=12, own=0.5), "more units", 12),
        (lambda rng: clips(rng, count=5, frames=12), "more clips", 5),
    ],
    ids=["models", "frames"],
)
def test_it_says_how_many_would_tell(made, code, now):
    found = correlate(made(np.random.default_rng(5)), resamples=199)
    rows = found.table[found.table["needs"] == code]
    assert len(rows)
    assert (rows["needs_now"] == now).all()
    assert (rows["needs_count"] > now).all()
    settled = found.table.loc[found.table["needs"] == "", ["needs_count", "needs_now"]]
    assert settled.isna().all(axis=None)


@pytest.fixture(scope="module")
def published():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import published_models
    finally:
        sys.path.remove(str(BENCHMARKS))
    return published_models


def test_a_published_table_where_most_corruptions_pass_alone_and_few_beside_controls(published):
    """189 models: 14 of 19 go with video given accuracy, 10 with sketches; beside controls few are left."""
    models = published.table()
    video = published.study(models, "ImageNet-Vid-Robust", resamples=199)
    assert len(published.alone(video)) == 14
    left = set(published.proxies(video))
    assert {"jpeg_compression", "impulse_noise"} <= left
    assert not left & {"brightness", "contrast", "saturate", "fog", "gaussian_blur"}
    assert len(left) <= 6
    sketches = published.study(models, "sketches", resamples=199)
    assert len(published.alone(sketches)) == 10
    assert published.proxies(sketches) == []
    beside = published.study(models, "ImageNet-Vid-Robust", "sketches", resamples=199)
    assert published.proxies(beside) == []
