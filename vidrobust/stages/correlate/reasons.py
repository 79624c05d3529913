"""Why a verdict of the correlation is what it is: codes with their figures; the words are made last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
