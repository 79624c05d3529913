"""Units of parts, classes and runs are means of clips or frames."""

import numpy as np
import pandas as pd
import pytest

from vidrobust.stages.correlate.units import CorrelationUnits, grouped


@pytest.fixture
def units():
    return CorrelationUnits(
        across="clips",
        model="net",
        name=np.array(["a", "b", "c", "d"], dtype=object),
        cluster=np.array(["a", "b", "c", "d"], dtype=object),
        clusters_are="clips",
        series=None,
        columns=pd.DataFrame(
            {"perturbation": ["hue"], "strength": [1.0], "metric": ["total_variation"]}
        ),
        sensitivity=np.array([[1.0], [3.0], [5.0], [9.0]]),
        instability=pd.DataFrame({"total_variation": [0.1, 0.3, 0.5, 0.9]}),
        confounders=pd.DataFrame({"margin": [0.2, 0.4, 0.6, 0.8]}),
        sensitivity_halves=(np.array([[1.0], [2.0], [3.0], [4.0]]), np.zeros((4, 1))),
        primary_sensitivity="total_variation",
        primary_stability="total_variation",
    )


def test_a_part_is_the_mean_of_its_clips(units):
    """By hand: bolt (1 + 5) / 2 = 3, nut 3; d belongs to no part."""
    parts = grouped(units, ["bolt", "nut", "bolt", ""], "parts")
    assert parts.name.tolist() == ["bolt", "nut"]
    assert parts.sensitivity.ravel().tolist() == [3.0, 3.0]
    assert parts.instability["total_variation"].tolist() == pytest.approx([0.3, 0.3])
    assert parts.confounders["margin"].tolist() == pytest.approx([0.4, 0.4])
    assert parts.sensitivity_halves[0].ravel().tolist() == [2.0, 2.0]
    assert parts.in_words(1) == "1 part"
    assert parts.clusters_in_words(2) == "2 parts"


def test_a_class_is_counted_in_words(units):
    assert grouped(units, ["x"] * 4, "classes").in_words(1) == "1 class"
