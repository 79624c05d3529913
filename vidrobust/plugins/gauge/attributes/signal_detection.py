"""The grey zone of a go/no-go gauge in the unit of the parts: signal detection.

Between parts that are always rejected and parts that are always accepted, verdicts split. The width of that zone
is the gauge's error (AIAG, MSA, 4th edition, 2010, chapter III-C; ISO 22514-7:2012, 12.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.errors import InputError



@dataclass(frozen=True, kw_only=True)
class Zone:
    """The zone at one limit: sizes of the innermost always rejected and outermost always accepted part, and
    the width.
    """

    side: str
    rejected: float
    accepted: float
    width: float
    parts: int


@dataclass(frozen=True, kw_only=True)
class SignalDetection:
    """Both zones, their mean width, and that in percent of the tolerance (NaN where it is not known)."""

    zones: tuple[Zone, ...]
    width: float
    percent_tolerance: float
    tolerance: float
    notes: tuple[str, ...]


def signal_detection(
    table: pd.DataFrame, defect: set[str], *, low: float | None = None, high: float | None = None
) -> SignalDetection:
    """Find the grey zone of part, value and measured (the true size); InputError where none is accepted or
    rejected.
    """
    of = table[table["measured"].notna()]
    of = of.assign(bad=of["value"].isin(defect)).groupby("part")
    size = of["measured"].first().to_numpy(np.float64)
    share = of["bad"].mean().to_numpy(np.float64)
    order = np.argsort(size, kind="stable")
    size, share = size[order], share[order]
    sure = np.flatnonzero(share == 0)
    if not len(sure) or not (share == 1).any():
        what = "accepted" if not len(sure) else "rejected"
        raise InputError(
            f"signal detection: no part is {what} every time; take parts that surely are, on both sides"
        )
    zones = [zone for zone in (_zone(size, share, "lower"), _zone(size, share, "upper")) if zone is not None]
    if not zones:
        raise InputError(
            "signal detection: no zone between parts that are always rejected and always accepted"
        )
    width = float(np.mean([zone.width for zone in zones]))
    tolerance = high - low if low is not None and high is not None else math.nan
    notes = []
    for zone in zones:
        limit = low if zone.side == "lower" else high
        if limit is not None and not min(zone.rejected, zone.accepted) <= limit <= max(
            zone.rejected, zone.accepted
        ):
            notes.append(
                f"the {zone.side} limit {limit:g} lies outside its grey zone: the gauge is biased there"
            )
        if not zone.parts:
            notes.append(f"no part lies in the {zone.side} grey zone: it is at most that wide")
    return SignalDetection(
        zones=tuple(zones),
        width=width,
        percent_tolerance=100 * width / tolerance if not math.isnan(tolerance) else math.nan,
        tolerance=tolerance,
        notes=tuple(notes),
    )


def _zone(size: np.ndarray, share: np.ndarray, side: str) -> Zone | None:
    """The zone below or above the accepted parts; None where no part beyond them is rejected every time."""
    sign = 1 if side == "upper" else -1
    place = sign * size
    order = np.argsort(place, kind="stable")
    place, share = place[order], share[order]
    outer = len(share)
    while outer > 0 and share[outer - 1] == 1:
        outer -= 1
    accepted = np.flatnonzero(share == 0)
    if outer == len(share) or not len(accepted):
        return None
    inner = int(accepted[-1])
    width = float(place[outer] - place[inner])
    return Zone(
        side=side,
        rejected=sign * float(place[outer]),
        accepted=sign * float(place[inner]),
        width=width,
        parts=outer - inner - 1,
    )
