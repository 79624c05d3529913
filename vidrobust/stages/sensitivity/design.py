"""The design of the sweep: which strengths of each perturbation a frame is shown.

Along the seeded order of an input's frames, a perturbation goes through its strengths in turn, from a start of
its own, so that each is tried equally often: a balanced incomplete block design (Cochran & Cox 1957, chapter 9).
Clips differ more than the frames of one clip, so that little is lost (``benchmarks/sweep_design.py``).
"""

from __future__ import annotations

import hashlib

import numpy as np


def strengths_shown(
    perturbation: str,
    count: int,
    ranks: np.ndarray,
    *,
    content: str,
    seed: int,
    each: int = 1,
) -> np.ndarray:
    """Return which of ``count`` strengths frames are shown, (n, count); ``each`` per frame (0: all).

    ``ranks`` (n,) are places in the seeded order of their input.
    """
    ranks = np.asarray(ranks, np.int64)
    if each == 0 or each >= count:
        return np.ones((len(ranks), count), bool)
    begin = _number(seed, "item", content) + _number(seed, "perturbation", perturbation)
    shown = np.zeros((len(ranks), count), bool)
    for which in range(each):
        turn = ranks * each + which
        # the order of frames halves the time again and again, and even steps would follow it
        if count % 2 == 0:
            turn = _mixed(turn, count, content, seed)
        shown[np.arange(len(ranks)), (turn + begin) % count] = True
    return shown


def shown_per_frame(count: int, each: int) -> int:
    return count if each == 0 else min(each, count)


def _mixed(turn: np.ndarray, count: int, content: str, seed: int) -> np.ndarray:
    mixed = turn.copy()
    for number in np.unique(turn // count):
        order = np.random.default_rng(_number(seed, f"round {number}", content)).permutation(count)
        rows = turn // count == number
        mixed[rows] = order[turn[rows] % count]
    return mixed


def _number(seed: int, what: str, key: str) -> int:
    digest = hashlib.blake2b("\x1f".join([str(seed), what, key]).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


def start_of(seed: int, content: str) -> float:
    """Return where in [0, 1) the order of an input's frames begins."""
    return _number(seed, "order", content) / 2**31
