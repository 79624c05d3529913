"""COCO's run lengths of masks: counts of 0 and 1 in turn, down the columns, and the text they are packed into.

Counts of an H x W mask start with the zeros before its first one. Packed, a count is a difference to the one two
before (from the fourth on), 5 bits a letter, the lowest first, as pycocotools writes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BITS, MORE, FIRST_LETTER = 5, 0x20, 48


def packed(counts: Sequence[int]) -> str:
    """Counts -> the text that COCO calls ``counts`` of a compressed RLE."""
    letters: list[str] = []
    for at, count in enumerate(counts):
        value = int(count) - (int(counts[at - 2]) if at > 2 else 0)
        more = True
        while more:
            bits = value & 0x1F
            value >>= BITS
            more = value != -1 if bits & 0x10 else value != 0
            letters.append(chr((bits | MORE if more else bits) + FIRST_LETTER))
    return "".join(letters)


def unpacked(text: str) -> np.ndarray:
    """The text of a compressed RLE -> (R,) int64 counts; ValueError where it breaks off."""
    counts: list[int] = []
    value, shift = 0, 0
    for letter in text:
        bits = ord(letter) - FIRST_LETTER
        if not 0 <= bits < 2 * MORE:
            raise ValueError(f"run lengths hold {letter!r}, which is no letter of them")
        value |= (bits & 0x1F) << shift
        shift += BITS
        if not bits & MORE:
            if bits & 0x10:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, shift = 0, 0
    if shift or any(count < 0 for count in counts):
        raise ValueError("run lengths break off, or are below 0")
    return np.array(counts, np.int64)
