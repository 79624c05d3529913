"""What a certificate calls worst, against hand counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.plugins.gauge.published import LINEARITY, of_references
from vidrobust.plugins.gauge.acceptance import load_profile
from vidrobust.plugins.gauge.report.certificate_pages import tiles, worst
from vidrobust.plugins.gauge.studies import StudyRequest, linearity_of, stability_of, type1_of


def test_the_tolerance_from_which_on_a_type_1_study_passes() -> None:
    values = np.array([6.0, 6.01, 6.02, 6.03, 6.04] * 6)
    n = len(values)
    asked = StudyRequest(profile=load_profile("vda5"), tolerance_width=0.4)
    found = type1_of(values, 6.0, asked)
    (line,) = worst(found, "mm")
    # Cgk wants more than Cg: c - 1.96 sqrt(1 / 9n + c^2 / (2 n - 2)) = 1.33, solved for c (Bissell 1990)
    a, b = 1 - 1.959964**2 / (2 * (n - 1)), 1.33**2 - 1.959964**2 / (9 * n)
    needed = (1.33 + np.sqrt(1.33**2 - a * b)) / a
    limit = 2 * (needed * 3 * values.std(ddof=1) + 0.02) / 0.2
    assert line.startswith(
        f"Spread and bias as they are would do for tolerances from {limit:.3g} mm on; a bias is shown"
    )
    enough = type1_of(
        values, 6.0, StudyRequest(profile=load_profile("vda5"), tolerance_width=limit + 1e-4)
    )
    assert enough["overall"]["verdict"] == "acceptable"
    short = type1_of(
        values, 6.0, StudyRequest(profile=load_profile("vda5"), tolerance_width=limit - 1e-4)
    )
    assert short["overall"]["verdict"] == "not shown"


def test_the_part_of_the_largest_bias() -> None:
    found = linearity_of(of_references(LINEARITY), StudyRequest(profile=load_profile("aiag")))
    (line,) = worst(found)
    assert line.startswith("Part 4, reference 10, has the largest bias: −0.617 (")  # AIAG: -.616667


def test_where_the_level_of_a_reference_part_changes() -> None:
    values = [6.0, 6.01, 5.99, 6.0, 6.01, 5.99, 6.0, 6.01, 5.99, 6.0, 6.2, 6.21, 6.19, 6.2, 6.21]
    table = pd.DataFrame({"time": [f"day {k + 1}" for k in range(15)], "value": values})
    found = stability_of(table, float("nan"))
    assert found["change"]["time"] == "day 11"
    assert found["change"]["by"] == pytest.approx(np.mean(values[10:]) - np.mean(values[:10]))
    parts = np.array_split(np.array(values), [10])
    within = sum(float(((part - part.mean()) ** 2).sum()) for part in parts)
    assert found["change"]["share"] == pytest.approx(1 - within / (np.var(values) * 15))
    assert worst(found, "mm")[0].startswith("The level changes most at day 11, by 0.202 mm")
    assert "Not stable: 8 of 15 points are beyond a limit, 7 more" in found["overall"]["sentence"]
    # sigma .37 / 14 / 1.128 = .0234, limits 5.997 to 6.138; two digits of sigma
    assert tiles(found, "mm")[0].value == "6.067 mm"
    steady = stability_of(table.assign(value=[6.0, 6.01, 5.99] * 5), float("nan"))
    assert steady["change"] is None
    assert worst(steady) == []


def test_readings_that_never_differ_get_no_verdict() -> None:
    table = pd.DataFrame({"time": [f"day {k}" for k in range(30)], "value": 0.1})
    found = stability_of(table, 0.1)
    assert found["wrong"] == 0
    assert found["overall"]["sentence"].startswith("No verdict: all values are the same")
