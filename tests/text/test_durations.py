"""Lengths of time as text; expected texts by hand."""

import pytest

from vidrobust.text.numbers import clock, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.042, "0.042 s"),
        (4.23, "4.2 s"),
        (9.96, "10 s"),
        (42.0, "42 s"),
        (89.6, "1 min 30 s"),
        (120, "2 min"),
        (185, "3 min 5 s"),
        (2280, "38 min"),
        (7800, "2 h 10 min"),
        (10800, "3 h"),
        (108_000, "30 h"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_clock():
    assert clock(4.23) == "4.23 s"
    assert clock(59.999) == "1:00.0"
    assert clock(124.23) == "2:04.2"
    assert clock(119.96) == "2:00.0"
