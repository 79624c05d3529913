"""All perturbations together, in worlds where what they explain is planted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from vidrobust.stages.correlate.together import explain_together
from vidrobust.stages.correlate.units import CorrelationUnits


def units(x, y, margin, clips):
    cluster = np.repeat([f"c{c:02d}" for c in range(clips)], len(y) // clips).astype(object)
    return CorrelationUnits(
        across="frames",
        model="net",
        name=np.arange(len(y)).astype(str).astype(object),
        cluster=cluster,
        clusters_are="clips",
        series=cluster,
        columns=pd.DataFrame(
            {
                "perturbation": [f"p{k}" for k in range(x.shape[1])],
                "strength": 1.0,
                "metric": "total_variation",
            }
        ),
        sensitivity=x,
        instability=pd.DataFrame({"total_variation": y}),
        confounders=pd.DataFrame({"margin": margin}),
        primary_sensitivity="total_variation",
        primary_stability="total_variation",
    )


def world(seed, own, n=240, clips=20, p=20):
    """p sensitivities; the first two share ``own`` of the instability's variance beyond the margin."""
    rng = np.random.default_rng(seed)
    margin, common = rng.normal(size=(2, n))
    x = -margin[:, None] + rng.normal(size=(n, p))
    x[:, :2] += 2 * common[:, None]
    y = -margin + 2 * (np.sqrt(own) * common + np.sqrt(1 - own) * rng.normal(size=n))
    return units(x, y, margin, clips)


def test_what_two_of_twenty_perturbations_explain_is_found():
    found = explain_together(world(0, own=0.6))
    # the instability has variance 1 (margin) + 4; of the 4 a share of .6 is common, seen through noise of 1 in 4
    assert found.verdict == "beyond"
    assert found.low < 0.8 * 0.6 * 0.8 < found.high
    assert found.confounder == pytest.approx(0.2, abs=0.1)
    assert list(found.weights)[:2] in (["p0", "p1"], ["p1", "p0"])
    assert min(found.weights.values()) > 0
    assert sum(found.weights.values()) == pytest.approx(1)


@pytest.mark.parametrize("worlds", [6, pytest.param(24, marks=pytest.mark.nightly)])
def test_nothing_is_called_nothing_although_twenty_columns_fit_noise(worlds):
    verdicts = [explain_together(world(seed, own=0.0)).verdict for seed in range(1, worlds + 1)]
    assert "beyond" not in verdicts
    assert verdicts.count("nothing beyond") >= 0.75 * worlds


def test_the_gain_is_that_of_plain_cross_validation_where_one_column_is_the_answer():
    """One perturbation equal to the instability: whatever the confounder leaves is explained."""
    rng = np.random.default_rng(20)
    y, margin = rng.normal(size=160), rng.normal(size=160)
    found = explain_together(units(y[:, None], y, margin, 16))
    assert found.confounder < 0.1
    assert found.gain == pytest.approx(1 - found.confounder, abs=0.02)
    assert found.weights == {"p0": 1.0}


def test_a_perturbation_that_goes_the_other_way_gets_no_weight():
    rng = np.random.default_rng(21)
    y, margin = rng.normal(size=160), rng.normal(size=160)
    found = explain_together(units(-y[:, None], y, margin, 16))
    assert found.weights == {}
    assert found.gain == 0
    assert found.verdict == "nothing beyond"
    assert np.isnan(found.low)  # no interval without a weight


def test_few_clips_or_no_confounder_cannot_tell():
    few = explain_together(world(0, own=0.6, clips=5))
    assert (few.verdict, few.clusters) == ("cannot tell", 5)
    made = world(0, own=0.6)
    assert (
        explain_together(dataclasses.replace(made, uncontrolled="skill is not known")).verdict
        == "cannot tell"
    )
    assert explain_together(world(0, own=0.6, n=6, clips=2, p=2)).verdict == "cannot tell"


def test_the_same_seed_gives_the_same_answer():
    made = world(3, own=0.4, n=120, clips=10, p=6)
    assert explain_together(made, seed=5) == explain_together(made, seed=5)
