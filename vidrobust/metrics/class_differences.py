"""How far apart two aligned class predictions are. Pure functions of (N, K) probabilities; no torch."""

from __future__ import annotations

import numpy as np

PAIR_COLUMNS = ("label_flip", "total_variation", "top1_probability_change", "jensen_shannon", "top5_distance")
"""Differences of a pair, in the order of the columns of table ``pairs``."""


def top1_flip(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Compare the most probable classes, as the published protocols do.

    Operating points are ignored here. The metric ``label_flip`` of
    :mod:`vidrobust.metrics.classification` compares the labels that the model gives.

    Parameters
    ----------
    p, q : (N, K) arrays
        Aligned probabilities.

    Returns
    -------
    (N,) bool array

    References
    ----------
    Gu et al. 2019; the flip of Hendrycks & Dietterich 2019, section 3.2.
    """
    _same_shape(p, q)
    flips: np.ndarray = p.argmax(axis=1) != q.argmax(axis=1)
    return flips


def total_variation(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Total variation distance, half the sum of absolute differences.

    p, q (N, K) -> (N,) float64 in [0, 1]. 0: same distribution; 1: no class in common.
    """
    _same_shape(p, q)
    return 0.5 * np.abs(p.astype(np.float64) - q).sum(axis=1)


def top1_probability_change(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Change of the probability of the class that is top-1 in p.

    p, q (N, K) -> (N,) float64 in [0, 1]. Its mean is the MAPC of Azulay & Weiss 2019, section 2.
    """
    _same_shape(p, q)
    rows, top = np.arange(len(p)), p.argmax(axis=1)
    return np.abs(p[rows, top].astype(np.float64) - q[rows, top])


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence in bits.

    p, q (N, K) -> (N,) float64 in [0, 1]. Lin 1991; with base 2 the divergence (not its root) is at most 1.
    """
    _same_shape(p, q)
    p64, q64 = p.astype(np.float64), q.astype(np.float64)
    middle = (p64 + q64) / 2
    return np.clip(0.5 * (_relative_entropy(p64, middle) + _relative_entropy(q64, middle)), 0.0, 1.0)


def top5_distance(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """T5D: how far the five leading classes of p move in the ranking of q, counted as far as rank 6.

    p, q (N, K) -> (N,) float64 in [0, 18]: sum over the five leading classes of p, at rank i = 1..5 in p and
    s(i) in q, of |min(i, 6) - min(s(i), 6)|. Hendrycks & Dietterich 2019, section 3.2, in closed form.
    With fewer than five classes all of them count. Ties are ranked in the order of the classes.
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
    """Second difference along time, so that a steady drift costs nothing.

    before, now, after (N, K) -> (N,) float64 in [0, 1]: a quarter of |p(t+1) - 2 p(t) + p(t-1)|, summed.
    0: steady or drifting evenly; 1: all probability goes to another class and comes back.
    """
    _same_shape(before, now)
    _same_shape(now, after)
    return 0.25 * np.abs(after.astype(np.float64) - 2.0 * now + before).sum(axis=1)


def revert_flips(labels: np.ndarray, usable: np.ndarray, window: int) -> np.ndarray:
    """Frames at which the label has left and comes back within a window: A B A.

        labels   A A B B A A A C C C        window 3
        result         x                     B leaves A at 2 and A is back at 4: one revert flip, at frame 2
                               (C stays: a lasting change, not counted)

    labels  (N,) the label of each frame in order
    usable  (N,) bool, False where the pair (frame - 1, frame) is excluded: no episode crosses it
    window  within how many frames after leaving the label must be back
    Returns (N,) bool, True at the first frame of each excursion. Such an excursion is an error whatever the
    truth is: A and B cannot both be right about a part that did not change twice in so short a time.
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


def _first_return(labels: np.ndarray, usable: np.ndarray, t: int, home: int, window: int) -> int | None:
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
