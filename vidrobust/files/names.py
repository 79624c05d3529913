"""Names of inputs, models and sources as file names."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# Characters that are kept; of four bytes each they still leave room for a hash and an ending in 255 bytes.
LONGEST = 60


def readable_name(text: str, otherwise: str = "unnamed") -> str:
    """Keep letters and digits of any script, dot, dash, plus and underscore; replace the rest by underscores.

    Two texts may get the same name; ``file_name`` keeps them apart.

    >>> readable_name("line 3/part #2.mp4"), readable_name("Prüfling 1"), readable_name("..")
    ('line_3_part_2.mp4', 'Prüfling_1', 'unnamed')
    """
    composed = unicodedata.normalize("NFC", text)
    return re.sub(r"[^\w.+-]+", "_", composed).strip("._")[:LONGEST].rstrip("._") or otherwise


def file_name(text: str, otherwise: str = "unnamed") -> str:
    """Return the readable name, with a hash behind it where it differs from the text.

    >>> file_name("bolt-1"), file_name("a/b")
    ('bolt-1', 'a_b-c14cddc0')
    """
    name = readable_name(text, otherwise)
    if name == text:
        return name
    return f"{name}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
