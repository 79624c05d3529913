"""Numbers as text; expected texts by hand."""

import re

import numpy as np
import pytest

from vidrobust.text import numbers

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0312, "0.031"),
        (4.71, "4.7"),
        (123.4, "120"),
        (99.7, "100"),
        (1.0, "1"),
        (0.0, "0"),
        (-0.0, "0"),
        (-0.5, "−0.5"),
        (NAN, "not measured"),
        (None, "not measured"),
    ],
)
def test_number(value, text):
    assert numbers.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0612, "6.1 %"),
        (1.0, "100 %"),
        (0.9951, "99.5 %"),
        (0.00001, "below 0.01 %"),
        (-0.00001, "0 %"),
        (-0.012, "−1.2 %"),
        (5.2, "520 %"),
        (0, "0 %"),
        (NAN, "not measured"),
    ],
)
def test_percent(value, text):
    assert numbers.percent(value) == text


def test_a_share_that_is_not_all_is_never_rounded_to_all():
    for value in (0.991, 0.996, 0.99961, 1 - 1e-9):
        assert numbers.percent(value) != "100 %"
        assert numbers.percent_interval(0.5, value) != "50 to 100 %"


def test_the_unit_stands_once_before_the_interval():
    assert numbers.percent_with_interval(0.342, 0.231, 0.434) == "34 % [23, 43]"
    assert numbers.percent_with_interval(0.021, 0.0053, 0.15) == "2.1 % [0.53, 15]"
    assert numbers.percent_with_interval(0.002, 0.00001, 1) == "0.2 % [below 0.01, 100]"
    assert numbers.percent_interval(0.021, 0.15) == "2.1 to 15 %"
    assert numbers.with_interval(1.5, 1.2, 1.94, "px") == "1.5 px [1.2, 1.9]"
    assert numbers.with_interval(0.5, 0.25, 0.75) == "0.5 [0.25, 0.75]"
    assert numbers.with_interval(12.345, 8.1, 20.4, "%", 4) == "12.35 % [8.1, 20.4]"
    assert numbers.interval(0.12, 0.34, "px") == "0.12 to 0.34 px"


def test_what_is_not_known_is_said_in_words():
    assert numbers.percent_with_interval(0.5, NAN, NAN) == "50 %, no interval"
    assert numbers.percent_with_interval(None, None, None) == "not measured"
    assert numbers.with_interval(0.5, NAN, NAN, "px") == "0.5 px, no interval"
    assert numbers.with_interval(NAN, NAN, NAN) == "not measured"
    assert numbers.interval(NAN, 1) == "no interval"
    assert numbers.percent_interval(0.5, None) == "no interval"
    assert numbers.share_with_interval(NAN, NAN, NAN) == "not measured"
    assert numbers.points_with_interval(None, 0, 0) == "not measured"
    assert numbers.number(NAN, missing="-") == "-"


def test_no_share_is_negative_in_words():
    """Over a grid of estimates: never a minus, never "-0", never more digits than are known."""
    grid = np.logspace(-9, 0.7, 40)
    ends = np.concatenate([[0.0, -0.0, NAN], grid, -grid])
    for value in ends:
        for low, high in ((value - 0.3, value + 0.2), (value, value), (NAN, NAN)):
            text = numbers.share_with_interval(value, low, high)
            assert "−" not in text
            assert "-" not in text
            assert "nan" not in text
            assert all(len(figure) <= 7 for figure in re.findall(r"[\d.]+", text)), text
    assert numbers.share_with_interval(-0.01, -0.03, 0.06) == "0 % [0, 6]"
    assert numbers.share(-0.01) == "0 %"


def test_a_difference_has_its_sign():
    assert numbers.signed(0.31) == "+0.31"
    assert numbers.signed(-0.31) == "−0.31"
    assert numbers.signed(0.0) == "0"
    assert numbers.signed_percent(0.061) == "+6.1 %"
    assert numbers.signed_percent(0.00001) == "below 0.01 %"
    assert numbers.signed(NAN) == "not measured"
    assert numbers.points_with_interval(0.061, -0.02, 0.1) == "+6.1 [−2, +10]"


def test_a_share_is_reported_with_what_it_was_counted_from():
    found = {"value": 0.9667, "low": 0.886, "high": 0.9959, "count": 58, "n": 60}
    assert numbers.counted_share(found) == "97 % [89, 99.5], 58 of 60"
    del found["count"]
    assert numbers.counted_share(found) == "97 % [89, 99.5], n = 60"
    assert numbers.counted_share({**found, "n": 0}, missing="-") == "-"


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0.3, "1 in 3.3"),
        (0.1, "1 in 10"),
        (0.0041, "1 in 240"),
        (1.0, "1 in 1.0"),
        (0.0, "none"),
        (NAN, "not measured"),
    ],
)
def test_one_in(rate, text):
    assert numbers.one_in(rate) == text


def test_an_interval_that_reaches_zero_has_only_an_upper_end():
    assert numbers.one_in_interval(0.0, 0.125) == "at most 1 in 8.0"
    assert numbers.one_in_interval(0.05, 0.125) == "between 1 in 20 and 1 in 8.0"
    assert numbers.one_in_interval(NAN, NAN) == "no interval"


def test_strengths():
    assert numbers.amount(0.064, "relative gain") == "6.4 % gain"
    assert numbers.amount(1.5, "px") == "1.5 px"
    assert numbers.amount(0.03, "share of the width") == "3 % of the width"
    assert numbers.amount_interval(0.004, 0.064, "relative gain") == "0.4 to 6.4 % gain"
    assert numbers.amount_interval(NAN, 1, "px") == "no interval"
