"""Does it help: from the ratio, its interval and its q-value, in four words."""

from __future__ import annotations

from typing import Literal

from vidrobust.statistics.levels import FALSE_DISCOVERY, FEWEST_ROWS

Verdict = Literal["helps", "does not", "cannot tell", "harms"]

SAME = 0.9
"""What surely takes away less than a tenth, and surely adds no more, makes no difference."""


def verdict(low: float, high: float, q: float, n: int) -> Verdict:
    """Of a ratio of after to before with this interval; NaN: there is none."""
    if n < FEWEST_ROWS or not low <= high:
        return "cannot tell"
    if low >= SAME and high <= 1 / SAME:
        return "does not"
    if q <= FALSE_DISCOVERY and high < 1:
        return "helps"
    if q <= FALSE_DISCOVERY and low > 1:
        return "harms"
    return "cannot tell"
