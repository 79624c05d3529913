"""Is the network unstable, or wrong, where it meets the unknown? AUROC by a score, also among frames of equal
margin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidrobust.plugins.unknown.auroc import clustered_auroc
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import Interval
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import known
from vidrobust.text.phrases import plural

MARGIN = "margin"
HALF = 0.5
# An AUROC no further than this above one half is no link worth a word.
SMALL = 0.1
LINK, NO_LINK, REVERSED, CANNOT_TELL = "link", "no link", "reversed", "cannot tell"


@dataclass(frozen=True)
class Link:
    """auroc of an event by a score; given: "" or "margin"; events of n frames; why: of "cannot tell", in words."""

    event: str
    given: str
    auroc: Interval
    events: int
    verdict: str
    why: str = ""


def links(
    scores: np.ndarray, margin: np.ndarray, events: dict[str, np.ndarray], clusters: Clusters
) -> list[Link]:
    """Of each event, alone and given the margin.

    scores, margin (N,) float64; events: name -> (N,) float64, 1 where it happens, 0 where not, NaN where unknown
    """
    found = []
    for name, happens in events.items():
        rows = np.flatnonzero(np.isfinite(happens) & np.isfinite(scores) & np.isfinite(margin))
        own = clusters.of(rows)
        found.append(_link(name, "", scores[rows], happens[rows] > 0, None, own))
        found.append(_link(name, MARGIN, scores[rows], happens[rows] > 0, margin[rows], own))
    return found


def _link(
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
        why = (
            f"it happens at {'' if rare else 'all but '}{plural(few, 'frame')}, and {FEWEST_ROWS} are needed"
        )
        return Link(name, given, unknown, events, CANNOT_TELL, why)
    auroc = clustered_auroc(scores, happens, clusters, third)
    return Link(name, given, auroc, events, *verdict(auroc))


def verdict(auroc: Interval) -> tuple[str, str]:
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
