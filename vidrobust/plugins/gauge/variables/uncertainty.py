"""Uncertainty of a measuring system and process (ISO 22514-7:2012, VDA 5), risks, guard bands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from vidrobust.errors import SettingsError
from vidrobust.plugins.gauge.stated import WORDS

# How often a gauge takes a bad part for a good one and a good one for a bad one.
#
# Parts and errors are normal and independent (Burdick, Borror & Montgomery, 2005, chapter 6).

REACH = 9.0  # Standard deviations of parts that are summed over


def misclassification(
    mean: float, part_sd: float, gauge_sd: float, low: float = -math.inf, high: float = math.inf
) -> dict[str, float]:
    """Return the risks of parts of a normal distribution measured by this gauge.

    ``bad``, ``bad_and_accepted`` and ``good_and_rejected`` are shares of all parts, risks those of bad or good.
    """
    if (
        not low < high
        or not (math.isfinite(low) or math.isfinite(high))
        or part_sd < 0
        or gauge_sd < 0
    ):
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
    return {
        "bad": bad,
        "bad_and_accepted": wrong_in,
        "good_and_rejected": wrong_out,
        "consumers_risk": wrong_in / bad if bad > 0 else math.nan,
        "producers_risk": wrong_out / (1 - bad) if bad < 1 else math.nan,
    }


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


def guard_band(
    low: float,
    high: float,
    *,
    repeatability_sd: float,
    gauge_sd: float,
    parts: np.ndarray,
    k: float = 1.96,
) -> dict[str, float]:
    """Effects of a guard band ``k`` x ``repeatability_sd``, summed over parts (JCGM 106:2012, chapter 9)."""
    if not low < high or not (np.isfinite(low) or np.isfinite(high)):
        raise SettingsError(
            "guard band: expected a tolerance with --tolerance-low or --tolerance-high, the low one below the "
            f"high one, got {low:g} to {high:g}"
        )
    if not k >= 0:
        raise SettingsError(
            f"guard band: expected a width of 0 or more standard deviations, got {k:g}"
        )
    inner = (low + k * repeatability_sd, high - k * repeatability_sd)
    if inner[0] >= inner[1]:
        raise SettingsError(
            f"guard band: {k:g} x {repeatability_sd:g} on either side leaves nothing of the tolerance {low:g} "
            f"to {high:g}"
        )
    good = (parts >= low) & (parts <= high)
    found = {"k": k, "repeatability_sd": repeatability_sd, "gauge_sd": gauge_sd}
    found |= {"accept_low": inner[0], "accept_high": inner[1]}
    for name, ends in (("", inner), ("_without", (low, high))):
        accepted = _accepted(parts, gauge_sd, *ends)
        found[f"false_accepts{name}"] = float(np.mean(accepted * ~good))
        found[f"false_rejects{name}"] = float(np.mean((1 - accepted) * good))
    return found | {"share_bad": float(np.mean(~good))}


def normal_parts(mean: float, sd: float) -> np.ndarray:
    """(POINTS,) values of equal chance of a normal distribution."""
    return np.asarray(mean + sd * stats.norm.ppf((np.arange(POINTS) + 0.5) / POINTS))


def guard_band_counted(
    band: Mapping[str, float], low: float, high: float, scores: pd.DataFrame, defect: set[str]
) -> dict[str, int]:
    """Count what the band does to the scores of a study: score, reference ("" where unknown)."""
    value = scores["score"].to_numpy(np.float64)
    without = (value >= low) & (value <= high)
    kept = (value >= band["accept_low"]) & (value <= band["accept_high"])
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


def tolerance_width(low: float | None, high: float | None, width: float | None) -> float:
    """The width that percent_tolerance is taken of: as given, or between both limits; NaN otherwise."""
    if width is not None:
        return width
    return high - low if low is not None and high is not None else math.nan


# Standard uncertainties in an expanded one (95 % of a normal error).
COVERAGE = 2.0
SYSTEM = (
    "calibration",
    "resolution",
    "repeatability_reference",
    "bias",
    "linearity",
    "system_rest",
)
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
NAMES: dict[str, str] = WORDS["uncertainty"]


def budget(
    components: Mapping[str, float],
    tolerance: float,
    *,
    limit_ms: float = 15.0,
    limit_mp: float = 30.0,
) -> dict[str, Any]:
    """Combine standard uncertainties of SYSTEM and PROCESS, in the unit of the tolerance.

    ``q_ms`` and ``q_mp`` are the capability ratios of system and process in percent; None without its components.
    """
    unknown = sorted(set(components) - set(NAMES))
    if unknown:
        raise SettingsError(
            f"uncertainty: there is no component {unknown[0]!r}; there are {', '.join(NAMES)}"
        )
    wrong = [name for name, u in components.items() if not (u >= 0 and math.isfinite(u))]
    if wrong or not tolerance > 0:
        what = f"{wrong[0]} = {components[wrong[0]]}" if wrong else f"a tolerance of {tolerance}"
        raise SettingsError(
            f"uncertainty: expected numbers from 0 and a tolerance above 0, got {what}"
        )
    if not components:
        raise SettingsError(f"uncertainty: no component is given; there are {', '.join(NAMES)}")
    found: dict[str, Any] = {"components": dict(components), "tolerance": tolerance}
    system = {name: u for name, u in components.items() if name in SYSTEM}
    process = dict(components) if set(components) & set(PROCESS) else {}
    for name, of, limit in (("ms", system, limit_ms), ("mp", process, limit_mp)):
        counted = _counted(of)
        u = math.sqrt(sum(of[each] ** 2 for each in counted)) if name == "ms" or of else None
        found |= {
            f"counted_{name}": counted,
            f"u_{name}": u,
            f"expanded_{name}": None if u is None else COVERAGE * u,
            f"q_{name}": None if u is None else 100 * 2 * COVERAGE * u / tolerance,
            f"least_tolerance_{name}": None if u is None else 2 * COVERAGE * u / limit * 100,
        }
    return found


def _counted(components: Mapping[str, float]) -> tuple[str, ...]:
    spread = [name for name in REPEATABILITY if name in components]
    largest = max(spread, key=lambda name: components[name], default=None)
    return tuple(name for name in components if name not in spread or name == largest)


def of_resolution(step: float) -> float:
    """Standard uncertainty of a display that shows steps of this size (rectangular, ISO 22514-7, 5.2)."""
    return step / math.sqrt(12)


def of_bias(bias: float) -> float:
    return abs(bias) / math.sqrt(3)
