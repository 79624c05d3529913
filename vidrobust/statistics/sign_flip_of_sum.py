"""The sign-flip test: whether values that would be symmetric about zero by chance are above it together.

With independent x_i symmetric about zero, every choice of their signs is as likely as the one seen. The p-value
is the share of choices whose sum reaches that of the values as they are (Fisher 1935); no shape of the
distribution is assumed, so that one value that outweighs all others says no more than one toss of a coin.
"""

from __future__ import annotations

import numpy as np

EXACT = 14
"""Values up to this many have all their choices of signs tried; of more, a sample is drawn."""
DRAWS = 9_999
"""Choices drawn where not all are tried; the one seen counts as one more."""
FEW_DRAWS = 999
"""The same where the sum is not even above zero: such a p is above a half, and no one asks how far."""
AT_ONCE = 2_000_000
"""Signs held at the same time."""


def sign_flip_p(values: np.ndarray, *, seed: int = 0) -> float:
    """One-sided p-value that the sum of ``values`` (n,) is not above zero; NaN without values.

    >>> sign_flip_p(np.array([1.0, 2.0, 3.0]))     # 1 of 8 choices of signs reaches 6
    0.125
    """
    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    if not len(x):
        return float("nan")
    x = x[x != 0]
    if not len(x):
        return 1.0
    # a sum that differs by rounding alone is the same
    seen = float(x.sum()) - 1e-12 * float(np.abs(x).sum())
    if len(x) <= EXACT:
        signs = 1 - 2 * ((np.arange(2 ** len(x))[:, None] >> np.arange(len(x))) & 1)
        return float((signs @ x >= seen).mean())
    rng, reached, draws = np.random.default_rng(seed), 0, DRAWS if seen > 0 else FEW_DRAWS
    for start in range(0, draws, max(1, AT_ONCE // len(x))):
        count = min(draws - start, max(1, AT_ONCE // len(x)))
        octets = rng.integers(0, 256, (count, -(-len(x) // 8)), dtype=np.uint8)
        plus = np.unpackbits(octets, axis=1, count=len(x)).astype(np.float64)
        reached += int((2 * (plus @ x) - x.sum() >= seen).sum())
    return (1 + reached) / (1 + draws)


CONSERVATIVE = 0.5
"""A p above this speaks for the other side."""


def discard_conservative(p: np.ndarray, level: float = CONSERVATIVE) -> np.ndarray:
    """(n,) p-values with those above ``level`` discarded and the others divided by it; NaN: discarded.

    Zhao, Small & Su, Journal of the American Statistical Association 114 (2019), 1291-1304: many hypotheses of
    which most are not merely null but far on the other side (a cause of which there is surely nothing) cost a
    multiple-testing procedure its power; given p <= level, p / level is still a p-value where p is conservative.
    """
    p = np.asarray(p, np.float64)
    return np.where(p <= level, p / level, np.nan)
