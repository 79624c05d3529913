"""Lengths of time, and places in a clip, as a person reads them. No torch here."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A length of time in words, no finer than a person needs: 4.2 s, 42 s, 3 min 5 s, 42 min, 2 h 10 min, 30 h.

    >>> duration(185), duration(7800)
    ('3 min 5 s', '2 h 10 min')
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
    """A place in a clip: "4.23 s", "2:04.2".

    >>> clock(124.23)
    '2:04.2'
    """
    if round(seconds, 2) < 60:
        return f"{seconds:.2f} s"
    tenths = round(10 * seconds)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def _two(large: int, unit: str, small: int, smaller: str) -> str:
    return f"{large} {unit} {small} {smaller}" if small else f"{large} {unit}"
