"""Proxy, no evidence, or cannot tell: one verdict per perturbation, with its reason and its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pandas as pd

from vidrobust.stages.correlate import needs
from vidrobust.stages.correlate.coefficients import CORRECTED, CURVED, PARTIAL
from vidrobust.stages.correlate.judgement import CANNOT_TELL, NO_EVIDENCE, PROXY, Judgement
from vidrobust.stages.correlate.needs import Needed
from vidrobust.stages.correlate.units import Units
from vidrobust.statistics.levels import FALSE_DISCOVERY, FEWEST_CORRELATED
from vidrobust.text.numbers import interval, number, with_interval

# Why a verdict of the correlation is what it is: codes with their figures; the words are made last.


class Why(StrEnum):
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


_COUNT = "{same} of {others} perturbations of other families do the same"
_NOT_BEYOND = f"it is not surely more than {{what}} (by {{span}}); {_COUNT}"
WORDS: Mapping[Why, str] = {
    Why.NOT_MEASURED: "no unit has both its sensitivity and the instability under the primary metrics",
    Why.FEW_UNITS: "{found} {verb} too few, at least {least} are needed",
    Why.FEW_CLUSTERS: "{found} {verb} too few to be independent observations, at least {least} are needed",
    Why.UNCONTROLLED: "{uncontrolled}",
    Why.TIES: "{what} has the same value{where} on all but {varied} of {n} {across}, and ties would decide",
    Why.NO_INTERVAL: "the coefficient has no interval on these units",
    Why.UNRELIABLE: "{what} hardly agrees with itself between two halves (reliability {reliability:.2f})",
    Why.TOO_WIDE: "a tie of {seen:g} would not surely have been seen (the interval reaches from {span})",
    Why.OTHER_WAY: "it goes the other way",
    Why.HOLDS_ZERO: "the interval given {given} includes zero",
    Why.CURVED: "nothing is left when {given} may act along a curve",
    Why.ONE_CLUSTER: "it depends on one of the {clusters}",
    Why.NOT_CONFIRMED: "permutation{inside} does not confirm it (q = {q:.2f})",
    Why.CONFOUNDER_ERROR: "it may be what {given}, measured with error, fails to take out",
    Why.SURE: "its lower end given {given} is above zero, q = {q:.3f}",
    Why.SHUFFLED: "the same {given} with the {clusters} changed round does as much ({shuffled:.2f})",
    Why.FEW_FAMILIES: "it cannot be distinguished from general fragility: too few families of perturbations were "
    "measured",
    Why.BEYOND_OTHERS: f"it surely goes beyond the perturbations of other families{{beyond}}; {_COUNT}",
    Why.NOT_BEYOND: _NOT_BEYOND,
    Why.FRAGILE: f"{_NOT_BEYOND}: this only says that {{fragile}} fragile",
}
"""The words of each code, with its figures by name."""


@dataclass(frozen=True)
class Reason:
    """A code and its figures."""

    why: Why
    figures: Mapping[str, object] = field(default_factory=dict)

    @property
    def in_words(self) -> str:
        """Half a sentence."""
        return WORDS[self.why].format(**self.figures)


def because(why: Why, **figures: object) -> Reason:
    """A reason with its figures by name."""
    return Reason(why, figures)


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
    """A verdict, the reason for it, and the whole in one sentence.

    same, others  how many perturbations of other families pass the same test without controls, of how many
    needed        what would settle it, where it cannot be determined
    fragile       it goes with the instability, and so do the others: all that shows is general fragility
    """

    verdict: Judgement
    because: Reason
    sentence: str
    same: int = 0
    others: int = 0
    needed: Needed | None = None
    fragile: bool = False

    @property
    def why(self) -> Why:
        """The code of its reason."""
        return self.because.why

    @property
    def needs(self) -> str:
        """The code of what would settle it, or nothing."""
        return self.needed.what if self.needed else ""

    @property
    def needs_count(self) -> float:
        """How many of it are needed."""
        return self.needed.count if self.needed else np.nan

    @property
    def needs_now(self) -> float:
        """How many there are."""
        return self.needed.now if self.needed else np.nan

    @property
    def reason(self) -> str:
        """Its reason in half a sentence."""
        return self.because.in_words


@dataclass(frozen=True)
class _Judged:
    """Half a verdict: what the coefficient alone says, before the negative controls, or what they add."""

    verdict: Judgement
    reason: Reason
    needed: Needed | None = None
    fragile: bool = False


def not_measured() -> Verdict:
    """The verdict on a perturbation without a unit on which both primary metrics are known."""
    reason = because(Why.NOT_MEASURED)
    return Verdict(CANNOT_TELL, reason, f"cannot tell; {reason.in_words}.")


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
            judged.verdict, judged.reason, sentence, same, len(others), judged.needed, judged.fragile
        )
    return verdicts


def _alone(by_method: pd.DataFrame, units: Units) -> _Judged:
    """What the coefficient says by itself."""
    row = by_method.loc[PARTIAL if PARTIAL in by_method.index else "spearman"]
    obstacle = _obstacle(row, units)
    if obstacle:
        return _Judged(CANNOT_TELL, obstacle, None if units.uncontrolled else needs.needed(units))
    judged = _weigh(by_method, units)
    return (_excuse(by_method.loc[PARTIAL], units) or judged) if judged.verdict == NO_EVIDENCE else judged


def _obstacle(row: pd.Series, units: Units) -> Reason | None:
    """Why these units cannot carry a verdict, or None."""
    least = needs.MIN_UNITS[units.across]
    if row["n"] < least:
        verb, found = "is" if row["n"] == 1 else "are", units.in_words(int(row["n"]))
        return because(Why.FEW_UNITS, found=found, verb=verb, least=least)
    if row["clusters"] < FEWEST_CORRELATED:
        verb, found = "is" if row["clusters"] == 1 else "are", units.clusters_in_words(row["clusters"])
        return because(Why.FEW_CLUSTERS, found=found, verb=verb, least=FEWEST_CORRELATED)
    if units.uncontrolled:
        return because(Why.UNCONTROLLED, uncontrolled=units.uncontrolled)
    for side, what in (("x", "the sensitivity"), ("y", "the instability")):
        if row[f"varied_{side}"] < MIN_VARIED:
            where = {"low": " (a floor: no harm)", "high": " (a ceiling)"}.get(row[f"edge_{side}"], "")
            varied, n = row[f"varied_{side}"], row["n"]
            return because(Why.TIES, what=what, where=where, varied=varied, n=n, across=units.across)
    return because(Why.NO_INTERVAL) if np.isnan(row["low"]) else None


def _excuse(partial: pd.Series, units: Units) -> _Judged | None:
    """Why a proxy may have been missed, or None. It cannot have been made up by any of these."""
    for side, what in (("reliability", "the sensitivity"), ("stability_reliability", "the instability")):
        if partial[side] < MIN_RELIABILITY:
            reason = because(Why.UNRELIABLE, what=what, reliability=partial[side])
            return _Judged(CANNOT_TELL, reason, needs.needed(units))
    reliabilities = float(partial["reliability"]), float(partial["stability_reliability"])
    seen = needs.could_have_seen(partial["low"], partial["high"], reliabilities)
    if not seen and partial["high"] >= needs.SEEN:
        span = interval(partial["low"], partial["high"])
        reason = because(Why.TOO_WIDE, seen=needs.SEEN, span=span)
        width = needs.half_width(partial["low"], partial["high"])
        effect = float(np.arctanh(needs.SEEN))
        wanted = needs.clusters_needed(width, effect, int(partial["clusters"]))
        return _Judged(CANNOT_TELL, reason, needs.needed(units, wanted))
    return None


def _weigh(rows: pd.DataFrame, units: Units) -> _Judged:
    partial, curved = rows.loc[PARTIAL], rows.loc[CURVED]
    given = partial["given"]
    corrected = rows.loc[CORRECTED] if CORRECTED in rows.index else None
    if partial["high"] < 0:
        return _Judged(NO_EVIDENCE, because(Why.OTHER_WAY))
    if not partial["low"] > 0:
        return _Judged(NO_EVIDENCE, because(Why.HOLDS_ZERO, given=given))
    if not curved["low"] > 0:
        return _Judged(NO_EVIDENCE, because(Why.CURVED, given=given))
    if not partial["low_without"] > 0:
        return _Judged(NO_EVIDENCE, because(Why.ONE_CLUSTER, clusters=units.clusters_are))
    if not partial["q"] <= FALSE_DISCOVERY:
        inside = " within the clips" if units.series is not None else ""
        reason = because(Why.NOT_CONFIRMED, inside=inside, q=partial["q"])
        if partial["n"] < needs.FEWEST[units.across]:
            return _Judged(CANNOT_TELL, reason, needs.needed(units))
        return _Judged(NO_EVIDENCE, reason)
    if corrected is not None and not corrected["low"] > 0:
        return _Judged(CANNOT_TELL, because(Why.CONFOUNDER_ERROR, given=given))
    return _Judged(PROXY, because(Why.SURE, given=given, q=partial["q"]))


def _controlled(partial: pd.Series, control: pd.Series, same: int, others: int, units: Units) -> _Judged:
    """What is left of a proxy beside its negative controls: shuffled, other families, other data."""
    count = {"same": same, "others": others}
    if not (partial["low"] > control["shuffled"] and control["shuffled_p"] <= FALSE_DISCOVERY):
        given, shuffled = partial["given"], control["shuffled"]
        reason = because(Why.SHUFFLED, given=given, clusters=units.clusters_are, shuffled=shuffled)
        return _Judged(NO_EVIDENCE, reason)
    if np.isnan(control["beyond_others"]) and not control["foreign"]:
        return _Judged(CANNOT_TELL, because(Why.FEW_FAMILIES), needs.MORE_FAMILIES)
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
        return _Judged(PROXY, because(Why.BEYOND_OTHERS, beyond=beyond, **count))
    what, low, high = wanting[0]
    short = {"what": what, "span": interval(low, high), **count}
    if same >= MOST * others or high < needs.BEYOND:
        reason = because(Why.FRAGILE, fragile=_what_is_fragile(units), **short)
        return _Judged(NO_EVIDENCE, reason, fragile=True)
    wanted = needs.clusters_needed((high - low) / 2, needs.BEYOND, int(partial["clusters"]))
    return _Judged(CANNOT_TELL, because(Why.NOT_BEYOND, **short), needs.needed(units, wanted))


def _what_is_fragile(units: Units) -> str:
    return "some models are" if units.across == "models" else f"the model is, on some {units.across},"


def _sentence(name: str, judged: _Judged, rows: pd.DataFrame, units: Units) -> str:
    raw = rows.loc["spearman"]
    size = units.in_words(int(raw["n"]))
    if raw["clusters"] != raw["n"]:
        size += f" in {units.clusters_in_words(raw['clusters'])}"
    figure = f"Spearman {_figure(raw)}"
    if PARTIAL in rows.index:
        partial = rows.loc[PARTIAL]
        figure = f"{_figure(partial)} given {partial['given']}, {number(raw['value'])} without"
    footage = "these clips" if units.clusters_are in WITHIN_CLIPS else "the footage"
    what = {
        PROXY: f"stands for what happens in {footage}",
        NO_EVIDENCE: f"no evidence that it stands for what happens in {footage}",
        CANNOT_TELL: "cannot tell",
    }[judged.verdict]
    more = f" To settle it: {judged.needed.in_words}." if judged.needed else ""
    return f"{name}: {what}; {judged.reason.in_words} ({figure}; {size}).{more}"


def _figure(row: pd.Series) -> str:
    return with_interval(row["value"], row["low"], row["high"])
