"""Nested samples: a seeded order of rows of which the first k are a good sample for every k.

A larger sample holds the smaller one, so that what was computed of it stays. The rows are in the order of time,
and both orders spread every first k over it.
"""

from __future__ import annotations

import numpy as np

TOGETHER = 8
"""So many rows in a row get random numbers that lie far apart."""


def spread_order(rows: int, count: int, start: float) -> np.ndarray:
    """(k,) int64: ``count`` of so many rows, all alike, in the order in which they are taken; all where fewer.

    start  in [0, 1), the random number of the sample: with it uniform, every row is as likely as any other

    Row floor(n frac(start + v(r))) for r = 0, 1, 2 ..., with v the sequence of van der Corput in base 2: the first
    2^m lie one in each 2^m-th part of the time. So do every third of them, every fifth, and so on for odd steps.
    """
    if rows < 1:
        return np.empty(0, np.int64)
    points = (start + _van_der_corput(4 * 2 ** int(np.ceil(np.log2(rows))))) % 1.0  # every row is hit
    hit = np.minimum((points * rows).astype(np.int64), rows - 1)
    distinct, first = np.unique(hit, return_index=True)
    taken: np.ndarray = distinct[np.argsort(first)][:count]
    return taken


def sized_order(size: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) int64: all rows, in the order in which a sample proportional to ``size`` (n,) > 0 takes them.

    Sequential Poisson sampling (Ohlsson, Journal of Official Statistics 14, 1998, p. 149-162): by u / size with
    permanent random numbers u. The numbers of each eight rows in a row lie one in each eighth of [0, 1), in random
    order, so that neighbours in time are seldom taken together. The first k hold a row with a probability close to
    ``size`` times a constant, or surely.
    """
    n = len(size)
    eighths = [rng.permutation(TOGETHER) for _ in range(-(-n // TOGETHER))]
    number = (np.ravel(eighths)[:n] + rng.random(n)) / TOGETHER
    return np.argsort(number / np.asarray(size, np.float64), kind="stable")


def _van_der_corput(count: int) -> np.ndarray:
    """(count,) float64: the numbers 0, 1, 2 ... with their binary digits mirrored at the point."""
    number, value, weight = np.arange(count), np.zeros(count), 0.5
    while number.any():
        value += weight * (number & 1)
        number, weight = number >> 1, weight / 2
    return value
