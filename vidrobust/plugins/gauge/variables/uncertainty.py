"""Uncertainty of a measuring system and process (ISO 22514-7:2012, VDA 5), risks, guard bands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import special, stats

from vidrobust.errors import SettingsError

# How often a gauge takes a bad part for a good one and a good one for a bad one.
#
# Parts and errors are normal and independent (Burdick, Borror & Montgomery, 2005, chapter 6).

# Standard deviations of parts that are summed over.
REACH = 9.0


@dataclass(frozen=True, kw_only=True)
class Misclassification:
    """Shares of all parts (bad, bad_and_accepted, good_and_rejected), and risks of the bad and of the good
    parts.
    """

    bad: float
    bad_and_accepted: float
    good_and_rejected: float
    consumers_risk: float
    producers_risk: float


def misclassification(
    mean: float, part_sd: float, gauge_sd: float, low: float = -math.inf, high: float = math.inf
) -> Misclassification:
    """The risks of parts of a normal distribution measured by this gauge."""
    if not low < high or not (math.isfinite(low) or math.isfinite(high)) or part_sd < 0 or gauge_sd < 0:
        raise SettingsError(
            "risks: expected a tolerance with one limit at least, the low one below the high one"
        )
    if part_sd == 0:
        x, weight = np.array([mean]), np.array([1.0])
    else:
        edges = [mean - REACH * part_sd, mean + REACH * part_sd]
        ends = sorted({*edges, *(e for e in (low, high) if edges[0] < e < edges[1])})
        x, weight = _quadrature(ends, mean, part_sd)
    good = (x >= low) & (x <= high)
    accepted = _accepted(x, gauge_sd, low, high)
    bad = float(weight[~good].sum())
    wrong_in, wrong_out = (
        float((weight * accepted)[~good].sum()),
        float((weight * (1 - accepted))[good].sum()),
    )
    return Misclassification(
        bad=bad,
        bad_and_accepted=wrong_in,
        good_and_rejected=wrong_out,
        consumers_risk=wrong_in / bad if bad > 0 else math.nan,
        producers_risk=wrong_out / (1 - bad) if bad < 1 else math.nan,
    )


def _quadrature(ends: list[float], mean: float, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Points within each piece between ends, none on a limit, and their shares of a normal distribution."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    places, shares = [], []
    for a, b in pairwise(ends):
        cuts = np.linspace(a, b, max(2, math.ceil((b - a) / (2 * sd)) + 1))
        for c, d in pairwise(cuts):
            x = (c + d) / 2 + (d - c) / 2 * nodes
            places.append(x)
            shares.append(
                (d - c)
                / 2
                * weights
                * np.exp(-((x - mean) ** 2) / (2 * sd**2))
                / (sd * math.sqrt(2 * math.pi))
            )
    return np.concatenate(places), np.concatenate(shares)


def _accepted(x: np.ndarray, gauge_sd: float, low: float, high: float) -> np.ndarray:
    if gauge_sd == 0:
        return ((x >= low) & (x <= high)).astype(np.float64)
    return np.asarray(special.ndtr((high - x) / gauge_sd) - special.ndtr((low - x) / gauge_sd))


# Guard bands: acceptance limits drawn inside the tolerance, and what they cost.

POINTS = 4001


@dataclass(frozen=True)
class GuardBand:
    """A guard band of k x repeatability at each limit."""

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
    low: float, high: float, *, repeatability_sd: float, gauge_sd: float, parts: np.ndarray, k: float = 1.96
) -> GuardBand:
    """Effects of a guard band ``k`` x ``repeatability_sd``, summed over parts (JCGM 106:2012, chapter 9)."""
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
    with_band = _risks(good, _guard_band_accepted(parts, inner, gauge_sd))
    without = _risks(good, _guard_band_accepted(parts, (low, high), gauge_sd))
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


def _guard_band_accepted(parts: np.ndarray, accept: tuple[float, float], gauge_sd: float) -> np.ndarray:
    if gauge_sd <= 0:
        return ((parts >= accept[0]) & (parts <= accept[1])).astype(np.float64)
    return np.asarray(stats.norm.cdf(accept[1], parts, gauge_sd) - stats.norm.cdf(accept[0], parts, gauge_sd))


def _risks(good: np.ndarray, accepted: np.ndarray) -> tuple[float, float]:
    return float(np.mean(accepted * ~good)), float(np.mean((1 - accepted) * good))


def tolerance_width(low: float | None, high: float | None, width: float | None) -> float:
    """The width that percent_tolerance is taken of: as given, or between both limits; NaN otherwise."""
    if width is not None:
        return width
    return high - low if low is not None and high is not None else math.nan


# Standard uncertainties in an expanded one (95 % of a normal error).
COVERAGE = 2.0
SYSTEM = ("calibration", "resolution", "repeatability_reference", "bias", "linearity", "system_rest")
PROCESS = (
    "repeatability_parts",
    "operator",
    "interaction",
    "parts",
    "temperature",
    "stability",
    "process_rest",
)
# These give the same spread by different means: the largest counts (ISO 22514-7, table 4).
REPEATABILITY = ("resolution", "repeatability_reference", "repeatability_parts")
NAMES = {
    "calibration": "calibration of the reference (U / 2)",
    "resolution": "resolution of the display",
    "repeatability_reference": "repeatability on the reference part",
    "bias": "bias on the reference part",
    "linearity": "deviation from linearity",
    "system_rest": "rest of the measuring system",
    "repeatability_parts": "repeatability on production parts",
    "operator": "between operators",
    "interaction": "operator by part",
    "parts": "form of the part",
    "temperature": "temperature",
    "stability": "over time",
    "process_rest": "rest of the process",
}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Standard uncertainties by name, combined ones of system and process, capability ratios, least tolerances."""

    components: dict[str, float]
    counted_ms: tuple[str, ...]
    counted_mp: tuple[str, ...]
    tolerance: float
    u_ms: float
    expanded_ms: float
    q_ms: float
    least_tolerance_ms: float
    u_mp: float | None
    expanded_mp: float | None
    q_mp: float | None
    least_tolerance_mp: float | None


def budget(
    components: Mapping[str, float], tolerance: float, *, limit_ms: float = 15.0, limit_mp: float = 30.0
) -> Budget:
    """Combine standard uncertainties of SYSTEM and PROCESS, in the unit of the tolerance."""
    unknown = sorted(set(components) - set(NAMES))
    if unknown:
        raise SettingsError(
            f"uncertainty: there is no component {unknown[0]!r}; there are {', '.join(NAMES)}"
        )
    wrong = [name for name, u in components.items() if not (u >= 0 and math.isfinite(u))]
    if wrong or not tolerance > 0:
        what = f"{wrong[0]} = {components[wrong[0]]}" if wrong else f"a tolerance of {tolerance}"
        raise SettingsError(f"uncertainty: expected numbers from 0 and a tolerance above 0, got {what}")
    if not components:
        raise SettingsError(f"uncertainty: no component is given; there are {', '.join(NAMES)}")
    system = {name: u for name, u in components.items() if name in SYSTEM}
    counted_ms = _counted(system)
    u_ms = math.sqrt(sum(components[name] ** 2 for name in counted_ms))
    found = Budget(
        components=dict(components),
        counted_ms=counted_ms,
        counted_mp=(),
        tolerance=tolerance,
        u_ms=u_ms,
        expanded_ms=COVERAGE * u_ms,
        q_ms=_ratio(u_ms, tolerance),
        least_tolerance_ms=2 * COVERAGE * u_ms / limit_ms * 100,
        u_mp=None,
        expanded_mp=None,
        q_mp=None,
        least_tolerance_mp=None,
    )
    if not set(components) & set(PROCESS):
        return found
    counted_mp = _counted(components)
    u_mp = math.sqrt(sum(components[name] ** 2 for name in counted_mp))
    return Budget(
        **{
            **vars(found),
            "counted_mp": counted_mp,
            "u_mp": u_mp,
            "expanded_mp": COVERAGE * u_mp,
            "q_mp": _ratio(u_mp, tolerance),
            "least_tolerance_mp": 2 * COVERAGE * u_mp / limit_mp * 100,
        }
    )


def _ratio(u: float, tolerance: float) -> float:
    return 100 * 2 * COVERAGE * u / tolerance


def _counted(components: Mapping[str, float]) -> tuple[str, ...]:
    spread = [name for name in REPEATABILITY if name in components]
    largest = max(spread, key=lambda name: components[name], default=None)
    return tuple(name for name in components if name not in spread or name == largest)


def of_resolution(step: float) -> float:
    """Standard uncertainty of a display that shows steps of this size (rectangular, ISO 22514-7, 5.2)."""
    return step / math.sqrt(12)


def of_bias(bias: float) -> float:
    return abs(bias) / math.sqrt(3)
