"""Numbers and names as text; expected texts by hand. And the words that stand in for tables that need torch."""

from __future__ import annotations

import pytest

from vidrobust.changes.transitions import REASONS
from vidrobust.metrics.catalogue import metric_of_column
from vidrobust.metrics.class_differences import METRICS
from vidrobust.report import words
from vidrobust.stages.causes.shares import ACCOUNT_CAUSES
from vidrobust.stages.causes.titles import TITLES
from vidrobust.stages.variation.changes import UNITS

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
        (-0.5, "−0.5"),
        (NAN, "not measured"),
        (None, "not measured"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0612, "6.1 %"),
        (1.0, "100 %"),
        (0.9951, "99.5 %"),
        (0.00001, "below 0.01 %"),
        (0, "0 %"),
        (NAN, "not measured"),
    ],
)
def test_percent(value: float, text: str) -> None:
    assert words.percent(value) == text


def test_a_share_that_is_not_all_is_never_rounded_to_all() -> None:
    for value in (0.991, 0.996, 0.99961, 1 - 1e-9):
        assert words.percent(value) != "100 %"


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
def test_one_in(rate: float, text: str) -> None:
    assert words.one_in(rate) == text


def test_an_interval_that_reaches_zero_has_only_an_upper_end() -> None:
    assert words.one_in_interval(0.0, 0.125) == "at most 1 in 8.0"
    assert words.one_in_interval(0.05, 0.125) == "between 1 in 20 and 1 in 8.0"
    assert words.one_in_interval(NAN, NAN) == "no interval"


def test_a_value_without_interval_says_so() -> None:
    assert words.percent_with_interval(0.5, NAN, NAN) == "50 %, no interval"
    assert words.with_interval(0.5, 0.25, 0.75) == "0.5 [0.25 to 0.75]"
    assert words.with_interval(NAN, NAN, NAN) == "not measured"


def test_long_names_lose_their_synonyms_but_stay_apart() -> None:
    bike = "mountain bike, all-terrain bike, off-roader"
    other = "mountain bike, the one of the other class"
    assert words.short_names([bike])[bike] == "mountain bike"
    both = words.short_names([bike, other, "bolt, M6"])
    assert both["bolt, M6"] == "bolt, M6"
    assert both[bike] != both[other]
    assert all(len(short) <= words.LONGEST_NAME for short in both.values())


def test_small_words() -> None:
    assert words.plural(1, "frame") == "1 frame"
    assert words.plural(12345, "frame") == "12 345 frames"
    assert words.duration(42.0) == "42 s"
    assert words.duration(185) == "3 min 5 s"
    assert words.duration(7800) == "2 h 10 min"
    assert words.clock(124.23) == "2:04.2"
    assert words.listing(["a", "b", "c"]) == "a, b and c"
    assert words.listing(["a", "b", "c"], 2) == "a, b and 1 more"
    assert words.amount(0.064, "relative gain") == "6.4 % gain"
    assert words.amount(1.5, "px") == "1.5 px"
    assert words.span([3, 5, 4]) == "3 to 5"


def test_every_name_that_a_table_may_hold_has_words() -> None:
    assert set(words.EXCLUSIONS) == set(REASONS)
    assert set(words.QUANTITIES) == set(UNITS)
    assert tuple(TITLES) == ACCOUNT_CAUSES
    assert all(metric_of_column(column) for column in METRICS)
