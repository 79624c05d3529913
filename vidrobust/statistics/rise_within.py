"""Whether one number rises with another within blocks, such as clips, whatever differs between these."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats


def rise_within(x: np.ndarray, y: np.ndarray, block: np.ndarray) -> float:
    """One-sided p-value that y does not rise with x: the sum over blocks of Spearman's products of ranks.

    x, y   (n,) · block (n,) what lies in one; of a block with one row nothing follows
    Returns 1 where nothing can rise. Given the ranks, all orders within a block are as likely without an effect;
    the sum is then near normal with the variance sum of SSx SSy / (rows - 1) (Page 1963; Hajek & Sidak 1967,
    section II.3), ties included.

    >>> round(rise_within(np.arange(5), np.arange(5) ** 2, np.zeros(5)), 3)     # sum = 2 standard deviations
    0.023
    """
    total = variance = 0.0
    for label in np.unique(block):
        own = block == label
        if own.sum() < 2:
            continue
        a, b = (stats.rankdata(each[own]) - (own.sum() + 1) / 2 for each in (x, y))
        total += float(a @ b)
        variance += float((a @ a) * (b @ b)) / (int(own.sum()) - 1)
    return float(stats.norm.sf(total / math.sqrt(variance))) if variance > 0 else 1.0
