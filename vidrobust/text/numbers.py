"""Numbers, shares, intervals and rates, with one look everywhere.

A unit stands once, before the interval: "34 % [23, 43]", "1.5 px [1.2, 1.9]".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

NOT_MEASURED = "not measured"
NO_INTERVAL = "no interval"
SMALLEST_SHARE = 1e-4  # smaller shares are written as below 0.01 %


def known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def number(value: float | None, digits: int = 2, missing: str = NOT_MEASURED) -> str:
    """Return significant digits without an exponent and with a true minus.

    >>> number(0.0312), number(123.4), number(-0.5), number(float("nan"), missing="-")
    ('0.031', '120', '−0.5', '-')
    """
    if value is None or not math.isfinite(value):
        return missing
    if value == 0:
        return "0"
    if value < 0:
        return f"−{number(-value, digits)}"
    places = digits - 1 - math.floor(math.log10(value))
    rounded = round(value, places)
    if rounded >= 10**digits or places <= 0:
        return f"{rounded:.0f}"
    text = f"{rounded:.{max(0, places)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(value: float | None, digits: int = 2) -> str:
    return _with_sign(number(value, digits), value)


def percent(value: float | None, missing: str = NOT_MEASURED) -> str:
    """Return a percentage of two significant digits; less than all is never written as 100 %."""
    if value is None or not math.isfinite(value):
        return missing
    if 0 < value < SMALLEST_SHARE:
        return "below 0.01 %"
    return f"{_percent_figure(value)} %"


def signed_percent(value: float | None) -> str:
    """Return a difference of shares with its sign: +6.1 %, −12 %."""
    return _with_sign(percent(value), value)


def share(value: float | None) -> str:
    """Return a part of a whole, whose estimate may lie outside of it: never below 0 % or above 100 %."""
    return percent(_part(value))


def interval(low: float | None, high: float | None, unit: str = "", digits: int = 2) -> str:
    """Return an interval alone: "0.12 to 0.34", "1.2 to 1.9 px"."""
    if not (known(low) and known(high)):
        return NO_INTERVAL
    return f"{number(low, digits)} to {number(high, digits)} {unit}".rstrip()


def percent_interval(low: float | None, high: float | None) -> str:
    """Return an interval of shares alone: "2.1 to 15 %"."""
    if low is None or high is None or not (known(low) and known(high)):
        return NO_INTERVAL
    return f"{_percent_figure(low)} to {_percent_figure(high)} %"


def with_interval(
    value: float | None, low: float | None, high: float | None, unit: str = "", digits: int = 2
) -> str:
    """Return a number with its interval: "0.5 [0.25, 0.75]", "1.5 px [1.2, 1.9]"."""
    if not known(value):
        return NOT_MEASURED
    return _bracketed(
        f"{number(value, digits)} {unit}".rstrip(), low, high, lambda end: number(end, digits)
    )


def percent_with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """Return a percentage with its interval: "34 % [23, 43]"."""
    return _bracketed(percent(value), low, high, _percent_figure) if known(value) else NOT_MEASURED


def share_with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """Return a ratio with its interval; nothing is written below 0 %."""
    return percent_with_interval(*map(_not_below_0, (value, low, high)))


def part_with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """Return a part of a whole with its interval, all three as ``share`` writes them."""
    return percent_with_interval(*map(_part, (value, low, high)))


def points_with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """Return a difference of shares in percentage points: "+6.1 [+2, +10]"."""
    if value is None or not known(value):
        return NOT_MEASURED
    return _bracketed(_points(value), low, high, _points)


def counted_share(found: Mapping[str, Any], missing: str = NOT_MEASURED) -> str:
    """Return a share with interval and count, "97 % [89, 100], 58 of 60", of value, low, high, n, count."""
    if not found["n"]:
        return missing
    of = f"{found['count']} of {found['n']}" if "count" in found else f"n = {found['n']}"
    return f"{percent_with_interval(found['value'], found['low'], found['high'])}, {of}"


def p_value(value: float | None) -> str:
    """A p-value, two figures, or a dash."""
    if value is None or value != value:
        return "-"
    return "under 0.001" if value < 0.001 else f"{value:.2g}"


def p_words(value: float | None) -> str:
    """A p-value with its letter: "p = 0.18", "p < 0.001"."""
    return "p < 0.001" if value is not None and value < 0.001 else f"p = {p_value(value)}"


def one_in(rate: float | None) -> str:
    """Return a rate as "1 in 16"; "none" for 0."""
    if rate is None or not math.isfinite(rate):
        return NOT_MEASURED
    if rate <= 0:
        return "none"
    many = 1 / rate
    return f"1 in {many:.1f}" if many < 9.95 else f"1 in {number(many)}"


def one_in_interval(low: float | None, high: float | None) -> str:
    """Return the interval of a rate: "between 1 in 40 and 1 in 8", "at most 1 in 8"."""
    if low is None or high is None or not (known(low) and known(high)):
        return NO_INTERVAL
    if high <= 0:
        return "none"
    if low < 1e-6:
        return f"at most {one_in(high)}"
    return f"between {one_in(low)} and {one_in(high)}"


def amount(value: float | None, unit: str) -> str:
    """Return a strength with its unit; relative ones as percentages: "6.4 % gain", "1.5 px"."""
    if value is None or not known(value):
        return NOT_MEASURED
    factor, word = _as_said(unit)
    return f"{number(factor * value, 3)} {word}".rstrip()


def amount_interval(low: float | None, high: float | None, unit: str) -> str:
    """Return a range of strengths: "0.4 to 6.4 % gain", "1.5 to 3 px"."""
    if low is None or high is None or not (known(low) and known(high)):
        return NO_INTERVAL
    factor, word = _as_said(unit)
    return interval(factor * low, factor * high, word, digits=3)


def _as_said(unit: str) -> tuple[float, str]:
    if unit.startswith("relative "):
        return 100.0, f"% {unit.removeprefix('relative ')}"
    if unit.startswith("sigma, "):
        return 1.0, f"{unit.removeprefix('sigma, ')} (sigma)"
    return (100.0, "% of the width") if unit == "share of the width" else (1.0, unit)


def _bracketed(text: str, low: float | None, high: float | None, said: Any) -> str:
    if not (known(low) and known(high)):
        return f"{text}, {NO_INTERVAL}"
    return f"{text} [{said(low)}, {said(high)}]"


def _percent_figure(value: float | None) -> str:
    if value is None:
        return NOT_MEASURED
    if 0.99 < value < 1:
        return f"{math.floor(value * 1000) / 10:.1f}"
    if 0 < value < SMALLEST_SHARE:
        return "below 0.01"
    return "0" if abs(value) < SMALLEST_SHARE else number(100 * value)


def _points(value: float | None) -> str:
    return _with_sign(_percent_figure(value), value)


def _part(value: float | None) -> float | None:
    return value if value is None or value != value else min(max(value, 0.0), 1.0)


def _not_below_0(value: float | None) -> float | None:
    return value if value is None or not value < 0 else 0.0


def _with_sign(text: str, value: float | None) -> str:
    plus = value is not None and value > 0 and text[0].isdigit() and text != "0"
    return f"+{text}" if plus else text


def duration(seconds: float) -> str:
    """Return a length of time no finer than a person needs.

    >>> duration(4.2), duration(185), duration(7800)
    ('4.2 s', '3 min 5 s', '2 h 10 min')
    """
    if seconds < 9.95:
        return f"{float(f'{seconds:.2g}'):g} s"
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    if whole < 600:
        return _two(whole // 60, "min", whole % 60, "s")
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if seconds >= 36000:
        return f"{round(seconds / 3600)} h"
    return _two(minutes // 60, "h", minutes % 60, "min")


def clock(seconds: float) -> str:
    """Return a place in a clip.

    >>> clock(4.23), clock(124.23)
    ('4.23 s', '2:04.2')
    """
    if round(seconds, 2) < 60:
        return f"{seconds:.2f} s"
    tenths = round(10 * seconds)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def _two(large: int, unit: str, small: int, smaller: str) -> str:
    return f"{large} {unit} {small} {smaller}" if small else f"{large} {unit}"
