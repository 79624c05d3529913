"""Lengths of time, and places in a clip, in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return a length of time no finer than a person needs.

    >>> duration(4.2), duration(185), duration(7800)
    ('4.2 s', '3 min 5 s', '2 h 10 min')
    """
    if seconds < 9.95:
        return f"{float(f'{seconds:.2g}'):g} s"
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    if whole < 600:
        return _two(whole // 60, "min", whole % 60, "s")
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{round(seconds / 3600)} h" if seconds >= 36000 else _two(minutes // 60, "h", minutes % 60, "min")


def clock(seconds: float) -> str:
    """Return a place in a clip.

    >>> clock(4.23), clock(124.23)
    ('4.23 s', '2:04.2')
    """
    if round(seconds, 2) < 60:
        return f"{seconds:.2f} s"
    tenths = round(10 * seconds)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def _two(large: int, unit: str, small: int, smaller: str) -> str:
    return f"{large} {unit} {small} {smaller}" if small else f"{large} {unit}"
