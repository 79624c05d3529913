"""In which order frames are sampled.

Samples are nested: the first k rows of a seeded order are a good sample for every k.
"""

from __future__ import annotations

import numpy as np

TOGETHER = 8  # so many rows in a row get random numbers that lie far apart


def spread_order(rows: int, count: int, start: float) -> np.ndarray:
    """Return ``count`` of the rows, (k,) int64, in the order in which they are taken.

    Row floor(n frac(start + v(r))), v the sequence of van der Corput in base 2, so that the first 2^m lie one
    in each 2^m-th part of the time. ``start`` in [0, 1) is random.
    """
    if rows < 1:
        return np.empty(0, np.int64)
    # every row is hit
    points = (start + _van_der_corput(4 * 2 ** int(np.ceil(np.log2(rows))))) % 1.0
    hit = np.minimum((points * rows).astype(np.int64), rows - 1)
    distinct, first = np.unique(hit, return_index=True)
    taken: np.ndarray = distinct[np.argsort(first)][:count]
    return taken


def sized_order(size: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return all rows, (n,) int64, in the order of a sample proportional to ``size`` > 0.

    Sequential Poisson sampling (Ohlsson, Journal of Official Statistics 14, 1998), with permanent random
    numbers spread over each eight rows.
    """
    n = len(size)
    eighths = [rng.permutation(TOGETHER) for _ in range(-(-n // TOGETHER))]
    number = (np.ravel(eighths)[:n] + rng.random(n)) / TOGETHER
    return np.argsort(number / np.asarray(size, np.float64), kind="stable")


def _van_der_corput(count: int) -> np.ndarray:
    number, value, weight = np.arange(count), np.zeros(count), 0.5
    while number.any():
        value += weight * (number & 1)
        number, weight = number >> 1, weight / 2
    return value
