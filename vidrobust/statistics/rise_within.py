"""Whether one number rises with another within blocks, such as clips, whatever differs between these."""

from __future__ import annotations

import math
from collections.abc import Iterator

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
    for _, a, b in _ranked(x, y, block):
        total += float(a @ b)
        variance += float((a @ a) * (b @ b)) / (len(a) - 1)
    return float(stats.norm.sf(total / math.sqrt(variance))) if variance > 0 else 1.0


def rise_across(x: np.ndarray, y: np.ndarray, block: np.ndarray, unit: np.ndarray) -> float:
    """One-sided p-value that y rises with x in no block, where blocks share their units, such as frames.

    x, y, block  as in ``rise_within`` · unit (n,) what a row is of
    A block's products of ranks are divided by their standard deviation, so that each has the same say; a unit's
    are added up, and the squares of these sums are the variance (clustered, Liang & Zeger 1986), by Student's t.
    """
    product = np.zeros(len(x))
    for own, a, b in _ranked(x, y, block):
        deviation = math.sqrt(float((a @ a) * (b @ b)) / (len(a) - 1))
        product[own] = a * b / deviation if deviation > 0 else 0.0
    of_unit = np.bincount(np.unique(unit, return_inverse=True)[1], product)
    deviation = math.sqrt(float(of_unit @ of_unit))
    return float(stats.t.sf(of_unit.sum() / deviation, len(of_unit) - 1)) if deviation > 0 else 1.0


def _ranked(
    x: np.ndarray, y: np.ndarray, block: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Each block of two rows or more: which they are (n,) bool, and the ranks of x and y about their mean."""
    for label in np.unique(block):
        own = block == label
        if own.sum() > 1:
            a, b = (stats.rankdata(each[own]) - (own.sum() + 1) / 2 for each in (x, y))
            yield own, a, b
