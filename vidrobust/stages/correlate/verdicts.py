"""Proxy, no evidence, or cannot tell: one verdict per perturbation, its reason, and what would settle it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import pandas as pd

from vidrobust.stages.correlate.coefficients import CORRECTED, CURVED, PARTIAL
from vidrobust.stages.correlate.units import CorrelationUnits
from vidrobust.statistics.levels import FALSE_DISCOVERY, FEWEST_CORRELATED
from vidrobust.statistics.standard_errors import fisher_z
from vidrobust.text.numbers import interval

# From the simulated worlds of benchmarks/results/correlation.json.
MIN_UNITS = {"frames": 20, "clips": 12, "models": 12}  # units below which there is no verdict
# units that differ from the commonest value of a metric, below which ties would decide
MIN_VARIED = 8
# Spearman 1904: reliabilities of .3 on both sides leave at most .3 of any correlation.
MIN_RELIABILITY = 0.3  # split-half reliability below which a missing correlation is no evidence
# the correlation that a study must have been able to detect before it says "no evidence"
SEEN = 0.35
BEYOND = 0.4  # by how much a good proxy exceeds a negative control
POWER_Z = 1.96 + 0.84  # standard errors of an effect that four of five studies detect at 5 %
# In the simulated worlds these find a correlation of .6 four times in five.
# Independent units that find a good proxy four times in five.
ENOUGH_UNITS = {"frames": 80, "clips": 55, "models": 55}
# Share of other perturbations that behave alike, from which on general fragility is the explanation.
FRAGILE_SHARE = 0.5
LEAST_TIMES = 1.1  # times as much footage that is asked for at least
# clusters inside clips: the result then holds for these clips alone
WITHIN_CLIPS = ("scenes", "stretches")


class ProxyJudgement(StrEnum):
    """What the study says of one perturbation."""

    PROXY = "proxy"
    NO_EVIDENCE = "no evidence"
    CANNOT_TELL = "cannot tell"


PROXY, NO_EVIDENCE, CANNOT_TELL = ProxyJudgement


class ProxyReason(StrEnum):
    """What decided."""

    NOT_MEASURED = "not measured"
    FEW_UNITS = "few units"
    FEW_CLUSTERS = "few clusters"
    UNCONTROLLED = "uncontrolled"
    TIES = "ties"
    NO_INTERVAL = "no interval"
    UNRELIABLE = "unreliable"
    TOO_WIDE = "too wide"
    OTHER_WAY = "other way"
    HOLDS_ZERO = "holds zero"
    CURVED = "curved"
    ONE_CLUSTER = "one cluster"
    NOT_CONFIRMED = "not confirmed"
    CONFOUNDER_ERROR = "confounder error"
    SURE = "sure"
    SHUFFLED = "shuffled"
    FEW_FAMILIES = "few families"
    BEYOND_OTHERS = "beyond others"
    NOT_BEYOND = "not beyond"
    FRAGILE = "fragile"
    ABSENT = "absent"


class Need(StrEnum):
    """What would settle a verdict that cannot be given."""

    MORE_FOOTAGE = "more footage"
    MORE_CLIPS = "more clips"
    MORE_UNITS = "more units"
    MORE_FAMILIES = "more families"


@dataclass(frozen=True)
class Needed:
    """How much would settle a verdict: its kind, how many are needed and how many there are."""

    what: Need
    count: float
    now: float = np.nan


# General fragility takes two families beside that of a perturbation.
MORE_FAMILIES = Needed(Need.MORE_FAMILIES, 3)


@dataclass(frozen=True)
class ProxyVerdict:
    """A verdict on one perturbation; ``same`` of ``others`` of other families pass without controls."""

    verdict: ProxyJudgement
    why: ProxyReason
    reason: str
    same: int = 0
    others: int = 0
    needed: Needed | None = None


def not_measured() -> ProxyVerdict:
    """Return the verdict without a unit on which both primary metrics are known."""
    reason = "no unit has both its sensitivity and the instability under the primary metrics"
    return ProxyVerdict(CANNOT_TELL, ProxyReason.NOT_MEASURED, reason)


def judge(
    primary: pd.DataFrame,
    units: CorrelationUnits,
    controls: pd.DataFrame,
    family: Mapping[str, str],
) -> dict[str, ProxyVerdict]:
    """Judge each perturbation by its primary rows, its negative controls, and the family of each."""
    rows = {
        str(name): of.set_index("method")
        for name, of in primary.groupby("perturbation", sort=False)
    }
    alone = {name: _alone(by_method, units) for name, by_method in rows.items()}
    verdicts = {}
    for name, by_method in rows.items():
        others = [other for other in rows if family[other] != family[name]]
        same = sum(alone[other].verdict == PROXY for other in others)
        verdict = alone[name]
        if verdict.verdict == PROXY:
            verdict = _controlled(
                by_method.loc[PARTIAL], controls.loc[name], same, len(others), units
            )
        if name in units.absent:
            reason = "changes of its kind hardly occur between neighbouring frames"
            verdict = ProxyVerdict(NO_EVIDENCE, ProxyReason.ABSENT, reason)
        verdicts[name] = replace(verdict, same=same, others=len(others))
    return verdicts


def too_few(units: CorrelationUnits, n: int, clusters: int) -> tuple[ProxyReason, str] | None:
    """Return why so many units, or clusters, are too few for a verdict; None where there are enough."""
    for count, found, least, why in (
        (n, units.in_words(n), MIN_UNITS[units.across], ProxyReason.FEW_UNITS),
        (clusters, units.clusters_in_words(clusters), FEWEST_CORRELATED, ProxyReason.FEW_CLUSTERS),
    ):
        if count < least:
            return (
                why,
                f"{found} {'is' if count == 1 else 'are'} too few, at least {least} are needed",
            )
    return None


def _alone(by_method: pd.DataFrame, units: CorrelationUnits) -> ProxyVerdict:
    row = by_method.loc[PARTIAL if PARTIAL in by_method.index else "spearman"]
    obstacle = _obstacle(row, units)
    if obstacle:
        return ProxyVerdict(
            CANNOT_TELL, *obstacle, needed=None if units.uncontrolled else needed(units)
        )
    weighed = _weigh(by_method, units)
    return (
        (_excuse(by_method.loc[PARTIAL], units) or weighed)
        if weighed.verdict == NO_EVIDENCE
        else weighed
    )


def _obstacle(row: pd.Series, units: CorrelationUnits) -> tuple[ProxyReason, str] | None:
    few = too_few(units, int(row["n"]), int(row["clusters"]))
    if few:
        return few
    if units.uncontrolled:
        return ProxyReason.UNCONTROLLED, units.uncontrolled
    for side, what in (("x", "the sensitivity"), ("y", "the instability")):
        if row[f"varied_{side}"] < MIN_VARIED:
            where = {"low": " (a floor: no harm)", "high": " (a ceiling)"}.get(
                row[f"edge_{side}"], ""
            )
            return ProxyReason.TIES, (
                f"{what} has the same value{where} on all but {row[f'varied_{side}']} of {row['n']} "
                f"{units.across}, and ties would decide"
            )
    if np.isnan(row["low"]):
        return ProxyReason.NO_INTERVAL, "the coefficient has no interval on these units"
    return None


def _excuse(partial: pd.Series, units: CorrelationUnits) -> ProxyVerdict | None:
    for side, what in (
        ("reliability", "the sensitivity"),
        ("stability_reliability", "the instability"),
    ):
        if partial[side] < MIN_RELIABILITY:
            reason = f"{what} hardly agrees with itself between two halves (reliability {partial[side]:.2f})"
            return ProxyVerdict(CANNOT_TELL, ProxyReason.UNRELIABLE, reason, needed=needed(units))
    low, high = float(partial["low"]), float(partial["high"])
    reliabilities = float(partial["reliability"]), float(partial["stability_reliability"])
    if high < SEEN or could_have_seen(low, high, reliabilities):
        return None
    reason = (
        f"a correlation of {SEEN:g} would not surely have been seen (the interval reaches from "
        f"{interval(low, high)})"
    )
    wanted = _clusters_needed(
        _half_width(low, high), float(np.arctanh(SEEN)), int(partial["clusters"])
    )
    return ProxyVerdict(CANNOT_TELL, ProxyReason.TOO_WIDE, reason, needed=needed(units, wanted))


def _weigh(rows: pd.DataFrame, units: CorrelationUnits) -> ProxyVerdict:
    partial = rows.loc[PARTIAL]
    given = partial["given"]
    if partial["high"] < 0:
        return ProxyVerdict(NO_EVIDENCE, ProxyReason.OTHER_WAY, "it goes the other way")
    if not partial["low"] > 0:
        return ProxyVerdict(
            NO_EVIDENCE, ProxyReason.HOLDS_ZERO, f"the interval given {given} includes zero"
        )
    if not rows.loc[CURVED]["low"] > 0:
        return ProxyVerdict(
            NO_EVIDENCE, ProxyReason.CURVED, f"nothing is left when {given} may act along a curve"
        )
    if not partial["low_without"] > 0:
        return ProxyVerdict(
            NO_EVIDENCE, ProxyReason.ONE_CLUSTER, f"it depends on one of the {units.clusters_are}"
        )
    if not partial["q"] <= FALSE_DISCOVERY:
        inside = " within the clips" if units.series is not None else ""
        reason = f"permutation{inside} does not confirm it (q = {partial['q']:.2f})"
        if partial["n"] < ENOUGH_UNITS[units.across]:
            return ProxyVerdict(
                CANNOT_TELL, ProxyReason.NOT_CONFIRMED, reason, needed=needed(units)
            )
        return ProxyVerdict(NO_EVIDENCE, ProxyReason.NOT_CONFIRMED, reason)
    if CORRECTED in rows.index and not rows.loc[CORRECTED]["low"] > 0:
        reason = f"it may be what {given}, measured with error, fails to take out"
        return ProxyVerdict(CANNOT_TELL, ProxyReason.CONFOUNDER_ERROR, reason)
    return ProxyVerdict(
        PROXY,
        ProxyReason.SURE,
        f"its lower end given {given} is above zero, q = {partial['q']:.3f}",
    )


def _controlled(
    partial: pd.Series, control: pd.Series, same: int, others: int, units: CorrelationUnits
) -> ProxyVerdict:
    if not (partial["low"] > control["shuffled"] and control["shuffled_p"] <= FALSE_DISCOVERY):
        reason = (
            f"the same {partial['given']} with shuffled {units.clusters_are} does as much "
            f"({control['shuffled']:.2f})"
        )
        return ProxyVerdict(NO_EVIDENCE, ProxyReason.SHUFFLED, reason)
    if np.isnan(control["beyond_others"]) and not control["foreign"]:
        reason = "too few families of perturbations were measured to distinguish it from general fragility"
        return ProxyVerdict(CANNOT_TELL, ProxyReason.FEW_FAMILIES, reason, needed=MORE_FAMILIES)
    alike = f"{same} of {others} perturbations of other families do the same"
    wanting = [
        (what, control[f"{name}_low"], control[f"{name}_high"])
        for name, what in (
            ("beyond_others", "general fragility explains"),
            ("beyond_foreign", f"on {control['foreign']}, which is other data"),
        )
        if not np.isnan(control[name])
        and not control[f"{name}_low"] > 0
        and not (name == "beyond_others" and control["by_dose_low"] > 0)
    ]
    if not wanting:
        other_data = " and on other data" if control["foreign"] else ""
        reason = f"it surely goes beyond the perturbations of other families{other_data}; {alike}"
        if control["by_dose_low"] > 0 and not control["beyond_others_low"] > 0:
            dose = interval(control["by_dose_low"], control["by_dose_high"])
            reason = (
                "what changes more in this way is less stable, whatever else changes "
                f"({dose}){other_data}; {alike}"
            )
        return ProxyVerdict(PROXY, ProxyReason.BEYOND_OTHERS, reason)
    what, low, high = wanting[0]
    reason = f"it is not surely more than {what} (by {interval(low, high)}); {alike}"
    if same >= FRAGILE_SHARE * others or high < BEYOND:
        who = (
            "some models are"
            if units.across == "models"
            else f"the model is, on some {units.across},"
        )
        reason = f"{reason}: this only says that {who} fragile"
        return ProxyVerdict(NO_EVIDENCE, ProxyReason.FRAGILE, reason)
    wanted = _clusters_needed((high - low) / 2, BEYOND, int(partial["clusters"]))
    return ProxyVerdict(CANNOT_TELL, ProxyReason.NOT_BEYOND, reason, needed=needed(units, wanted))


def could_have_seen(low: float, high: float, reliabilities: tuple[float, float]) -> bool:
    """Return whether a study with this interval would detect a correlation of ``SEEN`` four times in five.

    Measurement error leaves it times the root of the product of both reliabilities (Spearman 1904).
    """
    known = [min(max(each, 0.0), 1.0) for each in reliabilities if each == each]
    left = SEEN * float(np.sqrt(np.prod(known)))
    return bool(np.arctanh(left) >= POWER_Z * _half_width(low, high) / 1.96)


def _half_width(low: float, high: float) -> float:
    return float(fisher_z(np.array(high)) - fisher_z(np.array(low))) / 2


def _clusters_needed(half_width: float, effect: float, clusters: int) -> float:
    """Clusters that would detect an effect, as widths shrink with the root of their number; NaN if unknown."""
    if not (half_width > 0 and clusters > 1):
        return np.nan
    return float(np.ceil(clusters * (POWER_Z * half_width / 1.96 / effect) ** 2))


def needed(units: CorrelationUnits, clusters: float = np.nan) -> Needed:
    """Return how much would settle a verdict; ``clusters`` where their number is known."""
    now = len(np.unique(units.cluster))
    wanted = max(FEWEST_CORRELATED, clusters) if clusters > 0 else np.nan
    if units.clusters_are in WITHIN_CLIPS:
        fewest = max(ENOUGH_UNITS["frames"] / len(units), FEWEST_CORRELATED / now)
        times = max(wanted / now if wanted > 0 else fewest, fewest, LEAST_TIMES)
        count = times * len(units)
        return Needed(Need.MORE_FOOTAGE, count, len(units))
    if units.across == "frames":
        per_clip = len(units) / now
        fewest = max(FEWEST_CORRELATED, np.ceil(ENOUGH_UNITS["frames"] / per_clip))
        count = float(max(wanted, fewest) if wanted > 0 else fewest)
        return Needed(Need.MORE_CLIPS, count, now)
    fewest = max(ENOUGH_UNITS[units.across], MIN_UNITS[units.across])
    count = float(max(wanted * len(units) / now if wanted > 0 else 0, fewest))
    return Needed(Need.MORE_UNITS, count, len(units))
