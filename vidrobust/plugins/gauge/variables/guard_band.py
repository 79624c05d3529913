"""Guard bands: acceptance limits drawn inside the tolerance, and what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.errors import SettingsError

POINTS = 4001


@dataclass(frozen=True)
class GuardBand:
    """A guard band of k x repeatability at each limit: acceptance limits, and false decisions with and
    without it.
    """

    k: float
    repeatability_sd: float
    gauge_sd: float
    accept_low: float
    accept_high: float
    false_accepts: float
    false_rejects: float
    false_accepts_without: float
    false_rejects_without: float
    share_bad: float


def guard_band(
    low: float,
    high: float,
    *,
    repeatability_sd: float,
    gauge_sd: float,
    parts: np.ndarray,
    k: float = 1.96,
) -> GuardBand:
    """Return what a guard band of ``k`` x ``repeatability_sd`` does, summed over parts (JCGM 106:2012,
    chapter 9).

    ``low``, ``high`` may be infinite; ``parts`` (N,) are true values of equal chance. Costs use the whole
    error of the
    gauge.
    """
    if not low < high or not (np.isfinite(low) or np.isfinite(high)):
        raise SettingsError(
            "guard band: expected a tolerance with --tolerance-low or --tolerance-high, the low one below the "
            f"high one, got {low:g} to {high:g}"
        )
    if not k >= 0:
        raise SettingsError(f"guard band: expected a width of 0 or more standard deviations, got {k:g}")
    inner = (low + k * repeatability_sd, high - k * repeatability_sd)
    if inner[0] >= inner[1]:
        raise SettingsError(
            f"guard band: {k:g} x {repeatability_sd:g} on either side leaves nothing of the tolerance {low:g} "
            f"to {high:g}"
        )
    good = (parts >= low) & (parts <= high)
    with_band = _risks(good, _accepted(parts, inner, gauge_sd))
    without = _risks(good, _accepted(parts, (low, high), gauge_sd))
    return GuardBand(k, repeatability_sd, gauge_sd, *inner, *with_band, *without, float(np.mean(~good)))


def normal_parts(mean: float, sd: float) -> np.ndarray:
    """(POINTS,) values of equal chance of a normal distribution."""
    return np.asarray(mean + sd * stats.norm.ppf((np.arange(POINTS) + 0.5) / POINTS))


def guard_band_counted(
    band: GuardBand, low: float, high: float, scores: pd.DataFrame, defect: set[str]
) -> dict[str, int]:
    """Count what the band does to the scores of a study: score, reference ("" where unknown)."""
    value = scores["score"].to_numpy(np.float64)
    without = (value >= low) & (value <= high)
    kept = (value >= band.accept_low) & (value <= band.accept_high)
    found = {"n": len(value), "in_band": int((without & ~kept).sum())}
    known = (scores["reference"] != "").to_numpy()
    bad = known & scores["reference"].isin(defect).to_numpy()
    good = known & ~bad
    if not bad.any() or not good.any():
        return found
    return found | {
        "bad": int(bad.sum()),
        "good": int(good.sum()),
        "bad_accepted": int((bad & kept).sum()),
        "bad_accepted_without": int((bad & without).sum()),
        "good_rejected": int((good & ~kept).sum()),
        "good_rejected_without": int((good & ~without).sum()),
    }


def _accepted(parts: np.ndarray, accept: tuple[float, float], gauge_sd: float) -> np.ndarray:
    """(N,) chance that each part is accepted."""
    if gauge_sd <= 0:
        return ((parts >= accept[0]) & (parts <= accept[1])).astype(np.float64)
    return np.asarray(stats.norm.cdf(accept[1], parts, gauge_sd) - stats.norm.cdf(accept[0], parts, gauge_sd))


def _risks(good: np.ndarray, accepted: np.ndarray) -> tuple[float, float]:
    """(bad and accepted, good and rejected), shares of all parts."""
    return float(np.mean(accepted * ~good)), float(np.mean((1 - accepted) * good))


def tolerance_width(low: float | None, high: float | None, width: float | None) -> float:
    """The width that percent_tolerance is taken of: as given, or between both limits; NaN otherwise."""
    if width is not None:
        return width
    return high - low if low is not None and high is not None else math.nan
