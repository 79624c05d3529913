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


def step_down(sums: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two-sided p-values (M,) of M numbers, adjusted so that some false finding is as rare as one alone.

    sums  (G, M) sum of the differences in each cluster; 0 where a cluster has none of a number

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
    p, least = np.ones(len(order)), 0.0
    for place, number in enumerate(order):
        if size[number] <= 0:
            break
        largest = drawn[:, order[place:]].max(axis=1)
        least = max(least, float((largest >= drawn[0, number] - 1e-12).mean()))
        p[number] = least
    return p
