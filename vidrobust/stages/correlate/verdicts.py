"""Proxy, no evidence, or cannot tell: one verdict per perturbation, with its reason and its sentence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.stages.correlate import needs
from vidrobust.stages.correlate.coefficients import CORRECTED, CURVED, PARTIAL
from vidrobust.stages.correlate.judgement import CANNOT_TELL, NO_EVIDENCE, PROXY, Judgement
from vidrobust.stages.correlate.units import Units
from vidrobust.statistics.resampling import MIN_CLUSTERS
from vidrobust.text.numbers import interval, with_interval

FALSE_DISCOVERY = 0.05
MIN_VARIED = 8
"""Units that differ from the commonest value of a metric; with fewer, ties decide."""
MIN_RELIABILITY = 0.3
"""A measurement that agrees less with itself than this cannot agree with another."""
MOST = 0.5
"""Where this share of the perturbations of other families does the same, it is fragility that shows."""

WITHIN_CLIPS = ("scenes", "stretches")
"""Clusters inside clips: what they show holds for these clips alone."""


@dataclass(frozen=True)
class Verdict:
    """A verdict, the reason for it in half a sentence, and the whole in one.

    same, others  how many perturbations of other families pass the same test without controls, of how many
    needs         what would settle it, where it cannot be determined
    fragile       it goes with the instability, and so do the others: all that shows is general fragility
    """

    verdict: Judgement
    reason: str
    sentence: str
    same: int = 0
    others: int = 0
    needs: str = ""
    fragile: bool = False


@dataclass(frozen=True)
class _Judged:
    """Half a verdict: what the coefficient alone says, before the negative controls, or what they add."""

    verdict: Judgement
    reason: str
    needs: str = ""
    fragile: bool = False


def not_measured() -> Verdict:
    """The verdict on a perturbation without a unit on which both primary metrics are known."""
    reason = "no unit has both its sensitivity and the instability under the primary metrics"
    return Verdict(CANNOT_TELL, reason, f"cannot tell; {reason}.")


def judge(
    primary: pd.DataFrame, units: Units, controls: pd.DataFrame, family: dict[str, str]
) -> dict[str, Verdict]:
    """The verdict on each perturbation, from the primary rows of the correlation table.

    primary   rows with ``primary`` set, all methods
    controls  perturbation -> what its negative controls say, columns as of ``controls.COLUMNS``
    family    perturbation -> family, for counting the others that do the same
    """
    rows = {str(name): of.set_index("method") for name, of in primary.groupby("perturbation", sort=False)}
    alone = {name: _alone(by_method, units) for name, by_method in rows.items()}
    verdicts = {}
    for name, by_method in rows.items():
        others = [other for other in rows if family[other] != family[name]]
        same = sum(alone[other].verdict == PROXY for other in others)
        judged = alone[name]
        if judged.verdict == PROXY:
            judged = _controlled(by_method.loc[PARTIAL], controls.loc[name], same, len(others), units)
        sentence = _sentence(name, judged, by_method, units)
        verdicts[name] = Verdict(
            judged.verdict, judged.reason, sentence, same, len(others), judged.needs, judged.fragile
        )
    return verdicts


def _alone(by_method: pd.DataFrame, units: Units) -> _Judged:
    """What the coefficient says by itself."""
    row = by_method.loc[PARTIAL if PARTIAL in by_method.index else "spearman"]
    obstacle = _obstacle(row, units)
    if obstacle:
        return _Judged(CANNOT_TELL, obstacle, "" if units.uncontrolled else needs.words(units))
    judged = _weigh(by_method, units)
    return (_excuse(by_method.loc[PARTIAL], units) or judged) if judged.verdict == NO_EVIDENCE else judged


def _obstacle(row: pd.Series, units: Units) -> str:
    """Why these units cannot carry a verdict, or ""."""
    least = needs.MIN_UNITS[units.across]
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


def _excuse(partial: pd.Series, units: Units) -> _Judged | None:
    """Why a proxy may have been missed, or None. It cannot have been made up by any of these."""
    for side, what in (("reliability", "the sensitivity"), ("stability_reliability", "the instability")):
        if partial[side] < MIN_RELIABILITY:
            reason = f"{what} hardly agrees with itself between two halves (reliability {partial[side]:.2f})"
            return _Judged(CANNOT_TELL, reason, needs.words(units))
    reliabilities = float(partial["reliability"]), float(partial["stability_reliability"])
    seen = needs.could_have_seen(partial["low"], partial["high"], reliabilities)
    if not seen and partial["high"] >= needs.SEEN:
        reason = (
            f"a tie of {needs.SEEN:g} would not surely have been seen "
            f"(the interval reaches from {interval(partial['low'], partial['high'])})"
        )
        width = needs.half_width(partial["low"], partial["high"])
        effect = float(np.arctanh(needs.SEEN))
        wanted = needs.clusters_needed(width, effect, int(partial["clusters"]))
        return _Judged(CANNOT_TELL, reason, needs.words(units, wanted))
    return None


def _weigh(rows: pd.DataFrame, units: Units) -> _Judged:
    partial, curved = rows.loc[PARTIAL], rows.loc[CURVED]
    corrected = rows.loc[CORRECTED] if CORRECTED in rows.index else None
    if partial["high"] < 0:
        return _Judged(NO_EVIDENCE, "it goes the other way")
    if not partial["low"] > 0:
        return _Judged(NO_EVIDENCE, f"the interval given {partial['given']} includes zero")
    if not curved["low"] > 0:
        return _Judged(NO_EVIDENCE, f"nothing is left when {partial['given']} may act along a curve")
    if not partial["low_without"] > 0:
        return _Judged(NO_EVIDENCE, f"it depends on one of the {units.clusters_are}")
    if not partial["q"] <= FALSE_DISCOVERY:
        inside = " within the clips" if units.series is not None else ""
        reason = f"permutation{inside} does not confirm it (q = {partial['q']:.2f})"
        if partial["n"] < needs.FEWEST[units.across]:
            return _Judged(CANNOT_TELL, reason, needs.words(units))
        return _Judged(NO_EVIDENCE, reason)
    if corrected is not None and not corrected["low"] > 0:
        reason = f"it may be what {partial['given']}, measured with error, fails to take out"
        return _Judged(CANNOT_TELL, reason)
    return _Judged(PROXY, f"its lower end given {partial['given']} is above zero, q = {partial['q']:.3f}")


def _controlled(partial: pd.Series, control: pd.Series, same: int, others: int, units: Units) -> _Judged:
    """What is left of a proxy beside its negative controls: shuffled, other families, other data."""
    count = f"{same} of {others} perturbations of other families do the same"
    if not (partial["low"] > control["shuffled"] and control["shuffled_p"] <= FALSE_DISCOVERY):
        return _Judged(
            NO_EVIDENCE,
            f"the same {partial['given']} with the {units.clusters_are} changed round does as much "
            f"({control['shuffled']:.2f})",
        )
    if np.isnan(control["beyond_others"]) and not control["foreign"]:
        reason = (
            "it cannot be distinguished from general fragility: too few families of perturbations "
            "were measured"
        )
        return _Judged(CANNOT_TELL, reason, "perturbations of three families or more")
    wanting = [
        (what, control[f"{name}_low"], control[f"{name}_high"])
        for name, what in (
            ("beyond_others", "general fragility makes expected"),
            ("beyond_foreign", f"{control['foreign']} shows, which is other data"),
        )
        if not np.isnan(control[name]) and not control[f"{name}_low"] > 0
    ]
    if not wanting:
        beyond = " and on other data" if control["foreign"] else ""
        return _Judged(PROXY, f"it surely goes beyond the perturbations of other families{beyond}; {count}")
    what, low, high = wanting[0]
    surely = f"it is not surely more than {what} (by {interval(low, high)}); {count}"
    if same >= MOST * others or high < needs.BEYOND:
        reason = f"{surely}: this only says that {_what_is_fragile(units)} fragile"
        return _Judged(NO_EVIDENCE, reason, fragile=True)
    wanted = needs.clusters_needed((high - low) / 2, needs.BEYOND, int(partial["clusters"]))
    return _Judged(CANNOT_TELL, surely, needs.words(units, wanted))


def _what_is_fragile(units: Units) -> str:
    return "some models are" if units.across == "models" else f"the model is, on some {units.across},"


def _sentence(name: str, judged: _Judged, rows: pd.DataFrame, units: Units) -> str:
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
    }[judged.verdict]
    more = f" Needed: {judged.needs}." if judged.needs else ""
    return f"{name}: {what}; {judged.reason} ({figure}; {size}).{more}"


def _figure(row: pd.Series) -> str:
    return with_interval(row["value"], row["low"], row["high"])
