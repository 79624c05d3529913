"""How much more would be needed for a verdict: codes with their figures; the words are made last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from vidrobust.stages.correlate.units import Units
from vidrobust.statistics.levels import FEWEST_CORRELATED
from vidrobust.statistics.standard_errors import fisher_z

MIN_UNITS = {"frames": 20, "clips": 12, "tracks": 12, "models": 12}
"""Fewer units than this give no verdict. The numbers are those of the simulated worlds in the docs."""
RELEVANT = 0.6
"""A coefficient that a good proxy would reach: an interval that holds both it and zero says nothing."""
SEEN = 0.35
"""The tie that must have been seen, had it been there, before "no evidence" is said of it."""
BEYOND = 0.4
"""By so much a good proxy would beat a negative control."""
POWER_Z = 1.96 + 0.84
"""An effect of so many standard errors is seen in four of five studies."""
FEWEST = {"frames": 80, "clips": 55, "models": 55}
"""So many independent units find a tie of ``RELEVANT`` in four of five simulated worlds."""


def clusters_needed(half_width: float, effect: float, clusters: int) -> float:
    """How many clusters bring an interval of this half width, from so many, to show an effect; NaN if unknown.

    Widths shrink with the root of the number of clusters.
    """
    if not (half_width > 0 and clusters > 1):
        return np.nan
    return float(np.ceil(clusters * (POWER_Z * half_width / 1.96 / effect) ** 2))


def could_have_seen(low: float, high: float, reliabilities: tuple[float, float]) -> bool:
    """Whether a study with this interval would show a true tie of ``SEEN`` in four of five cases.

    The two sides are measured with error, which leaves tie x root of the product of their reliabilities (Spearman
    1904); on the scale of Fisher's z it must be 2.8 standard errors, as the half width gives them.
    """
    known = [min(max(each, 0.0), 1.0) for each in reliabilities if each == each]
    left = SEEN * float(np.sqrt(np.prod(known)))
    return bool(np.arctanh(left) >= POWER_Z * half_width(low, high) / 1.96)


def half_width(low: float, high: float) -> float:
    """Of an interval of a coefficient, on the scale of Fisher's z."""
    return float(fisher_z(np.array(high)) - fisher_z(np.array(low))) / 2


class Need(StrEnum):
    """What would settle a verdict that cannot be given."""

    MORE_FOOTAGE = "more footage"
    MORE_CLIPS = "more clips"
    MORE_UNITS = "more units"
    MORE_FAMILIES = "more families"


WORDS: Mapping[Need, str] = {
    Need.MORE_FOOTAGE: "{about} frames over {times:.2g} times as much footage ({now} in {clusters} now), or "
    "{clips} clips or more",
    Need.MORE_CLIPS: "{about} clips of {each:.0f} sampled frames ({now} now)",
    Need.MORE_UNITS: "{about} {across} ({now} now)",
    Need.MORE_FAMILIES: "perturbations of {count:.0f} families or more",
}
"""The words of each code, with its figures by name."""


@dataclass(frozen=True)
class Needed:
    """A code and its figures.

    count    how many are needed: frames, clips, units or families
    now      how many there are; NaN where that is not asked
    figures  further ones of the words
    """

    what: Need
    count: float
    now: float = np.nan
    figures: Mapping[str, object] = field(default_factory=dict)

    @property
    def in_words(self) -> str:
        """Half a sentence: "about 40 models (12 now)"."""
        now = "" if np.isnan(self.now) else f"{self.now:.0f}"
        return WORDS[self.what].format(about=_about(self.count), count=self.count, now=now, **self.figures)


MORE_FAMILIES = Needed(Need.MORE_FAMILIES, 3)
"""Fragility in general takes two families beside that of a perturbation."""


def needed(units: Units, clusters: float = np.nan) -> Needed:
    """What would do for these units.

    clusters  how many are needed, where that is known; else what does for independent units
    """
    now = len(np.unique(units.cluster))
    wanted = max(FEWEST_CORRELATED, clusters) if clusters > 0 else np.nan
    if units.clusters_are in ("scenes", "stretches"):
        fewest = max(FEWEST["frames"] / len(units), FEWEST_CORRELATED / now)
        times = max(wanted / now if wanted > 0 else fewest, fewest, 1.1)
        figures = {"times": times, "clusters": units.clusters_in_words(now), "clips": FEWEST_CORRELATED}
        return Needed(Need.MORE_FOOTAGE, times * len(units), len(units), figures)
    if units.across == "frames":
        per_clip = len(units) / now
        fewest = max(FEWEST_CORRELATED, np.ceil(FEWEST["frames"] / per_clip))
        count = max(wanted, fewest) if wanted > 0 else fewest
        return Needed(Need.MORE_CLIPS, float(count), now, {"each": per_clip})
    fewest = max(FEWEST[units.across], MIN_UNITS[units.across])
    count = max(wanted * len(units) / now if wanted > 0 else 0, fewest)
    return Needed(Need.MORE_UNITS, float(count), len(units), {"across": units.across})


def _about(count: float) -> str:
    """To two digits; past a thousand nobody will measure so many."""
    if count > 1000:
        return "more than 1000"
    digits = 10 ** max(0, int(np.floor(np.log10(max(count, 1)))) - 1)
    return f"about {int(np.ceil(count / digits) * digits)}"
