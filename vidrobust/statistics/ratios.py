"""Before against after: the ratio of two means over clusters, one procedure for interval and verdict.

Both come from the sign-flip test (``significance.FlippedRatio``): the interval excludes 1 exactly where p is at
most 5 %. It needs six clusters with events. ``benchmarks/few_clusters.py`` measures error and coverage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np
import pandas as pd

from vidrobust.statistics.clusters import Clusters, cluster_codes
from vidrobust.statistics.levels import ALPHA, FALSE_DISCOVERY, FEWEST_ROWS, FEWEST_TESTED
from vidrobust.statistics.posteriors import rate_posterior
from vidrobust.statistics.significance import FlippedRatio

# What surely takes away less than a tenth, and surely adds no more, makes no difference.
SAME = 0.9
NAN = float("nan")


class RatioVerdict(StrEnum):
    """What a ratio of after to before says of what was done."""

    HELPS = "helps"
    HARMS = "harms"
    NO_DIFFERENCE = "does not"
    CANNOT_TELL = "cannot tell"


class Undecided(StrEnum):
    DECIDED = ""
    NOT_MEASURED = "not_measured"
    FEW_ROWS = "few_rows"
    NO_EVENTS = "no_events"
    FEW_CLUSTERS = "few_clusters"
    FEW_CLIPS = "few_clips"
    INTERVAL = "interval"
    CONTROL = "control"
    FAMILY = "family"


@dataclass(frozen=True)
class PairedRatio:
    """after / before of n paired rows in independent clusters, with the 95 % interval and two-sided p-value.

    ``tested`` counts the clusters with events; with fewer than six, interval and p are NaN.
    """

    before: float
    after: float
    ratio: float
    low: float
    high: float
    p: float
    n: int
    clusters: int
    cluster: str
    tested: int = 0

    @classmethod
    def unknown(cls, cluster: str = "") -> PairedRatio:
        return cls(NAN, NAN, NAN, NAN, NAN, NAN, 0, 0, cluster)


def decide(found: PairedRatio, q: float | None = None) -> tuple[RatioVerdict, Undecided]:
    """Return the verdict on a ratio, and why there is none; ``q`` is its false discovery rate among others."""
    if not found.n:
        return RatioVerdict.CANNOT_TELL, Undecided.NOT_MEASURED
    if found.n < FEWEST_ROWS:
        return RatioVerdict.CANNOT_TELL, Undecided.FEW_ROWS
    if not found.before > 0:
        return RatioVerdict.CANNOT_TELL, Undecided.NO_EVENTS
    if not found.low <= found.high:
        return RatioVerdict.CANNOT_TELL, Undecided.FEW_CLUSTERS
    if found.low >= SAME and found.high <= 1 / SAME:
        return RatioVerdict.NO_DIFFERENCE, Undecided.DECIDED
    if not found.p <= ALPHA:
        # the p-value is raised where a control does as much, as in corrected footage
        inside = found.low <= 1 <= found.high
        return RatioVerdict.CANNOT_TELL, Undecided.INTERVAL if inside else Undecided.CONTROL
    if q is not None and not q <= FALSE_DISCOVERY:
        return RatioVerdict.CANNOT_TELL, Undecided.FAMILY
    return RatioVerdict.HELPS if found.ratio < 1 else RatioVerdict.HARMS, Undecided.DECIDED


def decided(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the verdicts and the reasons of rows with the columns of ``PairedRatio`` and their ``q``."""
    names = [field.name for field in fields(PairedRatio)]
    verdicts = [
        decide(PairedRatio(**{k: row[k] for k in names}), row["q"])
        for row in rows.to_dict("records")
    ]
    return [str(verdict) for verdict, _ in verdicts], [str(why) for _, why in verdicts]


def paired_ratio(
    before: np.ndarray, after: np.ndarray, clusters: Clusters | np.ndarray, *, events: bool
) -> PairedRatio:
    """Return the ratio of the means of rows after and before (n,), row by row of the same pairs."""
    both = np.concatenate([np.asarray(before, np.float64), np.asarray(after, np.float64)])
    code, count, what = cluster_codes(clusters)
    n = len(code)
    return _ratio(both[:n], both[n:], code, code, count, what, events)


def ratio_in_clusters(
    before: np.ndarray, after: np.ndarray, clusters: Clusters | np.ndarray, *, events: bool
) -> PairedRatio:
    """Return the ratio of rows after (m,) to rows before (n,) that share ``clusters`` (n + m,)."""
    code, count, what = cluster_codes(clusters)
    n = len(before)
    values = (np.asarray(before, np.float64), np.asarray(after, np.float64))
    return _ratio(*values, code[:n], code[n:], count, what, events)


def _ratio(
    before: np.ndarray,
    after: np.ndarray,
    code_before: np.ndarray,
    code_after: np.ndarray,
    count: int,
    what: str,
    events: bool,
) -> PairedRatio:
    n, m = len(before), len(after)
    if not n or not m:
        return PairedRatio.unknown(what)
    were, are = (
        np.bincount(code, weights=values, minlength=count)
        for code, values in ((code_before, before), (code_after, after))
    )
    means = float(before.mean()), float(after.mean())
    low, high, p, tested = ratio_of_sums(were, are, rows=n / m, events=events)
    ratio = means[1] / means[0] if means[0] > 0 else NAN
    return PairedRatio(*means, ratio, low, high, p, n, count, what, tested)


def ratio_of_sums(
    before: np.ndarray, after: np.ndarray, *, rows: float = 1.0, events: bool
) -> tuple[float, float, float, int]:
    """Return the interval of a ratio of sums (G,), its p-value and the clusters that can decide.

    ``rows`` is rows before over rows after; ``events`` widens the interval where few are left.
    """
    flips = FlippedRatio.of(after * rows, before)
    if flips.clusters < FEWEST_TESTED:
        return NAN, NAN, NAN, flips.clusters
    p = flips.p(1.0)
    if not before.sum() > 0:
        return NAN, NAN, p, flips.clusters
    low, high = flips.interval()
    low = max(low, 0.0)
    if events:
        low, high = with_few_events(low, high, before, after, rows)
    low, high = on_one_side(low, high, flips.value, p)
    return low, high, p, flips.clusters


def with_few_events(
    low: float, high: float, before: np.ndarray, after: np.ndarray, rows: float = 1.0
) -> tuple[float, float]:
    """Return the interval of a ratio of counts of events (G,), widened by what few events can say.

    With few events left the sign-flip interval holds the truth in 75 to 95 % of cases; the hull with the
    posterior of the share that stays mends that.
    """
    if after.sum() * rows > before.sum():
        ends = with_few_events(_inverse(high), _inverse(low), after, before, 1 / rows)
        return _inverse(ends[1]), _inverse(ends[0])
    some = before > 0
    stay = rate_posterior(np.minimum(after, before)[some], before[some])
    high = max(high, stay.high * rows)
    if (after <= before).all():
        low = min(low, stay.low * rows)
    if (after == before).all():  # as few may have come as have gone
        high = max(high, _inverse(low))
    return low, high


def on_one_side(low: float, high: float, ratio: float, p: float) -> tuple[float, float]:
    """Return the interval with 1 within it exactly where p is above 5 %: no rounding and no hull decides that."""
    if p > ALPHA:
        return min(low, 1.0), max(high, 1.0)
    if ratio < 1:
        return low, min(high, float(np.nextafter(1.0, 0.0)))
    return max(low, float(np.nextafter(1.0, 2.0))), high


def _inverse(ratio: float) -> float:
    return 1 / ratio if ratio > 0 else math.inf
