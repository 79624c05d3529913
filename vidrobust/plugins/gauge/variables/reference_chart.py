"""Stability of a gauge: the same reference part measured day after day, as a control chart (AIAG, MSA, 2010,
III-B).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.errors import InputError
from vidrobust.plugins.gauge.variables.range_method import mean_range, single_range

# Points in a row on one side of the centre that are too many.
LONG_RUN = 8
FEWEST, USUAL = 5, 20
HALF = 0.5


@dataclass(frozen=True, kw_only=True)
class Change:
    """From which time on the averages lie at another level, by how much, and the share of their variation so
    explained."""

    time: str
    by: float
    share: float


@dataclass(frozen=True, kw_only=True)
class ReferenceChart:
    """The chart: points with spread, limits, points out or in a run, trend, bias, and where the level changes
    most.
    """

    times: tuple[str, ...]
    sizes: tuple[int, ...]
    average: tuple[float, ...]
    spread: tuple[float, ...]
    centre: float
    low: float
    high: float
    spread_centre: float
    spread_high: float
    out: tuple[bool, ...]
    shifted: tuple[bool, ...]
    spread_out: tuple[bool, ...]
    sigma: float
    slope: float
    slope_p: float
    reference: float
    bias: float
    bias_p: float
    change: Change | None
    notes: tuple[str, ...]

    @property
    def wrong(self) -> int:
        """Points that say that the gauge is not stable."""
        return sum(map(any, zip(self.out, self.shifted, self.spread_out, strict=True)))

    def as_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {"study": "stability", **asdict(self), "wrong": self.wrong, "notes": list(self.notes)}


def reference_chart(table: pd.DataFrame, reference: float = math.nan) -> ReferenceChart:
    """Draw the chart of time (in order) and value of a reference part; InputError with fewer than FEWEST times."""
    groups = [rows["value"].to_numpy(np.float64) for _, rows in table.groupby("time", sort=False)]
    times = [str(time) for time in dict.fromkeys(table["time"])]
    sizes = {len(values) for values in groups}
    if len(groups) < FEWEST:
        raise InputError(f"stability: {len(groups)} times; at least {FEWEST} are needed, {USUAL} are usual")
    if len(sizes) > 1:
        raise InputError(f"stability: {min(sizes)} to {max(sizes)} readings a time; give each time as many")
    size = sizes.pop()
    average = np.array([values.mean() for values in groups])
    single = np.array([math.nan, *(abs(b - a) for a, b in pairwise(average))])
    spread = np.array([np.ptp(values) for values in groups]) if size > 1 else single
    factor = _upper(max(size, 2))
    mean_spread = float(np.nanmean(spread))
    sigma = mean_spread / mean_range(max(size, 2))
    reach = 3 * sigma / math.sqrt(size)
    centre = float(average.mean())
    gap = average - centre
    gap[np.abs(gap) < 1e-12 * np.abs(average).max()] = 0.0
    line = stats.linregress(np.arange(len(average)), average) if np.ptp(average) > 0 else None
    bias, error = centre - reference, float(average.std(ddof=1)) / math.sqrt(len(average))
    return ReferenceChart(
        times=tuple(times),
        sizes=(size,) * len(groups),
        average=tuple(map(float, average)),
        spread=tuple(map(float, spread)),
        centre=centre,
        low=centre - reach,
        high=centre + reach,
        spread_centre=mean_spread,
        spread_high=factor * mean_spread,
        out=tuple(map(bool, np.abs(gap) > reach)),
        shifted=tuple(map(bool, _long_runs(gap))),
        spread_out=tuple(map(bool, spread > factor * mean_spread)),
        sigma=sigma,
        slope=0.0 if line is None else float(line.slope),
        slope_p=math.nan if line is None else float(line.pvalue),
        reference=reference,
        bias=bias,
        bias_p=float(2 * stats.t.sf(abs(bias) / error, len(average) - 1)) if error > 0 else math.nan,
        change=_change(times, average),
        notes=_notes(len(groups), sigma),
    )


def _change(times: Sequence[str], average: np.ndarray) -> Change | None:
    """The split into two levels that leaves the least squares."""
    n, gap = len(average), average - average.mean()
    before = np.arange(1, n)
    sums = np.cumsum(gap)[:-1]
    explained = sums**2 * n / (before * (n - before))
    best = int(explained.argmax())
    total = float((gap**2).sum())
    if not total > 0 or explained[best] < HALF * total:
        return None
    by = float(average[best + 1 :].mean() - average[: best + 1].mean())
    return Change(time=times[best + 1], by=by, share=float(explained[best] / total))


def _notes(count: int, sigma: float) -> tuple[str, ...]:
    notes = [f"{count} times: {USUAL} and more are usual"] if count < USUAL else []
    if sigma == 0:
        notes.append(
            "readings of one time do not differ: the limits have no width; is the resolution too coarse?"
        )
    return tuple(notes)


def _upper(size: int) -> float:
    """D4: the upper limit of a range over its mean."""
    d2 = mean_range(size)
    return 1 + 3 * math.sqrt(single_range(size) ** 2 - d2**2) / d2


def _long_runs(gap: np.ndarray) -> np.ndarray:
    """(N,) bool: points of a run of LONG_RUN and more on one side of 0."""
    side = np.sign(gap)
    found = np.zeros(len(side), bool)
    begin = 0
    for k in range(1, len(side) + 1):
        if k == len(side) or side[k] != side[begin]:
            if side[begin] != 0 and k - begin >= LONG_RUN:
                found[begin:k] = True
            begin = k
    return found
