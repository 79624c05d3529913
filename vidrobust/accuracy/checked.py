"""What a folder holds of a data set of the field."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found.

    counts    what -> (found, published)
    missing   what is not there, a sentence each
    manifest  rows of a manifest: path relative to the folder, item, label; none where the next command needs none
    command   the next one to type
    notes     what else is to be known, a sentence each
    """

    counts: dict[str, tuple[int, int]]
    missing: tuple[str, ...]
    manifest: tuple[tuple[str, str, str], ...]
    command: str
    notes: tuple[str, ...] = ()
