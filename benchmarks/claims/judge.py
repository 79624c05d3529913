"""A claim of a paper, what is measured of it here, and whether the two agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from vidrobust.statistics.intervals import Interval
from vidrobust.text.numbers import number, with_interval

Verdict = Literal["agrees", "differs", "cannot tell", "not yet run"]
CLAIMS = Path(__file__).parents[1] / "data" / "claims.csv"


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
    """What a paper says, a row of ``data/claims.csv``.

    section    title of the table · says: in a sentence · paper: authors, year and section
    published  the number, as published
    low, high  values between them agree with it; a direction reaches to infinity
    of         key of the measure
    unit       how the figure is written: "percent", or a plain number with what it is
    """

    section: str
    says: str
    paper: str
    published: str
    low: float
    high: float
    of: str
    unit: str


def claims() -> list[Claim]:
    """All that is asked."""
    return [Claim(**row) for row in pd.read_csv(CLAIMS).to_dict("records")]


def verdict(claim: Claim, measure: Measure | None) -> Verdict:
    """Agrees where all of the interval lies in what is expected, differs where none of it does."""
    if measure is None:
        return "not yet run"
    if not (math.isfinite(measure.low) and math.isfinite(measure.high)):
        return "cannot tell"
    if measure.high < claim.low or measure.low > claim.high:
        return "differs"
    inside = measure.low >= claim.low and measure.high <= claim.high
    return "agrees" if inside else "cannot tell"


def written(value: float, unit: str) -> str:
    """A number as its claim writes it."""
    return f"{100 * value:.3g} %".replace("-", "−") if unit == "percent" else number(value, 3)


def agreeing(claim: Claim) -> str:
    """Which values agree, in words."""
    if math.isinf(claim.high):
        return f"above {written(claim.low, claim.unit)}"
    if math.isinf(claim.low):
        return f"below {written(claim.high, claim.unit)}"
    return f"{written(claim.low, claim.unit)} to {written(claim.high, claim.unit)}"


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
    return (
        claim.says,
        claim.paper,
        claim.published,
        agreeing(claim),
        ours(claim, measure),
        "" if measure is None else measure.on,
        verdict(claim, measure),
    )
