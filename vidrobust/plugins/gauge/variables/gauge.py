"""A variables gauge study: how much of the spread of measurements is the gauge's own."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vidrobust.plugins.gauge.measurements import check_gauge, settled
from vidrobust.plugins.gauge.variables.anova import POOL_ABOVE, Anova, AskedDesign, analyse
from vidrobust.plugins.gauge.variables.range_method import (
    RangeStudy,
    distinct_categories,
    range_study,
)

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
    """The result of a gauge study: components, %GRR with its generalized interval, ndc, and the range method
    or None.
    """

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
    ranges: RangeStudy | None
    mean: float
    n: int

    def as_json(self) -> dict[str, Any]:
        """The keys of a gauge study; what is not known is null."""

        def sd(name: str) -> float | None:
            return self.components[name].sd if name in self.components else None

        def table(rows: tuple[Any, ...]) -> list[dict[str, Any]]:
            return [dataclasses.asdict(row) for row in rows]

        return {
            "design": self.anova.design,
            "interaction": self.anova.interaction,
            "parts": self.anova.parts,
            "operators": self.anova.operators,
            "trials": self.anova.trials,
            "n": self.n,
            **{
                f"{name}_sd": sd(name)
                for name in ("repeatability", "reproducibility", "grr", "part", "total")
            },
            "percent_grr": self.percent_grr,
            "percent_grr_low": self.percent_grr_low,
            "percent_grr_high": self.percent_grr_high,
            "percent_tolerance": self.components["grr"].percent_tolerance,
            "percent_process": self.components["grr"].percent_process,
            "tolerance": self.tolerance,
            "width": self.width,
            "process_sd": self.process_sd,
            "mean": self.mean,
            "ndc": self.ndc,
            "ndc_low": self.ndc_low,
            "ndc_high": self.ndc_high,
            "components": {name: dataclasses.asdict(part) for name, part in self.components.items()},
            "anova": table(self.anova.rows),
            "anova_without_interaction": table(self.anova.pooled),
            "range_method": None if self.ranges is None else dataclasses.asdict(self.ranges),
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
    """Study a table part, operator, trial, value.

    Parameters
    ----------
    tolerance
        Its width; of a one-sided one twice the way from the mean to the limit; NaN without one.
    process_sd
        Standard deviation of the process; NaN where not known.
    width
        Standard deviations that are the spread of the gauge: 6 (99.73 %) or 5.15 (99 %).
    design, factors, pool_above, seed
        As ``analyse`` takes them.
    """
    table = check_gauge(table)
    table["value"] = settled(table["value"])
    anova = analyse(table, pool_above=pool_above, design=design, factors=factors, seed=seed)
    found = anova.components
    total = found["grr"].variance + found["part"].variance
    extra = [name for name in found if name not in ORDER]
    components = {}
    for name in (*(name for name in ORDER if name in found), *extra):
        variance = total if name == "total" else found[name].variance
        low, high = found[name].interval()
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
        ranges=None if anova.likelihood is not None or design == "nested" else range_study(table),
        mean=float(table["value"].mean()),
        n=len(table),
    )


def _categories(percent: float) -> int | None:
    """Distinct categories of a percent_grr: part / grr = sqrt((100 / percent)^2 - 1); None where there is none."""
    if math.isnan(percent):
        return None
    return distinct_categories(math.sqrt(max(0.0, (100 / percent) ** 2 - 1)), 1.0) if percent > 0 else 10_000
