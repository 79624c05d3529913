"""A claim of a paper, what is measured of it here, and whether the two agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vidrobust.statistics.intervals import Interval
from vidrobust.text.numbers import number, with_interval

Verdict = Literal["agrees", "differs", "cannot tell", "cannot be run here", "not yet run"]
ABOVE_0, BELOW_0 = (0.0, math.inf), (-math.inf, 0.0)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What was measured: a value with its 95 % interval over so many independent clusters, and on what.

    low, high  NaN where there is no interval
    on         networks and pictures, in words
    """

    value: float
    low: float
    high: float
    n: int
    clusters: int
    on: str

    @classmethod
    def of(cls, found: Interval, on: str) -> Measure:
        """The same of an interval of ``vidrobust.statistics``."""
        return cls(
            value=found.value,
            low=found.low,
            high=found.high,
            n=found.n,
            clusters=found.clusters,
            on=on,
        )


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a paper says.

    says       in a sentence · paper: authors, year and section · published: the number, as published
    expected   values that agree with it; a direction reaches to infinity
    of         key of the measure; "" where it cannot be run here
    unit       how the figure is written: "percent", or a plain number with what it is
    why_not    why it cannot be run here
    """

    says: str
    paper: str
    published: str
    expected: tuple[float, float] = (math.nan, math.nan)
    of: str = ""
    unit: str = "percent"
    why_not: str = ""

    def __post_init__(self) -> None:
        if bool(self.of) == bool(self.why_not):
            raise ValueError(f"claim {self.says!r}: is measured, or says why not")


def verdict(claim: Claim, measure: Measure | None) -> Verdict:
    """Agrees where all of the interval lies in what is expected, differs where none of it does."""
    if claim.why_not:
        return "cannot be run here"
    if measure is None:
        return "not yet run"
    low, high = claim.expected
    if not (math.isfinite(measure.low) and math.isfinite(measure.high)):
        return "cannot tell"
    if measure.high < low or measure.low > high:
        return "differs"
    return "agrees" if measure.low >= low and measure.high <= high else "cannot tell"


def written(value: float, unit: str) -> str:
    """A number as its claim writes it."""
    return f"{100 * value:.3g} %".replace("-", "−") if unit == "percent" else number(value, 3)


def agreeing(claim: Claim) -> str:
    """Which values agree, in words."""
    low, high = claim.expected
    if claim.why_not:
        return ""
    if math.isinf(high):
        return f"above {written(low, claim.unit)}"
    if math.isinf(low):
        return f"below {written(high, claim.unit)}"
    return f"{written(low, claim.unit)} to {written(high, claim.unit)}"


def ours(claim: Claim, measure: Measure | None) -> str:
    """The figure with its interval."""
    if measure is None or not math.isfinite(measure.value):
        return "" if measure is None else "not measured"
    if measure.low == measure.high:  # computed, not estimated
        return written(measure.value, claim.unit)
    if claim.unit != "percent":
        return with_interval(measure.value, measure.low, measure.high)
    if not math.isfinite(measure.low):
        return written(measure.value, "percent")
    low, high = (f"{100 * end:.3g}".replace("-", "−") for end in (measure.low, measure.high))
    return f"{written(measure.value, 'percent')} [{low}, {high}]"


def row(claim: Claim, measures: Mapping[str, Measure]) -> tuple[str, ...]:
    """A row of the page: claim, paper, published, what agrees, ours, on what, verdict."""
    measure = measures.get(claim.of)
    found = verdict(claim, measure)
    on = claim.why_not or ("" if measure is None else measure.on)
    return (
        claim.says,
        claim.paper,
        claim.published,
        agreeing(claim),
        ours(claim, measure),
        on,
        found,
    )
