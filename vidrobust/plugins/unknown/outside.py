"""How much of the footage lies outside what is known, beyond what known footage itself would be called so."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vidrobust.plugins.unknown.held_out import FEWEST_CLUSTERS, Calibration
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import Interval, clustered_rate
from vidrobust.statistics.levels import FEWEST_CLUSTERS as FEWEST_CLIPS
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.phrases import plural

# Verdicts: surely more lies outside than of known footage; at most a tenth more; neither is sure.
MORE, NO_MORE, CANNOT_TELL = "outside", "known", "cannot tell"
# Stretches of a clip are alike as further clips are not.
ONE_CLIP = (
    f"known footage of fewer than {FEWEST_CLIPS} clips does not show how a further clip of it would differ; give "
    "more clips, or a manifest that names passes or stretches as clips"
)
# A share this much above that of known footage is worth a word.
WORTH_SAYING = 0.1


@dataclass(frozen=True)
class OutsideShare:
    """Frames (N,) bool beyond the threshold, their share, and by how much it exceeds the false alarms."""

    above: np.ndarray
    share: Interval
    excess: Interval
    verdict: str
    why: str = ""


def outside(scores: np.ndarray, known: Calibration, clusters: Clusters) -> OutsideShare:
    """scores (N,) of the footage's frames, by the fit on all known frames; clusters of these frames."""
    above = scores > known.threshold
    share = clustered_rate(above, clusters)
    excess = difference(share, known.false_alarms)
    why = _too_little(known, share)
    if why:
        return OutsideShare(above, share, excess, CANNOT_TELL, why)
    if excess.low > 0 and known.false_alarms.cluster == "stretch":
        return OutsideShare(above, share, excess, CANNOT_TELL, ONE_CLIP)
    if excess.low > 0:
        return OutsideShare(above, share, excess, MORE)
    if excess.high <= WORTH_SAYING:
        return OutsideShare(above, share, excess, NO_MORE)
    return OutsideShare(
        above, share, excess, CANNOT_TELL, "more clips would settle it, of the footage or of known footage"
    )


def difference(a: Interval, b: Interval) -> Interval:
    """a - b of two independent rates, its interval from theirs.

    Newcombe, Statistics in Medicine 17, 1998, p. 873-890, method 10; Zou & Donner 2008 for any two intervals.
    """
    value = a.value - b.value
    low = value - math.hypot(a.value - a.low, b.high - b.value)
    high = value + math.hypot(a.high - a.value, b.value - b.low)
    return Interval(value, max(-1.0, low), min(1.0, high), a.n, a.clusters, a.cluster)


def _too_little(known: Calibration, share: Interval) -> str:
    """Why nothing can be said, or nothing."""
    alarms = known.false_alarms
    if alarms.clusters < FEWEST_CLUSTERS:
        what = plural(alarms.clusters, alarms.cluster if alarms.cluster != "item" else "clip")
        return f"known footage of {what} is too little, at least {FEWEST_CLUSTERS} are needed"
    if not math.isfinite(known.threshold):
        return f"{plural(alarms.n, 'known frame')} are too few for so low a rate of false alarms"
    if share.n < FEWEST_ROWS:
        return f"{plural(share.n, 'frame')} of footage are too few"
    return ""
