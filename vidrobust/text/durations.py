"""Lengths of time as a person reads them. No torch here."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Seconds in words: 80 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
