"""Proxy, no evidence, or cannot tell: one verdict per perturbation, with its reason and its sentence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.correlation.coefficients import CORRECTED, CURVED, PARTIAL
from vidrobust.correlation.unit_rows import Units
from vidrobust.statistics.resampling import MIN_CLUSTERS

FALSE_DISCOVERY = 0.05
MIN_UNITS = {"frames": 20, "clips": 12, "tracks": 12, "models": 12}
"""Fewer units than this give no verdict. The numbers are those of the simulated worlds in the docs."""
MIN_VARIED = 8
"""Units that differ from the commonest value of a metric; with fewer, ties decide."""
MIN_RELIABILITY = 0.3
"""A measurement that agrees less with itself than this cannot agree with another."""

RELEVANT = 0.6
"""A coefficient that a good proxy would reach: an interval that holds both it and zero says nothing."""

WITHIN_CLIPS = ("scenes", "blocks of time")
"""Clusters inside clips: what they show holds for these clips alone."""

PROXY, NO_EVIDENCE, CANNOT_TELL = "proxy", "no evidence", "cannot tell"


@dataclass(frozen=True)
class Verdict:
    """A verdict, the reason for it in half a sentence, and the whole in one."""

    verdict: str
    reason: str
    sentence: str


def not_measured() -> Verdict:
    """The verdict on a perturbation without a unit on which both primary metrics are known."""
    reason = "no unit has both its sensitivity and the instability under the primary metrics"
    return Verdict(CANNOT_TELL, reason, f"cannot tell; {reason}.")


def judge(primary: pd.DataFrame, units: Units) -> dict[str, Verdict]:
    """The verdict on each perturbation, from the primary rows of the correlation table.

    primary  rows with ``primary`` set, all methods
    """
    verdicts = {}
    for perturbation, rows in primary.groupby("perturbation", sort=False):
        by_method = rows.set_index("method")
        obstacle = _obstacle(by_method.loc[PARTIAL if PARTIAL in by_method.index else "spearman"], units)
        verdict, reason = (CANNOT_TELL, obstacle) if obstacle else _weigh(by_method, units)
        excuse = _excuse(by_method.loc[PARTIAL]) if verdict == NO_EVIDENCE else ""
        if excuse:
            verdict, reason = CANNOT_TELL, excuse
        verdicts[str(perturbation)] = Verdict(
            verdict, reason, _sentence(str(perturbation), verdict, reason, by_method, units)
        )
    return verdicts


def _obstacle(row: pd.Series, units: Units) -> str:
    """Why these units cannot carry a verdict, or ""."""
    least = MIN_UNITS[units.across]
    if row["n"] < least:
        return f"{row['n']} {units.across} are too few, {least} are needed"
    if row["clusters"] < MIN_CLUSTERS:
        return (
            f"{row['clusters']} {units.clusters_are} are too few to be independent observations, "
            f"{MIN_CLUSTERS} are needed"
        )
    if units.uncontrolled:
        return units.uncontrolled
    for side, what in (("x", "the sensitivity"), ("y", "the instability")):
        if row[f"varied_{side}"] < MIN_VARIED:
            where = {"low": " (a floor: no harm)", "high": " (a ceiling)"}.get(row[f"edge_{side}"], "")
            return (
                f"{what} has the same value{where} on all but {row[f'varied_{side}']} of {row['n']} "
                f"{units.across}, and ties would decide"
            )
    if np.isnan(row["low"]):
        return "the coefficient has no interval on these units"
    return ""


def _excuse(partial: pd.Series) -> str:
    """Why a proxy may have been missed, or "". It cannot have been made up by any of these."""
    for side, what in (("reliability", "the sensitivity"), ("stability_reliability", "the instability")):
        if partial[side] < MIN_RELIABILITY:
            return f"{what} hardly agrees with itself between two halves (reliability {partial[side]:.2f})"
    if partial["low"] <= 0 and partial["high"] >= RELEVANT:
        return (
            f"the interval reaches from {partial['low']:.2f} to {partial['high']:.2f} and excludes too little"
        )
    return ""


def _weigh(rows: pd.DataFrame, units: Units) -> tuple[str, str]:
    partial, curved = rows.loc[PARTIAL], rows.loc[CURVED]
    corrected = rows.loc[CORRECTED] if CORRECTED in rows.index else None
    if partial["high"] < 0:
        return NO_EVIDENCE, "it goes the other way"
    if not partial["low"] > 0:
        return NO_EVIDENCE, f"the interval given {partial['given']} includes zero"
    if not curved["low"] > 0:
        return NO_EVIDENCE, f"nothing is left when {partial['given']} may act along a curve"
    if not partial["low_without"] > 0:
        return NO_EVIDENCE, f"it hangs on one of the {units.clusters_are}"
    if not partial["q"] <= FALSE_DISCOVERY:
        inside = " within the clips" if units.series is not None else ""
        return NO_EVIDENCE, f"permutation{inside} does not confirm it (q = {partial['q']:.2f})"
    if corrected is not None and not corrected["low"] > 0:
        return CANNOT_TELL, f"it may be what {partial['given']}, measured with error, fails to take out"
    return PROXY, f"its lower end given {partial['given']} is above zero, q = {partial['q']:.3f}"


def _sentence(name: str, verdict: str, reason: str, rows: pd.DataFrame, units: Units) -> str:
    raw = rows.loc["spearman"]
    size = f"{raw['n']} {units.across}"
    if raw["clusters"] != raw["n"]:
        size += f" in {raw['clusters']} {units.clusters_are}"
    figure = f"Spearman {_figure(raw)}"
    if PARTIAL in rows.index:
        partial = rows.loc[PARTIAL]
        figure = f"{_figure(partial)} given {partial['given']}, {raw['value']:.2f} without"
    footage = "these clips" if units.clusters_are in WITHIN_CLIPS else "the footage"
    what = {
        PROXY: f"stands for what happens in {footage}",
        NO_EVIDENCE: f"no evidence that it stands for what happens in {footage}",
        CANNOT_TELL: "cannot tell",
    }[verdict]
    return f"{name}: {what}; {reason} ({figure}; {size})."


def _figure(row: pd.Series) -> str:
    if np.isnan(row["low"]):
        return f"{row['value']:.2f}, no interval"
    return f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
