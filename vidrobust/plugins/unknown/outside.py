"""The threshold from held-out scores, the share of the footage beyond it, and its link to instability."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vidrobust.plugins.unknown.auroc import clustered_auroc
from vidrobust.statistics.clusters import SHORTEST_S, Clusters
from vidrobust.statistics.intervals import Interval, clustered_rate
from vidrobust.statistics.levels import FEWEST_CLUSTERS as FEWEST_CLIPS
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import known
from vidrobust.text.phrases import plural

FOLDS = 5
FEWEST_CLUSTERS = 4  # Clips or stretches of known footage below which nothing is said


@dataclass(frozen=True)
class Calibration:
    """Held-out scores (N,), the threshold (infinite where frames are too few) and its false alarms.

    ``effective`` independent frames would give the rate as exactly.
    """

    held_out: np.ndarray
    threshold: float
    false_alarms: Interval
    effective: float


def folds_of(clusters: Clusters) -> np.ndarray:
    """Return (N,) int64 the fold of each row."""
    folds = min(FOLDS, max(clusters.count, 1))
    in_time = clusters.label * folds // max(clusters.count, 1)
    return np.asarray(in_time if clusters.what == "stretch" else clusters.label % folds, np.int64)


def held_out_scores(
    scored: Callable[[np.ndarray, np.ndarray], np.ndarray],
    clusters: Clusters,
    item: np.ndarray,
    time_s: np.ndarray,
) -> np.ndarray:
    """Return (N,) scores of known frames, each by a fit on the other folds; NaN with one fold."""
    fold = folds_of(clusters)
    found = np.full(len(fold), np.nan)
    for each in range(int(fold.max(initial=-1)) + 1) if fold.max(initial=0) else ():
        rows = np.flatnonzero(fold == each)
        fit = np.flatnonzero((fold != each) & ~_near(item, time_s, rows))
        found[rows] = scored(fit if len(fit) else np.flatnonzero(fold != each), rows)
    return found


def calibrated(held_out: np.ndarray, clusters: Clusters, rate: float) -> Calibration:
    """The threshold for this rate of false alarms, and the rate that it keeps, cluster by cluster."""
    above = np.zeros(len(held_out), bool)
    for each in range(clusters.count):
        rows = clusters.label == each
        above[rows] = held_out[rows] > threshold(held_out[~rows], rate)
    found = clustered_rate(above, clusters)
    return Calibration(held_out, threshold(held_out, rate), found, effective(above, clusters))


def threshold(scores: np.ndarray, rate: float) -> float:
    """Return the smallest value that a further score exceeds no more often than ``rate`` (split conformal;
    Vovk 2005).
    """
    place = math.ceil((len(scores) + 1) * (1 - rate) - 1e-9)
    if place > len(scores) or not np.isfinite(scores).all():
        return math.inf
    return float(np.sort(scores)[place - 1])


def effective(above: np.ndarray, clusters: Clusters) -> float:
    """Independent trials that give this rate's variance, between numbers of clusters and frames."""
    n, p = len(above), float(above.mean())
    sums = np.bincount(clusters.label, weights=above - p, minlength=clusters.count)
    variance = (
        clusters.count / max(clusters.count - 1, 1) * float(np.square(sums).sum()) / max(n, 1) ** 2
    )
    if variance <= 0:
        return float(clusters.count)
    return float(np.clip(p * (1 - p) / variance, clusters.count, n))


def _near(item: np.ndarray, time_s: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(N,) bool: within a second of one of these rows, in the same clip."""
    near = np.zeros(len(item), bool)
    for each in np.unique(item[rows]):
        own = np.flatnonzero(item == each)
        times = np.sort(time_s[rows][item[rows] == each])
        after = np.searchsorted(times, time_s[own])
        left = np.abs(time_s[own] - times[np.maximum(after - 1, 0)])
        right = np.abs(time_s[own] - times[np.minimum(after, len(times) - 1)])
        near[own] = np.minimum(left, right) < SHORTEST_S
    return near


# Verdicts: surely more lies outside than of known footage; at most a tenth more; neither is sure.
MORE, NO_MORE, CANNOT_TELL = "outside", "known", "cannot tell"
# Stretches of a clip are alike as further clips are not.
ONE_CLIP = (
    f"known footage of fewer than {FEWEST_CLIPS} clips does not show how a further clip of it would differ; give "
    "more clips, or a manifest that names passes or stretches as clips"
)
WORTH_SAYING = 0.1  # A share this much above that of known footage is worth a word


@dataclass(frozen=True)
class OutsideShare:
    """Frames (N,) bool beyond the threshold, their share, and by how much it exceeds the false alarms."""

    above: np.ndarray
    share: Interval
    excess: Interval
    verdict: str
    why: str = ""


def outside(scores: np.ndarray, known: Calibration, clusters: Clusters) -> OutsideShare:
    """Compare scores (N,) of the footage, by the fit on all known frames, with the threshold."""
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
        above,
        share,
        excess,
        CANNOT_TELL,
        "more clips would settle it, of the footage or of known footage",
    )


def difference(a: Interval, b: Interval) -> Interval:
    """a - b of two independent rates, its interval from theirs.

    Newcombe, Statistics in Medicine 17, 1998, p. 873-890, method 10; Zou & Donner 2008.
    """
    value = a.value - b.value
    low = value - math.hypot(a.value - a.low, b.high - b.value)
    high = value + math.hypot(a.high - a.value, b.value - b.low)
    return Interval(value, max(-1.0, low), min(1.0, high), a.n, a.clusters, a.cluster)


def _too_little(known: Calibration, share: Interval) -> str:
    alarms = known.false_alarms
    if alarms.clusters < FEWEST_CLUSTERS:
        what = plural(alarms.clusters, alarms.cluster if alarms.cluster != "item" else "clip")
        return f"known footage of {what} is too little, at least {FEWEST_CLUSTERS} are needed"
    if not math.isfinite(known.threshold):
        return f"{plural(alarms.n, 'known frame')} are too few for so low a rate of false alarms"
    if share.n < FEWEST_ROWS:
        return f"{plural(share.n, 'frame')} of footage are too few"
    return ""


MARGIN = "margin"
HALF = 0.5
# An AUROC no further than this above one half is no link worth a word.
SMALL = 0.1
LINK, NO_LINK, REVERSED, CANNOT_TELL = "link", "no link", "reversed", "cannot tell"


@dataclass(frozen=True)
class Link:
    """AUROC of an event by a score, alone or given the margin, with its verdict."""

    event: str
    given: str
    auroc: Interval
    events: int
    verdict: str
    why: str = ""


def links(
    scores: np.ndarray, margin: np.ndarray, events: dict[str, np.ndarray], clusters: Clusters
) -> list[Link]:
    """Of each event, alone and given the margin."""
    found = []
    for name, happens in events.items():
        rows = np.flatnonzero(np.isfinite(happens) & np.isfinite(scores) & np.isfinite(margin))
        own = clusters.of(rows)
        found.append(_one_link(name, "", scores[rows], happens[rows] > 0, None, own))
        found.append(_one_link(name, MARGIN, scores[rows], happens[rows] > 0, margin[rows], own))
    return found


def _one_link(
    name: str,
    given: str,
    scores: np.ndarray,
    happens: np.ndarray,
    third: np.ndarray | None,
    clusters: Clusters,
) -> Link:
    events = int(happens.sum())
    few = min(events, len(happens) - events)
    if few < FEWEST_ROWS:
        rare = events <= len(happens) - events
        unknown = Interval(np.nan, np.nan, np.nan, len(happens), clusters.count, clusters.what)
        why = f"it happens at {'' if rare else 'all but '}{plural(few, 'frame')}, and {FEWEST_ROWS} are needed"
        return Link(name, given, unknown, events, CANNOT_TELL, why)
    auroc = clustered_auroc(scores, happens, clusters, third)
    return Link(name, given, auroc, events, *link_verdict(auroc))


def link_verdict(auroc: Interval) -> tuple[str, str]:
    """The word for an AUROC with its interval, and why where it is "cannot tell"."""
    if not known(auroc.low):
        return CANNOT_TELL, f"no interval from {plural(auroc.clusters, auroc.cluster or 'cluster')}"
    if auroc.low > HALF:
        return LINK, ""
    if auroc.high < HALF:
        return REVERSED, ""
    if auroc.high <= HALF + SMALL:
        return NO_LINK, ""
    return CANNOT_TELL, "more footage would settle it"
