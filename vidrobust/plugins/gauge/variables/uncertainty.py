"""The uncertainty of a measuring system and process, and their capability ratios (ISO 22514-7:2012, VDA 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from vidrobust.errors import SettingsError

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
    """Add up standard uncertainties of SYSTEM and PROCESS, in the unit of the tolerance; SettingsError for
    wrong ones.
    """
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
    """All of them, but of those that give one spread only the largest."""
    spread = [name for name in REPEATABILITY if name in components]
    largest = max(spread, key=lambda name: components[name], default=None)
    return tuple(name for name in components if name not in spread or name == largest)


def of_resolution(step: float) -> float:
    """Standard uncertainty of a display that shows steps of this size (rectangular, ISO 22514-7, 5.2)."""
    return step / math.sqrt(12)


def of_bias(bias: float) -> float:
    """Standard uncertainty of a bias that is not corrected (rectangular)."""
    return abs(bias) / math.sqrt(3)
