"""A length of time as options and settings give it: 90s, 5m, 1h30m, 200ms."""

from __future__ import annotations

import re

from vidrobust.errors import SettingsError

UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def seconds_of(text: str, option: str = "budget") -> float:
    """5m, 90s or 1h30m in seconds; SettingsError names the option for what is none."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[hms])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise SettingsError(f"{option}: expected a time such as 90s, 5m or 1h30m, got {text!r}")
    seconds = sum(float(number) * UNITS_S[unit] for number, unit in parts)
    if seconds <= 0:
        raise SettingsError(f"{option}: expected more than nothing, got {text!r}")
    return seconds
