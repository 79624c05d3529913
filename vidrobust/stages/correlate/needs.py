"""How much more would be needed for a verdict: clips, frames or models."""

from __future__ import annotations

import numpy as np

from vidrobust.stages.correlate.units import Units
from vidrobust.statistics.resampling import MIN_CLUSTERS, fisher_z

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


def words(units: Units, clusters: float = np.nan) -> str:
    """What would do, in the words of this study: "about 40 models (12 now)".

    clusters  how many are needed, where that is known; else what does for independent units
    """
    now = len(np.unique(units.cluster))
    wanted = max(MIN_CLUSTERS, clusters) if clusters > 0 else np.nan
    if units.clusters_are in ("scenes", "stretches"):
        fewest = max(FEWEST["frames"] / len(units), MIN_CLUSTERS / now)
        times = max(wanted / now if wanted > 0 else fewest, fewest, 1.1)
        return (
            f"about {_number(times * len(units))} frames over {times:.1f} times as much footage ({len(units)} in "
            f"{units.clusters_in_words(now)} now), or {MIN_CLUSTERS} clips or more"
        )
    if units.across == "frames":
        per_clip = len(units) / now
        fewest = max(MIN_CLUSTERS, np.ceil(FEWEST["frames"] / per_clip))
        return (
            f"about {_number(max(wanted, fewest) if wanted > 0 else fewest)} clips of {per_clip:.0f} sampled "
            f"frames ({now} now)"
        )
    each = len(units) / now
    fewest = max(FEWEST[units.across], MIN_UNITS[units.across])
    number = max(wanted * each if wanted > 0 else 0, fewest)
    return f"about {_number(number)} {units.across} ({len(units)} now)"


def _number(count: float) -> str:
    """To two digits; past a thousand nobody will measure so many."""
    if count > 1000:
        return "more than 1000"
    digits = 10 ** max(0, int(np.floor(np.log10(max(count, 1)))) - 1)
    return str(int(np.ceil(count / digits) * digits))
