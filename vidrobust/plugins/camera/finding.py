"""Findings about a camera: their verdict, their figure, their null, and the setting to touch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np

from vidrobust.files.csv_table import beside


class Found(StrEnum):
    FOUND = "found"
    NOT_FOUND = "not found"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is the same of a finding in all clips: a row of ``findings.csv``."""

    name: str
    title: str
    unit: str
    least: float  # from which value on it matters; 0 for what only describes another finding
    null: str  # when the finding is silent
    genicam: str
    uvc: str
    raspberry_pi: str
    causes: tuple[str, ...]  # causes of the account that it stands behind


@cache
def kinds() -> dict[str, Kind]:
    rows = beside(__file__, "findings.csv")
    return {
        row["name"]: Kind(
            **{k: v for k, v in row.items() if k not in ("least", "causes")},
            least=float(row["least"]),
            causes=tuple(filter(None, row["causes"].split("|"))),
        )
        for row in rows
    }


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding in one clip."""

    name: str
    level: Found
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    text: str = ""  # what else is known; of what cannot be told, what to record instead

    @property
    def kind(self) -> Kind:
        return kinds()[self.name]

    @property
    def size(self) -> float:
        """The value in multiples of what matters; 0 where nothing was found."""
        known = self.level is Found.FOUND and self.kind.least > 0
        return self.value / self.kind.least if known else 0.0


def judged(
    name: str, value: float, low: float, high: float, n: int, text: str = "", instead: str = ""
) -> Finding:
    """Return a finding: found where all of the interval is above what matters, not found where none is.

    Between them it cannot be told; ``instead`` says what to record.
    """
    least = kinds()[name].least
    if n == 0 or math.isnan(value):
        level = Found.CANNOT_TELL
    elif low > least or (value > least and low == high):
        level = Found.FOUND
    else:
        level = Found.NOT_FOUND if high < least or value < least else Found.CANNOT_TELL
    more = (instead or "a longer clip") if level is Found.CANNOT_TELL else ""
    text = f"record {more} instead" if more else text
    return Finding(name=name, level=level, value=value, low=low, high=high, n=n, text=text)


def cannot_tell(name: str, instead: str, n: int = 0) -> Finding:
    return Finding(name=name, level=Found.CANNOT_TELL, n=n, text=f"record {instead} instead")


def over_stretches(
    series: np.ndarray, statistic: Callable[[np.ndarray], float], stretches: int = 8
) -> tuple[float, float]:
    """Return the 95 % interval of a statistic of a series (N, ...) by leaving out stretches of time.

    Neighbouring frames err alike, so a block of them is one draw (Kuensch 1989).
    """
    parts = np.array_split(np.arange(len(series)), stretches)
    kept = [np.concatenate(parts[:k] + parts[k + 1 :]) for k in range(stretches)]
    without = np.array([statistic(series[rows]) for rows in kept])
    value = float(statistic(series))
    error = math.sqrt((stretches - 1) / stretches * float(((without - without.mean()) ** 2).sum()))
    return value - 2.36 * error, value + 2.36 * error  # t of 7 degrees of freedom
