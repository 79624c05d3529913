"""What was probably meant by a misspelt name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

MOST = 3
CUTOFF = 0.7
"""Least likeness of a suggestion (difflib's ratio)."""


def close_to(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names like this one, the likest first; case, dashes, dots, underscores and what
    stands before a colon do not count."""
    plain: dict[str, str] = {}
    for each in known:
        plain.setdefault(_plain(each), each)
    found = difflib.get_close_matches(_plain(name), list(plain), MOST, CUTOFF)
    return [plain[each] for each in found]


def among(name: str, known: Iterable[str]) -> str:
    """ "; did you mean X or Y?", or nothing where no known name is like it."""
    found = close_to(name, known)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def _plain(name: str) -> str:
    return re.sub(r"[\s._-]+", "", name.rpartition(":")[2] or name).casefold()
