"""The sweep as a design: which strengths of each perturbation a frame is shown.

Not every frame meets every strength. The frames of an item come in a seeded order (``statistics/samples.py``);
along it a perturbation goes through its strengths in turn, from a place of its own, so that

    strength 1  1  .  .  .  .  1  .  .  .  .     one item and perturbation, its frames in their order:
    strength 2  .  1  .  .  .  .  1  .  .  .     of each five frames in a row every strength has one
    strength 3  .  .  1  .  .  .  .  1  .  .
    strength 4  .  .  .  1  .  .  .  .  1  .     another perturbation begins elsewhere, so that a frame
    strength 5  .  .  .  .  1  .  .  .  .  1     meets some of them mild and some strong

each strength is tried on as many frames as any other but for one, in every item, spread over its time. These are
the rows of a balanced incomplete block design (Cochran & Cox, Experimental Designs, 1957, chapter 9) with the
frames as blocks; a further draw goes one strength on. As the clips differ more from each other than the frames of
one clip do, the mean over clips loses little: ``benchmarks/sweep_design.py``.
"""

from __future__ import annotations

import hashlib

import numpy as np


def strengths_shown(
    perturbation: str, count: int, ranks: np.ndarray, *, content: str, seed: int, draw: int = 0, each: int = 1
) -> np.ndarray:
    """(n, count) bool: which of ``count`` strengths of a perturbation the frames of these ranks are shown.

    ranks    (n,) int, places of the frames in the seeded order of their item, from 0
    content  the key of the item's footage
    each     strengths a frame and draw is shown; 0: all of them
    """
    ranks = np.asarray(ranks, np.int64)
    if each == 0 or each >= count:
        return np.ones((len(ranks), count), bool)
    begin = _number(seed, "item", content) + _number(seed, "perturbation", perturbation)
    shown = np.zeros((len(ranks), count), bool)
    for which in range(each):
        turn = (ranks + draw) * each + which
        if (
            count % 2 == 0
        ):  # the order of frames halves the time again and again, and even steps would follow it
            turn = _mixed(turn, count, content, seed)
        shown[np.arange(len(ranks)), (turn + begin) % count] = True
    return shown


def shown_per_frame(count: int, each: int) -> int:
    """How many of ``count`` strengths a frame and draw is shown."""
    return count if each == 0 else min(each, count)


def _mixed(turn: np.ndarray, count: int, content: str, seed: int) -> np.ndarray:
    """The turns, those of each round of ``count`` in an order of their own."""
    mixed = turn.copy()
    for number in np.unique(turn // count):
        order = np.random.default_rng(_number(seed, f"round {number}", content)).permutation(count)
        rows = turn // count == number
        mixed[rows] = order[turn[rows] % count]
    return mixed


def _number(seed: int, what: str, key: str) -> int:
    """A number that depends on nothing else, below 2^31."""
    digest = hashlib.blake2b("\x1f".join([str(seed), what, key]).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


def start_of(seed: int, content: str) -> float:
    """In [0, 1): where the order of an item's frames begins."""
    return _number(seed, "order", content) / 2**31
