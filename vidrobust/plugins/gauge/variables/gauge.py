"""A gauge study of values, and its control charts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import integrate, stats

from vidrobust.plugins.gauge.measurements import check_gauge, settled
from vidrobust.plugins.gauge.variables.anova import POOL_ABOVE, Anova, AskedDesign, analyse
from vidrobust.statistics.levels import ALPHA


@dataclass(frozen=True)
class RangeCharts:
    """The average and range charts of a gauge study (AIAG, MSA, 2010, chapter III-B), (operators, parts)."""

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
        beyond = (self.average < self.average_low) | (self.average > self.average_high)
        return float(beyond.to_numpy().mean())

    @property
    def ranges_out(self) -> list[tuple[str, str]]:
        beyond = ((self.spread < self.range_low) | (self.spread > self.range_high)).stack()
        return [(str(operator), str(part)) for operator, part in beyond.index[beyond]]


def range_charts(table: pd.DataFrame) -> RangeCharts | None:
    """The range charts; None unless every cell has equally many trials, two at least."""
    cells = table.groupby(["operator", "part"], sort=False)["value"]
    sizes = cells.size().unstack(fill_value=0)
    trials = int(sizes.iloc[0, 0])
    if (sizes != trials).any(axis=None) or trials < 2:
        return None
    parts = list(dict.fromkeys(table["part"]))
    average, spread = (cell.unstack()[parts] for cell in (cells.mean(), cells.max() - cells.min()))
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
    """Whether the range chart is in control; None without repeats that differ."""
    cells = table.groupby(["operator", "part"], sort=False)["value"]
    ranges = pd.DataFrame({"range": cells.max() - cells.min(), "size": cells.size()})
    ranges = ranges[ranges["size"] > 1]
    if not (ranges["range"] > 0).any():
        return None
    sizes = ranges["size"].to_numpy(int)
    d2 = np.array([mean_range(int(size)) for size in sizes])
    sigma = float((ranges["range"] / d2).mean())
    spread = ranges["range"].to_numpy(np.float64) / sigma
    upper = d2 + 3 * np.sqrt(np.array([single_range(int(size)) for size in sizes]) ** 2 - d2**2)
    widest = int(np.argmax(spread - upper))
    p = float(stats.studentized_range.sf(spread[widest], sizes[widest], np.inf))
    p = min(1.0, len(ranges) * max(p, 0.0))
    return {
        "points": len(ranges),
        "out": [[str(operator), str(part)] for operator, part in ranges.index[spread > upper]],
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


# Stability of a gauge: the same reference part measured day after day, as a control chart (AIAG, MSA, 2010,
# III-B).


# Standard deviations that a study variation and a share of the tolerance span (AIAG, MSA, 4th edition, 2010).
STUDY_WIDTH = 6.0
ORDER = ("repeatability", "reproducibility", "operator", "interaction", "grr", "part", "total")
NAN = float("nan")


@dataclass(frozen=True)
class VarianceShare:
    """One source of variation: its standard deviation with interval, and shares in percent (NaN where not
    known).
    """

    variance: float
    variance_low: float
    variance_high: float
    sd: float
    sd_low: float
    sd_high: float
    percent_contribution: float
    percent_study: float
    percent_tolerance: float
    percent_process: float


@dataclass(frozen=True)
class GaugeStudy:
    """The result of a gauge study: components, %GRR with its generalized interval, and ndc."""

    anova: Anova
    components: dict[str, VarianceShare]
    percent_grr: float
    percent_grr_low: float
    percent_grr_high: float
    ndc: int | None
    ndc_low: int | None
    ndc_high: int | None
    tolerance: float
    width: float
    process_sd: float
    mean: float
    n: int

    def as_json(self) -> dict[str, Any]:
        sds = {
            f"{name}_sd": self.components[name].sd if name in self.components else None
            for name in ("repeatability", "reproducibility", "grr", "part", "total")
        }
        of_grr = ("percent_tolerance", "percent_process")
        about = ("design", "interaction", "parts", "operators", "trials")
        return {
            **{name: getattr(self.anova, name) for name in about},
            **sds,
            **{name: getattr(self.components["grr"], name) for name in of_grr},
            **dataclasses.asdict(dataclasses.replace(self, anova=())),  # type: ignore[arg-type]
            "anova": [dataclasses.asdict(row) for row in self.anova.rows],
            "anova_without_interaction": [dataclasses.asdict(row) for row in self.anova.pooled],
            "notes": list(self.anova.notes),
        }


def gauge_study(
    table: pd.DataFrame,
    *,
    tolerance: float = NAN,
    process_sd: float = NAN,
    width: float = STUDY_WIDTH,
    pool_above: float = POOL_ABOVE,
    design: AskedDesign = "auto",
    factors: Sequence[str] = (),
    seed: int = 0,
) -> GaugeStudy:
    """Study a table part, operator, trial, value."""
    table = check_gauge(table)
    table["value"] = settled(table["value"])
    anova = analyse(table, pool_above=pool_above, design=design, factors=factors, seed=seed)
    leaves = anova.components
    total = leaves["grr"].variance + leaves["part"].variance
    extra = [name for name in leaves if name not in ORDER]
    components = {}
    for name in (*(name for name in ORDER if name in leaves), *extra):
        variance = total if name == "total" else leaves[name].variance
        low, high = leaves[name].interval()
        components[name] = VarianceShare(
            variance=variance,
            variance_low=low,
            variance_high=high,
            sd=math.sqrt(variance),
            sd_low=math.sqrt(low),
            sd_high=math.sqrt(high),
            percent_contribution=100 * variance / total if total else NAN,
            percent_study=100 * math.sqrt(variance / total) if total else NAN,
            percent_tolerance=100 * width * math.sqrt(variance) / tolerance if total else NAN,
            percent_process=100 * math.sqrt(variance) / process_sd if total else NAN,
        )
    percent, low, high = anova.percent_grr(seed)
    return GaugeStudy(
        anova=anova,
        components=components,
        percent_grr=percent,
        percent_grr_low=low,
        percent_grr_high=high,
        ndc=distinct_categories(components["part"].sd, components["grr"].sd),
        ndc_low=_categories(high),
        ndc_high=_categories(low),
        tolerance=tolerance,
        width=width,
        process_sd=process_sd,
        mean=float(table["value"].mean()),
        n=len(table),
    )


def _categories(percent: float) -> int | None:
    if math.isnan(percent):
        return None
    return (
        distinct_categories(math.sqrt(max(0.0, (100 / percent) ** 2 - 1)), 1.0)
        if percent > 0
        else 10_000
    )
