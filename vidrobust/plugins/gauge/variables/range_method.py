"""The average and range method of a gauge study, beside the analysis of variance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import integrate, stats

from vidrobust.statistics.levels import ALPHA


@dataclass(frozen=True)
class RangeStudy:
    """Standard deviations from ranges (AIAG, MSA, 4th edition, 2010, chapter III-B), and %GRR of the study."""

    repeatability_sd: float
    reproducibility_sd: float
    grr_sd: float
    part_sd: float
    total_sd: float
    percent_grr: float
    ndc: int | None


def range_study(table: pd.DataFrame) -> RangeStudy | None:
    """The study from part, operator, trial, value; None unless it is crossed and balanced with repeated trials."""
    cells = table.groupby(["part", "operator"])["value"]
    sizes = cells.size().unstack(fill_value=0)
    trials = int(sizes.iloc[0, 0])
    if (sizes != trials).any(axis=None) or trials < 2 or len(sizes) < 2:
        return None
    parts, operators = sizes.shape
    means = cells.mean().unstack()
    repeatability = float((cells.max() - cells.min()).mean()) / mean_range(trials)
    between = float(np.ptp(means.mean(axis=0))) / single_range(operators) if operators > 1 else 0.0
    reproducibility = math.sqrt(max(0.0, between**2 - repeatability**2 / (parts * trials)))
    part = float(np.ptp(means.mean(axis=1))) / single_range(parts)
    grr = math.hypot(repeatability, reproducibility)
    total = math.hypot(grr, part)
    return RangeStudy(
        repeatability_sd=repeatability,
        reproducibility_sd=reproducibility,
        grr_sd=grr,
        part_sd=part,
        total_sd=total,
        percent_grr=100 * grr / total if total else float("nan"),
        ndc=distinct_categories(part, grr),
    )


@dataclass(frozen=True)
class RangeCharts:
    """The average and range charts of a gauge study (AIAG, MSA, 2010, chapter III-B): (operators, parts) and
    limits.

    Averages beyond their limits are wanted: the gauge distinguishes parts. Ranges beyond theirs are not.
    """

    average: pd.DataFrame
    spread: pd.DataFrame
    average_centre: float
    average_low: float
    average_high: float
    range_centre: float
    range_low: float
    range_high: float

    @property
    def parts_distinguished(self) -> float:
        """Share of the averages beyond their limits; the manual wants half and more."""
        beyond = (self.average < self.average_low) | (self.average > self.average_high)
        return float(beyond.to_numpy().mean())

    @property
    def ranges_out(self) -> list[tuple[str, str]]:
        """Operator and part of the ranges beyond their limits."""
        beyond = ((self.spread < self.range_low) | (self.spread > self.range_high)).stack()
        return [(str(operator), str(part)) for operator, part in beyond.index[beyond]]


def range_charts(table: pd.DataFrame) -> RangeCharts | None:
    """The charts of part, operator, trial, value; None unless every cell has as many trials, two at least."""
    cells = table.groupby(["operator", "part"], sort=False)["value"]
    sizes = cells.size().unstack(fill_value=0)
    trials = int(sizes.iloc[0, 0])
    if (sizes != trials).any(axis=None) or trials < 2:
        return None
    parts = list(dict.fromkeys(table["part"]))
    average, spread = (each.unstack()[parts] for each in (cells.mean(), cells.max() - cells.min()))
    centre, ranges = float(average.to_numpy().mean()), float(spread.to_numpy().mean())
    d2 = mean_range(trials)
    reach = 3 * ranges / (d2 * math.sqrt(trials))
    wide = 3 * ranges * math.sqrt(single_range(trials) ** 2 - d2**2) / d2
    return RangeCharts(
        average=average,
        spread=spread,
        average_centre=centre,
        average_low=centre - reach,
        average_high=centre + reach,
        range_centre=ranges,
        range_low=max(0.0, ranges - wide),
        range_high=ranges + wide,
    )


def range_state(table: pd.DataFrame) -> dict[str, Any] | None:
    """Return whether the range chart of part, operator, value is in control; None without repeats that differ.

    A chart of many ranges has some beyond their limits by chance (0.6 % of them with three trials). So the chart
    as a whole is out of control where its widest range is too wide at ALPHA, corrected for all ranges
    (Bonferroni). ``out`` names operator and part of all ranges beyond D4.
    """
    cells = table.groupby(["operator", "part"], sort=False)["value"]
    found = pd.DataFrame({"range": cells.max() - cells.min(), "size": cells.size()})
    found = found[found["size"] > 1]
    if not (found["range"] > 0).any():
        return None
    sizes = found["size"].to_numpy(int)
    d2 = np.array([mean_range(int(size)) for size in sizes])
    sigma = float((found["range"] / d2).mean())
    spread = found["range"].to_numpy(np.float64) / sigma
    upper = d2 + 3 * np.sqrt(np.array([single_range(int(size)) for size in sizes]) ** 2 - d2**2)
    widest = int(np.argmax(spread - upper))
    p = float(stats.studentized_range.sf(spread[widest], sizes[widest], np.inf))
    p = min(1.0, len(found) * max(p, 0.0))
    return {
        "kind": "range",
        "points": len(found),
        "out": [[str(operator), str(part)] for operator, part in found.index[spread > upper]],
        "p": p,
        "level": ALPHA,
        "in_control": p >= ALPHA,
    }


def distinct_categories(part_sd: float, grr_sd: float) -> int | None:
    """Return 1.41 part / gauge, cut, at least 1 (AIAG, MSA, 2010); None where nothing varies."""
    if part_sd <= 0 and grr_sd <= 0:
        return None
    return max(1, int(math.sqrt(2) * part_sd / grr_sd)) if grr_sd > 0 else 10_000


@cache
def mean_range(size: int) -> float:
    """d2: the mean range of a sample of a normal distribution with standard deviation 1 (Tippett 1925)."""

    def density(x: float) -> float:
        return float(1 - stats.norm.cdf(x) ** size - stats.norm.sf(x) ** size)

    return 2 * float(integrate.quad(density, 0, 10)[0])


@cache
def single_range(size: int) -> float:
    """d2* of one sample: the root mean square of its range (Duncan 1974; David 1951)."""
    # E range^2 = 2 sum over the double integral of P(min < x, max > y); here by the density of the range
    x = np.linspace(-8, 8, 1601)
    gap = np.linspace(0, 10, 1001)
    inner = stats.norm.cdf(x[:, None] + gap[None]) - stats.norm.cdf(x)[:, None]
    within = stats.norm.pdf(x)[:, None] * inner ** (size - 1)
    distribution = size * integrate.simpson(within, x=x, axis=0)  # P(range <= gap)
    return math.sqrt(float(integrate.simpson(2 * gap * (1 - distribution), x=gap)))
