"""Does it help: from the ratio, its interval and its q-value, in four words."""

from __future__ import annotations

from typing import Literal

Verdict = Literal["helps", "does not", "cannot tell", "harms"]

SIGNIFICANT = 0.05
"""Largest false discovery rate, over all rows of the table, at which a row is called."""
SAME = 0.9
"""What surely takes away less than a tenth, and surely adds no more, makes no difference."""
FEWEST = 10
"""Nothing is said from fewer rows."""


def verdict(low: float, high: float, q: float, n: int) -> Verdict:
    """Of a ratio of after to before with this interval; NaN: there is none."""
    if n < FEWEST or not low <= high:
        return "cannot tell"
    if low >= SAME and high <= 1 / SAME:
        return "does not"
    if q <= SIGNIFICANT and high < 1:
        return "helps"
    if q <= SIGNIFICANT and low > 1:
        return "harms"
    return "cannot tell"
