"""How many frames and pairs of a run are worked on, and how many of them fall to each stretch of footage.

They are numbers of the run, spread evenly over its items, and over the segments of a long item. Of an item the
first ones of a seeded order are taken, so that other numbers, or more footage, change how far one goes along it,
and what was computed stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """What is taken where nothing is asked for: ``most`` an item, ``whole`` in all, ``least`` an item."""

    most: int
    whole: int
    least: int

    def total(self, items: int) -> int:
        """Of so many items."""
        return min(self.most * items, max(self.whole, self.least * items))


RULES = {"frames": Rule(60, 240, 5), "pairs": Rule(24, 192, 4)}
"""A frame shows each perturbation at one of five strengths: five frames show all of them once."""

MOST_LOOKS = 3
"""How often a sample that grows is looked at, at most."""
PICTURED_PAIRS = 3
"""Pairs a model, the worst ones, that are replayed once more for the report's pictures."""


@dataclass(frozen=True)
class Counts:
    """Frames and pairs of the run. ``frames`` for the sensitivity, ``pairs`` of neighbours for the causes."""

    frames: int
    pairs: int

    def of(self, counted: str) -> int:
        """The number of "frames" or of "pairs"."""
        return {"frames": self.frames, "pairs": self.pairs}[counted]


def usual(items: int) -> Counts:
    """The counts where nothing is asked for."""
    return Counts(*(RULES[name].total(max(items, 1)) for name in ("frames", "pairs")))


def looks(most: int, first: int) -> tuple[int, ...]:
    """The sizes of a sample at which it is looked at: ``most``, its half and its quarter, none below ``first``.

    >>> looks(96, 24), looks(40, 24), looks(10, 24)
    ((24, 48, 96), (40,), (10,))
    """
    sizes = [most]
    while len(sizes) < MOST_LOOKS and sizes[0] // 2 >= first:
        sizes.insert(0, sizes[0] // 2)
    return tuple(sizes)


def within(seconds: float, fixed_s: float, frame_s: float, pair_s: float, items: int) -> Counts:
    """The counts that fit into so many seconds, in the proportion of the usual ones; one each at least.

    fixed_s          what the footage takes beside them
    frame_s, pair_s  seconds a frame and a pair take
    """
    normal = usual(items)
    spent = normal.frames * frame_s + normal.pairs * pair_s
    share = max(0.0, seconds - fixed_s) / spent if spent > 0 else 1.0
    return Counts(max(1, int(normal.frames * share)), max(1, int(normal.pairs * share)))


def shares(total: int, keys: Sequence[str], seed: int) -> list[int]:
    """``total`` spread over as many as there are ``keys``, as evenly as it goes; one each at least, or 0 of 0.

    Who gets one more depends on the keys (contents) and the seed alone. A further key never gives
    another one more.
    """
    order = sorted(range(len(keys)), key=lambda k: (_hash(seed, keys[k]), k))
    found = [0] * len(keys)
    for place, k in enumerate(order):
        found[k] = max(min(1, total), total // len(keys) + (place < total % len(keys)))
    return found


def _hash(seed: int, key: str) -> bytes:
    return hashlib.blake2b(f"{seed}\x1f{key}".encode(), digest_size=8).digest()
