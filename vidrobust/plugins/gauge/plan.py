"""Sample sizes for a wanted interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from scipy import optimize, stats

from vidrobust.errors import SettingsError
from vidrobust.plugins.gauge.variables.anova import Component, MeanSquare, percent_of_total
from vidrobust.statistics.intervals import clopper_pearson
from vidrobust.statistics.levels import FEWEST_CLUSTERS, LEVEL
from vidrobust.statistics.standard_errors import t_half_width
from vidrobust.text.numbers import duration, percent
from vidrobust.text.phrases import plural

MOST_PARTS = 2000
MOST_OPERATORS = 10
Verdict = Literal["acceptable", "marginal", "unacceptable", "not shown", "not computed"]


@dataclass(frozen=True)
class KappaPlan:
    """Parts for an interval of Fleiss' kappa of +- half_width."""

    kappa: float
    half_width: float
    ratings: int
    defect_share: float
    borderline: float
    error: float
    parts: int


def parts_for_kappa(
    kappa: float,
    half_width: float,
    *,
    ratings: int,
    defect_share: float = 0.5,
    borderline: float = 0.0,
) -> KappaPlan:
    """Return how many parts give ``kappa`` an interval of +- ``half_width``."""
    _share("half width", half_width)
    _share("share of defects", defect_share)
    if not 0 <= borderline < 1 or ratings < 2 or not 0 < kappa < 1:
        raise SettingsError(
            f"plan kappa: expected 0 < kappa < 1, at least 2 ratings and borderline from 0 to below 1, got kappa "
            f"{kappa}, {ratings} ratings, borderline {borderline}"
        )
    best = _kappa_of(0.0, ratings, defect_share, borderline)[0]
    if best < kappa:
        raise SettingsError(
            f"plan kappa: with {percent(borderline)} borderline parts kappa is at most {best:.3f}"
        )
    error = float(
        optimize.brentq(
            lambda e: _kappa_of(e, ratings, defect_share, borderline)[0] - kappa, 0.0, 0.5
        )
    )
    variance = _kappa_of(error, ratings, defect_share, borderline)[1]
    for parts in range(5, MOST_PARTS + 1):
        if _half_width(kappa, math.sqrt(variance / parts), parts) <= half_width:
            return KappaPlan(kappa, half_width, ratings, defect_share, borderline, error, parts)
    raise SettingsError(
        f"plan: more than {MOST_PARTS} parts would be needed; ask for a wider interval"
    )


def _half_width(kappa: float, error: float, parts: int) -> float:
    half = float(stats.t.ppf((1 + LEVEL) / 2, parts - 1)) * error / (1 - kappa)
    return (1 - kappa) * math.sinh(min(half, 50.0))


def _kappa_of(error: float, m: int, defect_share: float, borderline: float) -> tuple[float, float]:
    """(kappa, variance of a part's influence) of a world of good, bad and borderline parts."""
    votes = np.arange(m + 1)
    chances = (1 - borderline) * (
        defect_share * stats.binom.pmf(votes, m, 1 - error)
        + (1 - defect_share) * stats.binom.pmf(votes, m, error)
    ) + borderline * stats.binom.pmf(votes, m, 0.5)
    disagree = 2 * votes * (m - votes) / (m * (m - 1))
    share = votes / m
    seen, p = float(chances @ disagree), float(chances @ share)
    by_chance = 2 * p * (1 - p)
    influence = -(disagree - seen) / by_chance + seen / by_chance**2 * 2 * (1 - 2 * p) * (share - p)
    return 1 - seen / by_chance, float(chances @ influence**2)


@dataclass(frozen=True)
class GaugePlan:
    """A crossed design whose interval of %GRR is, in the middle of all studies, low to high."""

    operators: int
    parts: int
    trials: int
    low: float
    high: float

    @property
    def measurements(self) -> int:
        """How often something is measured in all."""
        return self.operators * self.parts * self.trials


def designs_for_grr(
    percent_grr: float, half_width: float, *, reproducibility_share: float = 0.3, trials: int = 3
) -> list[GaugePlan]:
    """Fewest parts per number of operators (2 to 10) whose %GRR interval is no wider than 2 x half_width."""
    if (
        not 0 < percent_grr < 100
        or half_width <= 0
        or trials < 2
        or not 0 <= reproducibility_share < 1
    ):
        raise SettingsError(
            "plan gauge: expected 0 < %GRR < 100, a half width above 0, at least 2 trials and a share from 0 to "
            f"below 1, got {percent_grr}, {half_width}, {trials}, {reproducibility_share}"
        )
    designs = []
    for operators in range(2, 11):
        for parts in (5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200):
            low, high = _expected_interval(
                percent_grr, reproducibility_share, operators, parts, trials
            )
            if high - low <= 2 * half_width:
                designs.append(GaugePlan(operators, parts, trials, low, high))
                break
    return designs


@lru_cache(4096)
def _expected_interval(
    percent: float, share: float, o: int, p: int, r: int, *, of_total: bool = True
) -> tuple[float, float]:
    """The interval of %GRR, or of the gauge's sd over its value, where every mean square is as expected."""
    gauge = (percent / 100) ** 2
    between, error, part = share * gauge, (1 - share) * gauge, 1 - gauge
    e = MeanSquare("repeatability", error, p * o * r - p - o + 1)
    a = MeanSquare("operator", error + p * r * between, o - 1)
    s = MeanSquare("part", error + o * r * part, p - 1)
    grr = Component(((1 / (p * r), a), (1 - 1 / (p * r), e)))
    if not of_total:
        low, high = (math.sqrt(end / gauge) for end in grr.interval())
        return low, high
    return percent_of_total(grr, Component(((1 / (o * r), s), (-1 / (o * r), e))))[1:]


def _share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise SettingsError(f"plan: expected a {name} between 0 and 1, got {value}")


# What would settle a verdict that is not shown, if further parts are like those of the study.


def more_needed(
    study: Mapping[str, Any],
    verdicts: Sequence[Mapping[str, Any]],
    short: Sequence[Mapping[str, Any]],
) -> list[str]:
    """The study size that would settle its verdicts, if further parts are alike."""
    least = {lack["what"]: lack["least"] for lack in short}
    wanted = [need for verdict in verdicts if (need := _needed(study, verdict)) is not None]
    texts = [f"for {entry['for']}: {entry['text']}" for entry in wanted]
    if least:
        text = f"for the minimum sample: {', '.join(f'{value} {what}' for what, value in least.items())}"
        texts = [f"{texts[0]}; {text}", *texts[1:]] if texts else [text]
    return list(dict.fromkeys(texts))


NEVER = "no larger study of this kind would settle it, the value is too near to a limit"


def _needed(study: Mapping[str, Any], verdict: Mapping[str, Any]) -> dict[str, str] | None:
    value, ends = verdict["value"], (verdict["low"], verdict["high"])
    if (
        value is None
        or any(end is None or math.isnan(end) for end in ends)
        or not _split(verdict, *ends)
    ):
        return None
    if study["study"] == "bias":
        return None
    gauge = study if study["study"] == "gauge" else study.get("gauge")
    what = verdict["quantity"]
    if what in ("percent_grr", "percent_tolerance", "percent_process", "ndc") and gauge:
        return {"for": what, "text": _more_of_gauge(gauge, verdict)}
    now = (study.get("attribute") or study)["parts"]
    if what == "effectiveness":
        count = next(
            (
                n
                for n in range(now + 1, MOST_PARTS + 1)
                if not _split(verdict, *clopper_pearson(round(value * n), n))
            ),
            None,
        )
    else:
        count = _scaled(verdict, now)
    of = f"{what} of {verdict['of']}" if verdict["of"] else what
    more = "" if count is None else plural(count - now, "further part")
    return {
        "for": of,
        "text": NEVER if count is None else f"about {more} ({count} in all) if they are like these",
    }


def _split(verdict: Mapping[str, Any], low: float, high: float) -> bool:
    return grade(verdict, low) != grade(verdict, high)


def grade(rule: Mapping[str, Any], value: float) -> Verdict:
    """Return the verdict that a value alone would have under a rule with better, accept and marginal."""
    sign = 1 if rule["better"] == "lower" else -1
    if sign * value <= sign * rule["accept"]:
        return "acceptable"
    return "marginal" if sign * value <= sign * rule["marginal"] else "unacceptable"


def _scaled(verdict: Mapping[str, Any], now: int) -> int | None:
    value, low, high = verdict["value"], verdict["low"], verdict["high"]
    factor = 1.0
    for limit in (verdict["accept"], verdict["marginal"]):
        if not low <= limit <= high:
            continue
        if limit == value:
            return None
        end = low if limit < value else high
        gap, room = abs(value - end), abs(value - limit)
        if verdict["quantity"] == "kappa" and value < 1:
            gap, room = (abs(math.log((1 - value) / max(1e-9, 1 - x))) for x in (end, limit))
        at_end = value in (0.0, 1.0) and verdict["quantity"] in (
            "kappa",
            "miss_rate",
            "false_alarm_rate",
        )
        factor = max(factor, gap / room if at_end else (gap / room) ** 2)
    count = math.ceil(now * factor)
    return count if count <= MOST_PARTS else None


def _more_of_gauge(gauge: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """The fewest further parts, or operators and parts, whose expected interval lies between two limits."""
    what, value = verdict["quantity"], verdict["value"]
    between = gauge["reproducibility_sd"] or 0.0
    share = min(0.99, (between / gauge["grr_sd"]) ** 2 if gauge["grr_sd"] else 0.0)
    trials = max(2, round(gauge["trials"]))
    first, of_total = max(2, gauge["operators"]), what in ("percent_grr", "ndc")
    for operators in range(first, MOST_OPERATORS + 1):
        for parts in (*range(max(2, gauge["parts"]), 31), 40, 50, 75, 100, 150, 200):
            if parts < gauge["parts"]:
                continue
            low, high = _expected_interval(
                gauge["percent_grr"], share, operators, parts, trials, of_total=of_total
            )
            if what == "ndc":
                low, high = (math.sqrt(2 * max(0.0, (100 / end) ** 2 - 1)) for end in (high, low))
                low, high = float(int(low)), float(int(high))
            elif what != "percent_grr":
                low, high = value * low, value * high
            if not _split(verdict, low, high):
                more = (
                    [plural(parts - gauge["parts"], "further part")]
                    if parts > gauge["parts"]
                    else []
                )
                if operators > gauge["operators"]:
                    more.append(plural(operators - gauge["operators"], "further operator"))
                text = " and ".join(more) or "the same study again"
                return f"about {text} ({operators} operators x {parts} parts x {trials} trials)"
    return f"{NEVER} (not even {MOST_OPERATORS} operators x 200 parts)"


@dataclass(frozen=True)
class FootageNeeded:
    """Clusters and seconds needed to see a rate with a wanted half width, and what was assumed."""

    rate: float
    half_width: float
    correlation: float
    clusters: int
    seconds: float

    def sentence(self) -> str:
        asked = f"To see {percent(self.rate)} ± {percent(self.half_width)} you need about "
        footage = f"{duration(self.seconds)} of such footage"
        return f"{asked}{footage}, {self.clusters} clips like these."


def clusters_for_rate(
    rate: float, half_width: float, *, correlation: float, per_cluster: float
) -> int:
    """Return how many clusters (at least five) give an interval of ``rate`` of the wanted half width.

    Beta-binomial clusters of equal size (Donner & Klar 2000, section 5.2).
    """
    if not 0 < half_width < 1 or not 0 < rate < 1:
        raise ValueError(
            f"clusters_for_rate: expected a rate and a half width between 0 and 1, got {rate}, {half_width}"
        )
    variance = rate * (1 - rate) * (correlation + (1 - correlation) / per_cluster)
    count = FEWEST_CLUSTERS
    for _ in range(50):
        t = float(t_half_width(1.0, count - 1))
        wanted = max(FEWEST_CLUSTERS, math.ceil(variance * (t / half_width) ** 2))
        if wanted == count:
            break
        count = wanted if wanted < count else math.ceil((count + wanted) / 2)
    return count
