"""Paired differences of several numbers at once, tested by changing the signs of whole clusters.

If two runs are alike but for chance, the difference of a cluster is as likely one way as the other, so that its
sign may be changed. The same signs are changed in all numbers, which keeps what ties them together.
"""

from __future__ import annotations

import itertools

import numpy as np

ENUMERATED = 13
"""Up to so many clusters all patterns of signs are tried; beyond, ``DRAWS`` of them drawn at random."""
DRAWS = 4096


def sign_patterns(clusters: int, rng: np.random.Generator) -> np.ndarray:
    """(B, G) int8 of -1 and 1, the first row all 1: all patterns of signs, or ``DRAWS`` drawn ones.

    A pattern and its reverse give the same size of a sum, so that of all patterns half are enough.
    """
    if clusters <= ENUMERATED:
        rest = itertools.product((1, -1), repeat=max(clusters - 1, 0))
        return np.array([(1, *signs) for signs in rest], np.int8)[:, :clusters]
    drawn = rng.integers(0, 2, (DRAWS, clusters), dtype=np.int8) * 2 - 1
    drawn[0] = 1
    return drawn


def fewest_clusters(level: float = 0.05) -> int:
    """Clusters below which no pattern of signs is rare enough: 6 at 5 %, since 2 / 2^5 is 6.25 %."""
    return int(np.ceil(np.log2(2 / level)))


def neighbour_inflation(stretches: int, clips: int, length: float, memory: float) -> float:
    """Variance of a sum over stretches, relative to independent ones, where footage remembers for ``memory``.

    stretches, clips  how many, all stretches of a clip being neighbours in a row
    length, memory    of a stretch and of what lasts, seconds; memory <= length

    What lasts for ``memory`` and begins at any time has an autocovariance that falls in a straight line to 0 over
    that time (a rectangle with itself). Integrated, a stretch L has the variance L m - m^2 / 3 and shares m^2 / 6
    with the next one: their correlation is m / (6 L - 2 m), .25 where L = m.

    >>> round(neighbour_inflation(10, 1, 2.0, 2.0), 4)    # 1 + 2 x 9 / 10 x .25
    1.45
    """
    if not 0 < memory <= length:
        raise ValueError(f"neighbour_inflation: expected a memory of 0 to {length:g} s, got {memory:g}")
    return 1 + 2 * (stretches - clips) / stretches * memory / (6 * length - 2 * memory)


def step_down(sums: np.ndarray, rng: np.random.Generator, inflation: float = 1.0) -> np.ndarray:
    """Two-sided p-values (M,) of M numbers, adjusted so that some false finding is as rare as one alone.

    sums       (G, M) sum of the differences in each cluster; 0 where a cluster has none of a number
    inflation  variance of the whole sum over that of independent clusters (``neighbour_inflation``), by which what
               was seen is made smaller before it is held against other signs

    Holm's procedure (1979) with the largest of the sums still in question in place of Bonferroni's bound, so that
    numbers which say the same count once (step-down max T: Westfall & Young 1993, algorithm 4.1). Each number is
    measured by |sum| / root of the sum of squares, which no change of signs alters below the line. It is exact for
    differences that are symmetric about 0, however they are distributed and tied, and for one number alone it is
    the sign-flip test of Fisher. A number without any difference has p = 1.
    """
    size = np.sqrt(np.square(sums).sum(axis=0))
    unit = np.divide(sums, size, out=np.zeros(sums.shape, np.float64), where=size > 0)
    drawn = np.abs(sign_patterns(len(sums), rng) @ unit)
    order = np.argsort(-drawn[0], kind="stable")
    p, least, seen = np.ones(len(order)), 0.0, _deflated(drawn[0], len(sums), inflation)
    for place, number in enumerate(order):
        if size[number] <= 0:
            break
        largest = drawn[:, order[place:]].max(axis=1)
        least = max(least, float((largest >= seen[number] - 1e-12).mean()))
        p[number] = least
    return p


def _deflated(size: np.ndarray, clusters: int, inflation: float) -> np.ndarray:
    """What |sum| / root of the sum of squares would be if clusters that are correlated were independent.

    Its square is G t^2 / (G - 1 + t^2) of Student's t, and t^2 is too large by inflation x (G - 1) /
    (G - inflation): the mean varies more, and the values about it less (Bayley & Hammersley 1946).
    """
    if inflation == 1:
        return size
    share = np.minimum(np.square(size) / clusters, 1.0)
    lessened = share * (clusters - inflation) / (inflation * (clusters - 1))
    return np.asarray(np.sqrt(clusters * lessened / (lessened + 1 - share)))
