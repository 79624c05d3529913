"""Counts with nouns, lists, suggestions for misspelt names, and names short enough for a legend."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping

MOST_ALIKE = 3
CUTOFF = 0.7  # least likeness of a suggestion (difflib's ratio)


def close_to(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three known names like this one; case, punctuation and what precedes a colon do not count."""
    plain: dict[str, str] = {}
    for candidate in known:
        plain.setdefault(_plain(candidate), candidate)
    close = difflib.get_close_matches(_plain(name), list(plain), MOST_ALIKE, CUTOFF)
    return [plain[key] for key in close]


def among(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean X or Y?", or nothing."""
    close = close_to(name, known)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _plain(name: str) -> str:
    return re.sub(r"[\s._-]+", "", name.rpartition(":")[2] or name).casefold()


LONGEST_NAME = 26  # characters of a class name that fit in a legend or under a picture


def plural(count: int, one: str, many: str = "") -> str:
    ending = "es" if one.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{count:,} {one if count == 1 else many or one + ending}".replace(",", " ")


def nouns(one: str, names: Iterable[str]) -> str:
    listed = list(names)
    return f"{one if len(listed) == 1 else one + 's'} {', '.join(listed)}"


def span(counts: Iterable[int]) -> str:
    """Return "24" for equal counts, else "12 to 24"."""
    ints = [int(count) for count in counts]
    return str(min(ints)) if min(ints) == max(ints) else f"{min(ints)} to {max(ints)}"


def listing(words: Iterable[str], most: int = 0, *, joined: str = "and") -> str:
    """Return "a, b and c"; with ``most`` only so many, and how many more there are."""
    listed = list(words)
    if most and len(listed) > most:
        return f"{', '.join(listed[:most])} and {len(listed) - most} more"
    return f" {joined} ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)


def capital(text: str) -> str:
    """The text with a capital first letter, and otherwise as it is."""
    return text[:1].upper() + text[1:]


def short_names(names: Iterable[str]) -> Mapping[str, str]:
    """Shorten class names, each still distinct: without synonyms behind a comma, then cut in the middle."""
    every = list(dict.fromkeys(names))
    first = {
        name: name if len(name) <= LONGEST_NAME else name.split(",")[0].strip() or name
        for name in every
    }
    counts = Counter(first.values())
    return {name: cut(first[name] if counts[first[name]] == 1 else name) for name in every}


def cut(text: str, longest: int = LONGEST_NAME) -> str:
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 1]}…{text[-end:]}"
