"""Names of letters that no font can draw."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_PLAIN = re.compile(r"(?:LETTER|SYLLABLE|CHARACTER|SIGN|MARK|DIGIT)(?: [A-Z]$| SIGN| LETTER)? (.+)$")


def letter_name(letter: str) -> str:
    """Return the Unicode name of a letter in Latin ones, else its number.

    >>> letter_name("か"), letter_name("김"), letter_name("轴")
    ('ka', 'gim', 'U+8F74')
    """
    found = _PLAIN.search(unicodedata.name(letter, ""))
    return found[1].removeprefix("SIGN ").lower() if found else f"U+{ord(letter):04X}"


def in_brackets(text: str, letters: Iterable[str]) -> str:
    """Replace each run of these letters by their names in brackets.

    >>> in_brackets("pin ピン 3", "ピン")
    'pin [pi n] 3'
    """
    every = "".join(sorted(letters))
    if not every:
        return text
    return re.sub(f"[{re.escape(every)}]+", lambda run: f"[{' '.join(map(letter_name, run[0]))}]", text)
