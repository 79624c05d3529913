"""Guard bands: acceptance limits drawn inside the tolerance, and what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from vidrobust.errors import SettingsError

POINTS = 4001


@dataclass(frozen=True)
class GuardBand:
    """A guard band of k x gauge sd at each limit, for parts of a normal distribution.

    accept_low, accept_high         acceptance limits, inside the tolerance; infinite where there is no such limit
    false_accepts, false_rejects    shares of all parts: bad but accepted, good but rejected, with the guard band
    ..._without                     the same without it
    share_bad                       parts outside the tolerance
    """

    k: float
    accept_low: float
    accept_high: float
    false_accepts: float
    false_rejects: float
    false_accepts_without: float
    false_rejects_without: float
    share_bad: float


def guard_band(
    low: float, high: float, *, gauge_sd: float, part_mean: float, part_sd: float, k: float = 1.96
) -> GuardBand:
    """What a guard band of ``k`` x ``gauge_sd`` does, by integration over the parts (JCGM 106:2012, chapter 9).

    low, high  the tolerance; -inf or inf where it is one-sided
    """
    if not low < high or not (np.isfinite(low) or np.isfinite(high)):
        raise SettingsError(
            f"guard band: expected a tolerance low < high with one end at least, got {low}, {high}"
        )
    inner = (low + k * gauge_sd, high - k * gauge_sd)
    if inner[0] >= inner[1]:
        raise SettingsError(
            f"guard band: {k:g} x {gauge_sd:g} on either side leaves nothing of the tolerance {low:g} to {high:g}"
        )
    with_band = _risks((low, high), inner, gauge_sd, part_mean, part_sd)
    without = _risks((low, high), (low, high), gauge_sd, part_mean, part_sd)
    bad = stats.norm.cdf(low, part_mean, part_sd) + stats.norm.sf(high, part_mean, part_sd)
    return GuardBand(k, *inner, *with_band, *without, float(bad))


def _risks(
    tolerance: tuple[float, float], accept: tuple[float, float], gauge_sd: float, mean: float, sd: float
) -> tuple[float, float]:
    """(bad and accepted, good and rejected), shares of all parts."""
    places = stats.norm.ppf((np.arange(POINTS) + 0.5) / POINTS, mean, sd)  # parts of equal chance
    accepted = stats.norm.cdf(accept[1], places, gauge_sd) - stats.norm.cdf(accept[0], places, gauge_sd)
    good = (places >= tolerance[0]) & (places <= tolerance[1])
    return float(np.mean(accepted * ~good)), float(np.mean((1 - accepted) * good))


def tolerance_width(low: float | None, high: float | None, width: float | None) -> float:
    """The width that percent_tolerance is taken of: as given, or between both limits; NaN otherwise."""
    if width is not None:
        return width
    return high - low if low is not None and high is not None else math.nan
