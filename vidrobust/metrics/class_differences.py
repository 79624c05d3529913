"""How far apart two aligned class predictions are: pure functions of (N, K) probabilities."""

from __future__ import annotations

import numpy as np

# Differences of a pair, in the order of the columns of table ``pairs``.
PAIR_COLUMNS = (
    "label_flip",
    "total_variation",
    "top1_probability_change",
    "jensen_shannon",
    "top5_distance",
)
REVERTS_WITHIN = 3  # frames within which a label must be back to count as reverted


def top1_flip(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return where the most probable classes differ, (N,) bool (Gu et al. 2019).

    Published protocols ignore operating points (Hendrycks & Dietterich 2019, section 3.2);
    ``classification.label_flip`` compares the labels given.
    """
    _same_shape(p, q)
    flips: np.ndarray = p.argmax(axis=1) != q.argmax(axis=1)
    return flips


def total_variation(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return half the sum of absolute differences, (N,) in [0, 1]."""
    _same_shape(p, q)
    return 0.5 * np.abs(p.astype(np.float64) - q).sum(axis=1)


def top1_probability_change(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the change of the probability of p's top class, (N,) in [0, 1] (Azulay & Weiss 2019, MAPC)."""
    _same_shape(p, q)
    rows, top = np.arange(len(p)), p.argmax(axis=1)
    return np.abs(p[rows, top].astype(np.float64) - q[rows, top])


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon divergence in bits, (N,) in [0, 1] (Lin 1991)."""
    _same_shape(p, q)
    p64, q64 = p.astype(np.float64), q.astype(np.float64)
    middle = (p64 + q64) / 2
    return np.clip(
        0.5 * (_relative_entropy(p64, middle) + _relative_entropy(q64, middle)), 0.0, 1.0
    )


def top5_distance(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return how far the five leading classes of p move in the ranking of q, (N,) in [0, 18].

    The sum over i = 1..5 of |min(i, 6) - min(s(i), 6)|, s(i) being the rank in q (T5D: Hendrycks & Dietterich
    2019, section 3.2). Fewer classes all count; ties rank in the order of the classes.
    """
    _same_shape(p, q)
    leading = min(5, p.shape[1])
    order = np.argsort(-p, axis=1, kind="stable")[:, :leading]
    # rank in q of each leading class of p: how many classes stand before it
    value = np.take_along_axis(q, order, axis=1)
    before = (q[:, None, :] > value[:, :, None]).sum(axis=2)
    columns = np.arange(q.shape[1])
    before += ((q[:, None, :] == value[:, :, None]) & (columns < order[:, :, None])).sum(axis=2)
    i = np.arange(1, leading + 1)
    return np.abs(i - np.minimum(before + 1, 6)).sum(axis=1).astype(np.float64)


def distances(p: np.ndarray, q: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the four distances of each aligned row of p and q (N, K), by metric name."""
    return {
        "total_variation": total_variation(p, q),
        "top1_probability_change": top1_probability_change(p, q),
        "jensen_shannon": jensen_shannon(p, q),
        "top5_distance": top5_distance(p, q),
    }


def jitter(before: np.ndarray, now: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the second difference along time, (N,) in [0, 1]: a quarter of the sum of |p(t+1) - 2 p(t) + p(t-1)|.

    A steady drift gives 0; 1 means that all probability goes to another class and comes back.
    """
    _same_shape(before, now)
    _same_shape(now, after)
    return 0.25 * np.abs(after.astype(np.float64) - 2.0 * now + before).sum(axis=1)


def revert_flips(
    labels: np.ndarray, usable: np.ndarray, window: int = REVERTS_WITHIN
) -> np.ndarray:
    """Return the first frame of each excursion of a label that is back within ``window`` frames, (N,) bool.

        labels   A A B B A A A C C C        window 3
        result       x                      C stays, and does not count

    No excursion crosses a frame whose pair with the one before is not ``usable``.
    """
    out = np.zeros(len(labels), dtype=bool)
    t = 1
    while t < len(labels):
        if not usable[t] or labels[t] == labels[t - 1]:
            t += 1
            continue
        home = labels[t - 1]
        back = _first_return(labels, usable, t, home, window)
        if back is None:
            t += 1
            continue
        out[t] = True
        t = back + 1  # the return belongs to this excursion; it does not start another one
    return out


def _first_return(
    labels: np.ndarray, usable: np.ndarray, t: int, home: int, window: int
) -> int | None:
    for later in range(t + 1, min(t + window, len(labels) - 1) + 1):
        if not usable[later]:
            return None
        if labels[later] == home:
            return later
    return None


def _relative_entropy(p: np.ndarray, middle: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log2(p / middle), 0.0)
    total: np.ndarray = terms.sum(axis=1)
    return total


def _same_shape(p: np.ndarray, q: np.ndarray) -> None:
    if p.ndim != 2 or p.shape != q.shape:
        raise ValueError(f"expected two aligned (N, K) arrays, got {p.shape} and {q.shape}")
