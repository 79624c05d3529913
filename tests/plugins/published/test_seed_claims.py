"""The page of reproductions: verdicts by hand, experiments that are kept, every claim measured."""

import math
from dataclasses import replace

import numpy as np
import pytest
from claims import published, shifts, video
from claims.judge import Claim, Measure, claims, row, verdict
from claims.pictures import classes
from seed_claims import Kept

from vidrobust.plugins.published import corruption_error as alexnet
from vidrobust.plugins.published.perturbations import imagenet_c

CLAIM = Claim(
    section="One pixel", says="s", paper="p", published="5 to 15 %", low=0.05, high=0.15, of="a",
    unit="percent",
)  # fmt: skip
MEASURE = Measure(value=0.1, low=0.06, high=0.14, n=9, clusters=3, on="nets")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.06, 0.14, "agrees"),
        (0.04, 0.14, "cannot tell"),
        (0.06, 0.16, "cannot tell"),
        (0.16, 0.3, "differs"),
        (0.0, 0.04, "differs"),
        (math.nan, math.nan, "cannot tell"),
    ],
)
def test_a_verdict_is_where_the_interval_lies(low, high, said):
    assert verdict(CLAIM, replace(MEASURE, low=low, high=high)) == said


def test_a_row_says_what_was_asked_and_where():
    said = ("5 to 15 %", "5 % to 15 %", "10 % [6, 14]", "nets", "agrees")
    assert row(CLAIM, {"a": MEASURE})[2:] == said
    assert row(CLAIM, {})[-1] == "not yet run"
    sign = replace(CLAIM, low=0.0, high=math.inf, unit="r")
    said = ("above 0", "0.1 [−0.1, 0.14]", "nets", "cannot tell")
    assert row(sign, {"a": replace(MEASURE, low=-0.1)})[3:] == said


def test_every_claim_names_a_measure_that_is_made():
    """Of the table all are there; the others by the names that the experiments give."""
    every = claims()
    asked = {claim.of for claim in every}
    assert len(asked) == len(every)  # each is asked once
    made = set(published.measures())
    assert {name for name in asked if name.startswith(("table", "exact", "alexnet"))} <= made
    assert len(every) >= 35


def test_the_constants_of_alexnet_into_themselves_are_100_and_its_second_resize_is_seen():
    found = published.measures()
    assert found["alexnet into itself"].value == pytest.approx(100)
    assert found["table alexnet by constants"].value == pytest.approx(102.3, abs=0.05)
    one = published.table().loc[["resnet50", "alexnet"], list(imagenet_c.TEST)]
    by_hand = 100 * (one.loc["resnet50"] / one.loc["alexnet"]).mean()
    assert found["table mce resnet50"].value == pytest.approx(by_hand)
    assert len(alexnet.ERRORS) == 15
    low, high = found["exact pm0"].low, found["exact pm0"].high
    assert (round(low, 4), round(high, 4)) == (0.6469, 0.7029)


def test_an_experiment_is_made_once_and_again_where_it_is_asked_otherwise(tmp_path):
    made = iter(range(10))
    kept = Kept(tmp_path, seconds=60)
    assert [kept.get("a", 1, lambda: next(made)) for _ in range(2)] == [0, 0]
    assert kept.get("a", 2, lambda: next(made)) == 1
    late = Kept(tmp_path, seconds=-1)
    assert late.get("a", 2, lambda: next(made)) == 1  # there already
    assert late.get("b", 1, lambda: next(made)) is None
    assert late.waiting == ["b"]


def test_shifts_by_hand():
    """The network that is asked about one protocol alone counts in its own row, not in the mean."""
    columns = [f"{p} {m}" for p in shifts.PROTOCOLS for m in (shifts.CHANGED, shifts.PROBABILITY)]
    rows = {
        name: [
            {"source": s, **dict.fromkeys(columns, value)}
            for s, value in zip("aab", values, strict=True)
        ]
        for name, values in {"one": [0.0, 0.2, 0.1], "two": [0.4, 0.2, 0.9]}.items()
    }
    rows["few"] = [{"source": s, f"crop_shift {shifts.CHANGED}": 0.1} for s in "abc"]
    found = shifts.measures(rows)
    assert found["shift crop label_flip"].value == pytest.approx(0.3)
    assert found["shift crop label_flip"].clusters == 2
    assert found["shift black less crop"].value == pytest.approx(0.0)
    assert found["shift consistency one"].value == pytest.approx(0.9)
    assert found["shift consistency few"].value == pytest.approx(0.9)


def test_flips_between_nearly_equal_frames_by_hand():
    """Four flips, of which one between frames that differ by 8 at most, and one between equal frames, left out."""
    net = {"label": [1, 2, 1, 1, 2, 1], "apart": [8, 20, 3, 0, 90]}
    found = video.measures({"a": {"net": net}})
    assert found["near 8"].value == pytest.approx(1 / 3)
    assert found["near 8"].n == 3
    assert found["flip rate"].value == pytest.approx(3 / 4)
    assert np.isclose(found["near 16"].value, 1 / 3)
    assert classes("3-5;9") == [3, 4, 5, 9]
